"""Answers as a Gemini client reads them, whole and streamed."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import msgspec

from turnout.chunks import ReasoningDelta, RefusalDelta, ServerToolChunk, TextDelta, ToolCallEnd
from turnout.errors import InvalidInputError
from turnout.messages import Media, Reasoning, Refusal, ServerTool, Text, ToolCall
from turnout.protocols.gemini.media_parts import write_media
from turnout.protocols.gemini.outgoing import METADATA
from turnout.protocols.gemini.reasons import write_finish_reason
from turnout.protocols.gemini.tokens import write_usage
from turnout.protocols.json_reading import is_object
from turnout.protocols.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from turnout.chunks import Chunk
    from turnout.errors import TurnoutError
    from turnout.messages import Part
    from turnout.responses import ModelResponse

_Wire = dict[str, Any]
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Statuses and their words: https://cloud.google.com/apis/design/errors."""


def render_response(response: ModelResponse, *, model: str | None = None) -> bytes:
    """Return `response` as the body of a `generateContent`; `model` is the name that the client knows it by."""
    parts = [written for part in response.message.content if (written := _write_part(part)) is not None]
    return msgspec.json.encode(_write_body(response, parts, model))


def render_error(error: TurnoutError, status: int | None = None) -> bytes:
    """Return `error` as the body of an answer with `status`, by default its own or 500."""
    code = status or error.status or 500
    code = code if code >= 400 else 500
    word = _STATUSES.get(code, "INTERNAL" if code >= 500 else "FAILED_PRECONDITION")
    return msgspec.json.encode({"error": {"code": code, "message": error.message, "status": word}})


class StreamRenderer:
    """Turns the chunks of one answer into the events of a `streamGenerateContent?alt=sse`.

    ``renderer.feed(batch)`` for each batch of chunks, then ``renderer.finish(response)``: what no chunk tells
    (pictures, signatures of text, finish reason, usage) comes with the end.
    """

    def __init__(self, *, model: str | None = None) -> None:
        self._model = model

    def feed(self, chunks: Iterable[Chunk]) -> bytes:
        """Return the events for `chunks`; nothing where none of them is content."""
        parts = [part for chunk in chunks if (part := _write_chunk(chunk)) is not None]
        if not parts:
            return b""
        body: _Wire = {"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}]}
        return _event(body if self._model is None else {**body, "modelVersion": self._model})

    def finish(self, response: ModelResponse) -> bytes:
        """Return the last event."""
        parts = [part for each in response.message.content if (part := _write_rest(each)) is not None]
        return _event(_write_body(response, parts, self._model))

    def fail(self, message: str, code: str | None = None) -> bytes:
        """Return the event that tells the client that the answer broke; nothing may follow it."""
        return _event({"error": {"code": 500, "message": message, "status": code or "INTERNAL"}})


def _event(body: _Wire) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\r\n\r\n"  # a CR is what Google sends, too


def _write_body(response: ModelResponse, parts: Sequence[_Wire], model: str | None) -> _Wire:
    candidate: _Wire = {
        "content": {"parts": parts, "role": "model"},
        "finishReason": write_finish_reason(response.finish_reason, response.raw_finish_reason),
        "index": 0,
    }
    for part in response.message.content:
        if isinstance(part, ServerTool) and part.name in METADATA:
            candidate |= {name: value for name, value in part.data.items() if name == part.name}
    if "groundingMetadata" not in candidate:
        candidate |= _write_citations(response.message.content)
    if response.logprobs:
        candidate["logprobsResult"] = _write_logprobs(response)
    body: _Wire = {"candidates": [candidate], "usageMetadata": write_usage(response.usage)}
    named = {"modelVersion": model or response.model, "responseId": response.id}
    return {**body, **{name: value for name, value in named.items() if value}}


def _write_logprobs(response: ModelResponse) -> _Wire:
    tokens = response.logprobs or []
    chosen = [{"token": each.token, "logProbability": each.logprob} for each in tokens]
    top = [
        {"candidates": [{"token": each.token, "logProbability": each.logprob} for each in token.top]}
        for token in tokens
    ]
    return {"chosenCandidates": chosen, "topCandidates": top}


def _write_citations(parts: Iterable[Part]) -> _Wire:
    """Return the pages that an answer of another wire format cites; its places in the text are counted otherwise."""
    cited = [citation for part in parts if isinstance(part, Text) for citation in part.citations]
    pages = {
        url: {"web": {"uri": url, "title": citation.get("title") or url}}
        for citation in cited
        if isinstance(url := citation.get("url"), str)
    }
    own = [citation for citation in cited if "uri" in citation]
    found: _Wire = {"citationMetadata": {"citationSources": own}} if own else {}
    return {**found, "groundingMetadata": {"groundingChunks": list(pages.values())}} if pages else found


def _write_part(part: Part) -> _Wire | None:
    if isinstance(part, (Text, Refusal)):
        return {"text": part.text, **(_find_own(part) if isinstance(part, Text) else {})}
    if isinstance(part, Reasoning):
        return _write_reasoning(part)
    if isinstance(part, ToolCall):
        return _write_call(part)
    if isinstance(part, ServerTool):
        return part.data if part.name in part.data and part.name not in METADATA else None
    return _write_media(part) if isinstance(part, Media) else None


def _write_media(part: Media) -> _Wire | None:
    try:
        return {**write_media(part, "the answer", is_vertex=False), **_find_own(part)}
    except InvalidInputError:  # its provider wrote what is no media, and no client could read it
        return None


def _write_rest(part: Part) -> _Wire | None:
    """Return what the chunks of a part did not tell: media, and what goes back with text that was written already."""
    if isinstance(part, Media):
        return _write_part(part)
    if isinstance(part, Text):
        own = _find_own(part)
        return {"text": "", **own} if own else None
    if not isinstance(part, Reasoning):
        return None
    written = _write_reasoning(part)
    return {**written, "text": ""} if "thoughtSignature" in written else None


def _write_chunk(chunk: Chunk) -> _Wire | None:
    if isinstance(chunk, (TextDelta, RefusalDelta)):
        return {"text": chunk.text}
    if isinstance(chunk, ReasoningDelta):
        return {"text": chunk.text, "thought": True}
    if isinstance(chunk, ToolCallEnd):
        return _write_call(chunk.call)
    if isinstance(chunk, ServerToolChunk):
        return _write_part(ServerTool(chunk.name, chunk.data))
    return None


def _write_reasoning(part: Reasoning) -> _Wire:
    """Return a thought with its signature; another provider's record of it goes as one, and comes back as it was."""
    detail = part.details[0] if part.details and len(part.details) == 1 else None
    if is_object(detail) and ("thought" in detail or "thoughtSignature" in detail):
        return {"text": part.text, **detail}
    sealed = seal(part)
    signed = {} if sealed is None else {"thoughtSignature": b64encode(sealed.encode()).decode()}
    return {"text": part.text, "thought": True, **signed}


def _write_call(call: ToolCall) -> _Wire:
    arguments = call.arguments
    if call.invalid_arguments is not None:  # the wire has objects only
        arguments = {"invalid_arguments": call.invalid_arguments}
    return {"functionCall": {"id": call.id, "name": call.name, "args": arguments}, **_find_own(call)}


def _find_own(part: Text | Media | ToolCall) -> _Wire:
    """Return the fields of this wire format that stand beside a part, whoever made it."""
    own = [fields for fields in part.provider_options.values() if "thoughtSignature" in fields]
    return own[0] if own else {}
