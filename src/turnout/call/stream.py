"""One streamed answer while it comes in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from turnout.call.answer import Answer, finish_answer
from turnout.call.exchange import decode_whole
from turnout.chunks import (
    Chunk,
    ErrorChunk,
    FallbackChunk,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RefusalDelta,
    ServerToolChunk,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallEnd,
    ToolCallStart,
    UsageChunk,
)
from turnout.errors import (
    APIConnectionError,
    APITimeoutError,
    CallError,
    ProviderStreamError,
    StreamClosedError,
    TruncatedStreamError,
    TurnoutError,
)
from turnout.messages import Reasoning, ServerTool, Text, ToolCall
from turnout.responses import Warning
from turnout.transport.sse import MAX_EVENT_BYTES, SSEParser

if TYPE_CHECKING:
    from turnout.call.dispatch import Dispatch
    from turnout.call.exchange import Exchange
    from turnout.protocols import StreamDecoder
    from turnout.responses import ModelResponse
    from turnout.transport.event_stream import EventStreamParser
    from turnout.transport.seam import HTTPResponse
    from turnout.transport.sse import Event

_LAST_BYTES_S = 0.1
_AWS_STREAM = "vnd.amazon.eventstream"


class StreamReader:
    """Reads the events of one HTTP answer as batches of chunks."""

    __slots__ = (
        *("_decoder", "_error", "_events", "_first_bytes", "_has_begun", "_rewriter", "exchange", "first_batch"),
        *("response",),
    )

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.response: ModelResponse | None = None
        self.first_batch: list[Chunk] = []
        self._decoder: StreamDecoder = exchange.protocol.StreamDecoder(exchange.route)
        self._rewriter = exchange.rewriter
        self._has_begun = False
        self._events = _open_parser(exchange.http)
        self._error: CallError | None = None
        self._first_bytes = b""

    @property
    def text(self) -> str:
        """The text so far."""
        if self.response is not None:
            return self.response.text
        return self._decoder.text if self._rewriter is None else self._rewriter.text

    async def open(self) -> None:
        """Read until the first chunk is there, so that what goes wrong before can still be tried elsewhere."""
        try:
            self.first_batch = await self._open_batch()
        except CallError as error:
            self.first_batch = self._recover(error)
        except BaseException:
            self.exchange.http.close()
            raise

    async def next_batch(self) -> list[Chunk]:
        """Return the next chunks, and none at the end, when `response` is there. Raises `StreamError` and others."""
        if self.first_batch:
            batch, self.first_batch = self.first_batch, []
            return batch
        try:
            return await self._next_batch(is_first=False)
        except CallError as error:
            return self._recover(error)
        except BaseException:
            self.exchange.http.close()
            raise

    def _recover(self, error: CallError) -> list[Chunk]:
        """Close the connection and raise `error`; an answer that was whole but for its end mark is one all the same."""
        self.exchange.http.close()
        if isinstance(error, (APIConnectionError, APITimeoutError)) and (batch := self._finish_early()) is not None:
            return batch
        explained = self._explain(error)
        if explained is error:
            raise error
        raise explained from error

    def _finish_early(self) -> list[Chunk] | None:
        """Return the last chunks if the finish reason was read already, `None` if not."""
        try:
            return self._finish_answer()
        except CallError:
            return None

    def _finish_answer(self) -> list[Chunk]:
        """Return the last chunks; raises what the decoder says of a stream that was cut."""
        batch, response = self._decoder.finish()
        if self._rewriter is not None:
            batch, response = self._rewriter.finish(batch, response)
        self.response = response
        return batch

    async def _open_batch(self) -> list[Chunk]:
        http = self.exchange.http
        content_type = (http.headers.get("content-type") or "").lower()
        if "event-stream" not in content_type and _AWS_STREAM not in content_type:
            if self.exchange.account is not None:
                self.exchange.account.note_whole()
            limit_s, kind = self.exchange.clock.until_first_chunk()
            self._first_bytes = await http.receive(limit_s, kind)
            if self._first_bytes.lstrip()[:1] in (b"{", b"[", b"<"):  # some servers ignore "stream", or send a page
                limit_s, kind = self.exchange.clock.until_first_chunk()
                body = self._first_bytes + await http.read(limit_s, kind)
                self.response = decode_whole(self.exchange, body)
                return as_chunks(self.response)
        return await self._next_batch(is_first=True)

    async def _next_batch(self, *, is_first: bool) -> list[Chunk]:
        clock = self.exchange.clock
        while self.response is None:
            if self._error is not None:
                raise self._error
            if self._decoder.is_complete:
                return await self._end(is_first=is_first)
            data, self._first_bytes = self._first_bytes, b""
            if not data:
                limit_s, kind = clock.until_first_chunk() if is_first else clock.between_chunks()
                data = await self.exchange.http.receive(limit_s, kind)
            batch = self._decode_events(self._events.feed(data)) if data else await self._end(is_first=is_first)
            if batch or (is_first and self._has_begun):  # a rewriter may hold the first chunks back
                return batch
        return []

    def _decode_events(self, events: list[Event]) -> list[Chunk]:
        """Decode `events`; an error waits until what came before it was read."""
        decode_event = self._decoder.decode_event
        if self.exchange.account is not None:
            self.exchange.account.note_events(events)
        batch: list[Chunk] = []
        try:
            for event in events:
                batch += decode_event(event.data, event.event)
                if batch and type(batch[-1]) is ErrorChunk:
                    raise _reported(cast("ErrorChunk", batch.pop()))
        except CallError as error:
            if not batch:
                raise
            self._error = error
        if self._rewriter is not None and batch:
            self._has_begun = True
            return self._rewriter.feed(batch)
        return batch

    async def _end(self, *, is_first: bool) -> list[Chunk]:
        """Finish the answer; the last bytes are awaited for a moment, so that the connection can be used again."""
        batch = self._decode_events(self._events.close())
        if self._error is not None:
            return batch
        try:
            last = self._finish_answer()
        except CallError as error:
            if is_first or not batch:
                raise
            self._error = error  # what came before it is read first
            return batch
        try:
            deadline = time.monotonic() + _LAST_BYTES_S
            while (left_s := deadline - time.monotonic()) > 0 and await self.exchange.http.receive(left_s, "idle"):
                pass
        except CallError:  # the answer is whole all the same
            self.exchange.http.close()
        return batch + last

    def _explain(self, error: CallError) -> TurnoutError:
        """Return the error as the reader of a stream should see it, with the text so far."""
        if isinstance(error, APIConnectionError):
            error = TruncatedStreamError(f"the stream was cut: {error.message}", url=error.url)
        error.text = self.text
        self.exchange.explain(error)
        return error


class ModelStream:
    """A streamed answer with its candidates: what `open_stream` returns. Not safe for two readers at once."""

    __slots__ = ("_dispatch", "_first_chunk_s", "_is_closed", "_reader", "answer")

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._reader: StreamReader | None = None
        self._first_chunk_s: float | None = None
        self._is_closed = False
        self.answer: Answer | None = None

    @property
    def text(self) -> str:
        """The text so far."""
        return self._reader.text if self._reader else ""

    @property
    def warnings(self) -> list[Warning]:
        """The warnings so far."""
        return self._dispatch.warnings

    @property
    def reader(self) -> StreamReader:
        """The answer that is being read."""
        if self._reader is None:
            raise StreamClosedError("the stream is not open: await it first")
        return self._reader

    async def open(self) -> None:
        """Send, and return when the first chunk is there. Raises whatever goes wrong before it."""
        self._reader = await self._dispatch.next_answer(_open_reader)
        self._first_chunk_s = time.monotonic() - self._dispatch.started

    async def next_batch(self) -> list[Chunk]:
        """Return the next chunks; an empty list is the end, and then `answer` is there."""
        reader = self._reader or self.reader
        try:
            batch = await reader.next_batch()
        except CallError as error:
            if self._is_closed:
                raise StreamClosedError("the stream was left before its end: read it whole", text=self.text) from None
            self._dispatch.note_stream_failure(error)
            if reader.exchange.account is not None:
                reader.exchange.account.failed(error, error.status)
            if not self._dispatch.can_restart:
                error.attempts = tuple(self._dispatch.attempts)
                raise
            return await self._restart(error)
        if reader.exchange.account is not None:
            reader.exchange.account.note_chunks(batch)
        if not batch:
            self._finish(reader)
        return batch

    def close(self) -> None:
        """Close the connection at once, unless the answer is complete. Safe to repeat."""
        self._is_closed = True
        if self._reader is not None:
            self._reader.exchange.http.close()
            if self._reader.exchange.account is not None:
                self._reader.exchange.account.leave(self._reader.exchange.http.status)

    async def _restart(self, error: CallError) -> list[Chunk]:
        failed, text = self.reader.exchange.route.asked, self.text
        try:
            self._reader = await self._dispatch.next_answer(_open_reader)
        except TurnoutError as failure:
            failure.text = text
            raise
        message = f"the answer of `{failed}` broke: the tokens that it took are not in usage and cost"
        self._dispatch.warnings.append(Warning("broken_answer", message))
        return [FallbackChunk(failed, self._reader.exchange.route.asked, error.message)]

    def _finish(self, reader: StreamReader) -> None:
        if self.answer is None and reader.response is not None:
            self.answer = finish_answer(self._dispatch, reader.exchange, reader.response, self._first_chunk_s)


async def _open_reader(exchange: Exchange) -> StreamReader:
    reader = StreamReader(exchange)
    await reader.open()
    return reader


def _open_parser(http: HTTPResponse) -> SSEParser | EventStreamParser:
    """Return what reads the events of this answer; few providers send AWS's."""
    limit: int = getattr(http, "max_event_bytes", MAX_EVENT_BYTES)  # a transport of the caller's may know of none
    if _AWS_STREAM not in (http.headers.get("content-type") or "").lower():
        return SSEParser(max_event_bytes=limit)
    from turnout.transport.event_stream import EventStreamParser

    return EventStreamParser(max_event_bytes=limit)


def _reported(failed: ErrorChunk) -> ProviderStreamError:
    return ProviderStreamError(
        f"the provider reports: {failed.message}; try again, or name a fallback", code=failed.code
    )


def as_chunks(response: ModelResponse) -> list[Chunk]:
    """Return a whole answer as the chunks that a stream of it would have had."""
    chunks: list[Chunk] = []
    for part in response.message.content:
        if isinstance(part, Reasoning):
            chunks += [ReasoningStart(), ReasoningDelta(part.text), ReasoningEnd()]
        elif isinstance(part, Text):
            chunks += [TextStart(), TextDelta(part.text), TextEnd(tuple(part.citations))]
        elif isinstance(part, ToolCall):
            chunks += [ToolCallStart(part.id, part.name), ToolCallEnd(part)]
        elif isinstance(part, ServerTool):
            chunks.append(ServerToolChunk(part.name, part.data))
    if response.refusal:
        chunks.append(RefusalDelta(response.refusal))
    return [*chunks, UsageChunk(response.usage)]
