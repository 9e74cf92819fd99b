"""Structured output through a tool that the model is made to call: its arguments are the answer's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from turnout.chunks import TextDelta, TextEnd, TextStart, ToolCallDelta, ToolCallEnd, ToolCallStart
from turnout.messages import Message, Part, Text, ToolCall

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.responses import ModelResponse


class OutputToolRewriter:
    """Turns the call of the output tool into text; calls of other tools stay calls.

    Prose before it stays, as a stream has told it by then. Where other tools are called in the same answer, the output
    was given too early: it is left out, and the run goes on with what the tools answer.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._ids: set[str] = set()
        self._pieces: list[str] = []
        self._written: dict[str, str] = {}

    @property
    def text(self) -> str:
        """The text so far: prose, and the output as far as it has come."""
        return "".join(self._pieces)

    def rewrite(self, response: ModelResponse) -> ModelResponse:
        """Return a whole answer with the output as its text."""
        parts = response.message.content
        others = any(isinstance(part, ToolCall) and part.name != self._name for part in parts)
        outputs = [part for part in parts if isinstance(part, ToolCall) and part.name == self._name]
        if not outputs:
            return response
        kept: list[Part] = [part for part in parts if part not in outputs]
        if not others:
            kept += [Text(self._written.get(call.id) or _spell(call)) for call in outputs]
            response.finish_reason = "stop" if response.finish_reason == "tool_calls" else response.finish_reason
        response.message = Message("assistant", kept)
        return response

    def feed(self, chunks: list[Chunk]) -> list[Chunk]:
        """Return `chunks` with those of the output tool's call as text."""
        return [rewritten for chunk in chunks if (rewritten := self._read(chunk)) is not None]

    def finish(self, chunks: list[Chunk], response: ModelResponse) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the whole answer."""
        return self.feed(chunks), self.rewrite(response)

    def _read(self, chunk: Chunk) -> Chunk | None:
        if isinstance(chunk, ToolCallStart) and chunk.name == self._name:
            self._ids.add(chunk.id)
            return TextStart()
        if isinstance(chunk, ToolCallDelta) and chunk.id in self._ids:
            self._written[chunk.id] = self._written.get(chunk.id, "") + chunk.text
            self._pieces.append(chunk.text)
            return TextDelta(chunk.text)
        if isinstance(chunk, ToolCallEnd) and chunk.call.id in self._ids:
            return TextEnd()
        if isinstance(chunk, TextDelta):
            self._pieces.append(chunk.text)
        return chunk


def _spell(call: ToolCall) -> str:
    return call.invalid_arguments or msgspec.json.encode(call.arguments).decode()
