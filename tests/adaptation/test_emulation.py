"""Tools of a model that has none: what it says is read the same whole and in any pieces, whatever it says."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from turnout.adaptation.emulation import EmulationRewriter, read_said
from turnout.chunks import (
    Chunk,
    ReasoningDelta,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageChunk,
)
from turnout.messages import Message, Reasoning, Text, ToolCall
from turnout.responses import ModelResponse
from turnout.usage import Usage

NAMES = frozenset({"get_weather", "f"})
LETTERS = st.characters(exclude_categories=["Cs"])
PIECES = st.sampled_from(
    [
        *"{}[]\"\\`:, \n",
        '{"answer": "', '{"tool": "f", "arguments": {', '{"tool": "get_weather"', '"arguments"', "}}",
        "```json\n", "```",
        "\\u00e9", "\\ud83d", "\\ude00", "\\uZZ", "\\u1", "\\q", '\\"', "\\\\", "\\n", "Well, ", '{"answer": {"a": 1}}',
        '"}', '", "tool": "f"}', "NaN", '{"tool": []}', '{"tool": {}}',
    ]
)  # fmt: skip
HOSTILE = st.lists(PIECES | st.text(LETTERS, max_size=4), max_size=14).map("".join)
CUTS = st.lists(st.integers(1, 12), min_size=1, max_size=20)


def whole(text: str) -> ModelResponse:
    content: list[Any] = [Reasoning("hm"), Text(text)] if text else [Reasoning("hm")]
    return ModelResponse(message=Message("assistant", content), finish_reason="stop")


def stream(text: str, sizes: list[int]) -> tuple[list[Chunk], ModelResponse, EmulationRewriter]:
    """Return what a stream of `text` in pieces of these sizes becomes."""
    rewriter = EmulationRewriter(NAMES)
    told = rewriter.feed([ReasoningDelta("hm"), TextStart()])
    left, number = text, 0
    while left:
        size = sizes[number % len(sizes)]
        told += rewriter.feed([TextDelta(left[:size])])
        left, number = left[size:], number + 1
    last, response = rewriter.finish([TextEnd(), UsageChunk(Usage())], whole(text))
    return told + last, response, rewriter


def spell(response: ModelResponse) -> list[Any]:
    """Return the parts of an answer without the ids of its calls, which are new each time."""
    return [
        (part.name, json.dumps(part.arguments), part.invalid_arguments) if isinstance(part, ToolCall) else part
        for part in response.message.content
    ]


def check_balance(chunks: list[Chunk]) -> None:
    """Each text is begun and ended once, each call as well, and the usage comes last."""
    types = [chunk.type for chunk in chunks]
    said = [kind for kind in types if kind.startswith("text")]
    assert not said or (said[0], said[-1], said.count("text_start"), said.count("text_end")) == (
        "text_start", "text_end", 1, 1,
    )  # fmt: skip
    calls = [kind for kind in types if kind.startswith("tool")]
    assert calls in ([], ["tool_call_start", "tool_call_delta", "tool_call_end"])
    assert types[0] == "reasoning_delta"
    assert types[-1] == "usage"


@given(HOSTILE, CUTS)
@example('{"answer": "x", "tool": "f"}', [1])
@example('{"answer": "x", "answer": "y"}', [3])
@example('{"answer": "\\ud83d\\ud83d\\ude00"}', [6])
@example('{"answer": "\\ud83d\\u0041\\q\\u12"}', [1])
@example('{"answer": ""}{"tool": "f"}', [2])
@example("  \n {", [1])
def test_a_stream_tells_what_the_whole_answer_holds(text: str, sizes: list[int]) -> None:
    expected = EmulationRewriter(NAMES).rewrite(whole(text))
    chunks, response, rewriter = stream(text, sizes)
    assert spell(response) == spell(expected)
    assert response.finish_reason == expected.finish_reason
    assert "".join([chunk.text for chunk in chunks if isinstance(chunk, TextDelta)]) == response.text
    assert rewriter.text == response.text
    check_balance(chunks)
    ends = [chunk.call for chunk in chunks if isinstance(chunk, ToolCallEnd)]
    assert ends == response.tool_calls
    for call in ends:
        deltas = [chunk for chunk in chunks if isinstance(chunk, (ToolCallStart, ToolCallDelta))]
        assert {chunk.id for chunk in deltas} == {call.id}
    response.text.encode()  # no half of a surrogate pair


@given(st.text(LETTERS.filter(lambda char: char not in "{`"), max_size=40), CUTS)
def test_plain_text_goes_on_at_once(text: str, sizes: list[int]) -> None:
    rewriter = EmulationRewriter(NAMES)
    fed, left = "", text
    while left:
        piece, left = left[: sizes[0]], left[sizes[0] :]
        rewriter.feed([TextDelta(piece)])
        fed += piece
        assert rewriter.text == (fed if fed.strip() else "")


@given(st.text(LETTERS, max_size=30), CUTS, st.booleans())
def test_an_answer_is_told_while_it_comes(answer: str, sizes: list[int], is_ascii: bool) -> None:
    text = json.dumps({"answer": answer}, ensure_ascii=is_ascii)
    chunks, response, _ = stream(text, sizes)
    assert response.text == answer
    if len(answer) > 20 and max(sizes) < 3:
        assert len([chunk for chunk in chunks if isinstance(chunk, TextDelta)]) > 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello.", "Hello."),
        ("", ""),
        ("a { b", "a { b"),
        ('{"answer": "Hi"}', "Hi"),
        ('```json\n{"answer": "Hi"}\n```', "Hi"),
        ('{"answer": "cut o', "cut o"),
        ('{"answer": ""}', ""),
        ('{"answer": "', ""),
        ('{"answer": {"name": "Ada"}}', '{"name":"Ada"}'),
        ('{"answer": 5}', "5"),
        ('{"answer": 123456789012345678901234567890}', "123456789012345678901234567890"),
        (r'{"answer": "\(x\) \alpha \u12 \"q\" \\ \/"}', r'\(x\) \alpha \u12 "q" \ /'),
        ('{"answer": "\\ud83d\\ude00 \\ud83d \\ude00."}', "\U0001f600 \ufffd \ufffd."),
        ('Well: {"answer": "Hi"}', 'Well: {"answer": "Hi"}'),
        ('{"answer": {"a": 1}, "more": 2}', '{"answer": {"a": 1}, "more": 2}'),
        ('{"name": "Ada"}', '{"name": "Ada"}'),
        ('{"tool": "unknown", "arguments": {}}', '{"tool": "unknown", "arguments": {}}'),
        ('{"tool": ["f"]}', '{"tool": ["f"]}'),
        ('{"tool": null, "answer": 1}', '{"tool": null, "answer": 1}'),
        ('{"tool": "unknown", "a', '{"tool": "unknown", "a'),
        ("[1]", "[1]"),
    ],
)
def test_what_is_no_call_is_text(text: str, expected: str) -> None:
    said = read_said(text, NAMES)
    assert (said.text, said.call) == (expected, None)


@pytest.mark.parametrize(
    ("text", "prose", "arguments", "invalid"),
    [
        ('{"tool": "f", "arguments": {"a": 1}}', "", {"a": 1}, None),
        ('{"tool": "f"}', "", {}, None),
        ('{"tool": "f", "arguments": null}', "", {}, None),
        ('{"tool": "f", "arguments": "a"}', "", {}, '"a"'),
        ('{"tool": "f", "arguments": [1]}', "", {}, "[1]"),
        ('I look: {"tool": "f", "arguments": {}} and more', "I look: ", {}, None),
        ('```json\n{"tool": "f"}\n```', "", {}, None),
        ('Sure:\n```json\n{"tool": "f"}\n```', "Sure:\n", {}, None),
        ('Sure {a}: {"tool": "f"}', "Sure {a}: ", {}, None),
        ('{"x": 1} {"tool": "f"}', '{"x": 1} ', {}, None),
        ('{"tool": "f", "arguments": {"a": ', "", {}, '{"tool": "f", "arguments": {"a": '),
        ('Go {"tool": "f", "ar', "Go ", {}, '{"tool": "f", "ar'),
        ('{"tool": "f", "arguments": {"a": NaN}}', "", {}, '{"tool": "f", "arguments": {"a": NaN}}'),
        ('{"tool": "f", "arguments": {"a": "\\ud83d", "b": ["\\ude00"]}}', "", {"a": "\ufffd", "b": ["\ufffd"]}, None),
        ('{"tool": "f", "arguments": {"a": "line\nbreak"}}', "", {"a": "line\nbreak"}, None),
        ('{"answer": "", "tool": "f"}', "", {}, None),
    ],
)
def test_calls(text: str, prose: str, arguments: dict[str, Any], invalid: str | None) -> None:
    said = read_said(text, NAMES)
    assert said.text == prose
    assert said.call is not None
    assert (said.call.name, said.call.arguments, said.call.invalid_arguments) == ("f", arguments, invalid)
    assert said.call.id.startswith("call_")


def test_a_call_sets_the_finish_reason_and_keeps_the_other_parts() -> None:
    response = EmulationRewriter(NAMES).rewrite(whole('I look. {"tool": "f"}'))
    assert response.finish_reason == "tool_calls"
    assert [type(part) for part in response.message.content] == [Reasoning, Text, ToolCall]


def test_a_stream_that_ends_without_usage_ends_with_its_text() -> None:
    rewriter = EmulationRewriter(NAMES)
    rewriter.feed([TextStart(), TextDelta("Hi")])
    last, _ = rewriter.finish([TextDelta("!")], whole("Hi!"))
    assert [chunk.type for chunk in last] == ["text_delta", "text_end"]


def test_a_very_deep_answer_is_text() -> None:
    deep = '{"answer":' * 900 + "1" + "}" * 900
    assert read_said(deep, NAMES).text


def count_steps(text: str, size: int) -> int:
    """Return how many lines of Python run while a stream of `text` is read."""
    rewriter = EmulationRewriter(NAMES)
    lines = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    pieces = [TextDelta(text[at : at + size]) for at in range(0, len(text), size)]
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for piece in pieces:
            rewriter.feed([piece])
    finally:
        sys.settrace(before)
    held = rewriter._held + "".join(rewriter._blanks)
    assert len(held) <= max(200, 2 * size) or not text.strip()
    return lines


@pytest.mark.parametrize("unit", ["{", "{ ", "`", " ", '{"a":', "a{", "\\u", '{"answer": "\\ud83d'])
def test_work_grows_with_the_text_and_no_faster(unit: str) -> None:
    small, large = count_steps(unit * 500, 7), count_steps(unit * 5000, 7)
    assert large < 12 * small


@pytest.mark.parametrize("unit", ["{", '{"a":', '{"tool": "', "`{", " {", '{"answer": "\\u'])
def test_a_megabyte_of_nonsense_is_read(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    chunks, response, _ = stream(text, [4096])
    assert response.tool_calls == []
    check_balance(chunks)
