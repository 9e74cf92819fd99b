"""Where turnout keeps its files, by the rules of the platform; the XDG variables win everywhere."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path


def config_dir() -> Path:
    """Return the directory of the user's settings (`turnout.toml`); it need not exist."""
    return _user_dir(_variable("XDG_CONFIG_HOME"), _variable("APPDATA"), _variable("HOME"), "config")


def cache_dir() -> Path:
    """Return the directory of what can be fetched again (the refreshed catalog, model files); it need not exist."""
    return _user_dir(_variable("XDG_CACHE_HOME"), _variable("LOCALAPPDATA"), _variable("HOME"), "cache")


_BELOW_HOME = {
    "config": {"darwin": "Library/Application Support", "other": ".config"},
    "cache": {"darwin": "Library/Caches", "other": ".cache"},
}


def _variable(name: str) -> str:
    return os.environ.get(name, "")


@lru_cache(maxsize=8)  # asked on every look-up
def _user_dir(xdg: str, windows: str, home: str, kind: str) -> Path:
    if Path(xdg).is_absolute():  # the XDG specification: a relative path is to be ignored
        return Path(xdg) / "turnout"
    if sys.platform == "win32" and windows:
        return Path(windows) / "turnout"
    root = Path(home or os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where there is no home
    below = _BELOW_HOME[kind]
    return root / below.get(sys.platform, below["other"]) / "turnout"
