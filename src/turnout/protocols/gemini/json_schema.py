"""Google's `Schema` (a dialect of OpenAPI 3.0) as a JSON schema."""

from __future__ import annotations

from typing import Any

from turnout.errors import InvalidInputError
from turnout.protocols.json_reading import is_array, is_object

_NUMBERS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_MAX_DEPTH = 100


def camel_key(name: str) -> str:
    """Return a field's name as JSON of Google's has it; the other spelling (``file_uri``) is taken as well."""
    first, *rest = name.split("_")
    return first + "".join([step[:1].upper() + step[1:] for step in rest]) if first else name


def camel_keys(holder: dict[str, Any]) -> dict[str, Any]:
    """Return `holder` with its own keys as `camel_key` has them."""
    return {camel_key(name): value for name, value in holder.items()}


def to_json_schema(schema: dict[str, Any], where: str, depth: int = 0) -> dict[str, Any]:
    """Return `schema` as a JSON schema: types in lower case, ``nullable`` as a type, counts as numbers.

    Source: `Schema` in Google's discovery document. Raises `InvalidInputError`, which begins with `where`, for one that
    is nested too deeply.
    """
    if depth > _MAX_DEPTH:
        raise InvalidInputError(f"{where}: the schema is nested too deeply: make it flatter")
    made: dict[str, Any] = {}
    for name, value in camel_keys(schema).items():
        if name == "properties" and is_object(value):
            made[name] = {key: _convert(inner, where, depth) for key, inner in value.items()}
        elif name in ("items", "additionalProperties"):
            made[name] = _convert(value, where, depth)
        elif name == "anyOf" and is_array(value):
            made[name] = [_convert(inner, where, depth) for inner in value]
        elif name == "type" and isinstance(value, str):
            made[name] = value.lower()
        elif name in _NUMBERS and isinstance(value, str) and value.isdecimal():
            made[name] = int(value)
        elif name == "example":
            made["examples"] = [value]
        elif name != "nullable":
            made[name] = value
    return _allow_null(made) if camel_keys(schema).get("nullable") is True else made


def _convert(value: Any, where: str, depth: int) -> Any:
    return to_json_schema(value, where, depth + 1) if is_object(value) else value


def _allow_null(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    elif is_array(schema.get("anyOf")):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    if is_array(schema.get("enum")) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    return schema
