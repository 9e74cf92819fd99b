"""Structured output while it is written: it only grows, nothing is told too early, and it ends as the parsed value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.chunks import Chunk, Element, ObjectDelta
from turnout.output import Output, PartialOutput

SCHEMA = {"type": "object", "title": "Free", "properties": {}}
TEXTS = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=5)
CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=40)


def cut(text: str, sizes: list[int]) -> list[str]:
    """Cut `text` into pieces of these sizes, again and again."""
    pieces: list[str] = []
    while text:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def tell(output: Output[Any], pieces: list[str]) -> list[Chunk]:
    partial = PartialOutput(output)
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += partial.feed(piece)
    return chunks + partial.finish()


def objects(chunks: list[Chunk]) -> list[Any]:
    return [chunk.object for chunk in chunks if isinstance(chunk, ObjectDelta)]


def elements(chunks: list[Chunk]) -> list[Any]:
    found = [chunk for chunk in chunks if isinstance(chunk, Element)]
    assert [chunk.index for chunk in found] == list(range(len(found)))
    return [chunk.element for chunk in found]


def grows(before: Any, after: Any) -> bool:
    """Tell whether `after` is `before` with more at its end; anything but texts and containers stays as it is."""
    if isinstance(before, str) and isinstance(after, str):
        return after.startswith(before)
    if isinstance(before, list) and isinstance(after, list):
        return len(after) >= len(before) and all(map(grows, before, after))
    if isinstance(before, dict) and isinstance(after, dict):
        return all(key in after and grows(value, after[key]) for key, value in before.items())
    return type(before) is type(after) and before == after


@given(OBJECTS, CUTS, st.booleans(), st.sampled_from(["", "Here: ", "```json\n"]))
def test_snapshots_grow_into_the_parsed_value(
    value: dict[str, Any], sizes: list[int], is_ascii: bool, before: str
) -> None:
    after = "\n```" if before.startswith("`") else ""
    text = before + json.dumps(value, ensure_ascii=is_ascii) + after
    if not is_ascii:
        text = text.encode("utf-8", "replace").decode()
    output = Output[Any](SCHEMA)
    told = objects(tell(output, cut(text, sizes)))
    assert told[-1] == output.find(text)[1]
    assert all(map(grows, told, told[1:]))


@given(st.lists(st.integers(-999, 999) | st.floats(allow_nan=False, allow_infinity=False)), CUTS, st.booleans())
def test_elements_are_the_final_list(values: list[float], sizes: list[int], is_fenced: bool) -> None:
    text = json.dumps({"value": values})
    text = f"```\n{text}\n```\nThat is all." if is_fenced else text
    output = Output[Any](list[float])
    chunks = tell(output, cut(text, sizes))
    assert elements(chunks) == output.parse(text) == values
    assert objects(chunks)[-1] == values


@pytest.mark.parametrize("number", ["36", "-12.5", "1e5", "1.5E-3", "0.1"])
def test_a_number_is_never_told_before_it_is_complete(number: str) -> None:
    text = f'{{"value": {{"a": {number}, "b": [{number}, {number}]}}}}'
    told = objects(tell(Output[Any]({"type": "array"}), list(text)))
    seen = [item for each in told for item in [each.get("a"), *each.get("b", [])] if item is not None]
    assert set(seen) == {json.loads(number)}


def test_an_answer_without_json_tells_nothing() -> None:
    output = Output[Any](list[int])
    assert tell(output, ["I do", " not know"]) == []
    assert tell(output, ["{nonsense", "}"]) == []
    assert tell(output, ['{"other": ', "1}"]) == []


def test_what_stands_behind_a_brace_in_prose_is_told_as_it_grows() -> None:
    text = 'Set {a} aside: {"value": [1, 2]} - done.'
    chunks = tell(Output[Any](list[int]), list(text))
    assert (objects(chunks), elements(chunks)) == ([[], [1], [1, 2]], [1, 2])


def test_the_first_element_that_does_not_fit_ends_them() -> None:
    chunks = tell(Output[Any](list[int]), list('[1, 2, "x", 4]'))
    assert elements(chunks) == [1, 2]
    assert objects(chunks)[-1] == [1, 2, "x", 4]


def test_half_of_a_surrogate_pair_does_not_hide_the_rest() -> None:
    text = '{"a": "\\ud83d x", "b": 1}'
    assert objects(tell(Output[Any](SCHEMA), list(text)))[-1]["b"] == 1


def test_the_text_is_read_in_proportion_to_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    import jiter

    read: list[int] = []
    from_json = jiter.from_json

    def count(data: bytes, **options: Any) -> Any:
        read.append(len(data))
        return from_json(data, **options)

    monkeypatch.setattr(jiter, "from_json", count)
    text = json.dumps({"value": list(range(20_000))})
    chunks = tell(Output[Any](list[int]), cut(text, [3]))
    assert elements(chunks) == list(range(20_000))
    assert sum(read) < 130 * len(text)
