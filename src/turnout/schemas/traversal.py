"""Walk through a JSON schema: which of its keywords hold schemas, and which hold plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

JsonSchema = dict[str, Any]

ONE = frozenset(
    (
        *("items", "additionalProperties", "additionalItems", "not", "if", "then", "else", "contains", "propertyNames"),
        *("unevaluatedItems", "unevaluatedProperties", "contentSchema"),
    )
)
LISTED = frozenset(("anyOf", "oneOf", "allOf", "prefixItems", "items"))
NAMED = frozenset(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"))


def map_subschemas(schema: JsonSchema, change: Callable[[Any], Any]) -> JsonSchema:
    """Return a copy of `schema` in which `change` was applied to each schema directly inside it.

    A schema inside may be a bool. The values of ``enum``, ``const``, ``default`` and ``examples`` are data, and stay as
    they are, whatever they look like.
    """
    changed: JsonSchema = {}
    for keyword, value in schema.items():
        if keyword in NAMED and isinstance(value, dict):
            changed[keyword] = {name: change(inner) for name, inner in cast("dict[str, Any]", value).items()}
        elif keyword in LISTED and isinstance(value, list):
            changed[keyword] = [change(inner) for inner in cast("list[Any]", value)]
        elif keyword in ONE and isinstance(value, (dict, bool)):
            changed[keyword] = change(value)
        else:
            changed[keyword] = value
    return changed
