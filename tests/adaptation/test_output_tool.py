"""Structured output through a tool: whole and streamed answers become the same text."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from turnout.adaptation.output_tool import OutputToolRewriter
from turnout.call.stream import as_chunks
from turnout.chunks import Chunk, TextDelta, TextEnd, TextStart, ToolCallDelta, ToolCallEnd, ToolCallStart, UsageChunk
from turnout.messages import Message, Reasoning, Text, ToolCall
from turnout.responses import FinishReason, ModelResponse
from turnout.usage import Usage

NAME = "final_answer"
OBJECTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none(), max_size=4)
CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=9)


def answer(*parts: Any, reason: FinishReason = "tool_calls") -> ModelResponse:
    return ModelResponse(message=Message("assistant", list(parts)), finish_reason=reason)


def stream(parts: list[Any], written: dict[str, str], sizes: list[int]) -> tuple[list[Chunk], ModelResponse, str]:
    """Return what the chunks of an answer with `parts` become, whose calls were `written` like this."""
    rewriter = OutputToolRewriter(NAME)
    told: list[Chunk] = []
    for part in parts:
        if isinstance(part, Text):
            told += rewriter.feed([TextStart(), TextDelta(part.text), TextEnd()])
        elif isinstance(part, ToolCall):
            told += rewriter.feed([ToolCallStart(part.id, part.name)])
            left, number = written[part.id], 0
            while left:
                size = sizes[number % len(sizes)]
                told += rewriter.feed([ToolCallDelta(part.id, left[:size])])
                left, number = left[size:], number + 1
            told += rewriter.feed([ToolCallEnd(part)])
    last, response = rewriter.finish([UsageChunk(Usage())], answer(*parts))
    return told + last, response, rewriter.text


@given(OBJECTS, st.sampled_from(["", "Here it is:"]), CUTS, st.booleans())
def test_streamed_and_whole_are_the_same_output(
    value: dict[str, Any], prose: str, sizes: list[int], is_pretty: bool
) -> None:
    parts: list[Any] = [*([Text(prose)] if prose else []), ToolCall("1", NAME, value)]
    written = json.dumps(value, indent=2 if is_pretty else None)
    whole = OutputToolRewriter(NAME).rewrite(answer(*parts))
    chunks, response, text = stream(parts, {"1": written}, sizes)
    assert response.text == text == "".join([chunk.text for chunk in chunks if isinstance(chunk, TextDelta)])
    assert text == prose + written
    assert json.loads(whole.text.removeprefix(prose)) == value
    assert (whole.finish_reason, response.finish_reason) == ("stop", "stop")
    assert whole.tool_calls == response.tool_calls == []
    types = [chunk.type for chunk in chunks]
    assert types.count("text_start") == types.count("text_end") == (2 if prose else 1)
    assert types[-1] == "usage"


def test_calls_of_other_tools_stay_and_an_early_output_is_left_out() -> None:
    other = ToolCall("1", "find", {"a": 1})
    parts = [Text("I look."), other, ToolCall("2", NAME, {"b": 2})]
    whole = OutputToolRewriter(NAME).rewrite(answer(*parts))
    chunks, response, _ = stream(parts, {"1": '{"a": 1}', "2": '{"b": 2}'}, [3])
    for each in (whole, response):
        assert each.message.content == [Text("I look."), other]
        assert each.finish_reason == "tool_calls"
    assert [chunk.call for chunk in chunks if isinstance(chunk, ToolCallEnd)] == [other]


def test_an_answer_without_the_tool_stays_as_it_is() -> None:
    said = answer(Reasoning("hm"), Text('{"a": 1}'), reason="stop")
    assert OutputToolRewriter(NAME).rewrite(said) is said
    chunks, response, text = stream([Text("Hi")], {}, [1])
    assert (response.text, text) == ("Hi", "Hi")
    assert chunks[:3] == [TextStart(), TextDelta("Hi"), TextEnd()]


def test_broken_arguments_are_the_text_and_a_cut_answer_stays_cut() -> None:
    broken = ToolCall("1", NAME, {}, invalid_arguments='{"a": ')
    cut = OutputToolRewriter(NAME).rewrite(answer(broken, reason="length"))
    assert (cut.text, cut.finish_reason, cut.tool_calls) == ('{"a": ', "length", [])


def test_a_whole_body_that_answers_a_stream_is_rewritten_too() -> None:
    whole = OutputToolRewriter(NAME).rewrite(answer(ToolCall("1", NAME, {"a": 1})))
    assert [chunk.type for chunk in as_chunks(whole)][:3] == ["text_start", "text_delta", "text_end"]
