"""Answers as a Cohere client reads them, whole and streamed."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, Any, TypeGuard

import msgspec

from turnout.chunks import ReasoningDelta, ReasoningEnd, RefusalDelta, TextDelta, TextEnd, ToolCallEnd
from turnout.messages import Reasoning, Refusal, Text, ToolCall
from turnout.protocols.cohere_chat.outgoing import PLAN
from turnout.protocols.cohere_chat.reasons import write_finish_reason
from turnout.protocols.cohere_chat.tokens import write_usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.chunks import Chunk
    from turnout.errors import TurnoutError
    from turnout.messages import Message
    from turnout.responses import ModelResponse

_Wire = dict[str, Any]


def render_response(response: ModelResponse) -> bytes:
    """Return `response` as the body of an answer."""
    message: _Wire = {"role": "assistant"}
    content, calls = _write_content(response.message), response.tool_calls
    plan = "".join([part.text for part in response.message.content if _is_plan(part)])
    citations = [each for each, _ in _find_citations(response.message)]
    parts = {
        "content": content,
        "tool_plan": plan,
        "tool_calls": [_write_call(call) for call in calls],
        "citations": citations,
    }
    message |= {name: value for name, value in parts.items() if value}
    body: _Wire = {
        "id": response.id or _make_id(),
        "finish_reason": write_finish_reason(response.finish_reason, response.raw_finish_reason),
        "message": message,
        "usage": write_usage(response.usage),
    }
    if response.logprobs:
        body["logprobs"] = [
            {"text": each.token, "token_ids": [], "logprobs": [each.logprob]} for each in response.logprobs
        ]
    return msgspec.json.encode(body)


def render_error(error: TurnoutError) -> bytes:
    """Return the JSON body for an answer that failed; the status is the caller's to choose."""
    return msgspec.json.encode({"message": error.message})


class StreamRenderer:
    """Turns the chunks of one answer into events.

    ``renderer.feed(batch)`` for each batch of chunks, then ``renderer.finish(response)``: finish reason and usage come
    with the end, and citations that no chunk told. Thoughts are told as `thinking`.
    """

    def __init__(self) -> None:
        self._events: list[bytes] = []
        self._has_started = False
        self._open: str | None = None
        self._index = 0
        self._calls = 0
        self._cited: set[bytes] = set()

    def feed(self, chunks: Iterable[Chunk]) -> bytes:
        """Return the events for `chunks`; nothing where none of them is content."""
        for chunk in chunks:
            if isinstance(chunk, (TextDelta, RefusalDelta)):
                self._tell("text", chunk.text)
            elif isinstance(chunk, ReasoningDelta):
                self._tell("thinking", chunk.text)
            elif isinstance(chunk, TextEnd):
                if self._open == "text":
                    self._tell_citations(chunk.citations, self._index)
                self._close()
            elif isinstance(chunk, ReasoningEnd):
                self._close()
            elif isinstance(chunk, ToolCallEnd):
                self._tell_call(chunk.call)
        return self._take()

    def finish(self, response: ModelResponse) -> bytes:
        """Return the last events."""
        self._start(response.id)
        self._close()
        for citation, place in _find_citations(response.message):
            self._tell_citations((citation,), place)
        reason = write_finish_reason(response.finish_reason, response.raw_finish_reason)
        self._emit("message-end", delta={"finish_reason": reason, "usage": write_usage(response.usage)})
        return self._take()

    def fail(self, message: str) -> bytes:
        """Return the events that tell the client that the answer broke."""
        self._start(None)
        self._close()
        self._emit("message-end", delta={"finish_reason": "ERROR", "error": message})
        return self._take()

    def _start(self, identity: str | None) -> None:
        if not self._has_started:
            self._has_started = True
            self._emit("message-start", id=identity or _make_id(), delta={"message": {"role": "assistant"}})

    def _tell(self, kind: str, text: str) -> None:
        self._start(None)
        if self._open != kind:
            self._close()
            self._open = kind
            started = {"message": {"content": {"type": kind, kind: ""}}}
            self._emit("content-start", index=self._index, delta=started)
        self._emit("content-delta", index=self._index, delta={"message": {"content": {kind: text}}})

    def _tell_citations(self, citations: Iterable[_Wire], place: int) -> None:
        """Tell the sources of the text at `place`, each once."""
        for citation in citations:
            cited = {**citation, "content_index": place}
            written = msgspec.json.encode(cited)
            if "sources" in citation and written not in self._cited:
                index = len(self._cited)
                self._cited.add(written)
                self._emit("citation-start", index=index, delta={"message": {"citations": cited}})
                self._emit("citation-end", index=index)

    def _close(self) -> None:
        if self._open is not None:
            self._emit("content-end", index=self._index)
            self._open = None
            self._index += 1

    def _tell_call(self, call: ToolCall) -> None:
        self._start(None)
        self._close()
        written = _write_call(call)
        arguments = written["function"]["arguments"]
        begun = {**written, "function": {"name": call.name, "arguments": ""}}
        self._emit("tool-call-start", index=self._calls, delta={"message": {"tool_calls": begun}})
        piece = {"function": {"arguments": arguments}}
        self._emit("tool-call-delta", index=self._calls, delta={"message": {"tool_calls": piece}})
        self._emit("tool-call-end", index=self._calls)
        self._calls += 1

    def _emit(self, kind: str, /, **fields: Any) -> None:
        data = msgspec.json.encode({"type": kind, **fields})
        self._events.append(b"event: %s\ndata: %s\n\n" % (kind.encode(), data))

    def _take(self) -> bytes:
        events, self._events = self._events, []
        return b"".join(events)


def _make_id() -> str:
    return urandom(16).hex()


def _is_plan(part: object) -> TypeGuard[Reasoning]:
    return isinstance(part, Reasoning) and part.details == [PLAN]


def _is_thought(part: object) -> TypeGuard[Reasoning]:
    return isinstance(part, Reasoning) and bool(part.text) and part.details != [PLAN]


def _write_content(message: Message) -> list[_Wire]:
    content: list[_Wire] = []
    for part in message.content:
        if isinstance(part, (Text, Refusal)):
            content.append({"type": "text", "text": part.text})
        elif _is_thought(part):
            content.append({"type": "thinking", "thinking": part.text})
    return content


def _find_citations(message: Message) -> Iterable[tuple[_Wire, int]]:
    """Yield the citations of this wire format's own form, each with the place of its text among the content."""
    place = 0
    for part in message.content:
        if isinstance(part, Text):
            for citation in part.citations:
                if "sources" in citation:
                    yield citation, place
        if isinstance(part, (Text, Refusal)) or _is_thought(part):
            place += 1


def _write_call(call: ToolCall) -> _Wire:
    arguments = call.invalid_arguments
    if arguments is None:
        arguments = msgspec.json.encode(call.arguments).decode()
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
