"""An answer as the events of a stream that a client of this wire format gets."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, Any

import msgspec

from turnout.chunks import (
    ErrorChunk,
    FallbackChunk,
    ReasoningDelta,
    ReasoningEnd,
    RefusalDelta,
    ServerToolChunk,
    TextDelta,
    TextEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from turnout.messages import ServerTool, ToolCall
from turnout.protocols.openai_responses.rendering import (
    ItemNames,
    find_citations,
    frame_response,
    frame_start,
    is_item,
    render_call,
    render_items,
    render_message,
    render_reasoning,
    render_text,
    write_arguments,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.chunks import Chunk
    from turnout.responses import ModelResponse

_Dict = dict[str, Any]
_DELTAS = {
    "msg": "response.output_text.delta",
    "refusal": "response.refusal.delta",
    "rs": "response.reasoning_summary_text.delta",
}


class _Open:
    """A text, a refusal or a reasoning that is being told."""

    __slots__ = ("citations", "id", "index", "kind", "pieces")

    def __init__(self, kind: str, identity: str, index: int) -> None:
        self.kind = kind
        self.id = identity
        self.index = index
        self.pieces: list[str] = []
        self.citations: list[_Dict] = []


class _Call:
    __slots__ = ("id", "index", "is_told")

    def __init__(self, identity: str, index: int) -> None:
        self.id = identity
        self.index = index
        self.is_told = False


class StreamRenderer:
    """Writes the chunks of one answer as server-sent events.

    ``renderer.feed(chunks)`` for each batch, then ``renderer.finish(response)``; ``renderer.fail(message)`` where it
    breaks. Each returns bytes to send. The last event holds the whole answer, with what a provider wants back of its
    reasoning. A fallback in the middle of an answer cannot be told on this wire, and is an error.
    """

    def __init__(self, *, model: str = "", created: int = 0) -> None:
        self._model = model
        self._created = created
        self._names = ItemNames(urandom(12).hex())
        self._events: list[bytes] = []
        self._number = 0
        self._count = 0
        self._open: _Open | None = None
        self._calls: dict[str, _Call] = {}
        self._told_records: set[str] = set()
        self._is_ended = False

    def feed(self, chunks: Iterable[Chunk]) -> bytes:
        """Return the events for `chunks`."""
        self._start()
        for chunk in chunks:
            if not self._is_ended:
                self._add(chunk)
        return self._take()

    def finish(self, response: ModelResponse) -> bytes:
        """Return the last events: what the chunks did not tell, and the whole answer."""
        self._start()
        self._close()
        if self._is_ended:
            return self._take()
        self._is_ended = True
        items = render_items(response.message, self._names.again(), response.logprobs)
        for item in items:
            if item["type"] == "image_generation_call" and item["id"] not in self._told_records:
                self._tell_whole(item)
        framed = frame_response(response, items, self._names, model=self._model or None, created=self._created)
        framed["id"] = self._frame()["id"]
        self._emit(f"response.{framed['status']}", response=framed)
        return self._take()

    def fail(self, message: str, code: str | None = None) -> bytes:
        """Return the events that tell the client that the answer broke."""
        self._start()
        self._end_with_error(message, code)
        return self._take()

    def _add(self, chunk: Chunk) -> None:
        if isinstance(chunk, TextDelta):
            self._tell("msg", chunk.text)
        elif isinstance(chunk, RefusalDelta):
            self._tell("refusal", chunk.text)
        elif isinstance(chunk, ReasoningDelta):
            self._tell("rs", chunk.text)
        elif isinstance(chunk, TextEnd):
            self._tell_citations(chunk)
            self._close()
        elif isinstance(chunk, ReasoningEnd):
            self._close()
        elif isinstance(chunk, ToolCallStart):
            self._start_call(chunk)
        elif isinstance(chunk, ToolCallDelta):
            self._tell_arguments(self._calls.get(chunk.id), chunk.text)
        elif isinstance(chunk, ToolCallEnd):
            self._end_call(chunk.call)
        elif isinstance(chunk, ServerToolChunk):
            self._add_record(ServerTool(chunk.name, chunk.data))
        elif isinstance(chunk, ErrorChunk):
            self._end_with_error(chunk.message, chunk.code)
        elif isinstance(chunk, FallbackChunk):
            self._end_with_error(f"{chunk.failed} broke off: {chunk.reason}", None)

    def _start(self) -> None:
        if self._number == 0:
            self._emit("response.created", response=self._frame())
            self._emit("response.in_progress", response=self._frame())

    def _frame(self) -> _Dict:
        return frame_start(None, self._names, self._model, self._created)

    def _next_index(self) -> int:
        self._count += 1
        return self._count - 1

    def _tell(self, kind: str, text: str) -> None:
        if not text:
            return
        if self._open is None or self._open.kind != kind:
            self._close()
            self._begin(kind)
        told = self._open
        assert told is not None  # noqa: S101 - for the type checker
        told.pieces.append(text)
        extra: _Dict = {"logprobs": []} if kind == "msg" else {}
        self._emit_part(_DELTAS[kind], told, delta=text, **extra)

    def _begin(self, kind: str) -> None:
        name = self._names.next("rs" if kind == "rs" else "msg")
        told = self._open = _Open(kind, name, self._next_index())
        item = render_reasoning(name, "", None) if kind == "rs" else render_message(name, None, "in_progress")
        self._emit("response.output_item.added", output_index=told.index, item=item)
        if kind == "rs":
            part: _Dict = {"type": "summary_text", "text": ""}
            self._emit_part("response.reasoning_summary_part.added", told, part=part)
        else:
            self._emit_part("response.content_part.added", told, part=_content(kind, ""))

    def _tell_citations(self, chunk: TextEnd) -> None:
        told = self._open
        if told is not None and told.kind == "msg":
            told.citations = find_citations(chunk.citations)
            for place, cited in enumerate(told.citations):
                fields: _Dict = {"annotation_index": place, "annotation": cited}
                self._emit_part("response.output_text.annotation.added", told, **fields)

    def _close(self) -> None:
        told, self._open = self._open, None
        if told is None:
            return
        text = "".join(told.pieces)
        if told.kind == "rs":
            self._emit_part("response.reasoning_summary_text.done", told, text=text)
            self._emit_part("response.reasoning_summary_part.done", told, part={"type": "summary_text", "text": text})
            item = render_reasoning(told.id, text, None)
        else:
            said: _Dict = {"refusal": text} if told.kind == "refusal" else {"text": text, "logprobs": []}
            self._emit_part(_DELTAS[told.kind].replace(".delta", ".done"), told, **said)
            self._emit_part("response.content_part.done", told, part=_content(told.kind, text, told.citations))
            item = render_message(told.id, _content(told.kind, text, told.citations))
        self._emit("response.output_item.done", output_index=told.index, item=item)

    def _start_call(self, chunk: ToolCallStart) -> None:
        self._close()
        call = self._calls[chunk.id] = _Call(self._names.next("fc"), self._next_index())
        item = {**render_call(call.id, ToolCall(chunk.id, chunk.name, {}), "in_progress"), "arguments": ""}
        self._emit("response.output_item.added", output_index=call.index, item=item)

    def _tell_arguments(self, call: _Call | None, text: str) -> None:
        if call is not None and text:
            call.is_told = True
            self._emit("response.function_call_arguments.delta", item_id=call.id, output_index=call.index, delta=text)

    def _end_call(self, call: ToolCall) -> None:
        if call.id not in self._calls:
            self._start_call(ToolCallStart(call.id, call.name))
        begun = self._calls[call.id]
        written = write_arguments(call)
        if not begun.is_told:
            self._tell_arguments(begun, written)
        self._emit(
            "response.function_call_arguments.done",
            item_id=begun.id,
            output_index=begun.index,
            name=call.name,
            arguments=written,
        )
        self._emit("response.output_item.done", output_index=begun.index, item=render_call(begun.id, call))

    def _add_record(self, part: ServerTool) -> None:
        if is_item(part) and part.data["id"] not in self._told_records:
            self._close()
            self._tell_whole(part.data)

    def _tell_whole(self, item: _Dict) -> None:
        self._told_records.add(item["id"])
        index = self._next_index()
        self._emit("response.output_item.added", output_index=index, item=item)
        self._emit("response.output_item.done", output_index=index, item=item)

    def _end_with_error(self, message: str, code: str | None) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        self._open = None
        error = {"code": code or "server_error", "message": message}
        self._emit("response.failed", response={**self._frame(), "status": "failed", "error": error})

    def _emit_part(self, kind: str, told: _Open, /, **fields: Any) -> None:
        place = "summary_index" if told.kind == "rs" else "content_index"
        self._emit(kind, item_id=told.id, output_index=told.index, **{place: 0}, **fields)

    def _emit(self, kind: str, /, **fields: Any) -> None:
        data = msgspec.json.encode({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        self._events.append(b"event: %s\ndata: %s\n\n" % (kind.encode(), data))

    def _take(self) -> bytes:
        events, self._events = self._events, []
        return b"".join(events)


def _content(kind: str, text: str, citations: list[_Dict] | None = None) -> _Dict:
    return {"type": "refusal", "refusal": text} if kind == "refusal" else render_text(text, citations or [])
