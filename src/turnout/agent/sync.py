"""The sync twins: the same results from plain `def` code, in scripts, threads and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from turnout.agent.stream import NOTHING, Picker
from turnout.agent.threads import find_loop
from turnout.chunks import Element, ObjectDelta, TextDelta

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import TypeVar

    from turnout.agent.result import Result
    from turnout.agent.stream import AgentStream
    from turnout.agent.threads import BackgroundLoop, OwnLoop
    from turnout.chunks import Chunk
    from turnout.messages import ToolCall
    from turnout.responses import FinishReason, Warning
    from turnout.usage import Cost, Usage

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class SyncStream(Generic[T]):
    """A streamed run for sync code: ``for chunk in agent.stream_sync("Hi")``.

    The first chunk is awaited when the stream is made, so what goes wrong before it is raised there. Leaving the loop
    closes the connection at once. The properties are those of `AgentStream`. It stays in the thread that made it.
    """

    def __init__(self, stream: AgentStream[T]) -> None:
        self._stream = stream
        self._loop: OwnLoop | BackgroundLoop = find_loop()
        self._loop.run(self._open())

    async def _open(self) -> None:
        await self._stream

    def __iter__(self) -> Iterator[Chunk]:
        return self._read()

    def _pick(self, kind: type[TextDelta | ObjectDelta | Element]) -> Iterator[Any]:
        picker = Picker(kind)
        for chunk in self:
            piece = picker.pick(chunk)
            if piece is not NOTHING:
                yield piece

    def _read(self) -> Iterator[Chunk]:
        self._stream._take()  # pyright: ignore[reportPrivateUsage] - its sync half
        try:
            while batch := self._loop.run(self._stream._next_batch()):  # pyright: ignore[reportPrivateUsage]
                yield from batch
        finally:
            self.close()

    def __enter__(self) -> SyncStream[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def text_stream(self) -> Iterator[str]:
        """The pieces of text alone, in order."""
        return self._pick(TextDelta)

    @property
    def object_stream(self) -> Iterator[Any]:
        """The structured output as it grows; see `AgentStream.object_stream`."""
        return self._pick(ObjectDelta)

    @property
    def element_stream(self) -> Iterator[Any]:
        """The elements of a structured output that is a list, each complete and of its type."""
        return self._pick(Element)

    @property
    def object(self) -> T | None:
        """The structured output; `None` until the stream has ended."""
        return self._stream.object

    @property
    def text(self) -> str:
        """The text so far; all of it once the stream has ended."""
        return self._stream.text

    @property
    def reasoning(self) -> str:
        """What the model thought; empty until the stream has ended."""
        return self._stream.reasoning

    @property
    def usage(self) -> Usage:
        """The tokens of the run; unknown until the stream has ended."""
        return self._stream.usage

    @property
    def cost(self) -> Cost:
        """The cost of the run in USD; unknown until the stream has ended."""
        return self._stream.cost

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the answer ended; `None` until it has."""
        return self._stream.finish_reason

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls of the last step; none until the stream has ended."""
        return self._stream.tool_calls

    @property
    def warnings(self) -> list[Warning]:
        """The warnings so far; all of them once the stream has ended."""
        return self._stream.warnings

    def result(self) -> Result[T]:
        """Read what is left and return what `generate_sync` would have returned."""
        return self._loop.run(self._stream.result())

    def close(self) -> None:
        """Close the connection at once, and end the tools that were running. Safe to repeat."""
        self._stream.close()
        if self._stream.has_tools_running and self._loop.is_idle:
            self._loop.run(self._stream.aclose())

    def __repr__(self) -> str:
        return repr(self._stream).replace("AgentStream", "SyncStream")
