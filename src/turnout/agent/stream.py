"""What `agent.stream(...)` returns: await it, iterate it, or enter it; leaving it early closes the connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, cast

from turnout.agent.loop import StreamedRun
from turnout.chunks import Element, FallbackChunk, ObjectDelta, TextDelta
from turnout.errors import InvalidInputError, StreamClosedError, StreamError
from turnout.usage import Cost, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator
    from types import TracebackType

    from typing_extensions import TypeVar

    from turnout.agent.result import Result
    from turnout.agent.run import Run
    from turnout.chunks import Chunk
    from turnout.messages import ToolCall
    from turnout.responses import FinishReason, Warning

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class AgentStream(Generic[T]):
    """A streamed run: ``async for chunk in await agent.stream("Hi")``.

    ``await stream`` sends, and raises whatever goes wrong before the first chunk; without it that happens at the first
    iteration. It is read once; leaving the loop (break, exception, cancellation) closes the connection at once.
    Errors are raised from the iteration, with the text so far in their `.text`. `text_stream` yields text only, and of
    structured output `object_stream` yields what has come of it, and `element_stream` the elements of a list.
    """

    __slots__ = ("__weakref__", "_error", "_is_busy", "_is_left", "_is_taken", "_opening", "_prepare", "_run")

    def __init__(self, prepare: Callable[[], Awaitable[Run]]) -> None:
        self._prepare: Callable[[], Awaitable[Run]] | None = prepare
        self._run: StreamedRun | None = None
        self._is_taken = False
        self._is_left = False
        self._is_busy = False
        self._opening: asyncio.Task[Any] | None = None
        self._error: Exception | None = None

    def __await__(self) -> Generator[Any, None, AgentStream[T]]:
        return self._open().__await__()

    def __aiter__(self) -> ChunkIterator:
        return ChunkIterator(self)

    async def __aenter__(self) -> AgentStream[T]:
        return await self._open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The pieces of text alone, in order."""
        return PickedIterator(ChunkIterator(self), TextDelta)

    @property
    def object_stream(self) -> AsyncIterator[Any]:
        """The structured output as it grows: plain JSON values, not yet validated; `object` is the validated one."""
        return PickedIterator(ChunkIterator(self), ObjectDelta)

    @property
    def element_stream(self) -> AsyncIterator[Any]:
        """The elements of a structured output that is a list, each complete and of its type."""
        return PickedIterator(ChunkIterator(self), Element)

    @property
    def object(self) -> T | None:
        """The structured output; `None` until the stream has ended."""
        return self._result.object if self._result else None

    @property
    def text(self) -> str:
        """The text so far; all of it once the stream has ended."""
        return self._run.text if self._run else ""

    @property
    def reasoning(self) -> str:
        """What the model thought; empty until the stream has ended."""
        return self._result.reasoning if self._result else ""

    @property
    def usage(self) -> Usage:
        """The tokens of the run; unknown until the stream has ended."""
        return self._result.usage if self._result else Usage()

    @property
    def cost(self) -> Cost:
        """The cost of the run in USD; unknown until the stream has ended."""
        return self._result.cost if self._result else Cost()

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the answer ended; `None` until it has."""
        return self._result.finish_reason if self._result else None

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls of the last step; none until the stream has ended."""
        return self._result.tool_calls if self._result else []

    @property
    def warnings(self) -> list[Warning]:
        """The warnings so far; all of them once the stream has ended."""
        if self._result:
            return self._result.warnings
        return list(self._run.warnings) if self._run else []

    async def result(self) -> Result[T]:
        """Read what is left and return what `generate` would have returned.

        Raises the error that ended the stream, or `StreamClosedError` when it was left before its end.
        """
        await self._open()
        self._is_taken = True
        while self._result is None:
            await self._next_batch()
        return self._result

    def close(self) -> None:
        """Close the connection at once; what came so far stays in `text`. Safe to repeat."""
        if self._result is not None:
            return
        self._is_left = True
        self._close_run()
        if self._opening is not None:
            self._opening.get_loop().call_soon_threadsafe(self._opening.cancel)

    async def aclose(self) -> None:
        """Do as `close`, and wait until the tools that were running have ended."""
        self.close()
        if self._run is not None:
            await self._run.wait_closed()

    @property
    def has_tools_running(self) -> bool:
        """Whether tools of this run have begun and not ended yet."""
        return self._run is not None and self._run.has_tools_running

    @property
    def _result(self) -> Result[T] | None:
        return self._run.result if self._run else None

    async def _open(self) -> AgentStream[T]:
        """Send, unless that was done before."""
        if self._error is not None:
            raise self._error
        if self._run is not None:
            return self
        if self._is_left:
            raise StreamClosedError("the stream was closed before it was sent: call stream() again")
        self._begin_reading()
        try:
            await self._send()
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self._is_busy = False
        return self

    async def _send(self) -> None:
        self._opening = asyncio.current_task()
        try:
            if self._prepare is None:
                raise StreamClosedError("the stream was left while it was sent: call stream() again")
            run = StreamedRun(await self._prepare())
            self._prepare = None  # what it was made with is in the run
            try:
                await run.open()
            except BaseException as error:
                run.fail(error)
                raise
            self._run = run
        finally:
            self._opening = None

    async def _next_batch(self) -> list[Chunk]:
        if self._run is None or self._error is not None:
            await self._open()
        if self._is_left or self._run is None:
            raise StreamClosedError("the stream was left before its end: call stream() again", text=self.text)
        self._begin_reading()
        try:
            return await self._run.next_batch()
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self._is_busy = False

    def _begin_reading(self) -> None:
        """Let one task read at a time."""
        if self._is_busy:
            raise InvalidInputError("the stream is read by two tasks at once: let one task read it and pass chunks on")
        self._is_busy = True

    def _fail(self, error: BaseException) -> None:
        """Keep what went wrong for whoever asks later."""
        if isinstance(error, asyncio.CancelledError):
            self._error = StreamClosedError(
                "the reading of the stream was cancelled: call stream() again", text=self.text
            )
            self._close_run()
            task = asyncio.current_task()
            if self._is_left and task is not None:  # it was not the task that was to end, but the stream
                task.uncancel()
                raise self._error from None
        elif isinstance(error, Exception):
            self._error = error
            if self._run is not None:
                self._run.fail(error)
            self._close_run()

    def _close_run(self) -> None:
        if self._run is not None:
            self._run.close()

    def _take(self) -> None:
        """Let one iterator read; a second one is an error."""
        if self._is_taken:
            raise StreamClosedError("the stream is read a second time: keep its chunks, or call stream() again")
        self._is_taken = True

    def __repr__(self) -> str:
        if self._result:
            state = str(self._result.finish_reason)
        else:
            state = "left" if self._is_left else "open" if self._run else "not sent"
        return f"AgentStream({state}, {len(self.text)} characters)"


class ChunkIterator:
    """The chunks of a stream. A loop that is left drops its iterator, and that closes the connection."""

    __slots__ = ("_batch", "_is_started", "_stream")

    def __init__(self, stream: AgentStream[Any]) -> None:
        self._stream = stream
        self._batch: list[Chunk] = []
        self._is_started = False

    def __aiter__(self) -> ChunkIterator:
        return self

    async def __anext__(self) -> Chunk:
        if not self._batch:
            if not self._is_started:
                self._stream._take()  # pyright: ignore[reportPrivateUsage] - the other half of one thing
                self._is_started = True
            batch = await self._stream._next_batch()  # pyright: ignore[reportPrivateUsage]
            if not batch:
                raise StopAsyncIteration
            batch.reverse()
            self._batch = batch
        return self._batch.pop()

    def __del__(self) -> None:
        if self._is_started:
            self._stream.close()


class Picker:
    """Picks what one kind of chunk holds: text, the output so far, or an element of it.

    An answer that begins again (a `fallback` chunk) is an error once some of it was told; of the output so far, each
    piece replaces the one before.
    """

    __slots__ = ("_has_told", "_kind")

    def __init__(self, kind: type[TextDelta | ObjectDelta | Element]) -> None:
        self._kind = kind
        self._has_told = False

    def pick(self, chunk: Chunk) -> Any:
        """Return what `chunk` holds; `NOTHING` where it is of another kind. Raises `StreamError`."""
        if type(chunk) is self._kind:
            self._has_told = True
            if isinstance(chunk, TextDelta):
                return chunk.text
            return chunk.object if isinstance(chunk, ObjectDelta) else cast("Element", chunk).element
        if type(chunk) is FallbackChunk and self._has_told and self._kind is not ObjectDelta:
            raise StreamError(
                f"the answer begins again with `{chunk.model}`, as that of `{chunk.failed}` cannot stay"
                f" ({chunk.reason}): iterate the chunks to follow it, as this cannot take back what came before"
            )
        return NOTHING


NOTHING = object()
"""What `Picker.pick` returns for a chunk that it passes over."""


class PickedIterator:
    """The pieces of one kind of a stream."""

    __slots__ = ("_chunks", "_picker")

    def __init__(self, chunks: ChunkIterator, kind: type[TextDelta | ObjectDelta | Element]) -> None:
        self._chunks = chunks
        self._picker = Picker(kind)

    def __aiter__(self) -> PickedIterator:
        return self

    async def __anext__(self) -> Any:
        while True:
            piece = self._picker.pick(await self._chunks.__anext__())
            if piece is not NOTHING:
                return piece
