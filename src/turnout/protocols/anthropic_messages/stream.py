"""The events of a streamed answer, decoded into chunks one by one."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

from turnout.chunks import ErrorChunk, RefusalDelta, UsageChunk
from turnout.messages import Message, Refusal
from turnout.protocols.anthropic_messages.answer import Answer
from turnout.protocols.anthropic_messages.reasons import PAUSED, read_stop_reason
from turnout.protocols.anthropic_messages.tokens import TokenCounter
from turnout.protocols.anthropic_messages.wire import Body, Event, convert_body, convert_event, read_event
from turnout.protocols.broken_answers import malformed, truncated, warn_of_unread
from turnout.protocols.error_bodies import read_report
from turnout.protocols.json_reading import UnreadableJSONError, as_text, is_object, quote, read_json, try_read_json
from turnout.responses import ModelResponse, Warning

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.errors import MalformedStreamError
    from turnout.protocols.anthropic_messages.wire import Delta
    from turnout.routing.route import Route


class StreamDecoder:
    """The state of one stream; see `turnout.protocols.StreamDecoder`.

    The end mark is the event `message_stop`. Events and fields that are not known are skipped; pieces of content that
    are not known become a warning (``"unread_content"``).
    """

    def __init__(self, route: Route) -> None:
        self._answer = Answer(route.maker)
        self._secrets = route.secrets
        self._tokens = TokenCounter()
        self._raw_stop_reason = ""
        self._refusal: str | None = None
        self._id: str | None = None
        self._model: str | None = None
        self._cut: bytes | None = None
        self._is_closed = False
        self.is_complete = False
        """Whether `message_stop` was read."""

    @property
    def text(self) -> str:
        """The text so far, untrimmed."""
        return self._answer.text

    def decode_event(self, data: bytes, event: str = "") -> list[Chunk]:
        """Decode one event. Raises `MalformedStreamError` for one that cannot be read.

        An event that breaks off is an error only when another one follows: at the very end the stream was cut.
        """
        if self.is_complete:
            return []
        if self._cut is not None:
            raise self._malformed(self._cut)
        try:
            told = read_event(data)
        except (ValueError, RecursionError):
            return self._decode_oddity(data, event)
        return self._decode(told, data, event)

    def finish(self) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the whole answer. Raises `TruncatedStreamError` when the stream was cut."""
        if not (self.is_complete or self._raw_stop_reason):
            raise truncated("with neither a stop reason nor message_stop", self.text, is_in_event=self._cut is not None)
        chunks = self._close()
        message = self._answer.build()
        if self._refusal is not None:
            message = Message("assistant", [*message.content, Refusal(self._refusal)])
        return chunks, ModelResponse(
            message=message,
            finish_reason=read_stop_reason(self._raw_stop_reason, has_calls=self._answer.has_calls),
            usage=self._tokens.read(),
            id=self._id,
            model=self._model,
            refusal=self._refusal,
            raw_finish_reason=self._raw_stop_reason or None,
            is_paused=self._raw_stop_reason == PAUSED,
            warnings=[*warn_of_unread(self._answer.unread), *self._warn_of_reason(), *self._tokens.warn(self._secrets)],
        )

    def read_whole(self, body: Body) -> ModelResponse:
        """Return the answer that `body`, a whole one, holds: a stream whose blocks come in one piece each."""
        self._begin(body)
        self._end(body.stop_reason, body.stop_details, None)
        self.is_complete = True
        return self.finish()[1]

    def _decode(self, told: Event, data: bytes, event: str) -> list[Chunk]:
        chunks = self._answer.chunks = []
        kind = told.type
        if kind == "content_block_delta":
            if told.delta is not None:
                self._answer.add(told.delta, told.index)
        elif kind == "content_block_start":
            self._answer.start(told.content_block, told.index)
        elif kind == "content_block_stop":
            self._answer.stop(told.index)
        elif kind == "message_start" and is_object(told.message):
            self._begin(convert_body(told.message))
        elif kind == "message_delta":
            self._end_message(told.delta, told.usage)
        elif kind == "message_stop":
            self.is_complete = True
            chunks += self._close()
        elif told.error or "error" in (kind, event):
            chunks.append(_error_chunk(try_read_json(data), self._secrets))
        elif told.bytes is not None and kind is None:
            return self._unwrap(told.bytes, data)
        return chunks

    def _unwrap(self, written: str, data: bytes) -> list[Chunk]:
        """Decode the event inside an event of Bedrock: ``{"bytes": "…", "p": "…"}``, of which `p` is padding."""
        try:
            inner = b64decode(written, validate=True)
            value = read_json(inner)
        except ValueError:  # no base64, no JSON
            raise self._malformed(data) from None
        if not is_object(value):
            raise self._malformed(data)
        told = convert_event(value)
        told.bytes = None  # once is enough
        return self._decode(told, inner, "")

    def _begin(self, body: Body) -> None:
        if self._id is None:
            self._id, self._model = body.id or None, body.model or None
        self._tokens.add(body.usage)
        self._keep_container(body.container)
        for block in body.content or ():
            self._answer.start(block)

    def _end_message(self, delta: Delta | None, usage: Any) -> None:
        self._tokens.add(usage)
        if delta is not None:
            self._end(delta.stop_reason, delta.stop_details, delta.container)

    def _end(self, reason: str | None, details: Any, container: Any) -> None:
        self._raw_stop_reason = reason or self._raw_stop_reason
        self._keep_container(container)
        explanation = as_text(details.get("explanation")) if is_object(details) else None
        if explanation and self._refusal is None:
            self._refusal = explanation
            self._answer.chunks.append(RefusalDelta(explanation))

    def _keep_container(self, container: Any) -> None:
        if is_object(container) and container:
            self._answer.container = container

    def _close(self) -> list[Chunk]:
        if self._is_closed:
            return []
        self._is_closed = True
        chunks = self._answer.chunks = []
        self._answer.stop()
        if self._tokens.has_counts:
            chunks.append(UsageChunk(self._tokens.read()))
        return chunks

    def _decode_oddity(self, data: bytes, event: str) -> list[Chunk]:
        """Decode an event that is no JSON of the right types: nothing, an error, something close to it."""
        if not data.strip() or data.strip() == b"[DONE]":  # servers that speak OpenAI's wire as well end so
            return []
        try:
            value = read_json(data)
        except UnreadableJSONError as error:
            if event == "error":
                return [ErrorChunk(quote(data, self._secrets))]
            if not error.is_cut:
                raise self._malformed(data) from None
            self._cut = data
            return []
        if not is_object(value):
            if event == "error":
                return [_error_chunk(value, self._secrets)]
            raise self._malformed(data)
        return self._decode(convert_event(value), data, event)

    def _malformed(self, data: bytes) -> MalformedStreamError:
        return malformed(data, self._secrets, "an API like Anthropic's", self.text)

    def _warn_of_reason(self) -> list[Warning]:
        if self._raw_stop_reason:
            return []
        told = "the provider gave no stop reason: it was inferred from the end mark, and the answer may be cut"
        return [Warning("inferred_finish_reason", told)]


def _error_chunk(value: object, secrets: tuple[str, ...]) -> ErrorChunk:
    report = read_report(value, secrets)
    return ErrorChunk("the provider gave no reason") if report is None else ErrorChunk(report.message, report.code)
