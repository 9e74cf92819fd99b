"""An answer as the events of a stream that a client of this wire format gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from turnout.chunks import (
    ErrorChunk,
    FallbackChunk,
    ReasoningDelta,
    ReasoningEnd,
    ServerToolChunk,
    TextDelta,
    TextEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from turnout.messages import Reasoning, ServerTool
from turnout.protocols.anthropic_messages.outgoing import fit_id
from turnout.protocols.anthropic_messages.rendering import (
    find_citations,
    frame,
    frame_error,
    is_record,
    render_end,
    render_part,
    render_usage,
)
from turnout.protocols.sealing import seal
from turnout.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.chunks import Chunk
    from turnout.messages import ToolCall
    from turnout.responses import ModelResponse

_Dict = dict[str, Any]


class _Call:
    """A call whose arguments are being told; those of a call that is not the open one wait."""

    __slots__ = ("has_arguments", "name", "pieces")

    def __init__(self, name: str) -> None:
        self.name = name
        self.pieces: list[str] = []
        self.has_arguments = False


class StreamRenderer:
    """Writes the chunks of one answer as server-sent events.

    ``renderer.feed(chunks)`` for each batch, then ``renderer.finish(response)``; ``renderer.fail(message)`` where it
    breaks. Each returns bytes to send. What a provider wants back of its reasoning is known at the end only: it is
    told there, in blocks without text, and `parse_request` puts it in its place. A fallback in the middle of an answer
    cannot be told on this wire, and is an error.
    """

    def __init__(self, *, model: str = "", created: int = 0) -> None:
        del created  # there for other wire formats
        self._model = model
        self._events: list[bytes] = []
        self._index = -1
        self._open: str | None = None
        self._calls: dict[str, _Call] = {}
        self._is_begun = False
        self._is_ended = False

    def feed(self, chunks: Iterable[Chunk]) -> bytes:
        """Return the events for `chunks`."""
        for chunk in chunks:
            if not self._is_ended:
                self._begin()
                self._add(chunk)
        return self._take()

    def finish(self, response: ModelResponse) -> bytes:
        """Return the last events: what the chunks did not tell, why the answer ended, and its tokens."""
        if self._is_ended:
            return self._take()
        self._begin()
        self._close()
        for part in response.message.content:
            if isinstance(part, Reasoning) and (sealed := seal(part)) is not None:
                bare = {"type": "thinking", "thinking": "", "signature": sealed}
                self._tell_whole(bare if part.text else {"type": "redacted_thinking", "data": sealed})
        self._is_ended = True
        self._emit("message_delta", delta=render_end(response), usage=_render_last_usage(response.usage))
        self._emit("message_stop")
        return self._take()

    def fail(self, message: str, code: str | None = None) -> bytes:
        """Return the event that tells the client that the answer broke."""
        if not self._is_ended:
            self._fail(message, code)
        return self._take()

    def _begin(self) -> None:
        if not self._is_begun:
            self._is_begun = True
            end = {"stop_reason": None, "stop_sequence": None, "stop_details": None, "container": None}
            started: _Dict = {**frame(None, self._model), "content": [], **end, "usage": render_usage(Usage())}
            self._emit("message_start", message=started)

    def _add(self, chunk: Chunk) -> None:
        if isinstance(chunk, TextDelta):
            self._tell("text", chunk.text)
        elif isinstance(chunk, ReasoningDelta):
            self._tell("thinking", chunk.text)
        elif isinstance(chunk, (TextEnd, ReasoningEnd)):
            if isinstance(chunk, TextEnd) and self._open == "text":
                self._tell_citations(chunk)
            self._close()
        elif isinstance(chunk, ToolCallStart):
            self._start_call(chunk)
        elif isinstance(chunk, ToolCallDelta):
            self._tell_arguments(chunk)
        elif isinstance(chunk, ToolCallEnd):
            self._end_call(chunk.call)
        elif isinstance(chunk, ServerToolChunk):
            record = ServerTool(chunk.name, chunk.data)
            if is_record(record):
                self._close()
                self._tell_whole(record.data)
        elif isinstance(chunk, ErrorChunk):
            self._fail(chunk.message, chunk.code)
        elif isinstance(chunk, FallbackChunk):
            self._fail(f"{chunk.failed} broke off: {chunk.reason}", None)

    def _tell(self, kind: str, text: str) -> None:
        if not text:
            return
        if self._open != kind:
            self._close()
            other = {"citations": None} if kind == "text" else {"signature": ""}
            self._start(kind, {"type": kind, kind: "", **other})
        self._emit("content_block_delta", index=self._index, delta={"type": f"{kind}_delta", kind: text})

    def _tell_citations(self, chunk: TextEnd) -> None:
        for cited in find_citations(chunk.citations):
            delta = {"type": "citations_delta", "citation": cited}
            self._emit("content_block_delta", index=self._index, delta=delta)

    def _start(self, key: str, block: _Dict) -> None:
        self._index += 1
        self._open = key
        self._emit("content_block_start", index=self._index, content_block=block)

    def _close(self) -> None:
        if self._open is not None:
            self._open = None
            self._emit("content_block_stop", index=self._index)

    def _tell_whole(self, block: _Dict) -> None:
        self._start("whole", block)
        self._close()

    def _start_call(self, chunk: ToolCallStart) -> None:
        self._calls[chunk.id] = _Call(chunk.name)
        if self._open is None or self._open in ("text", "thinking"):
            self._open_call(chunk.id, chunk.name)

    def _open_call(self, identity: str, name: str) -> None:
        self._close()
        self._start(f"call {identity}", {"type": "tool_use", "id": fit_id(identity), "name": name, "input": {}})

    def _tell_arguments(self, chunk: ToolCallDelta) -> None:
        call = self._calls.get(chunk.id)
        if call is None:
            return
        if self._open == f"call {chunk.id}":
            call.has_arguments = True
            self._tell_json(chunk.text)
        else:
            call.pieces.append(chunk.text)

    def _tell_json(self, text: str) -> None:
        self._emit("content_block_delta", index=self._index, delta={"type": "input_json_delta", "partial_json": text})

    def _end_call(self, call: ToolCall) -> None:
        """End a call; one that waited, or that came in one piece, is told whole."""
        begun = self._calls.pop(call.id, None)
        if begun is None or self._open != f"call {call.id}":
            self._open_call(call.id, call.name)
        if begun is None or not begun.has_arguments:
            written = "".join(begun.pieces) if begun is not None else ""
            block = render_part(call) or {}
            self._tell_json(written or msgspec.json.encode(block["input"]).decode())
        self._close()

    def _fail(self, message: str, code: str | None) -> None:
        self._is_ended = True
        kind = code if code and code.endswith("_error") else "api_error"
        self._emit("error", **{name: item for name, item in frame_error(message, kind).items() if name != "type"})

    def _emit(self, event: str, **fields: Any) -> None:
        data = msgspec.json.encode({"type": event, **fields})
        self._events.append(b"event: %s\ndata: %s\n\n" % (event.encode(), data))

    def _take(self) -> bytes:
        events, self._events = self._events, []
        return b"".join(events)


def _render_last_usage(usage: Usage) -> _Dict:
    told = render_usage(usage)
    for name in ("cache_creation", "service_tier", "inference_geo"):
        del told[name]
    return told
