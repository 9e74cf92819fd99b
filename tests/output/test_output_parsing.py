"""Structured output is found in what models write around it, and pieces of broken JSON are not taken for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import InvalidInputError
from turnout.output import Output, OutputMismatch, read_output

PROSE = st.text(st.characters(exclude_characters="{}[]`", exclude_categories=["Cs"]), max_size=30)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-(2**70), 2**70)


@dataclass
class Person:
    name: str
    age: int
    friend: Person | None = None


def people(depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    friend = people(depth - 1) if depth else st.none()
    return st.fixed_dictionaries({"name": TEXTS, "age": NUMBERS, "friend": st.none() | friend})


def write(value: object, is_pretty: bool, is_ascii: bool) -> str:
    return json.dumps(value, indent=2 if is_pretty else None, ensure_ascii=is_ascii)


def person(value: dict[str, Any]) -> Person:
    friend = value["friend"]
    return Person(value["name"], value["age"], friend and person(friend))


@given(
    people(), PROSE, PROSE, st.sampled_from(["", "```json\n", "```\n", "```"]), st.tuples(st.booleans(), st.booleans())
)
def test_an_object_is_found_in_prose_and_fences(
    value: dict[str, Any], before: str, after: str, fence: str, style: tuple[bool, bool]
) -> None:
    end = "\n```" if fence else ""
    text = f"{before}{fence}{write(value, *style)}{end}{after}"
    assert Output[Person](Person).parse(text) == person(value)


@given(st.lists(NUMBERS), PROSE, PROSE, st.booleans())
def test_a_list_is_found_wrapped_and_bare(value: list[int], before: str, after: str, is_wrapped: bool) -> None:
    text = f"{before}{json.dumps({'value': value} if is_wrapped else value)}{after}"
    assert Output[list[int]](list[int]).parse(text) == value


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in (Person, list[int], dict[str, str], Literal["a"]):
        try:
            Output[Any](kind).parse(text)
        except OutputMismatch as mismatch:
            assert str(mismatch)


@pytest.mark.parametrize(
    "text",
    [
        "}{" * 300_000,
        "{" * 1_000_000,
        "[" * 1_000_000,
        '{"a":' * 200_000,
        "```" + "a" * 1_000_000,
        "```json" + " " * 1_000_000,
        "`" * 1_000_000,
        "```\n" * 250_000,
        '{"name": "' + "a" * 1_000_000,
        "\ud800{",
    ],
    ids=lambda text: f"{text[:8]!r}",
)
def test_hostile_text_is_refused_in_one_pass(text: str) -> None:
    with pytest.raises(OutputMismatch):
        Output[Person](Person).parse(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Bob", "age": 5, "friend": {"name": "Ada", "age": 36},}',
        '{"name": "Bob", "friend": {"name": "Ada", "age": 36}, "age": 5',
        '{"people": [{"name": "Ada", "age": 36}, {"name": "Bo',
        '```json\n{"name": "Bob", "friend": {"name": "Ada", "age": 36}, "age": }\n```',
        '{"name": "Bob", "friend": {"name": "Ada", "age": 36}, "age": "unknown"}',
    ],
)
def test_a_piece_of_something_broken_is_no_answer(text: str) -> None:
    with pytest.raises(OutputMismatch):
        Output[Person](Person).parse(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Ada"} was wrong, {"name": "Ada", "age": 36} is right',
        '```json\n{"name": "Ada"}\n```\nand with the age: {"name": "Ada", "age": 36}',
        '[note] {see below} {"name": "Ada", "age": 36}',
        '{"value": {"name": "Ada", "age": 36}} {"name": "Ada", "age": 36}',
        '{"name": "Ada", "age": 36}}}',
        '```python\nx = {}\n```\n```json\n{"name": "Ada", "age": 36}\n```',
        'Control {"name": "A\x01da", "age": 36}',
    ],
)
def test_the_first_that_fits_is_taken(text: str) -> None:
    found = Output[Person](Person).parse(text)
    assert (found.name.replace("\x01", ""), found.age) == ("Ada", 36)


def test_the_mismatch_is_about_the_first_json() -> None:
    with pytest.raises(OutputMismatch, match="age"):
        Output[Person](Person).parse('{"name": "Ada"} [1]')
    with pytest.raises(OutputMismatch, match="no JSON"):
        Output[Person](Person).parse("I do not know")


def test_find_gives_the_plain_value_as_well() -> None:
    assert Output[Any](list[int]).find('{"value": [1, "2"]}') == ([1, 2], [1, "2"])
    assert Output[Any](Person).find('{"name": "Ada", "age": 36}')[1] == {"name": "Ada", "age": 36}


def test_names_and_wrapping() -> None:
    def named(kind: Any) -> tuple[str, bool]:
        output = Output[Any](kind)
        return output.spec.name, output.is_wrapped

    assert named(Person) == ("Person", False)
    assert named(list[Person]) == ("response", True)
    assert named({"title": "My thing!", "type": "object", "properties": {}}) == ("My_thing_", False)
    assert named({"type": "string"}) == ("response", True)
    assert named(int) == ("int", True)
    assert Output[Any](list[Person]).spec.schema["$defs"]["Person"]
    assert (Output[Any](tuple[int, ...]).has_elements, Output[Any](tuple[int, str]).has_elements) == (True, False)


def test_read_output() -> None:
    assert read_output(None) is None
    made = Output[Person](Person, repairs=3)
    assert read_output(made, "tool", 0) is made
    read = read_output(Person, "tool", 0)
    assert read is not None
    assert (read.repairs, read.spec.mode) == (0, "tool")
    with pytest.raises(InvalidInputError, match="take one of json_schema"):
        read_output(Person, "yaml")


def test_a_repair_says_what_was_wrong_and_shows_the_schema() -> None:
    output = Output[Person](Person)
    with pytest.raises(OutputMismatch) as caught:
        output.parse('{"name": "Ada", "age": "old"}')
    message = output.repair_message(caught.value)
    assert "age" in message
    assert '"friend"' in message


def test_one_element_is_converted_or_refused() -> None:
    output = Output[Any](list[Person])
    assert output.convert_element({"name": "Ada", "age": 36}) == Person("Ada", 36)
    with pytest.raises(OutputMismatch, match="age"):
        output.convert_element({"name": "Ada"})
    assert Output[Any]({"$ref": "#/$defs/P", "$defs": {"P": {"type": "object"}}}).is_wrapped is False
