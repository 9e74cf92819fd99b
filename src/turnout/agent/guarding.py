"""The output guards of an agent at a stream: its text is filtered while it comes, or held until it was judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.call.stream import as_chunks
from turnout.chunks import (
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RefusalDelta,
    TextDelta,
    TextEnd,
    TextStart,
)
from turnout.guards import open_gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.chunks import Chunk
    from turnout.guards import Gate, Guard, GuardContext
    from turnout.responses import ModelResponse

_STARTS = (TextStart, ReasoningStart)
_ENDS = (TextEnd, ReasoningEnd)
_DELTAS = (TextDelta, ReasoningDelta, RefusalDelta)


class GuardedChunks:
    """The chunks of one step as the guards let them pass.

    Where a guard can only judge a whole answer, all chunks of the step are held, and told when it has judged.
    """

    def __init__(self, guards: Sequence[Guard], context: GuardContext) -> None:
        self._guards = guards
        self._context = context
        self._gate: Gate | None = open_gate(guards, context)
        self.holds = self._gate is not None and self._gate.holds
        self.text = ""

    def feed(self, chunks: list[Chunk]) -> list[Chunk]:
        """Return what may be shown now of `chunks`. Raises `BlockedError`."""
        if self._gate is None:
            return self._note(chunks)
        return [] if self.holds else self._note([passed for chunk in chunks for passed in self._pass(chunk)])

    def release(self, response: ModelResponse) -> list[Chunk]:
        """Return the chunks of a step that were held, as its guards have left its answer."""
        return self._note(as_chunks(response)) if self.holds else []

    def _note(self, chunks: list[Chunk]) -> list[Chunk]:
        self.text += "".join([chunk.text for chunk in chunks if type(chunk) is TextDelta])
        return chunks

    def _pass(self, chunk: Chunk) -> list[Chunk]:
        gate = self._gate
        if gate is None or not isinstance(chunk, (*_STARTS, *_ENDS, *_DELTAS)):
            return [chunk]
        if isinstance(chunk, _STARTS):
            self._gate = open_gate(self._guards, self._context)
            return [chunk]
        if isinstance(chunk, _ENDS):
            rest = gate.flush()
            kind = TextDelta if isinstance(chunk, TextEnd) else ReasoningDelta
            return [kind(rest), chunk] if rest else [chunk]
        text = gate.feed(chunk.text)
        return [type(chunk)(text)] if text else []
