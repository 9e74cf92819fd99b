"""Schemas in other forms: without references, and strict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest

from turnout.errors import InvalidToolError
from turnout.schemas import TypeSchema, drop_nulls, inline_refs, make_strict, strict_obstacle


@dataclass
class Inner:
    x: int
    y: str = "y"


@dataclass
class Outer:
    inner: Inner
    maybe: Inner | None = None
    other: int = 5
    nested: list[Outer] | None = None


def test_inlined_schemas_have_no_references_and_recursion_ends() -> None:
    inlined = inline_refs(TypeSchema(Outer).schema)
    assert "$ref" not in str(inlined)
    assert "$defs" not in inlined
    assert inlined["properties"]["inner"]["properties"]["x"] == {"type": "integer"}
    assert "of the same form as above" in str(inlined)


def test_values_that_look_like_references_stay() -> None:
    schema = {"properties": {"$ref": {"type": "string"}, "a": {"enum": [{"$ref": "#/x"}]}}}
    assert inline_refs(schema) == schema


@pytest.mark.parametrize("reference", ["http://x/y", "#/$defs/None", "other.json"])
def test_references_that_lead_nowhere_are_errors(reference: str) -> None:
    with pytest.raises(InvalidToolError, match="leads"):
        inline_refs({"properties": {"a": {"$ref": reference}}, "$defs": {}})


def test_a_schema_that_grows_without_end_is_refused() -> None:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for n in range(1, 30):
        definitions[f"d{n}"] = {"type": "array", "prefixItems": [{"$ref": f"#/$defs/d{n - 1}"}] * 10}
    with pytest.raises(InvalidToolError, match="too large"):
        inline_refs({"$ref": "#/$defs/d29", "$defs": definitions})


def test_strict_schemas_close_objects_and_make_optional_fields_nullable() -> None:
    strict = make_strict(TypeSchema(Outer).schema)
    assert strict is not None
    assert strict["required"] == ["inner", "maybe", "other", "nested"]
    assert strict["additionalProperties"] is False
    assert strict["properties"]["other"] == {"type": ["integer", "null"], "description": "(default: 5)"}
    assert strict["$defs"]["Inner"]["properties"]["y"]["type"] == ["string", "null"]


def test_what_a_strict_schema_allows_converts_back() -> None:
    kind = TypeSchema(Outer)
    strict = make_strict(kind.schema)
    answer = {"inner": {"x": 1, "y": None}, "maybe": None, "other": None, "nested": [
        {"inner": {"x": 2, "y": "z"}, "maybe": None, "other": 1, "nested": None}]}  # fmt: skip
    jsonschema.validate(answer, strict)
    expected = Outer(Inner(1), None, 5, [Outer(Inner(2, "z"), None, 1)])
    assert kind.convert(answer) == expected
    assert kind.convert(drop_nulls(answer, kind.schema)) == expected


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "array", "items": {"type": "string"}}, "the root is not an object"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "the root takes any keys"),
        ({"type": "object"}, "the root takes any keys"),
        ({"type": "object", "properties": {"a": {}}}, "`a` takes any value"),
        ({"type": "object", "properties": {"a": {"type": "array"}}}, "an item of `a` takes any value"),
        ({"type": "object", "properties": {"a": {"type": "string", "not": {"const": "b"}}}}, "`a` uses `not`"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/B"}}}, "leads nowhere"),
    ],
)
def test_what_cannot_be_strict_says_why(schema: dict[str, Any], reason: str) -> None:
    assert make_strict(schema) is None
    assert reason in str(strict_obstacle(schema))


def test_limits_that_strict_mode_lacks_are_told() -> None:
    strict = make_strict({"type": "object", "properties": {"a": {"type": "string", "minLength": 2, "format": "uri"}},
                          "required": ["a"]})  # fmt: skip
    assert strict is not None
    assert strict["properties"]["a"] == {"type": "string", "description": "(at least 2 characters; format: uri)"}


def test_nulls_that_mean_something_stay() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["integer", "null"]}, "b": {"type": "integer"}}}
    assert drop_nulls({"a": None, "b": None, "c": None}, schema) == {"a": None, "c": None}
