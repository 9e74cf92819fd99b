"""What turns the answer to an adapted request back into the answer to the request as it was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.responses import ModelResponse


class Rewriter(Protocol):
    """The state of one answer, whole or streamed, while it is rewritten."""

    @property
    def text(self) -> str:
        """The text so far, as the caller sees it."""
        ...

    def rewrite(self, response: ModelResponse) -> ModelResponse:
        """Return a whole answer as it was asked for."""
        ...

    def feed(self, chunks: list[Chunk]) -> list[Chunk]:
        """Return the chunks that the caller sees of those that came; none while more has to be seen first."""
        ...

    def finish(self, chunks: list[Chunk], response: ModelResponse) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the whole answer; `chunks` are the last that came."""
        ...
