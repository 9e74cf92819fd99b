"""Hostile types, values and patterns: told when read, or refused as a mismatch, and never slow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from turnout.errors import InvalidToolError
from turnout.schemas import SchemaMismatch, TypeSchema, make_strict, strict_obstacle


@dataclass
class Loose:
    x: int


@dataclass(frozen=True)
class Frozen:
    x: int


@dataclass(frozen=True)
class FrozenOutside:
    x: list[int]


class Open(msgspec.Struct):
    x: int


class Closed(msgspec.Struct, frozen=True):
    x: int


class Model(BaseModel):
    x: float


@pytest.mark.parametrize(
    "key", [list[int], tuple[int, list[int]], Loose, Open, dict[str, int], int | tuple[list[int]], Model, set[int]]
)
def test_a_key_that_cannot_be_hashed_is_refused_when_the_type_is_read(key: Any) -> None:
    with pytest.raises(InvalidToolError, match=r"cannot be the key of a dict.*: take str, int"):
        TypeSchema(dict[key, int])


@pytest.mark.parametrize(("key", "text"), [(Frozen, '{"x":1}'), (Closed, '{"x":1}'), (tuple[int, ...], "[1]")])
def test_a_key_that_can_be_hashed_is_read_from_its_string(key: Any, text: str) -> None:
    made = TypeSchema[Any](dict[key, int]).convert({text: 5})
    assert list(made.values()) == [5]


def test_a_key_that_turns_out_to_be_unhashable_is_a_mismatch() -> None:
    with pytest.raises(SchemaMismatch, match="unhashable"):
        TypeSchema(dict[FrozenOutside, int]).convert({'{"x":[1]}': 5})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (float, math.nan),
        (float, "nan"),
        (float, "-Infinity"),
        (float | None, "inf"),
        (Decimal, "NaN"),
        (Any, {"a": [1, {"b": math.inf}]}),
        (dict, {"a": math.nan}),
        (Model, {"x": math.nan}),
        ({"type": "object", "properties": {"a": {"type": "number"}}}, {"a": -math.inf}),
        (list[float], [1.0, math.nan]),
    ],
)
def test_numbers_that_are_not_finite_are_refused(kind: Any, value: Any) -> None:
    with pytest.raises(SchemaMismatch, match=r"finite number|expected"):
        TypeSchema(kind).convert(value)


def test_the_place_of_a_nan_is_told() -> None:
    with pytest.raises(SchemaMismatch, match=r"`a\[1\]\.b`: expected a finite number"):
        TypeSchema(Any).convert({"a": [1, {"b": math.inf}]})


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^(a+)+$", "a" * 60 + "!"),
        (r"^(a|a)*$", "a" * 60 + "!"),
        (r"^(\w+\s?)*$", "word " * 40 + "!"),
        ("a?" * 40 + "a" * 40, "a" * 39),
        ("(a|a)" * 40 + "b", "a" * 41),
        (r"^(.*)(.*)(.*)(.*)(.*)x$", "a" * 5000),
        (r"(a*)*\1x", "a" * 60),
        (r"(?:" * 60 + "a" + ")*" * 60 + "$", "a" * 60 + "!"),
        (r"\d+$", "1" * 200_000 + "!"),
        (r"^(?(1)a|b)*(a*)*$", "a" * 60 + "!"),
    ],
)
@pytest.mark.parametrize("is_name", [False, True])
def test_a_pattern_that_would_take_days_is_not_tried(pattern: str, text: str, is_name: bool) -> None:
    if is_name:
        text = text[-100:]
        schema = {"type": "object", "patternProperties": {pattern: False}}
        assert TypeSchema[Any](schema).convert({text: 1}) == {text: 1}
    else:
        schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}}
        assert TypeSchema[Any](schema).convert({"a": text}) == {"a": text}


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        (r"^\d{4}-\d{2}-\d{2}$", "2020"),
        (r"^[^@]+@[^@]+\.[^@]+$", "somebody" * 20),
        (r"^(red|green|blue)$", "x" * 200),
        (r"^[a-z]+(-[a-z]+)*$", "a-b-"),
        (r"^((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)$", "256.256.256.256"),
        (r"^https?://[^\s/]+(/.*)?$", "ftp://example.com/a"),
        (r"(?i)^[]a]{2,3}\.(?P<end>x{,2})$", "b"),
    ],
)
def test_a_usual_pattern_is_held(pattern: str, wrong: str) -> None:
    with pytest.raises(SchemaMismatch, match="does not match"):
        TypeSchema({"type": "string", "pattern": pattern}).convert(wrong)


def test_names_too_long_for_patterns_are_refused() -> None:
    schema = {"type": "object", "patternProperties": {"^x-[a-z]+$": {"type": "integer"}}, "additionalProperties": False}
    assert TypeSchema[Any](schema).convert({"x-a": 1}) == {"x-a": 1}
    with pytest.raises(SchemaMismatch, match="do not match any of the regexes|does not match any"):
        TypeSchema(schema).convert({"y": 1})
    with pytest.raises(SchemaMismatch, match="takes too long to check: make it smaller"):
        TypeSchema(schema).convert({"x-" + "a" * 500: 1})


def test_a_schema_that_branches_without_end_is_given_up() -> None:
    node = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["b"]}
    schema = {"anyOf": [node, node]}
    value: dict[str, Any] = {"b": 1}
    for _ in range(40):
        value = {"a": value, "b": 1}
    assert TypeSchema[Any](schema).convert(value) == value
    inner = {"a": value}
    for _ in range(40):
        inner = {"a": inner, "b": 1}
    with pytest.raises(SchemaMismatch, match="takes too long to check"):
        TypeSchema(schema).convert(inner)


def test_many_items_are_told_apart_at_once() -> None:
    schema = {"type": "array", "uniqueItems": True}
    items: list[Any] = [{"n": number, "f": [1.5, True]} for number in range(20_000)]
    assert TypeSchema[Any](schema).convert(items) == items
    for twin in ({"n": 7.0, "f": [1.5, True]}, {"f": [1.5, True], "n": 7}):
        with pytest.raises(SchemaMismatch, match="non-unique"):
            TypeSchema(schema).convert([*items, twin])
    assert TypeSchema[Any]({"uniqueItems": False}).convert([1, 1]) == [1, 1]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": [None], "additionalProperties": False},
        {"type": "object", "properties": {"a": {"enum": 3}}, "additionalProperties": False},
        {"type": "object", "properties": 7, "additionalProperties": False},
        {"type": "object", "properties": {"a": {"anyOf": {"b": 1}}}, "additionalProperties": False},
    ],
)
def test_what_is_no_schema_is_not_strict(schema):
    assert make_strict(schema) is None
    assert strict_obstacle(schema)
