"""Corners of types: what is said of them, what they refuse, and what they are called."""

from __future__ import annotations

import enum
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import annotated_types
import msgspec
import pytest
from pydantic import BaseModel

from turnout.errors import InvalidToolError
from turnout.schemas import SchemaMismatch, TypeSchema, inline_refs
from turnout.schemas.docstrings import read_docstring

T = TypeVar("T")


class Level(enum.Enum):
    LOW = 1

    @classmethod
    def _missing_(cls, value: object) -> Any:
        raise LookupError(f"no level {value}")


@dataclass
class Base(Generic[T]):
    item: T


@dataclass
class Child(Base[int]):
    hidden: int = field(default=5, init=False)
    name: str = "x"


@dataclass
class Odd:
    a: complex


@dataclass
class Unknown:
    a: Nowhere  # type: ignore[name-defined]  # noqa: F821


@dataclass
class Broken:
    a: 1 / 0  # type: ignore[valid-type]


@dataclass
class Fork:
    a: Fork | Spoon | int


@dataclass
class Spoon:
    a: Fork | Spoon | int


class Point(msgspec.Struct, tag="point", forbid_unknown_fields=True):
    x: int


class Circle(msgspec.Struct, tag=7):
    r: int


class Coded(msgspec.Struct):
    data: dict[str, str]


class Row(NamedTuple):
    a: int
    b: str = "b"


class Keys(TypedDict):
    a: int


class Tree(BaseModel):
    kids: list[Tree] = []


class Late(BaseModel):
    a: Undefined  # type: ignore[name-defined]  # noqa: F821


class Alias(BaseModel):
    model_config = {"extra": "allow"}
    a: int


def mismatch(kind: Any, value: Any) -> str:
    with pytest.raises(SchemaMismatch) as raised:
        TypeSchema(kind).convert(value)
    return str(raised.value)


def test_limits_of_other_libraries_are_read_and_what_says_nothing_is_passed_over() -> None:
    kind = Annotated[int, msgspec.Meta(ge=1, extra_json_schema={"x-unit": "m"}), annotated_types.Lt(5), str, object()]
    assert TypeSchema(kind).schema == {"type": "integer", "minimum": 1, "exclusiveMaximum": 5, "x-unit": "m"}
    assert "<= 4" in mismatch(kind, 5)


def test_a_docstring_that_only_looks_like_sections_is_prose() -> None:
    odd = "Do it.\n\n:param a b c d e: x\n:raises"
    assert read_docstring(odd).text.startswith("Do it.")
    assert read_docstring("").text == ""


def test_inherited_type_parameters_and_fields_that_are_not_given() -> None:
    schema = TypeSchema(Child).schema
    assert list(schema["properties"]) == ["item", "name"]
    assert schema["properties"]["item"] == {"type": "integer"}
    assert TypeSchema(Child).convert({"item": 3}) == Child(3)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Odd, "Odd.a: the type complex"),
        (Unknown, "'Nowhere'"),
        (Broken, "cannot be read"),
        (Late, "pydantic makes no JSON schema"),
        (Literal[[1]], "has no JSON schema"),  # type: ignore[valid-type]
        (Annotated[Level, msgspec.Meta(ge=1)], "do not suit"),
    ],
)
def test_types_that_cannot_be_read_are_named(kind: Any, words: str) -> None:
    with pytest.raises(InvalidToolError, match=words):
        TypeSchema(kind)


def test_an_enum_that_raises_is_a_mismatch() -> None:
    assert "expected one of 1, got 9" in mismatch(Level, 9)
    assert TypeSchema(Level).convert("1") is Level.LOW


def test_choices_of_several_types_have_no_type() -> None:
    assert TypeSchema(Literal["a", 1]).schema == {"enum": ["a", 1]}


def test_tags_tell_structs_apart_and_a_wrong_one_is_told() -> None:
    kind = TypeSchema(Point | Circle)
    assert kind.convert({"type": 7, "r": 1}) == Circle(1)
    assert "`type`: expected" in mismatch(Point, {"type": "square", "x": 1})
    assert "did you mean `x`" in mismatch(Point, {"type": "point", "X": 1, "x": 1}) or "is unknown" in mismatch(
        Point, {"type": "point", "xx": 1, "x": 1}
    )
    assert "`r`" in mismatch(Point | Circle, {"type": 7, "r": "far"})


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Path, 5, "expected a string"),
        (tuple[int, str], [1], "expected an array of 2"),
        (Row, 5, "expected an object"),
        (Keys, {}, "is required and missing"),
        (Annotated[list[int], msgspec.Meta(min_length=2)], [1], "at least 2 items"),
        (dict[int, int], {"a": 1}, "`a`"),
        (str, {}, "an empty object"),
        (str, {"a": 1}, 'an object with "a"'),
        (int, "x" * 100, "…"),
        (list[int] | dict[str, int], 3, "expected list"),
    ],
)
def test_values_that_do_not_fit_are_shown(kind: Any, value: Any, words: str) -> None:
    assert words in mismatch(kind, value)


def test_values_of_the_program_are_shown_by_type() -> None:
    assert "a object" in mismatch(str, object())


@pytest.mark.parametrize("kind", [dict[str, Any], tuple[Any], Any | list[int], Row])
def test_every_kind_of_part_ends_at_a_depth(kind: Any) -> None:
    class Box(msgspec.Struct):
        inner: Any

    deep: Any = kind
    for _ in range(51):
        deep = tuple[list[deep]]  # type: ignore[valid-type]
    value: Any = {"a": 1, "inner": 1}
    for _ in range(51):
        value = [[value]]
    assert "nested over" in mismatch(deep, value)


def test_a_value_made_to_fit_many_types_halfway_is_given_up() -> None:
    value: Any = "x"
    for _ in range(40):
        value = {"a": value}
    assert "expected Fork or Spoon or int" in mismatch(Fork, value)


def test_two_types_of_one_name_have_definitions_of_their_own() -> None:
    first = msgspec.defstruct("Same", [("a", int)])
    second = msgspec.defstruct("Same", [("b", int)])
    schema = TypeSchema(tuple[first, second, first]).schema  # type: ignore[valid-type]
    assert set(schema["$defs"]) == {"Same", "Same_2"}
    assert schema["prefixItems"][2] == {"$ref": "#/$defs/Same"}


def test_pydantic_models_that_speak_of_themselves_and_what_they_do_not_know() -> None:
    schema = TypeSchema(list[Tree]).schema
    assert schema["$defs"]["Tree"]["properties"]["kids"]["items"] == {"$ref": "#/$defs/Tree"}
    made = TypeSchema(Tree).convert({"kids": [{"kids": []}]})
    assert made == Tree(kids=[Tree()])
    assert TypeSchema(Alias | Tree).convert({"kids": []}) == Tree()


def test_pydantic_types_that_are_no_models() -> None:
    kind = Annotated[int | str, __import__("pydantic").Field(description="d")]
    assert TypeSchema(kind).schema["description"] == "d"
    assert TypeSchema(kind).convert(5) == 5


def test_references_by_index_bool_definitions_and_plain_items() -> None:
    schema = {
        "prefixItems": [
            {"$ref": "#/$defs/list/1"},
            {"$ref": "#/$defs/any"},
            {"$ref": "#/$defs/any", "title": "t"},
        ],
        "$defs": {"list": [{}, {"type": "integer"}], "any": True},
    }
    assert inline_refs(schema)["prefixItems"] == [{"type": "integer"}, True, {"title": "t"}]


def test_dates_are_read_and_told() -> None:
    assert TypeSchema(datetime).convert("2026-01-01T00:00:00Z") == datetime(2026, 1, 1, tzinfo=UTC)
    assert "RFC3339" in mismatch(datetime, "soon")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement `type` came with 3.12")
def test_a_named_alias_may_speak_of_itself() -> None:
    space: dict[str, Any] = {}
    exec("type Json = dict[str, Json] | int\ntype Loop = Loop\ntype Of[T] = list[T]", space)
    schema = TypeSchema(space["Json"]).schema
    assert "#/$defs/Json" in str(schema)
    assert TypeSchema(space["Json"]).convert({"a": {"b": 1}}) == {"a": {"b": 1}}
    assert TypeSchema(space["Of"][int]).convert([1]) == [1]
    with pytest.raises(InvalidToolError, match="itself alone"):
        TypeSchema(space["Loop"])


def test_a_named_alias_of_typing_extensions_may_speak_of_itself() -> None:
    extensions = pytest.importorskip("typing_extensions")
    alias: Any = extensions.TypeAliasType("Json", "dict[str, Json] | int")
    plain: Any = extensions.TypeAliasType("Plain", dict[str, int])
    with pytest.raises(InvalidToolError):
        TypeSchema(alias)
    assert TypeSchema(plain).convert({"a": 1}) == {"a": 1}
    assert "expected an object" in mismatch(plain, 1)
