"""The JSON values of a text, and the names by which an object of a type is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

import msgspec

from turnout.protocols.json_reading import mend_surrogates

if TYPE_CHECKING:
    from collections.abc import Iterator

_FENCE = re.compile(r"```[a-zA-Z]*+[ \t]*+\n?+(.*?)```", re.DOTALL)
BEGIN = re.compile(r"[{\[]")
MOST_PLACES = 64
"""How many braces and brackets of a text are tried as the beginning of its JSON."""


class Found(NamedTuple):
    """A JSON value of a text: all there is in it, or what stands in a fence, or what its braces and brackets hold."""

    value: Any
    is_whole: bool = False
    is_fenced: bool = False


def find_values(text: str) -> Iterator[Found]:
    """Yield the JSON values of `text`: the whole of it, what stands in fences, what its braces and brackets hold."""
    whole = _read(text)
    if whole is not _UNREADABLE:
        yield Found(whole, is_whole=True)
    fences = [match[1] for match in _FENCE.finditer(text)]
    for fenced in fences:
        value = _read(fenced)
        if value is not _UNREADABLE:
            yield Found(value, is_fenced=True)
    end = 0
    for _ in range(MOST_PLACES):
        begun = BEGIN.search(text, end)
        if begun is None:
            return
        value, end = read_at(text, begun.start())
        if value is not _UNREADABLE:
            yield Found(mend_surrogates(value))


def read_at(text: str, start: int) -> tuple[Any, int]:
    """Return the JSON value that begins at `start`, and where it, or what is broken of it, ends; see `is_readable`."""
    import json

    try:
        return json.JSONDecoder(strict=False).raw_decode(text, start)
    except json.JSONDecodeError as error:
        return _UNREADABLE, max(error.pos, start + 1)  # what was read of it is a piece of something broken: no answer
    except (ValueError, RecursionError):
        return _UNREADABLE, start + 1


def is_readable(value: Any) -> bool:
    """Return whether `read_at` has found a value."""
    return value is not _UNREADABLE


def find_keys(kind: Any, schema: dict[str, Any]) -> frozenset[str] | None:
    """Return the names of the fields that an object of `kind` may have; `None` where it takes any, or has none."""
    keys = _collect_keys(schema, schema.get("$defs", {}), 0)
    if not keys:
        return None
    for each in (kind, *get_args(kind)):  # pydantic takes a field by several names, which its schema does not tell
        fields = cast("dict[str, Any]", getattr(each, "__pydantic_fields__", None) or {})
        keys |= set(fields)
        for field in fields.values():
            choices = getattr(field.validation_alias, "choices", [field.validation_alias, field.alias])
            keys |= {choice for choice in choices if isinstance(choice, str)}
            if any(choice is not None and not isinstance(choice, str) for choice in choices):
                return None
    return frozenset(keys)


def _collect_keys(schema: Any, definitions: dict[str, Any], depth: int) -> set[str] | None:
    """Return the names of the properties of objects; an empty set for what is no object, `None` for free names."""
    if not isinstance(schema, dict) or depth > 8:
        return None
    schema = cast("dict[str, Any]", schema)
    if "$ref" in schema:
        target = definitions.get(str(schema["$ref"]).removeprefix("#/$defs/"))
        return _collect_keys(target, definitions, depth + 1)
    if schema.keys() & {"allOf", "if", "patternProperties", "dependentSchemas", "not"}:
        return None
    members = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    collected: set[str] = set()
    for member in members:
        keys = _collect_keys(member, definitions, depth + 1)
        if keys is None:
            return None
        collected |= keys
    kinds = schema.get("type", [] if members or schema.keys() & {"enum", "const"} else "object")
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        if schema.get("additionalProperties") not in (None, False) or not schema.get("properties"):
            return None
        collected |= set(schema["properties"])
    return collected


def _read(text: str) -> Any:
    try:
        return msgspec.json.decode(text.strip().encode())
    except (ValueError, RecursionError):
        return _UNREADABLE


_UNREADABLE: Any = object()
