"""Events of a streamed answer, decoded into chunks one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.chunks import ErrorChunk, UsageChunk
from turnout.errors import ProviderStreamError, redact_text
from turnout.protocols.bedrock_converse.answer import Answer
from turnout.protocols.bedrock_converse.tokens import read_usage
from turnout.protocols.broken_answers import malformed, truncated
from turnout.protocols.error_bodies import read_report
from turnout.protocols.json_reading import UnreadableJSONError, as_count, as_text, is_object, read_json
from turnout.protocols.openai_chat.reasons import read_finish_reason
from turnout.protocols.unpriced import warn_of_tier, warn_of_use
from turnout.responses import ErrorReport, ModelResponse, Warning
from turnout.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.chunks import Chunk
    from turnout.routing.route import Route

_REFUSED = "validationexception"


class StreamDecoder:
    """The state of one stream; see `turnout.protocols.StreamDecoder`. The usage is told with the last event."""

    def __init__(self, route: Route) -> None:
        self._answer = Answer(route.maker)
        self._secrets = route.secrets
        self._usage = Usage()
        self._model: str | None = None
        self._raw_finish_reason = ""
        self._terms: list[str | None] = []
        self._handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "contentBlockStart": self._start,
            "contentBlockDelta": self._add,
            "contentBlockStop": self._stop,
            "messageStop": self._end,
            "metadata": self._read_metadata,
            "error": self._fail,
        }
        self.is_complete = False
        """Whether the last event was read."""

    @property
    def text(self) -> str:
        """The text so far, untrimmed."""
        return self._answer.text

    def decode_event(self, data: bytes, event: str = "") -> list[Chunk]:
        """Decode one event; those of other types say nothing of the answer.

        Raises `MalformedStreamError` for one that cannot be read, and `ProviderStreamError` where the provider says
        that the request is at fault.
        """
        handler = self._handlers.get(event)
        if handler is None or self.is_complete:
            return []
        chunks: list[Chunk] = []
        self._answer.chunks = chunks
        handler(self._read(data))
        return chunks

    def finish(self) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the whole answer. Raises `TruncatedStreamError` when the stream was cut."""
        if not self._raw_finish_reason:
            raise truncated("without a stop reason", self.text)
        return self._build()

    def read_whole(self, body: dict[str, Any]) -> ModelResponse:
        """Return the answer that `body`, a whole one with a message, holds."""
        self._answer.read_whole(body["output"]["message"].get("content"))
        self._end(body)
        self._read_metadata(body)
        return self._build()[1]

    def _build(self) -> tuple[list[Chunk], ModelResponse]:
        answer, reason = self._answer, self._raw_finish_reason
        chunks = answer.chunks = []
        answer.close()
        message = answer.build()
        return chunks, ModelResponse(
            message=message,
            finish_reason=read_finish_reason(reason, has_calls=answer.has_calls),
            usage=self._usage,
            model=self._model,
            raw_finish_reason=reason or None,
            warnings=[
                *answer.warnings,
                *self._warn_of_reason(),
                *warn_of_use(answer.used, self._secrets),
                *warn_of_tier(self._terms, self._secrets),
            ],
        )

    def _read(self, data: bytes) -> dict[str, Any]:
        try:
            value = read_json(data)
        except UnreadableJSONError:
            value = None
        if not is_object(value):
            raise malformed(data, self._secrets, "Bedrock's runtime", self.text)
        return value

    def _start(self, value: dict[str, Any]) -> None:
        start = value.get("start")
        if is_object(start):
            self._answer.start(_index(value), start)

    def _add(self, value: dict[str, Any]) -> None:
        delta = value.get("delta")
        if is_object(delta):
            self._answer.add(_index(value), delta)

    def _stop(self, value: dict[str, Any]) -> None:
        self._answer.stop(_index(value))

    def _end(self, value: dict[str, Any]) -> None:
        self._raw_finish_reason = as_text(value.get("stopReason")) or ""
        self._answer.close()

    def _read_metadata(self, value: dict[str, Any]) -> None:
        usage, trace = value.get("usage"), value.get("trace")
        if is_object(usage):
            self._usage = read_usage(usage)
        router = trace.get("promptRouter") if is_object(trace) else None
        invoked = as_text(router.get("invokedModelId")) if is_object(router) else None
        self._model = invoked.rpartition("/")[2] if invoked else None
        tier, performance = value.get("serviceTier"), value.get("performanceConfig")
        self._terms = [
            as_text(tier.get("type")) if is_object(tier) else None,
            as_text(performance.get("latency")) if is_object(performance) else None,
        ]
        self.is_complete = bool(self._raw_finish_reason)
        if self._usage != Usage():
            self._answer.chunks.append(UsageChunk(self._usage))

    def _fail(self, value: dict[str, Any]) -> None:
        report = read_report(value, self._secrets) or ErrorReport(message="the provider gave no reason")
        original = as_text(value.get("originalMessage"))
        message = report.message
        if original:
            message += f" ({redact_text(original, self._secrets)[:500]})"
        if (report.code or "").lower() != _REFUSED:
            self._answer.chunks.append(ErrorChunk(message, report.code))
            return
        error = ProviderStreamError(
            f"the provider reports: {message}; check the messages, settings and provider_options of the call",
            code=report.code,
            text=self.text,
        )
        error.is_retryable = False
        raise error

    def _warn_of_reason(self) -> list[Warning]:
        if self._raw_finish_reason:
            return []
        told = "the provider gave no stop reason: it was inferred, and the answer may be cut"
        return [Warning("inferred_finish_reason", told)]


def _index(value: dict[str, Any]) -> int:
    return as_count(value.get("contentBlockIndex")) or 0
