"""JSON schemas as Anthropic's structured output takes them.

Objects are closed, and keywords that it does not know are told in the description.
https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from turnout.schemas.traversal import map_subschemas

_KNOWN = frozenset(
    (
        *(
            "type",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "enum",
            "const",
            "anyOf",
            "allOf",
            "oneOf",
        ),
        *("$ref", "$defs", "definitions", "title", "description", "default", "format", "minItems"),
    )
)
_FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid", "text")
)
_MAX_NESTING = 100


class _NotClosed(Exception):
    """A part of the schema cannot be held to."""


def close_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return `schema` as structured output takes it, or `None` where it cannot: it has an object of free keys, say."""
    try:
        return _close(schema, 0)
    except _NotClosed:
        return None


def _close(schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _MAX_NESTING:
        raise _NotClosed
    given = cast("dict[str, Any]", schema)
    kept: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for keyword, value in given.items():
        (kept if _is_known(keyword, value) else told)[keyword] = value
    _close_object(kept, given)
    closed = map_subschemas(kept, lambda inner: inner if inner is False else _close(inner, depth + 1))
    if "oneOf" in closed:
        closed["anyOf"] = [*closed.get("anyOf", []), *closed.pop("oneOf")]
    if told:
        words = ", ".join([f"{keyword}: {msgspec.json.encode(value).decode()}" for keyword, value in told.items()])
        about = closed.get("description")
        closed["description"] = f"{about} ({words})" if about else words
    return closed


def _is_known(keyword: str, value: Any) -> bool:
    if keyword == "format":
        return value in _FORMATS
    if keyword == "minItems":
        return value in (0, 1)
    return keyword in _KNOWN


def _close_object(kept: dict[str, Any], given: dict[str, Any]) -> None:
    """Say of an object that it has no other fields. Raises `_NotClosed` where it may have any."""
    kind = given.get("type")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind) and "properties" not in given:
        if not (kept.keys() & {"type", "enum", "const", "anyOf", "allOf", "oneOf", "$ref"}):
            raise _NotClosed  # anything at all
        return
    if given.get("additionalProperties", False) is not False or "patternProperties" in given:
        raise _NotClosed
    if not given.get("properties") and "additionalProperties" not in given:
        raise _NotClosed  # a free object
    kept["additionalProperties"] = False
