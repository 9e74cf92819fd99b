"""Server-sent events of a streamed answer, decoded into chunks one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.chunks import ErrorChunk, UsageChunk
from turnout.errors import MalformedStreamError, redact_text
from turnout.protocols.broken_answers import malformed, truncated
from turnout.protocols.cohere_chat.answer import Answer
from turnout.protocols.cohere_chat.reasons import is_error, read_finish_reason
from turnout.protocols.cohere_chat.tokens import count_uses, read_usage
from turnout.protocols.error_bodies import read_report
from turnout.protocols.json_reading import (
    UnreadableJSONError,
    as_count,
    as_number,
    as_text,
    is_array,
    is_object,
    objects,
    read_json,
)
from turnout.protocols.unpriced import warn_of_use
from turnout.responses import ModelResponse, TokenLogprob, Warning
from turnout.usage import Usage

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.routing.route import Route

_END = b"[DONE]"


class StreamDecoder:
    """The state of one stream; see `turnout.protocols.StreamDecoder`. The event `message-end` is the end mark."""

    def __init__(self, route: Route) -> None:
        self._answer = Answer(route.maker)
        self._secrets = route.secrets
        self._usage = Usage()
        self._used: dict[str, int] = {}
        self._raw_finish_reason = ""
        self._logprobs: list[TokenLogprob] = []
        self._id: str | None = None
        self._cut: bytes | None = None
        self.is_complete = False
        """Whether ``message-end`` was read."""

    @property
    def text(self) -> str:
        """The text so far, untrimmed."""
        return self._answer.text

    def decode_event(self, data: bytes, event: str = "") -> list[Chunk]:
        """Decode one event. Raises `MalformedStreamError` for one that cannot be read.

        An event that breaks off is an error only when another one follows: at the very end the stream was cut.
        """
        stripped = data.strip()
        if self.is_complete or not stripped or stripped == _END:
            return []
        if self._cut is not None:
            raise self._malformed(self._cut)
        try:
            value = read_json(data)
        except UnreadableJSONError as error:
            if not error.is_cut:
                raise self._malformed(data) from None
            self._cut = data
            return []
        if not is_object(value):
            raise self._malformed(data)
        kind = as_text(value.get("type")) or event
        delta = value.get("delta")
        report = None
        if not is_object(delta) and ("message" in value or "error" in value):
            report = read_report(value, self._secrets)
        if report is not None:
            return [ErrorChunk(report.message, report.code)]
        chunks = self._answer.chunks = []
        self._read(kind, value, delta if is_object(delta) else {})
        return chunks

    def finish(self) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the whole answer. Raises `TruncatedStreamError` when the stream was cut."""
        if not self._raw_finish_reason:
            raise truncated("without a finish reason", self.text, is_in_event=self._cut is not None)
        return self._build()

    def read_whole(self, body: dict[str, Any], message: dict[str, Any]) -> ModelResponse:
        """Return the answer that `body`, whose `message` it is, holds."""
        answer = self._answer
        self._id = as_text(body.get("id")) or None
        content = message.get("content")
        items: list[Any] = [{"text": content}] if isinstance(content, str) else content if is_array(content) else []
        for index, item in enumerate(items):
            answer.add_content(index, item)
        answer.add_plan(message.get("tool_plan"))
        for call in objects(message.get("tool_calls")):
            answer.start_call(call)
        for citation in objects(message.get("citations")):
            answer.cite(citation)
        for item in objects(body.get("logprobs")):
            self._logprobs += _read_logprobs(item)
        self._usage = read_usage(body.get("usage")) or self._usage
        self._used = count_uses(body.get("usage"))
        self._raw_finish_reason = as_text(body.get("finish_reason")) or ""
        return self._build()[1]

    def _read(self, kind: str, value: dict[str, Any], delta: dict[str, Any]) -> None:
        message = delta.get("message")
        message = message if is_object(message) else {}
        answer = self._answer
        if kind == "message-start":
            self._id = as_text(value.get("id")) or self._id
        elif kind in ("content-start", "content-delta"):
            answer.add_content(as_count(value.get("index")), message.get("content"))
            self._logprobs += _read_logprobs(value.get("logprobs"))
        elif kind == "tool-plan-delta":
            answer.add_plan(message.get("tool_plan"))
        elif kind == "tool-call-start":
            answer.start_call(message.get("tool_calls"))
        elif kind == "tool-call-delta":
            answer.add_arguments(message.get("tool_calls"))
        elif kind == "citation-start":
            answer.cite(message.get("citations"))
        elif kind in ("content-end", "tool-call-end"):
            answer.end()
        elif kind == "message-end":
            self._end(value, delta)

    def _end(self, value: dict[str, Any], delta: dict[str, Any]) -> None:
        self._id = self._id or as_text(value.get("id"))
        self._usage = read_usage(delta.get("usage")) or self._usage
        self._used = count_uses(delta.get("usage"))
        reason = self._raw_finish_reason = as_text(delta.get("finish_reason")) or ""
        if is_error(reason) or delta.get("error"):
            words = as_text(delta.get("error")) or f"the provider failed ({reason}) while answering"
            self._answer.chunks.append(ErrorChunk(redact_text(words, self._secrets)[:500], reason or None))
        self.is_complete = bool(reason)

    def _build(self) -> tuple[list[Chunk], ModelResponse]:
        answer, reason = self._answer, self._raw_finish_reason
        chunks = answer.chunks = []
        answer.end()
        if self._usage != Usage():
            chunks.append(UsageChunk(self._usage))
        warnings = [*answer.warnings, *warn_of_use(self._used, self._secrets)]
        if not reason:
            told = "the provider gave no finish reason: it was inferred, and the answer may be cut"
            warnings.append(Warning("inferred_finish_reason", told))
        return chunks, ModelResponse(
            message=answer.build(),
            finish_reason=read_finish_reason(reason, has_calls=answer.has_calls),
            usage=self._usage,
            id=self._id,
            raw_finish_reason=reason or None,
            logprobs=self._logprobs or None,
            warnings=warnings,
        )

    def _malformed(self, data: bytes) -> MalformedStreamError:
        return malformed(data, self._secrets, "Cohere's API", self.text)


def _read_logprobs(item: object) -> list[TokenLogprob]:
    """Return what a `LogprobItem` tells: the text of several tokens, and the number of each; alone, the text is its."""
    if not is_object(item):
        return []
    text, numbers = as_text(item.get("text")) or "", item.get("logprobs")
    told = [as_number(number) for number in numbers] if is_array(numbers) else []
    known = [number for number in told if number is not None]
    return [TokenLogprob(token=text if not place else "", logprob=number) for place, number in enumerate(known)]
