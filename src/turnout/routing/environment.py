"""Where variables come from: the environment, then `.env` of the working directory; and files of this machine."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from turnout.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator


class Variable(NamedTuple):
    """A variable that is set: its name, its value, and where it was found (``"environment"`` or ``".env"``)."""

    name: str
    value: str
    origin: str

    def __repr__(self) -> str:
        return f"Variable({self.name!r} from {self.origin})"


Reading = tuple[tuple[str, ...], Variable | None]
"""The names that `read_variable` was asked for, and what it found."""


class Readings(threading.local):
    """What the running thread has read since it began to note that."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.has_files = False
        self.is_on = False


_noted = Readings()


@contextmanager
def note_readings() -> Generator[Readings]:
    """Note what this thread reads inside of the ``with``: the variables, and whether it reads other files."""
    _noted.readings, _noted.has_files, _noted.is_on = [], False, True
    try:
        yield _noted
    finally:
        _noted.is_on = False


def read_variable(*names: str) -> Variable | None:
    """Return the first of `names` that is set and not empty, or `None`; the environment goes before `.env`.

    Both are read at each call; `.env` only when the environment lacks all names. Raises `ConfigurationError` when
    `.env` is there and is no UTF-8 text.
    """
    found = _find_variable(names)
    if _noted.is_on:
        _noted.readings.append((names, found))
    return found


def get_variable(name: str) -> str:
    """Return a variable of the environment alone, empty where it is not set; for what every call reads.

    `os.environ.get` costs a microsecond or two; a look into the dict below it costs a tenth of that. Where an
    interpreter has none, the slow way is right as well.
    """
    values: dict[Any, Any] | None = getattr(os.environ, "_data", None)
    if values is None:
        return os.environ.get(name, "")
    found = values.get(_encode(name))
    return "" if found is None else os.environ.decodevalue(found)


@lru_cache(maxsize=256)
def _encode(name: str) -> object:
    return os.environ.encodekey(name)


def _find_variable(names: tuple[str, ...]) -> Variable | None:
    for name in names:
        if value := get_variable(name).strip():
            return Variable(name, value, "environment")
    values = _read_dotenv()
    for name in names:
        if value := (values.get(name) or "").strip():
            return Variable(name, value, ".env")
    return None


_MAX_DOTENV_BYTES = 1 << 20
"""python-dotenv takes minutes for ten times that."""

_parsed: tuple[tuple[str, int, int, int], dict[str, str | None]] | None = None


def _read_dotenv() -> dict[str, str | None]:
    """Return the variables of `.env`; its text is parsed again only when the file has changed."""
    global _parsed  # noqa: PLW0603 - one file, parsed once
    try:
        status = os.stat(".env")  # noqa: PTH116 - every call pays for this: a Path takes seven times as long
        if not stat.S_ISREG(status.st_mode):
            return {}
        if status.st_size > _MAX_DOTENV_BYTES:
            raise ConfigurationError(
                f".env has {status.st_size:,} bytes, which no list of variables has: make it smaller"
            )
        state = (os.getcwd(), status.st_ino, status.st_size, status.st_mtime_ns)  # noqa: PTH109 - the same
        if _parsed is None or _parsed[0] != state:
            from dotenv import dotenv_values

            _parsed = (state, dotenv_values(Path(state[0], ".env")))
        return _parsed[1]
    except OSError:
        return {}
    except UnicodeDecodeError as error:
        raise ConfigurationError(f".env is not UTF-8 text ({error.reason}): save it as UTF-8") from None


def read_profile(key: str) -> Variable | None:
    """Return what the profile of AWS's configuration says that `AWS_PROFILE` names, or the default one.

    The file is ``~/.aws/config``, or that of `AWS_CONFIG_FILE` in the environment. Source:
    https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html, 2026-11-25.
    """
    _noted.has_files = True
    path = os.environ.get("AWS_CONFIG_FILE", "").strip() or "~/.aws/config"
    named = read_variable("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
    profile = named.value if named else "default"
    sections = _read_sections(path)
    section = sections.get(f"profile {profile}") or sections.get(profile) or {}
    value = section.get(key, "").strip()
    return Variable(key, value, "environment") if value else None


def _read_sections(path: str) -> dict[str, dict[str, str]]:
    """Return the sections of a configuration of AWS; none where there is no such file, or where it is damaged."""
    try:
        place = Path(path).expanduser()
        return _parse_sections(str(place), place.stat().st_mtime_ns)
    except (OSError, RuntimeError):  # no file, or no home
        return {}


@lru_cache(maxsize=4)
def _parse_sections(path: str, changed_ns: int) -> dict[str, dict[str, str]]:
    """Parse a file once for each state of it."""
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(default_section="", strict=False)
    try:
        parser.read_string(Path(path).read_text("utf-8"))
    except (Error, UnicodeDecodeError):
        return {}
    return {" ".join(name.split()): dict(parser.items(name)) for name in parser.sections()}


def read_json_file(path: str) -> object:
    """Return the JSON in a file; ``~`` is the user's folder. Raises `OSError`, `ValueError` or `RuntimeError` alike."""
    import msgspec

    _noted.has_files = True
    place = Path(path).expanduser()
    if place.stat().st_size > _MAX_DOTENV_BYTES:
        raise ValueError("too large for credentials")
    return msgspec.json.decode(place.read_bytes())


def list_variables() -> set[str]:
    """Return the names of all variables that are set and not empty, in the environment or `.env`.

    For many look-ups at once; it reads what `read_variable` reads, once. Raises as that does.
    """
    names = {name for name, value in _read_dotenv().items() if value and value.strip()}
    names.update(name for name, value in os.environ.items() if value.strip())
    return names
