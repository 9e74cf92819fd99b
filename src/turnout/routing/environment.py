"""Where variables come from: the environment, then `.env` of the working directory."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from turnout.errors import ConfigurationError


class Variable(NamedTuple):
    """A variable that is set: its name, its value, and where it was found (``"environment"`` or ``".env"``)."""

    name: str
    value: str
    origin: str

    def __repr__(self) -> str:
        return f"Variable({self.name!r} from {self.origin})"


def read_variable(*names: str) -> Variable | None:
    """Return the first of `names` that is set and not empty, or `None`; the environment goes before `.env`.

    Both are read at each call; `.env` only when the environment lacks all names. Raises `ConfigurationError` when
    `.env` is there and is no UTF-8 text.
    """
    for name in names:
        if value := os.environ.get(name, "").strip():
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


def list_variables() -> set[str]:
    """Return the names of all variables that are set and not empty, in the environment or `.env`.

    For many look-ups at once; it reads what `read_variable` reads, once. Raises as that does.
    """
    names = {name for name, value in _read_dotenv().items() if value and value.strip()}
    names.update(name for name, value in os.environ.items() if value.strip())
    return names
