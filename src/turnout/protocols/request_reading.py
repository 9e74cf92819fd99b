"""The body of a client's request, read: what every served wire format asks of a JSON object."""

from __future__ import annotations

from typing import Any

from turnout.errors import InvalidInputError
from turnout.protocols.json_reading import UnreadableJSONError, is_array, is_object, read_json


def read_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`. Raises `InvalidInputError` for anything else."""
    try:
        value = read_json(body)
    except UnreadableJSONError:
        raise wrong("the body", "is no JSON", "send a JSON object") from None
    if not is_object(value):
        raise wrong("the body", "is no JSON object", "send one with `model`")
    return value


def take_text(holder: dict[str, Any], field: str, where: str = "") -> str:
    """Return the text in `field`. Raises `InvalidInputError` where there is none."""
    value = holder.get(field)
    if not isinstance(value, str):
        raise wrong(_join(where, field), _say(value), "give text")
    return value


def take_object(value: object, where: str) -> dict[str, Any]:
    """Return `value` as the object that it is. Raises `InvalidInputError` for anything else."""
    if not is_object(value):
        raise wrong(where, _say(value), "give an object")
    return value


def take_list(value: object, where: str) -> list[Any]:
    """Return `value` as the list that it is; `None` is an empty one. Raises `InvalidInputError` for anything else."""
    if value is None:
        return []
    if not is_array(value):
        raise wrong(where, _say(value), "give a list")
    return value


def wrong(where: str, what: str, cure: str) -> InvalidInputError:
    """Return the error that says what is wrong with a field, and what to give."""
    return InvalidInputError(f"{where} {what}: {cure}")


def _join(where: str, field: str) -> str:
    return f"{where}.{field}" if where else field


def _say(value: object) -> str:
    return "is missing" if value is None else f"is a {type(value).__name__}"
