"""JSON schemas in place of types: drafts, references, patterns of other languages, and hostile ones."""

from __future__ import annotations

from typing import Any

import pytest

from turnout.errors import InvalidToolError
from turnout.schemas import SchemaMismatch, TypeSchema


def fits(schema: dict[str, Any], value: Any) -> bool:
    try:
        TypeSchema(schema).convert(value)
    except SchemaMismatch:
        return False
    return True


def test_the_draft_is_the_one_that_the_schema_names() -> None:
    tuples = {"items": [{"type": "integer"}, {"type": "string"}]}
    old = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", **tuples}
    assert fits(old, [1, "a"])
    assert not fits(old, ["a", 1])
    with pytest.raises(InvalidToolError, match="not valid"):  # a list of `items` is not in 2020-12, the default
        TypeSchema({"type": "array", **tuples})
    new = {"type": "array", "prefixItems": tuples["items"], "$schema": "https://example.com/no/such/draft"}
    assert fits(new, [1, "a"])
    assert not fits(new, ["a", 1])


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/x"},
        {"$ref": "file:///etc/hosts"},
        {"properties": {"a": {"items": {"$ref": "other.json"}}}},
        {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}}},
        {"$id": "http://127.0.0.1:9/root", "properties": {"a": {"$ref": "sibling"}}},
        {"$ref": "http://[bad"},
        {"$ref": "#nowhere"},
        {"$schema": 5},
        {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "http://127.0.0.1:9/x"},
        {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"$ref": "#/definitions/no"}}},
    ],
)
def test_a_reference_is_never_fetched_and_is_told_before_the_first_value(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidToolError, match="JSON schema is not valid"):
        TypeSchema(schema)


def test_references_inside_the_schema_are_followed_by_pointer_anchor_and_id() -> None:
    schema = {
        "$id": "https://example.com/root",
        "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "#here"}, "c": {"$ref": "part"}},
        "$defs": {
            "a": {"type": "integer"},
            "b": {"$anchor": "here", "type": "string"},
            "c": {"$id": "part", "type": "boolean"},
        },
    }
    assert fits(schema, {"a": 1, "b": "x", "c": True})
    assert not any(fits(schema, value) for value in ({"a": "x"}, {"b": 1}, {"c": 1}))
    assert fits({"$ref": "http://json-schema.org/draft-07/schema#"}, {"type": "string"})


def test_a_reference_that_no_one_saw_before_is_refused_at_the_value() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "dependencies": {"a": {"$ref": "http://127.0.0.1:9"}},
    }
    kind = TypeSchema(schema)
    assert kind.convert({"b": 1}) == {"b": 1}
    with pytest.raises(InvalidToolError, match="leads nowhere"):
        kind.convert({"a": 1})


def test_a_type_that_an_old_draft_lets_pass_is_refused_at_the_value() -> None:
    kind = TypeSchema({"$schema": "http://json-schema.org/draft-03/schema#", "type": "objec"})
    with pytest.raises(InvalidToolError, match="objec"):
        kind.convert({})


def test_patterns_that_python_cannot_read_are_not_checked() -> None:
    schema = {
        "properties": {"a": {"type": "string", "pattern": "^\\p{L}+$"}, "b": {"pattern": "^x"}},
        "patternProperties": {"^\\p{N}": {"type": "integer"}, "^n": {"type": "integer"}},
        "additionalProperties": False,
    }
    assert fits(schema, {"a": "word", "b": "x", "1": 1, "n": 2})
    assert not fits(schema, {"a": 5, "b": "y"})
    assert not fits(schema, {"b": "y"})
    assert not fits(schema, {"n": "text"})
    assert not fits({"patternProperties": {"^n": {}}, "additionalProperties": False}, {"m": 1})


def test_all_that_is_wrong_is_told_with_its_place_but_not_without_end() -> None:
    kind = TypeSchema({"properties": {"a": {"type": "array", "items": {"type": "integer"}}, "b": {"enum": [1]}}})
    with pytest.raises(SchemaMismatch, match=r"`a\[1\]`: 'x' is not of type 'integer'.*`b`: 2 is not one of \[1\]"):
        kind.convert({"a": [1, "x"], "b": 2})
    with pytest.raises(SchemaMismatch, match="and 90 more"):
        kind.convert({"a": ["x"] * 100_000})
    with pytest.raises(SchemaMismatch) as raised:
        kind.convert({"b": "y" * 100_000})
    assert len(str(raised.value)) < 500


def test_schemas_and_values_without_end_are_a_mismatch() -> None:
    assert not fits({"$ref": "#"}, {"a": 1})
    value: Any = 1
    for _ in range(5000):
        value = [value]
    assert not fits({"items": {"$ref": "#"}}, value)
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"not": deep}
    with pytest.raises(InvalidToolError, match="JSON schema is not valid"):
        TypeSchema(deep)
