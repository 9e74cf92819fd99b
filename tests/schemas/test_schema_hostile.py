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
from turnout.schemas import SchemaMismatch, TypeSchema


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
