"""The chunks of a stream on their way through guards: filtered as they come, or held until they were judged."""

from __future__ import annotations

from turnout.chunks import (
    Chunk,
    FallbackChunk,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RefusalDelta,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallEnd,
    ToolCallStart,
    UsageChunk,
)
from turnout.guards import ChunkGate, GuardContext, RedactPII
from turnout.messages import Message, ToolCall
from turnout.usage import Usage

CONTEXT = GuardContext()
CALL = ToolCall("c", "f", {})
SAID: list[Chunk] = [
    ReasoningStart(),
    ReasoningDelta("ask a@"),
    ReasoningDelta("b.io"),
    ReasoningEnd(),
    TextStart(),
    TextDelta("It is"),
    TextDelta(" a@b"),
    TextDelta(".io."),
    TextEnd(),
    ToolCallStart("c", "f"),
    ToolCallEnd(CALL),
    UsageChunk(Usage(input_tokens=1)),
]


class Whole:
    def check_output(self, message: Message, context: GuardContext) -> None: ...


class InputOnly:
    def check_input(self, messages: object, context: GuardContext) -> None: ...


def pass_through(gate: ChunkGate, chunks: list[Chunk]) -> list[Chunk]:
    shown: list[Chunk] = []
    for chunk in chunks:
        shown += gate.feed([chunk])
    return [*shown, *gate.finish()]


def test_without_output_guards_everything_passes() -> None:
    gate = ChunkGate([InputOnly()], CONTEXT)
    assert not gate.holds
    assert pass_through(gate, SAID) == SAID


def test_texts_are_filtered_and_ends_come_after_what_was_held_back() -> None:
    gate = ChunkGate([RedactPII()], CONTEXT)
    assert not gate.holds
    assert pass_through(gate, SAID) == [
        ReasoningStart(),
        ReasoningDelta("ask"),
        ReasoningDelta(" [email]"),
        ReasoningEnd(),
        TextStart(),
        TextDelta("It"),
        TextDelta(" is"),
        TextDelta(" [email]."),
        TextEnd(),
        *SAID[-3:],
    ]


def test_a_refusal_has_no_end_mark_and_is_flushed_at_the_end() -> None:
    gate = ChunkGate([RedactPII()], CONTEXT)
    assert gate.feed([RefusalDelta("No, a@b.io")]) == [RefusalDelta("No,")]
    assert gate.finish() == [RefusalDelta(" [email]")]
    assert gate.finish() == []


def test_an_answer_that_begins_again_drops_what_was_held_back() -> None:
    again = FallbackChunk("m", "n", "broke")
    gate = ChunkGate([RedactPII()], CONTEXT)
    assert gate.feed([TextStart(), TextDelta("secret"), again, TextStart(), TextDelta("new"), TextEnd()]) == [
        *(TextStart(), again, TextStart(), TextDelta("new"), TextEnd())
    ]


def test_where_only_a_whole_can_be_judged_nothing_is_shown() -> None:
    gate = ChunkGate([RedactPII(), Whole()], CONTEXT)
    assert gate.holds
    assert pass_through(gate, SAID) == []
    assert gate.feed([FallbackChunk("m", "n", "broke")]) == []
