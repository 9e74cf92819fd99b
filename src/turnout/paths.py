"""Where turnout keeps what it writes: the folders of the user, by the custom of each system.

Linux and other Unixes follow the XDG Base Directory specification (https://specifications.freedesktop.org/basedir-spec/),
macOS uses ``~/Library``, Windows ``%LOCALAPPDATA%`` and ``%APPDATA%``. An ``XDG_*`` variable that is set wins on every
system. The environment is read at each call, and nothing is created.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

from turnout.errors import ConfigurationError


def cache_dir() -> Path:
    """Return the folder for files that can be fetched again: models, a refreshed catalog.

    Raises `ConfigurationError` where neither the variable nor a home folder is known.
    """
    return _user_dir("XDG_CACHE_HOME", unix=".cache", mac="Library/Caches", windows="LOCALAPPDATA")


def config_dir() -> Path:
    """Return the folder of the user's own settings, such as ``turnout.toml``; raises like `cache_dir`."""
    return _user_dir("XDG_CONFIG_HOME", unix=".config", mac="Library/Application Support", windows="APPDATA")


def data_dir() -> Path:
    """Return the folder for files that cannot be made again, such as threads and ledgers; raises like `cache_dir`."""
    return _user_dir("XDG_DATA_HOME", unix=".local/share", mac="Library/Application Support", windows="LOCALAPPDATA")


def _user_dir(variable: str, *, unix: str, mac: str, windows: str) -> Path:
    return _join(variable, os.environ.get(variable, ""), os.environ.get(windows, ""), os.environ.get("HOME"), unix, mac)


@lru_cache(maxsize=16)
def _join(variable: str, named: str, local: str, _home: str | None, unix: str, mac: str) -> Path:
    if Path(named).is_absolute():  # the specification: a relative path is invalid and ignored
        return Path(named) / "turnout"
    if sys.platform == "win32" and local:
        return Path(local) / "turnout"
    try:
        home = Path.home()
    except RuntimeError as error:
        raise ConfigurationError(f"no home folder is known: set `HOME` or `{variable}`") from error
    return home / (mac if sys.platform == "darwin" else unix) / "turnout"
