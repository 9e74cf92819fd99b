"""Rarer forms of types and schemas."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Any, NewType, TypeVar

import msgspec
import pytest
from pydantic import BaseModel, Field, field_validator

from turnout.errors import InvalidToolError
from turnout.schemas import SchemaMismatch, TypeSchema, drop_nulls, make_strict

B = TypeVar("B", bound=int)
UserId = NewType("UserId", int)


class Shade(enum.Enum):
    A = "a"
    B = "b"


class Checked(BaseModel):
    x: int

    @field_validator("x")
    @classmethod
    def check(cls, x: int) -> int:
        if x > 10:
            raise RuntimeError("over ten")
        return x


@dataclass
class Pair:
    a: int
    b: int


@dataclass
class Other:
    c: str


class Doc:
    documentation = "from Doc"


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (UserId, {"type": "integer"}),
        (B, {"type": "integer"}),
        (tuple, {"type": "array", "items": {}}),
        (dict, {"type": "object", "additionalProperties": True}),
        (Annotated[int, Doc()], {"type": "integer", "description": "from Doc"}),
        (Annotated[Annotated[int, "in"], "out"], {"type": "integer", "description": "out"}),
        (Annotated[int, Field(ge=1, description="d")], {"type": "integer", "minimum": 1, "description": "d"}),
        (
            Annotated[dict[str, int], msgspec.Meta(max_length=2)],
            {"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 2},
        ),
        (Shade | None, {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}),
    ],
)
def test_schemas_of_rarer_types(kind: Any, schema: dict[str, Any]) -> None:
    assert TypeSchema(kind).schema == schema


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Pair | Other, {"a": 1}, "expected Pair or Other"),
        (Checked, {"x": 11}, "over ten"),
        (Annotated[list[int], msgspec.Meta(max_length=1)], [1, 2], "at most 1 items"),
        (dict[str, int], 3, "expected an object"),
        (list[int], "no", "expected an array"),
        (set[Any], [[]], "unhashable"),
        (Annotated[str, msgspec.Meta(pattern="^a")], "b", "matching regex"),
    ],
)
def test_mismatches_of_rarer_types(kind: Any, value: Any, words: str) -> None:
    with pytest.raises(SchemaMismatch, match=words):
        TypeSchema(kind).convert(value)


@pytest.mark.parametrize("kind", [Annotated[Pair, msgspec.Meta(ge=1)], Annotated[str, msgspec.Meta(ge=1)]])
def test_limits_that_do_not_suit_are_refused(kind: Any) -> None:
    with pytest.raises(InvalidToolError):
        TypeSchema(kind)


def test_strict_rewrites_what_it_can() -> None:
    strict = make_strict(
        {
            "type": "object",
            "properties": {
                "one": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
                "all": {"allOf": [{"$ref": "#/$defs/D"}]},
                "const": {"const": 5},
                "enum": {"enum": ["a", 1]},
                "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
                "told": {"$ref": "#/$defs/D", "description": "a D"},
                "data": {"type": "string", "contentEncoding": "base64", "default": ""},
                "choice": {"type": "string", "enum": ["a"]},
            },
            "$defs": {"D": {"type": "object", "properties": {}, "additionalProperties": False}},
        }
    )
    assert strict is not None
    properties = strict["properties"]
    assert properties["one"] == {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}
    assert properties["all"] == {"anyOf": [{"$ref": "#/$defs/D"}, {"type": "null"}]}
    assert properties["const"] == {"type": ["integer", "null"], "enum": [5, None]}
    assert properties["enum"]["type"] == ["string", "integer", "null"]
    assert properties["pair"]["items"] == {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    assert "in the order of their types" in properties["pair"]["description"]
    assert properties["told"] == {"anyOf": [{"$ref": "#/$defs/D"}, {"type": "null"}], "description": "a D"}
    assert properties["choice"] == {"type": ["string", "null"], "enum": ["a", None]}


def test_nulls_are_dropped_in_the_member_that_is_meant() -> None:
    member = {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}}
    other = {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "b"}, "x": {"type": ["null"]}}}
    schema = {"type": "array", "items": {"anyOf": [member, {"$ref": "#/$defs/o"}]}, "$defs": {"o": other}}
    value = [{"kind": "a", "x": None}, {"kind": "b", "x": None}]
    assert drop_nulls(value, schema) == [{"kind": "a"}, {"kind": "b", "x": None}]
