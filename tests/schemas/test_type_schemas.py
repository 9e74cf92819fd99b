"""Types as JSON schemas, and plain JSON as values of types."""

from __future__ import annotations

import datetime
import enum
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, Required, TypedDict, TypeVar

import msgspec
import pytest
from pydantic import BaseModel, Field

from turnout.errors import InvalidToolError
from turnout.schemas import SchemaMismatch, TypeSchema

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Owner(BaseModel):
    """Who owns it."""

    name: str
    age: int = Field(ge=0, default=3)
    friends: list[Owner] = []


class Options(TypedDict, total=False):
    size: Required[int]
    note: Annotated[str, "a note"]


class Point(NamedTuple):
    x: int
    y: float = 1.0


@dataclass
class Dog:
    """A dog.

    Args:
        name: What it is called.
    """

    name: str
    age: int = 3
    puppies: list[Dog] = field(default_factory=list)
    owner: Owner | None = None
    color: Color = Color.RED
    tag: str = field(default="", metadata={"description": "On the collar."})


@dataclass
class Cat:
    name: str
    lives: int


@dataclass
class Page(Generic[T]):
    items: list[T]


class Circle(msgspec.Struct, tag="circle", rename="camel"):
    outer_radius: float


class Square(msgspec.Struct, tag="square", forbid_unknown_fields=True):
    side: float


@dataclass
class Even:
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("the number is odd")


def mismatch(kind: Any, value: Any) -> str:
    with pytest.raises(SchemaMismatch) as caught:
        TypeSchema(kind).convert(value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (int, 5, 5), (int, "5", 5), (int, 5.0, 5), (float, 1, 1.0), (bool, "true", True), (str, "5", "5"),
        (int | str, "5", "5"), (int | None, None, None), (int | None, "7", 7), (Any, {"a": 1}, {"a": 1}),
        (Literal["a", "b"], "b", "b"), (Color, "blue", Color.BLUE), (list[int], ["1", 2], [1, 2]),
        (list[int], "[1, 2]", [1, 2]), (set[int], [1, 1], {1}), (tuple[int, str], [1, "a"], (1, "a")),
        (tuple[int, ...], [1, 2], (1, 2)), (dict[int, str], {"1": "a"}, {1: "a"}), (Sequence[str], ["a"], ["a"]),
        (Mapping[Color, int], {"red": 1}, {Color.RED: 1}), (datetime.date, "2026-01-02", datetime.date(2026, 1, 2)),
        (datetime.date | str, "soon", "soon"), (Decimal, "1.5", Decimal("1.5")), (Path, "a/b", Path("a/b")),
        (Point, {"x": 1}, Point(1)), (Options, {"size": 1}, {"size": 1}), (Page[int], {"items": ["1"]}, Page([1])),
        (Circle | Square, {"type": "square", "side": 1}, Square(1.0)), (Owner, {"name": "A"}, Owner(name="A")),
        (list[Owner | Cat], [{"name": "A", "lives": 9}], [Cat("A", 9)]), (Dog | Cat, {"name": "A"}, Dog("A")),
        (Dog | Cat, {"name": "A", "lives": 9}, Cat("A", 9)), (Dog, {"name": "A", "age": None}, Dog("A")),
        (Dog, {"name": "A", "puppies": [{"name": "B"}]}, Dog("A", puppies=[Dog("B")])),
    ],
)  # fmt: skip
def test_values_convert(kind: Any, value: Any, expected: Any) -> None:
    made = TypeSchema(kind).convert(value)
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (int, "x", 'the value: expected `int`, got "x"'),
        (int, True, "expected `int`, got true"),
        (int, 1.5, "expected `int`, got 1.5"),
        (Literal["a", "b"], "c", 'expected one of "a", "b", got "c"'),
        (dict[str, list[int]], {"k": [1, "x"]}, '`k[1]`: expected `int`, got "x"'),
        (Dog, [], "expected an object, got an array of 0"),
        (Dog, {"puppies": [{}]}, "`puppies[0].name`: is required and missing; `name`: is required"),
        (Dog, {"name": "A", "owner": {"name": "B", "age": -1}}, "`owner.age`: input should be greater than or equal"),
        (Circle | Square, {"type": "circle", "outerRadius": "x"}, '`outerRadius`: expected `float`, got "x"'),
        (Square, {"type": "square", "side": 1, "sides": 2}, "`sides`: is unknown: did you mean `side`?"),
        (Even, {"number": 3}, "the number is odd"),
        (Annotated[list[int], msgspec.Meta(min_length=2)], [1], "expected at least 2 items, got 1"),
        (Annotated[int, msgspec.Meta(ge=0)], -1, "expected `int` >= 0, got -1"),
        (tuple[int, str], [1], "expected an array of 2"),
    ],
)
def test_a_mismatch_names_place_expectation_and_value(kind: Any, value: Any, words: str) -> None:
    told = mismatch(kind, value)
    for clause in words.split("; "):
        assert clause in told


def test_a_schema_describes_fields_and_keeps_references_inside() -> None:
    schema = TypeSchema(Dog).schema
    assert schema["description"] == "A dog."
    assert schema["properties"]["name"] == {"type": "string", "description": "What it is called."}
    assert schema["properties"]["age"] == {"type": "integer", "default": 3}
    assert schema["properties"]["tag"]["description"] == "On the collar."
    assert schema["properties"]["color"] == {"type": "string", "enum": ["red", "blue"], "default": "red"}
    assert schema["properties"]["puppies"]["items"] == {"$ref": "#/$defs/Dog"}
    assert schema["required"] == ["name"]
    assert set(schema["$defs"]) == {"Dog", "Owner"}
    assert schema["$defs"]["Owner"]["properties"]["friends"]["items"] == {"$ref": "#/$defs/Owner"}


def test_other_schemas() -> None:
    assert TypeSchema(Options).schema["required"] == ["size"]
    assert TypeSchema(Options).schema["properties"]["note"]["description"] == "a note"
    assert TypeSchema(Circle).schema["properties"]["type"] == {"type": "string", "enum": ["circle"]}
    assert "outerRadius" in TypeSchema(Circle).schema["properties"]
    assert TypeSchema(Square).schema["additionalProperties"] is False
    assert TypeSchema(Page[int]).schema["properties"]["items"]["items"] == {"type": "integer"}


@pytest.mark.parametrize("kind", [complex, object.__init__, "Dog", list[complex]])
def test_a_type_without_a_schema_is_named(kind: Any) -> None:
    with pytest.raises(InvalidToolError):
        TypeSchema(kind)


def test_a_json_schema_is_held_and_values_stay_plain() -> None:
    kind = TypeSchema({"type": "object", "properties": {"a": {"type": "integer"}}, "required": []})
    assert kind.convert({"a": 1}) == {"a": 1}
    assert kind.convert({"a": None}) == {}
    with pytest.raises(SchemaMismatch, match="`a`: "):
        kind.convert({"a": "x"})


@pytest.mark.parametrize("schema", [{"type": "objec"}, {"$ref": "http://127.0.0.1:9/x"}, {"$ref": "file:///etc/hosts"}])
def test_a_json_schema_that_is_wrong_or_leads_outside_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidToolError, match="JSON schema is not valid"):
        TypeSchema(schema)


def test_hostile_depth_is_a_mismatch() -> None:
    value: dict[str, Any] = {"name": "x"}
    for _ in range(300):
        value = {"name": "x", "puppies": [value]}
    assert "nested over" in mismatch(Dog, value)


def test_importing_schemas_loads_no_pydantic_and_no_parser() -> None:
    code = "import turnout.schemas, turnout.tools, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pydantic", "docstring_parser", "jsonschema", "asyncio", "mcp"} & set(loaded)
