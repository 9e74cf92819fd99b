"""The limits of strict mode, and the nulls of its answers."""

from __future__ import annotations

from typing import Any

import pytest

from turnout.schemas import SchemaMismatch, TypeSchema, drop_nulls, make_strict, strict_obstacle
from turnout.schemas.strict import accepts_null


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def nested(levels: int) -> dict[str, Any]:
    schema = of(leaf={"type": "string"})
    for _ in range(levels - 1):
        schema = of(inner=schema)
    return schema


def test_objects_may_be_nested_ten_levels_deep() -> None:
    assert make_strict(nested(10)) is not None
    assert "over 10 levels" in str(strict_obstacle(nested(11)))


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (of(**{f"f{n}": {"type": "string"} for n in range(5001)}), "over 5000 fields"),
        (of(a={"enum": list(range(600))}, b={"enum": list(range(401))}), "over 1000 values"),
        (of(a={"enum": [f"{n:060}" for n in range(251)]}), "the values of `a` have over 15000 characters"),
        (of(**{"f" * 120_001: {"type": "string"}}), "over 120000 characters"),
        (of(a={"const": "x" * 120_001}), "over 120000 characters"),
        ({**of(a={"type": "string"}), "anyOf": [of(), of()]}, "the root is not an object"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        (of(a={"$ref": "https://example.com/x"}), "leads out"),
        (of(a={"type": "array", "items": True}), "takes any value"),
    ],
)
def test_what_is_too_large_or_leads_nowhere_is_not_strict(schema: dict[str, Any], reason: str) -> None:
    assert reason in str(strict_obstacle(schema))


def test_what_is_just_small_enough_is_strict() -> None:
    assert strict_obstacle(of(a={"enum": [f"{n:060}" for n in range(250)]})) is None
    assert strict_obstacle(of(a={"enum": list(range(600))}, b={"enum": list(range(400))})) is None


def test_a_schema_without_end_is_not_strict() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(3000):
        deep = {"anyOf": [deep]}
    assert "too deeply" in str(strict_obstacle(of(a=deep)))


def test_definitions_of_one_name_are_kept_apart_and_the_root_may_be_meant() -> None:
    schema = {
        **of(a={"$ref": "#/$defs/N"}, b={"$ref": "#/x/N"}, c={"anyOf": [{"$ref": "#"}, {"type": "null"}]}),
        "$defs": {"N": {"type": "string"}},
        "x": {"N": {"type": "integer"}},
    }
    strict = make_strict(schema)
    assert strict is not None
    assert strict["$defs"]["N"] == {"type": "string"}
    assert strict["$defs"]["N_"] == {"type": "integer"}
    assert strict["properties"]["b"] == {"$ref": "#/$defs/N_"}
    assert strict["$defs"]["root"]["required"] == ["a", "b", "c"]


def test_a_root_by_reference_is_put_in_its_place() -> None:
    strict = make_strict({"$ref": "#/$defs/R", "$defs": {"R": of(a={"type": "string", "format": "uuid"})}})
    assert strict == of(a={"type": "string", "format": "uuid"})


@pytest.mark.parametrize(
    ("schema", "takes_null"),
    [
        (True, True), (False, False), ({}, True), ({"const": None}, True), ({"const": 1}, False),
        ({"enum": [1, None]}, True), ({"oneOf": [{"type": "null"}, {"type": "string"}]}, True),
        ({"allOf": [{"type": "string"}, {}]}, False), ({"$ref": "#/$defs/A"}, True), ({"$ref": "#anchor"}, True),
        ({"$ref": "#/$defs/endless"}, False),
    ],
)  # fmt: skip
def test_which_schemas_take_null(schema: Any, takes_null: bool) -> None:
    root = {"$defs": {"A": {"type": ["null"]}, "endless": {"$ref": "#/$defs/endless"}}}
    assert accepts_null(schema, root) is takes_null


def test_nulls_are_found_at_every_depth_and_in_tuples() -> None:
    field = {"type": "object", "properties": {"x": {"type": "integer"}}}
    schema = of(
        pair={"type": "array", "prefixItems": [field, {"type": "null"}], "items": field},
        free={"type": "object", "additionalProperties": field},
        endless={"$ref": "#/$defs/endless"},
        anchored={"$ref": "#here"},
    )
    schema["$defs"] = {"endless": {"$ref": "#/$defs/endless"}, "h": {"$anchor": "here", **field}}
    value = {"pair": [{"x": None}, None, {"x": None}], "free": {"a": {"x": None}}, "endless": {"x": None},
             "anchored": {"x": None}}  # fmt: skip
    kept = {"pair": [{}, None, {}], "free": {"a": {}}, "endless": {"x": None}, "anchored": {"x": None}}
    assert drop_nulls(value, schema) == kept


def test_the_member_is_found_by_its_keys_and_kind() -> None:
    one = {"type": "object", "properties": {"k": {"enum": ["one"]}, "x": {"type": "integer"}}}
    two = {"type": "object", "properties": {"k": True, "y": {"type": "integer"}}}
    schema = {"anyOf": [{"type": "string"}, one, two, {"type": "array", "items": one}]}
    assert drop_nulls({"k": "one", "x": None}, schema) == {"k": "one"}
    assert drop_nulls({"k": "two", "y": None}, schema) == {"k": "two"}
    assert drop_nulls([{"k": "one", "x": None}], schema) == [{"k": "one"}]
    assert drop_nulls({"z": None}, schema) == {"z": None}


def test_an_anchor_is_no_reason_to_refuse_a_value() -> None:
    kind = TypeSchema({"properties": {"a": {"$ref": "#here"}}, "$defs": {"h": {"$anchor": "here", "type": "object"}}})
    assert kind.convert({"a": {"x": None}}) == {"a": {"x": None}}
    with pytest.raises(SchemaMismatch):
        kind.convert({"a": [None]})
