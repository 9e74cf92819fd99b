"""Server-sent events of a streamed answer, decoded into chunks one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.chunks import ErrorChunk, UsageChunk
from turnout.errors import MalformedStreamError, redact_text
from turnout.protocols.broken_answers import malformed, truncated
from turnout.protocols.error_bodies import read_report
from turnout.protocols.gemini.answer import Answer
from turnout.protocols.gemini.errors import find_block
from turnout.protocols.gemini.logprobs import read_logprobs
from turnout.protocols.gemini.reasons import is_ordinary, read_finish_reason
from turnout.protocols.gemini.tokens import has_counts, read_terms, read_usage
from turnout.protocols.json_reading import (
    UnreadableJSONError,
    as_count,
    as_text,
    is_array,
    is_object,
    objects,
    read_json,
)
from turnout.protocols.unpriced import warn_of_tier, warn_of_use
from turnout.responses import ModelResponse, Warning
from turnout.usage import Usage

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.responses import TokenLogprob
    from turnout.routing.route import Route

_NOTHING = (b"", b"[DONE]")
"""What says nothing: servers that speak OpenAI's wire format as well end with its end mark."""


class StreamDecoder:
    """The state of one stream; see `turnout.protocols.StreamDecoder`.

    This wire has no end mark: the stream ends with its bytes, and was cut where no event told a finish reason. Only
    the first candidate is read.
    """

    def __init__(self, route: Route) -> None:
        self._answer = Answer(route.maker)
        self._secrets = route.secrets
        self._usage = Usage()
        self._has_usage = False
        self._terms: list[str | None] = []
        self._raw_finish_reason = ""
        self._finish_message = ""
        self._logprobs: list[TokenLogprob] = []
        self._id: str | None = None
        self._model: str | None = None
        self._has_other_candidates = False
        self._cut: bytes | None = None
        self.is_complete = False
        """Always false: there is no end mark, and the usage may come after the finish reason."""

    @property
    def text(self) -> str:
        """The text so far, untrimmed."""
        return self._answer.text

    def decode_event(self, data: bytes, event: str = "") -> list[Chunk]:
        """Decode one event.

        Raises `MalformedStreamError` for one that cannot be read, and `ContentFilterError` where the prompt was
        blocked. An event that breaks off is an error only when another one follows: at the very end the stream was cut.
        """
        if self._cut is not None:
            raise self._malformed(self._cut)
        if data.strip() in _NOTHING:
            return []
        try:
            value = read_json(data)
        except UnreadableJSONError as error:
            if not error.is_cut:
                raise self._malformed(data) from None
            self._cut = data
            return []
        if is_object(value) and not value.get("error") and event != "error":
            return self.decode_body(value)
        report = read_report(value, self._secrets)
        if report is None or isinstance(value, str):
            raise self._malformed(data)
        return [ErrorChunk(report.message, report.code)]

    def decode_body(self, body: dict[str, Any]) -> list[Chunk]:
        """Decode a whole answer or what one event holds."""
        blocked = find_block(body, self._secrets)
        if blocked is not None:
            blocked.text = self.text  # joined here, and not for each event that blocks nothing
            raise blocked
        chunks = self._answer.chunks = []
        self._id = self._id or as_text(body.get("responseId")) or None
        self._model = self._model or as_text(body.get("modelVersion")) or None
        usage = body.get("usageMetadata")
        if is_object(usage):
            self._terms += [term for term in read_terms(usage) if term is not None and term not in self._terms]
        if is_object(usage) and has_counts(usage):
            self._usage, self._has_usage = read_usage(usage), True
        for candidate in objects(body.get("candidates")):
            if as_count(candidate.get("index")):
                self._has_other_candidates = True
            else:
                self._add_candidate(candidate)
        return chunks

    def finish(self) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the whole answer. Raises `TruncatedStreamError` when the stream was cut."""
        if not self._raw_finish_reason:
            raise truncated("without a finish reason", self.text, is_in_event=self._cut is not None)
        return self.build()

    def build(self) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the answer as it stands."""
        answer, reason = self._answer, self._raw_finish_reason
        chunks = answer.chunks = []
        answer.close()
        if self._has_usage:
            chunks.append(UsageChunk(self._usage))
        return chunks, ModelResponse(
            message=answer.build(),
            finish_reason=read_finish_reason(reason, has_calls=answer.has_calls),
            usage=self._usage,
            id=self._id,
            model=self._model,
            raw_finish_reason=reason or None,
            logprobs=self._logprobs or None,
            warnings=[
                *answer.warnings,
                *self._warn(),
                *warn_of_use(answer.sources.count_uses(), self._secrets),
                *warn_of_tier(self._terms, self._secrets),
            ],
        )

    def _add_candidate(self, candidate: dict[str, Any]) -> None:
        self._answer.add(candidate.get("content"))
        self._answer.sources.add(candidate)
        self._logprobs += read_logprobs(candidate.get("logprobsResult"))
        self._raw_finish_reason = as_text(candidate.get("finishReason")) or self._raw_finish_reason
        self._finish_message = as_text(candidate.get("finishMessage")) or self._finish_message

    def _warn(self) -> list[Warning]:
        warnings: list[Warning] = []
        if self._has_other_candidates:
            told = "the provider sent several candidates: turnout reads the first one only, and the others are lost"
            warnings.append(Warning("unread_content", told))
        reason = self._raw_finish_reason
        if not reason:
            told = "the provider gave no finish reason: it was inferred, and the answer may be cut"
            warnings.append(Warning("inferred_finish_reason", told))
        elif self._finish_message and not is_ordinary(reason):
            words = redact_text(self._finish_message, self._secrets)[:500]
            warnings.append(Warning("finish_message", f"the answer ended with {reason}: {words}"))
        return warnings

    def _malformed(self, data: bytes) -> MalformedStreamError:
        return malformed(data, self._secrets, "a Gemini API", self.text)


def read_events(value: object) -> list[dict[str, Any]]:
    """Return the pieces of a whole body: one, or those of a stream that came as a JSON array (without ``alt=sse``)."""
    if is_array(value):
        return objects(value)
    return [value] if is_object(value) else []
