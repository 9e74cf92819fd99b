"""Values from the caller as JSON: written, or refused with the place of the one that cannot be."""

from __future__ import annotations

from math import isfinite
from typing import Any

import msgspec

from turnout.errors import InvalidInputError


def write_body(body: dict[str, Any]) -> bytes:
    """Return the body of a request as JSON. Raises `InvalidInputError` naming a text that UTF-8 cannot hold."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        check_value(body, "request")  # raises with the place
        raise


def write_headers(*, is_stream: bool) -> dict[str, str]:
    """Return the headers of a body of JSON; a stream is asked for as server-sent events."""
    return {"content-type": "application/json", "accept": "text/event-stream" if is_stream else "application/json"}


def check_value(value: object, path: str) -> None:
    """Raise `InvalidInputError` naming the place, which begins with `path`, of a value that JSON cannot hold.

    That is NaN and infinity (msgspec would write null), keys that are no text, text with unpaired surrogates, objects
    of other types, and structures that contain themselves.
    """
    try:
        _check(value, path)
    except RecursionError:
        raise InvalidInputError(f"{path}: is nested too deeply, or contains itself: pass plain JSON values") from None


def _check(value: object, path: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
            if not isinstance(key, str):
                raise InvalidInputError(f"{path}: the key {key!r} is no text: JSON objects have string keys")
            _check_text(key, path)
            _check(item, f"{path}.{key}")  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            _check(item, f"{path}[{index}]")  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, float):
        if not isfinite(value):
            raise InvalidInputError(f"{path}: {value} is no JSON number: give a finite number, or None")
    elif value is not None and not isinstance(value, (bool, int)):
        raise InvalidInputError(
            f"{path}: a {type(value).__name__} is no JSON value: give text, numbers, lists or dicts"
        )


def _check_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"{path}: the text has an unpaired surrogate at position {error.start}, which UTF-8 cannot hold:"
            ' repair it with `text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")`'
        ) from None
