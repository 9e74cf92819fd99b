"""Answers and streams as a client of this wire format gets them."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import msgspec

from turnout.chunks import (
    ErrorChunk,
    FallbackChunk,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RefusalDelta,
    ServerToolChunk,
    TextDelta,
    TextEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from turnout.errors import APIStatusError, InvalidInputError
from turnout.messages import Media, Reasoning, Refusal, ServerTool, Text, ToolCall
from turnout.protocols.bedrock_converse.frames import write_event, write_exception
from turnout.protocols.bedrock_converse.media_parts import write_media
from turnout.protocols.bedrock_converse.outgoing import BLOCKS, fit_id
from turnout.protocols.bedrock_converse.tokens import write_usage
from turnout.protocols.json_reading import is_object
from turnout.protocols.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.chunks import Chunk
    from turnout.errors import TurnoutError
    from turnout.messages import Part
    from turnout.responses import ModelResponse

_Dict = dict[str, Any]
_REASONS = {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}
_KNOWN_REASONS = frozenset(
    {
        "end_turn", "tool_use", "max_tokens", "stop_sequence", "guardrail_intervened", "content_filtered",
        "malformed_model_output", "malformed_tool_use", "model_context_window_exceeded",
    }
)  # fmt: skip
"""The members of `StopReason` in the service description."""

_TYPES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
_STREAM_TYPES = {
    "validationexception": "validationException",
    "throttlingexception": "throttlingException",
    "serviceunavailableexception": "serviceUnavailableException",
    "internalserverexception": "internalServerException",
}
_THOUGHT = "reasoningContent"


def render_response(response: ModelResponse, *, latency_ms: int = 0) -> bytes:
    """Return `response` as the body of a `Converse`; `latency_ms` is how long the call took.

    Reasoning of another wire format goes as its text with the record sealed as the signature, where `parse_request`
    finds it.
    """
    content = [block for part in response.message.content if (block := _render_part(part)) is not None]
    body: _Dict = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _render_reason(response),
        "usage": write_usage(response.usage),
        "metrics": {"latencyMs": latency_ms},
    }
    return msgspec.json.encode(body)


def render_error(error: TurnoutError, status: int | None = None) -> bytes:
    """Return `error` as the body of an answer with `status`, by default its own or 500.

    ``__type`` names the exception; a client may also read it from the header ``x-amzn-errortype``.
    """
    code = status or (error.status if isinstance(error, APIStatusError) and error.status else 500)
    name = _TYPES.get(code, "ValidationException" if 400 <= code < 500 else "InternalServerException")
    return msgspec.json.encode({"__type": name, "message": error.message})


class StreamRenderer:
    """Writes the chunks of one answer as the messages of a `ConverseStream`.

    ``renderer.feed(chunks)`` for each batch, then ``renderer.finish(response)``; ``renderer.fail(message)`` where it
    breaks. Each returns bytes to send, as ``application/vnd.amazon.eventstream``. Pictures and sources, of which no
    chunk tells, come at the end in blocks of their own; a block of reasoning is ended there, once its signature is
    known. A fallback in the middle of an answer cannot be told on this wire, and is an error.
    """

    def __init__(self) -> None:
        self._events: list[bytes] = []
        self._index = -1
        self._open: str | None = None  # the kind of block that is open; of a call, its id
        self._thoughts: list[int] = []  # the blocks of reasoning, which are ended last
        self._has_thought = False  # whether the block of reasoning that is open says anything
        self._told: set[str] = set()
        self._is_begun = False
        self._is_ended = False

    def feed(self, chunks: Iterable[Chunk]) -> bytes:
        """Return the messages for `chunks`."""
        for chunk in chunks:
            if not self._is_ended:
                self._add(chunk)
        return self._take()

    def finish(self, response: ModelResponse, *, latency_ms: int = 0) -> bytes:
        """Return the last messages: what no chunk told, the stop reason, and the usage."""
        if self._is_ended:
            return self._take()
        self._begin()
        self._close()
        self._end_thoughts([part for part in response.message.content if isinstance(part, Reasoning)])
        for part in response.message.content:
            self._tell_rest(part)
        self._emit("messageStop", {"stopReason": _render_reason(response)})
        metrics = {"latencyMs": latency_ms}
        self._emit("metadata", {"usage": write_usage(response.usage), "metrics": metrics})
        self._is_ended = True
        return self._take()

    def fail(self, message: str, code: str | None = None) -> bytes:
        """Return the message that tells the client that the answer broke."""
        if not self._is_ended:
            self._fail(message, code)
        return self._take()

    def _add(self, chunk: Chunk) -> None:
        if isinstance(chunk, (TextDelta, RefusalDelta)):
            self._tell("text", {"text": chunk.text})
        elif isinstance(chunk, ReasoningStart):
            self._think()
        elif isinstance(chunk, ReasoningDelta):
            if self._open != _THOUGHT:
                self._think()
            if chunk.text:
                self._has_thought = True
                self._delta({"reasoningContent": {"text": chunk.text}})
        elif isinstance(chunk, (TextEnd, ReasoningEnd)):
            self._close()
        elif isinstance(chunk, ToolCallStart):
            self._start_call(chunk.id, chunk.name)
        elif isinstance(chunk, ToolCallDelta):
            self._tell_input(chunk.id, chunk.text)
        elif isinstance(chunk, ToolCallEnd):
            self._end_call(chunk.call)
        elif isinstance(chunk, ServerToolChunk):
            self._tell_record(chunk.data)
        elif isinstance(chunk, ErrorChunk):
            self._fail(chunk.message, chunk.code)
        elif isinstance(chunk, FallbackChunk):
            self._fail(f"{chunk.failed} broke off: {chunk.reason}", None)

    def _begin(self) -> None:
        if not self._is_begun:
            self._is_begun = True
            self._emit("messageStart", {"role": "assistant"})

    def _open_block(self, kind: str, start: _Dict | None = None) -> None:
        self._begin()
        self._close()
        self._index += 1
        self._open = kind
        if start is not None:
            self._emit("contentBlockStart", {"contentBlockIndex": self._index, "start": start})

    def _think(self) -> None:
        self._open_block(_THOUGHT)
        self._thoughts.append(self._index)
        self._has_thought = False

    def _close(self) -> None:
        kind, self._open = self._open, None
        if kind == _THOUGHT and not self._has_thought:
            self._delta({"reasoningContent": {"text": ""}})  # so that the block has its place, whatever comes later
        elif kind is not None and kind != _THOUGHT:
            self._emit("contentBlockStop", {"contentBlockIndex": self._index})

    def _delta(self, delta: _Dict, index: int | None = None) -> None:
        place = self._index if index is None else index
        self._emit("contentBlockDelta", {"contentBlockIndex": place, "delta": delta})

    def _end_thoughts(self, parts: list[Reasoning]) -> None:
        """End the blocks of reasoning, each with what must go back with it."""
        is_complete = len(parts) == len(self._thoughts)
        for place, index in enumerate(self._thoughts):
            own = _find_own(parts[place]) if is_complete else {}
            for name in own:
                self._delta({"reasoningContent": {name: own[name]}}, index)
            self._emit("contentBlockStop", {"contentBlockIndex": index})

    def _tell(self, kind: str, delta: _Dict) -> None:
        if self._open != kind:
            self._open_block(kind)
        self._delta(delta)

    def _start_call(self, identity: str, name: str) -> None:
        self._open_block(identity, {"toolUse": {"toolUseId": fit_id(identity), "name": name}})

    def _tell_input(self, identity: str, text: str) -> None:
        """Tell a piece of a call; of one that is not the last, its end tells all, as blocks do not overlap here."""
        if text and self._open == identity:
            self._told.add(identity)
            self._delta({"toolUse": {"input": text}})

    def _end_call(self, call: ToolCall) -> None:
        if self._open != call.id:
            self._start_call(call.id, call.name)
        if call.id not in self._told:
            self._tell_input(call.id, _write_arguments(call))
        self._close()

    def _tell_record(self, data: _Dict) -> None:
        """Tell what a tool of the provider's own was asked, and what it gave, where it is of this wire."""
        call, result = data.get("toolUse"), data.get("toolResult")
        if is_object(call):
            start = {name: value for name, value in call.items() if name != "input"}
            self._open_block("record", {"toolUse": start})
            self._delta({"toolUse": {"input": msgspec.json.encode(call.get("input", {})).decode()}})
        elif is_object(result):
            start = {name: value for name, value in result.items() if name != "content"}
            self._open_block("record", {"toolResult": start})
            self._delta({"toolResult": result.get("content", [])})
        self._close()

    def _tell_rest(self, part: Part) -> None:
        """Tell what the chunks did not: pictures and sources."""
        block = _render_part(part) or {}
        image = block.get("image")
        if is_object(image):
            self._open_block("image", {"image": {"format": image["format"]}})
            self._delta({"image": {"source": image["source"]}})
        elif isinstance(part, Text):
            for citation in _find_citations(part):
                self._tell("cited", {"citation": citation})
        self._close()

    def _fail(self, message: str, code: str | None) -> None:
        self._is_ended = True
        self._events.append(
            write_exception(_STREAM_TYPES.get((code or "").lower(), "modelStreamErrorException"), message)
        )

    def _emit(self, name: str, payload: _Dict) -> None:
        self._events.append(write_event(name, payload))

    def _take(self) -> bytes:
        events, self._events = self._events, []
        return b"".join(events)


def _render_reason(response: ModelResponse) -> str:
    if response.raw_finish_reason in _KNOWN_REASONS and response.finish_reason != "tool_calls":
        return response.raw_finish_reason or "end_turn"
    return _REASONS.get(response.finish_reason, "end_turn")


def _render_part(part: Part) -> _Dict | None:
    """Return a part of the answer as a block; `None` for what this wire has no block for."""
    if isinstance(part, Text):
        citations = _find_citations(part)
        text: _Dict = {"text": part.text}
        return {"citationsContent": {"content": [text], "citations": citations}} if citations else text
    if isinstance(part, Refusal):
        return {"text": part.text}
    if isinstance(part, Reasoning):
        return _render_thought(part)
    if isinstance(part, ToolCall):
        arguments = part.arguments
        if part.invalid_arguments is not None:  # the wire has objects only
            arguments = {"INVALID_JSON": part.invalid_arguments}
        return {"toolUse": {"toolUseId": fit_id(part.id), "name": part.name, "input": arguments}}
    if isinstance(part, ServerTool):
        return part.data if len(part.data) == 1 and not BLOCKS.isdisjoint(part.data) else None
    return _render_media(part) if isinstance(part, Media) else None


def _render_media(part: Media) -> _Dict | None:
    try:
        return write_media(part, "the answer", set())
    except InvalidInputError:  # of a kind, or at a place, that this wire does not carry
        return None


def _render_thought(part: Reasoning) -> _Dict | None:
    own = _find_own(part)
    if "redactedContent" in own and not part.text:
        return {"reasoningContent": {"redactedContent": own["redactedContent"]}}
    return {"reasoningContent": {"reasoningText": {"text": part.text, **own}}} if part.text or own else None


def _find_own(part: Reasoning) -> _Dict:
    """Return what must go back with a thought: the signature of this wire, or another provider's record sealed."""
    detail = part.details[0] if part.details and len(part.details) == 1 else None
    if is_object(detail):
        signed = detail.get("reasoningText")
        if is_object(signed) and isinstance(signed.get("signature"), str):
            return {"signature": signed["signature"]}
        if isinstance(detail.get("redactedContent"), str):
            return {"redactedContent": detail["redactedContent"]}
    sealed = seal(part)
    if sealed is None:
        return {}
    return {"signature": sealed} if part.text else {"redactedContent": b64encode(sealed.encode()).decode()}


def _find_citations(part: Text) -> list[_Dict]:
    """Return the sources that this wire has a form for: its own, and pages of the web."""
    told: list[_Dict] = []
    for citation in part.citations:
        inner = citation.get("url_citation")
        source = inner if is_object(inner) else citation
        if is_object(citation.get("location")) or "sourceContent" in citation:
            told.append(citation)
        elif isinstance(source.get("url"), str):
            title = source.get("title")
            named = {"title": title} if isinstance(title, str) else {}
            told.append({**named, "location": {"web": {"url": source["url"]}}})
    return told


def _write_arguments(call: ToolCall) -> str:
    return msgspec.json.encode(call.arguments).decode() if call.invalid_arguments is None else call.invalid_arguments
