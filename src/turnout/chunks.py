"""Chunks: what a stream yields, the same for every provider. Each has `.type`; match on it, or on the class.

The order of a run: `start`, then for each step `step_start`, the text, reasoning and tool-call chunks, `usage`, a
`tool_result` for each tool that was run, and `step_finish`; one `finish`, always the last, ends the run. An error is
raised from the iteration, not yielded.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from msgspec import Struct

from turnout.messages import ToolCall
from turnout.responses import FinishReason, Warning
from turnout.usage import Cost, Usage


class _Chunk(Struct, frozen=True):
    """What all chunks share: `print(chunk)` shows its type and its fields in one short line."""

    def __str__(self) -> str:
        name = str(self.__struct_config__.tag)
        fields = [getattr(self, field) for field in self.__struct_fields__]
        return " ".join([name, *(repr(field) if isinstance(field, str) else str(field) for field in fields)])


class Start(_Chunk, frozen=True, tag="start", tag_field="type"):
    """The provider has begun to answer. `model` is as asked; warnings known by now are in `warnings`."""

    type: ClassVar[Literal["start"]] = "start"
    model: str
    provider: str
    warnings: tuple[Warning, ...] = ()

    def __str__(self) -> str:
        return " ".join(["start", self.model, *(f"({warning})" for warning in self.warnings)])


class StepStart(_Chunk, frozen=True, tag="step_start", tag_field="type"):
    """A step (one model call) begins; `step` counts from 1."""

    type: ClassVar[Literal["step_start"]] = "step_start"
    step: int


class TextStart(_Chunk, frozen=True, tag="text_start", tag_field="type"):
    """Text begins."""

    type: ClassVar[Literal["text_start"]] = "text_start"


class TextDelta(_Chunk, frozen=True, tag="text_delta", tag_field="type"):
    """A piece of text; the pieces joined are the text, untrimmed."""

    type: ClassVar[Literal["text_delta"]] = "text_delta"
    text: str


class TextEnd(_Chunk, frozen=True, tag="text_end", tag_field="type"):
    """Text ends. `citations` are the sources that the model names for it, as far as they came with it."""

    type: ClassVar[Literal["text_end"]] = "text_end"
    citations: tuple[dict[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"text_end ({len(self.citations)} citations)" if self.citations else "text_end"


class ReasoningStart(_Chunk, frozen=True, tag="reasoning_start", tag_field="type"):
    """Reasoning begins."""

    type: ClassVar[Literal["reasoning_start"]] = "reasoning_start"


class ReasoningDelta(_Chunk, frozen=True, tag="reasoning_delta", tag_field="type"):
    """A piece of what the model thinks."""

    type: ClassVar[Literal["reasoning_delta"]] = "reasoning_delta"
    text: str


class ReasoningEnd(_Chunk, frozen=True, tag="reasoning_end", tag_field="type"):
    """Reasoning ends."""

    type: ClassVar[Literal["reasoning_end"]] = "reasoning_end"


class RefusalDelta(_Chunk, frozen=True, tag="refusal_delta", tag_field="type"):
    """A piece of a refusal; it is never part of the text."""

    type: ClassVar[Literal["refusal_delta"]] = "refusal_delta"
    text: str


class ToolCallStart(_Chunk, frozen=True, tag="tool_call_start", tag_field="type"):
    """The model begins to call the tool `name`."""

    type: ClassVar[Literal["tool_call_start"]] = "tool_call_start"
    id: str
    name: str


class ToolCallDelta(_Chunk, frozen=True, tag="tool_call_delta", tag_field="type"):
    """A piece of the arguments' JSON of the call with this `id`."""

    type: ClassVar[Literal["tool_call_delta"]] = "tool_call_delta"
    id: str
    text: str


class ToolCallEnd(_Chunk, frozen=True, tag="tool_call_end", tag_field="type"):
    """The tool call is complete."""

    type: ClassVar[Literal["tool_call_end"]] = "tool_call_end"
    call: ToolCall


class ToolResultChunk(_Chunk, frozen=True, tag="tool_result", tag_field="type"):
    """A tool was run: `content` is what the model gets to read; the chunks come in the order of the calls."""

    type: ClassVar[Literal["tool_result"]] = "tool_result"
    call_id: str
    name: str
    content: str
    is_error: bool = False


class ObjectDelta(_Chunk, frozen=True, tag="object_delta", tag_field="type"):
    """The structured output as far as it has come: plain JSON values that grow, not yet validated."""

    type: ClassVar[Literal["object_delta"]] = "object_delta"
    object: Any


class Element(_Chunk, frozen=True, tag="element", tag_field="type"):
    """One element of a structured output that is a list, complete and validated; `index` counts from 0."""

    type: ClassVar[Literal["element"]] = "element"
    index: int
    element: Any


class ServerToolChunk(_Chunk, frozen=True, tag="server_tool", tag_field="type"):
    """A tool that the provider ran itself: its record, as the provider wrote it."""

    type: ClassVar[Literal["server_tool"]] = "server_tool"
    name: str
    data: dict[str, Any]


class UsageChunk(_Chunk, frozen=True, tag="usage", tag_field="type"):
    """The tokens of this step so far, all of them (not a difference)."""

    type: ClassVar[Literal["usage"]] = "usage"
    usage: Usage


class FallbackChunk(_Chunk, frozen=True, tag="fallback", tag_field="type"):
    """The answer starts again with another candidate: drop everything of this step that came before."""

    type: ClassVar[Literal["fallback"]] = "fallback"
    failed: str
    model: str
    reason: str


class StepFinish(_Chunk, frozen=True, tag="step_finish", tag_field="type"):
    """A step ended."""

    type: ClassVar[Literal["step_finish"]] = "step_finish"
    step: int
    finish_reason: FinishReason
    usage: Usage
    cost: Cost


class Finish(_Chunk, frozen=True, tag="finish", tag_field="type"):
    """The run ended; always the last chunk. Usage and cost are those of all steps."""

    type: ClassVar[Literal["finish"]] = "finish"
    finish_reason: FinishReason
    usage: Usage
    cost: Cost


class ErrorChunk(_Chunk, frozen=True, tag="error", tag_field="type"):
    """The provider reported an error inside the stream. A protocol yields it; the caller of a stream sees it raised."""

    type: ClassVar[Literal["error"]] = "error"
    message: str
    code: str | None = None


Chunk = (
    Start
    | StepStart
    | TextStart
    | TextDelta
    | TextEnd
    | ReasoningStart
    | ReasoningDelta
    | ReasoningEnd
    | RefusalDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | ToolResultChunk
    | ObjectDelta
    | Element
    | ServerToolChunk
    | UsageChunk
    | FallbackChunk
    | StepFinish
    | Finish
    | ErrorChunk
)
