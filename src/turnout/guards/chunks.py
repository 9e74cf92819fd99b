"""The chunks of one step of a stream on their way through the output guards."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from turnout.chunks import (
    FallbackChunk,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RefusalDelta,
    TextDelta,
    TextEnd,
    TextStart,
)
from turnout.guards.streams import Gate, open_gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.chunks import Chunk
    from turnout.guards.guard import Guard, GuardContext

_SAID = (TextStart, TextDelta, TextEnd, ReasoningStart, ReasoningDelta, ReasoningEnd, RefusalDelta)
_DELTAS = (TextDelta, ReasoningDelta, RefusalDelta)
_STARTS = (TextStart, ReasoningStart)
_ENDS = {TextEnd: TextDelta, ReasoningEnd: ReasoningDelta}


class ChunkGate:
    """Lets the chunks of one step through, filtered as they come.

    Give every batch to `feed`, and what is left at the end of the step to `finish`; both may return nothing while the
    step goes on. Where `holds` is true, a guard can only judge a whole answer: nothing of the step may be shown before
    `check_output` has let it pass, and then as `call.stream.as_chunks` has what it left.
    """

    def __init__(self, guards: Sequence[Guard], context: GuardContext) -> None:
        self._guards = guards
        self._context = context
        self._gates: dict[type, Gate] = {}
        gate = open_gate(guards, context)
        self.holds = gate is not None and gate.holds
        self._is_open = gate is None

    def feed(self, batch: Sequence[Chunk]) -> list[Chunk]:
        """Take a batch; return what may be shown now. Raises `BlockedError`."""
        if self._is_open:
            return list(batch)
        shown: list[Chunk] = []
        if self.holds:
            return shown
        for chunk in batch:
            if isinstance(chunk, FallbackChunk):  # the answer begins again
                self._gates.clear()
                shown.append(chunk)
            elif isinstance(chunk, _SAID):
                shown += self._filter(chunk)
            else:
                shown.append(chunk)
        return shown

    def finish(self) -> list[Chunk]:
        """Return what filters still held back: the answer is complete. Raises `BlockedError`."""
        shown: list[Chunk] = []
        for kind, gate in self._gates.items():
            if text := gate.flush():
                shown.append(kind(text))
        self._gates.clear()
        return shown

    def _filter(self, chunk: Chunk) -> list[Chunk]:
        if isinstance(chunk, _DELTAS):
            text = self._find_gate(type(chunk)).feed(chunk.text)
            return [type(chunk)(text)] if text else []
        if isinstance(chunk, _STARTS):
            self._gates.pop(TextDelta if isinstance(chunk, TextStart) else ReasoningDelta, None)
            return [chunk]
        kind = _ENDS[cast("type[TextEnd | ReasoningEnd]", type(chunk))]
        gate = self._gates.pop(kind, None)
        text = gate.flush() if gate is not None else ""
        return [kind(text), chunk] if text else [chunk]

    def _find_gate(self, kind: type) -> Gate:
        gate = self._gates.get(kind)
        if gate is None:
            gate = self._gates[kind] = open_gate(self._guards, self._context) or Gate(())
        return gate
