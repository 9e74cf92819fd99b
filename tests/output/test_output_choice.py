"""Of several JSON values in a text the one that was asked for is taken, and something else is never taken for it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, Field

from turnout.chunks import Chunk, Element, ObjectDelta
from turnout.output import Output, OutputMismatch, PartialOutput


@dataclass
class Defaults:
    a: int = 1
    b: str = "x"


@dataclass
class Other:
    c: int = 0


@dataclass
class Money:
    value: int
    currency: str


class Aliased(BaseModel):
    model_config = {"populate_by_name": True}
    first: int = Field(0, validation_alias=AliasChoices("one", "eins"))
    second: int = Field(0, alias="two")


class Nested(BaseModel):
    deep: int = Field(0, validation_alias=AliasPath("outer", "deep"))


OPEN = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {}}
CLOSED = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (list[int], 'As said in [1], the list is {"value":[5,6]}', [5, 6]),
        (list[int], '{"value":[5,6]} as said in [1]', [5, 6]),
        (list[int], "first [1], then [2, 3]; the end", [2, 3]),
        (list[int], "it is [7] and not []", [7]),
        (dict, 'Example: {} . Real: {"a":1}', {"a": 1}),
        (dict, 'Real: {"a":1}. Empty would be {}.', {"a": 1}),
        (dict, "Nothing: {}", {}),
        (Defaults, 'I used {} as template: {"a":5}', Defaults(5)),
        (Defaults, 'not {"a":7, "z":1} but {"a":5, "b":"y"}', Defaults(5, "y")),
        (Defaults, '{"a":5, "b":"y"} and not {"a":7, "z":1}', Defaults(5, "y")),
        (Defaults, 'first {"a":5}, better {"a":6}', Defaults(6)),
        (Defaults, 'example {"a":5}\n```json\n{"a":6}\n```\nsee {"a":7}', Defaults(6)),
        (Defaults, "{}", Defaults()),
        (Defaults, "```json\n{}\n```", Defaults()),
        (Defaults | Other, 'not {"x":1} but {"value": {"c": 5}}', Other(5)),
        (Money | None, '{"value": 5, "currency": "EUR"}', Money(5, "EUR")),
        (Aliased, '{"eins": 5}', Aliased(one=5)),
        (Aliased, '{"second": 5}', Aliased(two=5)),
        (Nested, '{"outer": {"deep": 5}}', Nested(outer={"deep": 5})),
        (OPEN, '{"b": 1}', {"b": 1}),
        (str, 'He said {"value": "a\\ud800b"} then', "a\ufffdb"),
        (str, '{"value": "a\\ud83d\\ude00b"}', "a😀b"),
    ],
)
def test_the_value_that_is_meant(kind: Any, text: str, value: Any) -> None:
    assert Output[Any](kind).parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        (Defaults, '{"error":"cannot"}', "has none of the fields a, b"),
        (Defaults, "I cannot fill {} in", "has none of the fields a, b"),
        (Defaults | Other, '{"value": {"error": "cannot"}}', "has none of the fields a, b, c"),
        (Aliased, '{"error": 5}', "has none of the fields"),
        (CLOSED, '{"b": 1}', "has none of the fields a"),
        (list[int], 'As in ["a"]: {"value": [5, "x"]}', r"\[1\]"),
        (float, '{"value": NaN}', "finite number"),
        (float, '{"value": 1e999}', "finite|expected|JSON"),
        (float, '{"value": "nan"}', 'expected .float., got "nan"'),
        (Any, '{"value": [-Infinity]}', "finite number"),
        (Defaults, "no braces", "holds no JSON"),
    ],
)
def test_what_is_something_else_is_a_mismatch(kind: Any, text: str, problem: str) -> None:
    with pytest.raises(OutputMismatch, match=problem):
        Output(kind).parse(text)


def tell(kind: Any, text: str, size: int = 1) -> list[Chunk]:
    partial = PartialOutput(Output(kind))
    chunks: list[Chunk] = []
    for start in range(0, len(text), size):
        chunks += partial.feed(text[start : start + size])
    return chunks + partial.finish()


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("kind", "text", "last"),
    [
        (list[int], 'As said in [1], the list is {"value":[5,6]}', [5, 6]),
        (Defaults, 'I used {} as template: {"a":5}', {"a": 5}),
        (Defaults, 'see {"error": [1, {"z": 2}]} and {x} then {"a":5}. Bye', {"a": 5}),
        (dict, 'Example: {} . Real: {"a":1}', {"a": 1}),
        (dict, 'Text [1] {broken {"a":\n1} end', {"a": 1}),
        (str, 'x {"value": "a\\ud800b"} then', "a\ufffdb"),
    ],
)
def test_a_stream_tells_nothing_of_another_place(kind: Any, text: str, last: Any, size: int) -> None:
    told = [chunk.object for chunk in tell(kind, text, size) if isinstance(chunk, ObjectDelta)]
    assert told[-1] == last
    for early in told:
        assert json.dumps(early, ensure_ascii=False).rstrip('"]}') in json.dumps(last, ensure_ascii=False)


def test_elements_come_from_the_list_that_is_meant() -> None:
    chunks = tell(list[int], 'Of [1, 2] and [3, 4] I make {"value": [5, 6, 7]}')
    assert [chunk.element for chunk in chunks if isinstance(chunk, Element)] == [5, 6, 7]


def test_an_object_in_prose_is_told_while_it_grows() -> None:
    text = 'Here it is: {"a": 5, "b": "long text that goes on"}'
    told = [chunk.object for chunk in tell(Defaults, text) if isinstance(chunk, ObjectDelta)]
    assert told[0] == {"a": 5}
    assert len(told) > 10


def test_numbers_that_are_no_json_are_not_told() -> None:
    for text in ('{"a": NaN, "b": "x"}', '{"b": "x", "a": 1e999}'):
        told = [chunk.object for chunk in tell(Defaults, text) if isinstance(chunk, ObjectDelta)]
        assert all(math.isfinite(each.get("a", 0)) for each in told)


def test_raw_line_breaks_in_a_text_hold_a_stream_until_it_is_whole() -> None:
    told = [chunk.object for chunk in tell(dict, '{"a": "x\ny", "b": {"c": 1}}') if isinstance(chunk, ObjectDelta)]
    assert told[-1] == {"a": "x\ny", "b": {"c": 1}}
    assert {"c": 1} not in told
