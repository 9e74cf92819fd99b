"""JSON that comes from servers, read leniently where it is not what it should be."""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeGuard

import msgspec

from turnout.errors import redact_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence


_MAX_DEPTH = 500
_BRACKETS = re.compile(rb'[\[\]{}]|"(?:[^"\\]|\\.)*"', re.DOTALL)


class UnreadableJSONError(ValueError):
    """The bytes are not JSON; `is_cut` tells whether they are the beginning of some."""

    def __init__(self, *, is_cut: bool) -> None:
        super().__init__("cut JSON" if is_cut else "not JSON")
        self.is_cut = is_cut


def read_json(data: bytes) -> Any:
    """Read any JSON, also what only Python's own reader takes: NaN, lone surrogates (made U+FFFD), bytes not UTF-8.

    Raises `UnreadableJSONError`, also for what is nested more than 500 levels deep.
    """
    is_cut = False
    if is_too_deep(data):
        raise UnreadableJSONError(is_cut=False)
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        is_cut = str(error) == "Input data was truncated"
    except (ValueError, RecursionError):
        pass
    try:
        return mend_surrogates(json.loads(data.decode("utf-8-sig", "replace")))
    except (ValueError, RecursionError):
        raise UnreadableJSONError(is_cut=is_cut) from None


def is_too_deep(data: bytes) -> bool:
    """Whether JSON is nested more than 500 levels deep.

    It is told beforehand: a finaliser that runs while a reader is near the limit of recursion would fail.
    """
    if data.count(b"[") + data.count(b"{") <= _MAX_DEPTH:
        return False
    depth = 0
    for found in _BRACKETS.finditer(data):
        bracket = found[0]
        if bracket in b"[{":
            depth += 1
            if depth > _MAX_DEPTH:
                return True
        elif bracket in b"]}":
            depth -= 1
    return False


def try_read_json(data: bytes) -> Any:
    """Read JSON as `read_json` does; `None` where it cannot."""
    try:
        return read_json(data)
    except UnreadableJSONError:
        return None


def read_object(text: str) -> dict[str, Any] | None:
    """Read the JSON object in `text` by the letter of the standard; `None` where it is none."""
    try:
        value = msgspec.json.decode(text.encode())
    except (ValueError, RecursionError):
        return None
    return value if is_object(value) else None


def write_again(value: Any) -> str | None:
    """Return a value that `read_json` read as JSON text; `None` for one so deep that it could just be read."""
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:  # it was read a few frames higher up
        return None


def quote(data: bytes, secrets: Sequence[str]) -> str:
    """Return the first 200 bytes of `data` as text, for a message; `secrets` go first, lest one be cut in two."""
    return redact_bytes(data, secrets)[:200].decode("utf-8", "replace")


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether a value read from JSON is an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Tell whether a value read from JSON is an array."""
    return isinstance(value, list)


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of an array; nothing where `value` is no array."""
    return [item for item in value if is_object(item)] if is_array(value) else []


def as_text(value: object) -> str | None:
    """Return `value` when it is text, and a number as text (seen as ids); else `None`."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def as_count(value: object) -> int | None:
    """Return a count of tokens or an index, also one written as 3.0; `None` for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0 or value % 1:
        return None
    return int(value)


def as_number(value: object) -> float | None:
    """Return a number that a float can hold; `None` for NaN, what is infinite, and anything that is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return None
    return number if isfinite(number) else None


def mend_surrogates(value: Any) -> Any:
    """Return plain JSON `value` with lone surrogates, which no UTF-8 can hold, made U+FFFD in all its texts."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if is_array(value):
        return [mend_surrogates(item) for item in value]
    if is_object(value):
        return {mend_surrogates(key): mend_surrogates(item) for key, item in value.items()}
    return value
