"""Answers and streams as a client of this wire format gets them."""

from __future__ import annotations

from base64 import b64encode
from os import urandom
from typing import TYPE_CHECKING, Any

import msgspec

from turnout.chunks import (
    ErrorChunk,
    FallbackChunk,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from turnout.media import sniff_media_type
from turnout.messages import Image, Reasoning, Text
from turnout.protocols.json_reading import is_object
from turnout.protocols.openai_chat.sounds import render_sound
from turnout.protocols.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.chunks import Chunk
    from turnout.errors import TurnoutError
    from turnout.messages import ToolCall
    from turnout.responses import ModelResponse, TokenLogprob
    from turnout.usage import Usage

_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter"})
_Dict = dict[str, Any]


def render_response(response: ModelResponse, *, model: str | None = None, created: int = 0) -> bytes:
    """Return `response` as the JSON of a chat completion: ``render_response(answer, model="m", created=1782404525)``.

    `model` is the name that the client is told, `created` the time in seconds since 1970. Reasoning is in
    `reasoning_content`, and what its provider wants back in `reasoning_details`, where `parse_request` finds it; images
    are in `images`, sound and its words in `audio`, sources in `annotations`.
    """
    sound, words = render_sound(response.message.content)
    texts = [part.text for part in response.message.content if isinstance(part, Text) and part not in words]
    message: _Dict = {"role": "assistant", "content": "".join(texts) or None, "refusal": response.refusal}
    if sound is not None:
        message["audio"] = sound
    if response.reasoning:
        message["reasoning_content"] = response.reasoning
    message |= _render_rest(response)
    if response.tool_calls:
        message["tool_calls"] = [_render_call(call) for call in response.tool_calls]
    elif message["content"] is None and response.refusal is None and sound is None:
        message["content"] = ""
    choice = {
        "index": 0,
        "message": message,
        "logprobs": _render_logprobs(response.logprobs),
        "finish_reason": _render_reason(response),
    }
    body = {
        "id": response.id or _make_id(),
        "object": "chat.completion",
        "created": created,
        "model": model or response.model or "",
        "choices": [choice],
    }
    usage = render_usage(response.usage)
    return msgspec.json.encode(body if usage is None else {**body, "usage": usage})


def render_error(error: TurnoutError, status: int | None = None) -> bytes:
    """Return `error` as the body of an answer with `status`, by default its own or 500."""
    told = {"message": error.message, "type": error_type(status or error.status or 500)}
    return msgspec.json.encode(
        {"error": {**told, "param": getattr(error, "param", None), "code": getattr(error, "code", None)}}
    )


def error_type(status: int) -> str:
    """Return OpenAI's word for an error with this status."""
    if status >= 500 or status < 400:
        return "server_error"
    return _ERROR_TYPES.get(status, "invalid_request_error")


def render_usage(usage: Usage) -> _Dict | None:
    """Return the tokens as the wire has them; `None` where nothing is known. The wire has no unknown count but 0."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    given, answered = usage.input_tokens or 0, usage.output_tokens or 0
    of_input = {"cached_tokens": usage.cached_input_tokens, "audio_tokens": usage.audio_input_tokens}
    of_input["cache_write_tokens"] = usage.cache_write_tokens
    of_output = {"reasoning_tokens": usage.reasoning_tokens, "audio_tokens": usage.audio_output_tokens}
    return {
        "prompt_tokens": given,
        "completion_tokens": answered,
        "total_tokens": given + answered if usage.total_tokens is None else usage.total_tokens,
        "prompt_tokens_details": {name: count for name, count in of_input.items() if count is not None},
        "completion_tokens_details": {name: count for name, count in of_output.items() if count is not None},
    }


class StreamRenderer:
    """Writes the chunks of one answer as server-sent events.

    ``renderer.feed(chunks)`` for each batch, then ``renderer.finish(response)``; ``renderer.fail(message)`` where it
    breaks. Each returns bytes to send. `has_usage`: the client asked for the usage (`serve.asks_for_usage`). A fallback
    in the middle of an answer cannot be told on this wire, and is an error.
    """

    def __init__(self, *, model: str = "", created: int = 0, has_usage: bool = True) -> None:
        self._frame: _Dict = {
            "id": _make_id(),
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._has_usage = has_usage
        self._events: list[bytes] = []
        self._calls: dict[str, int] = {}
        self._told: set[str] = set()
        self._is_begun = False
        self._is_ended = False

    def feed(self, chunks: Iterable[Chunk]) -> bytes:
        """Return the events for `chunks`."""
        for chunk in chunks:
            if not self._is_ended:
                self._add(chunk)
        return self._take()

    def finish(self, response: ModelResponse) -> bytes:
        """Return the last events: the finish reason, the usage, and the end mark."""
        if self._is_ended:
            return self._take()
        rest = _render_rest(response)
        sound = render_sound(response.message.content)[0]
        if sound is not None:  # its words were told as text, and are told again for clients that look for them here
            rest["audio"] = sound
        if rest or not self._is_begun:
            self._tell(rest)
        self._is_ended = True
        self._tell({}, _render_reason(response), _render_logprobs(response.logprobs))
        usage = render_usage(response.usage)
        if self._has_usage and usage is not None:
            self._emit({**self._frame, "choices": [], "usage": usage})
        self._events.append(b"data: [DONE]\n\n")
        return self._take()

    def fail(self, message: str, code: str | None = None) -> bytes:
        """Return the event that tells the client that the answer broke."""
        if not self._is_ended:
            self._fail(message, code)
        return self._take()

    def _add(self, chunk: Chunk) -> None:
        if isinstance(chunk, TextDelta):
            self._tell({"content": chunk.text})
        elif isinstance(chunk, ReasoningDelta):
            self._tell({"reasoning_content": chunk.text})
        elif isinstance(chunk, RefusalDelta):
            self._tell({"refusal": chunk.text})
        elif isinstance(chunk, ToolCallStart):
            self._start_call(chunk.id, chunk.name)
        elif isinstance(chunk, ToolCallDelta):
            self._tell_arguments(chunk.id, chunk.text)
        elif isinstance(chunk, ToolCallEnd):
            self._end_call(chunk.call)
        elif isinstance(chunk, ErrorChunk):
            self._fail(chunk.message, chunk.code)
        elif isinstance(chunk, FallbackChunk):
            self._fail(f"{chunk.failed} broke off: {chunk.reason}", None)

    def _fail(self, message: str, code: str | None) -> None:
        self._is_ended = True
        self._emit({"error": {"message": message, "type": code or "server_error", "param": None, "code": code}})

    def _start_call(self, identity: str, name: str) -> None:
        index = self._calls[identity] = len(self._calls)
        function = {"name": name, "arguments": ""}
        self._tell({"tool_calls": [{"index": index, "id": identity, "type": "function", "function": function}]})

    def _tell_arguments(self, identity: str, text: str) -> None:
        if text:
            self._told.add(identity)
            piece = {"index": self._calls.get(identity, 0), "function": {"arguments": text}}
            self._tell({"tool_calls": [piece]})

    def _end_call(self, call: ToolCall) -> None:
        """Tell the arguments where no piece of them came, such as those of a call without any."""
        if call.id not in self._calls:
            self._start_call(call.id, call.name)
        if call.id not in self._told:
            self._tell_arguments(call.id, _write_arguments(call))

    def _tell(self, delta: _Dict, reason: str | None = None, logprobs: _Dict | None = None) -> None:
        if not self._is_begun:
            self._is_begun = True
            delta = {"role": "assistant", "content": "", **delta}
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        self._emit({**self._frame, "choices": [choice]})

    def _emit(self, value: _Dict) -> None:
        self._events.append(b"data: %s\n\n" % msgspec.json.encode(value))

    def _take(self) -> bytes:
        events, self._events = self._events, []
        return b"".join(events)


def _make_id() -> str:
    return f"chatcmpl-{urandom(12).hex()}"


def _render_reason(response: ModelResponse) -> str:
    return response.finish_reason if response.finish_reason in _REASONS else "stop"


def _render_rest(response: ModelResponse) -> _Dict:
    """Return what is told of an answer beside its texts and calls, and at the end of a stream."""
    parts = response.message.content
    sealed = [text for part in parts if isinstance(part, Reasoning) and (text := seal(part)) is not None]
    images = [_render_image(part) for part in parts if isinstance(part, Image)]
    sources = [source for part in parts if isinstance(part, Text) for source in _render_sources(part.citations)]
    rest: _Dict = {}
    if sealed:
        rest["reasoning_details"] = [{"type": "reasoning.encrypted", "data": text} for text in sealed]
    if images:
        rest["images"] = images
    if sources:
        rest["annotations"] = sources
    return rest


def _render_image(part: Image) -> _Dict:
    url = part.url
    if url is None:
        data = part.data or b""
        kind = sniff_media_type(data) or part.media_type or "image/png"
        url = f"data:{kind};base64,{b64encode(data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _render_sources(citations: list[_Dict]) -> list[_Dict]:
    """Return those of `citations` that name a page, as this wire has them."""
    told: list[_Dict] = []
    for citation in citations:
        inner = citation.get("url_citation")
        source = inner if is_object(inner) else citation
        if isinstance(source.get("url"), str):
            places = {name: source.get(name) or 0 for name in ("start_index", "end_index")}
            page = {"url": source["url"], "title": source.get("title") or "", **places}
            told.append({"type": "url_citation", "url_citation": page})
    return told


def _render_call(call: ToolCall) -> _Dict:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _write_arguments(call)}}


def _write_arguments(call: ToolCall) -> str:
    return msgspec.json.encode(call.arguments).decode() if call.invalid_arguments is None else call.invalid_arguments


def _render_logprobs(tokens: list[TokenLogprob] | None) -> _Dict | None:
    return {"content": [_render_token(token) for token in tokens], "refusal": None} if tokens else None


def _render_token(token: TokenLogprob) -> _Dict:
    told = {"token": token.token, "logprob": token.logprob, "bytes": None if token.data is None else list(token.data)}
    return {**told, "top_logprobs": [_render_token(other) for other in token.top]}
