"""The output guards of an agent at a stream: its text is filtered while it comes, or held until it was judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.call.stream import as_chunks
from turnout.chunks import FallbackChunk, TextDelta
from turnout.guards import ChunkGate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.chunks import Chunk
    from turnout.guards import Guard, GuardContext
    from turnout.responses import ModelResponse


class GuardedChunks:
    """The chunks of one step as the guards let them pass.

    Where a guard can only judge a whole answer, all chunks of the step are held, and told when it has judged.
    """

    def __init__(self, guards: Sequence[Guard], context: GuardContext) -> None:
        self._guards = guards
        self._context = context
        self._gate = ChunkGate(guards, context)
        self.holds = self._gate.holds
        self.text = ""

    def feed(self, chunks: list[Chunk]) -> list[Chunk]:
        """Return what may be shown now of `chunks`. Raises `BlockedError`."""
        if any(type(chunk) is FallbackChunk for chunk in chunks):  # another answer begins, by itself in its batch
            self._gate = ChunkGate(self._guards, self._context)
            self.text = ""
            return chunks
        return [] if self.holds else self._note(self._gate.feed(chunks))

    def release(self, response: ModelResponse) -> list[Chunk]:
        """Return what was held back of a step that is over, as its guards have left its answer."""
        return self._note(as_chunks(response) if self.holds else self._gate.finish())

    def _note(self, chunks: list[Chunk]) -> list[Chunk]:
        self.text += "".join([chunk.text for chunk in chunks if type(chunk) is TextDelta])
        return chunks
