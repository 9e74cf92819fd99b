"""Server-sent events of a streamed answer, decoded into chunks one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.chunks import ErrorChunk, UsageChunk
from turnout.errors import MalformedStreamError, TruncatedStreamError
from turnout.protocols.broken_answers import malformed, truncated
from turnout.protocols.error_bodies import read_hidden_report, read_report
from turnout.protocols.json_reading import UnreadableJSONError, as_text, is_object, quote, read_json, try_read_json
from turnout.protocols.openai_chat.answer import Answer
from turnout.protocols.openai_chat.calls import separate_calls
from turnout.protocols.openai_chat.logprobs import read_logprobs
from turnout.protocols.openai_chat.reasons import is_error, read_finish_reason
from turnout.protocols.openai_chat.tokens import count_uses, has_counts, read_usage
from turnout.protocols.openai_chat.wire import Body, convert_counts, convert_leniently, read_strictly
from turnout.protocols.unpriced import warn_of_tier, warn_of_use
from turnout.responses import ModelResponse, Warning
from turnout.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.chunks import Chunk
    from turnout.protocols.openai_chat.wire import Choice, TokenCounts
    from turnout.responses import TokenLogprob
    from turnout.routing.route import Route

_END = b"[DONE]"


class StreamDecoder:
    """The state of one stream; see `turnout.protocols.StreamDecoder`.

    Text, reasoning and tool calls end, and the usage is told, at the end mark or in `finish`: usage may come with any
    event, and after the finish reason. Only the first choice is read.
    """

    __slots__ = (
        *("_answer", "_counts", "_cut", "_has_other_choices", "_id", "_index", "_is_closed", "_logprobs", "_model"),
        *("_raw_finish_reason", "_secrets", "_tier", "_usage", "is_complete"),
    )

    def __init__(self, route: Route) -> None:
        self._answer = Answer(route.maker)
        self._secrets = route.secrets
        self._counts: TokenCounts | None = None
        self._usage = Usage()
        self._raw_finish_reason = ""
        self._logprobs: list[TokenLogprob] = []
        self._id: str | None = None
        self._model: str | None = None
        self._tier: Any = None
        self._index: int | None = None
        self._has_other_choices = False
        self._cut: bytes | None = None
        self._is_closed = False
        self.is_complete = False
        """Whether ``[DONE]`` was read."""

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
            body = read_strictly(data)
        except (ValueError, RecursionError):
            return self._decode_oddity(data, event)
        if body.error or event == "error" or not body.choices:
            return self._decode_rarity(body, data, event)
        return self._decode_body(body)

    def finish(self) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the whole answer. Raises `TruncatedStreamError` when the stream was cut."""
        if not (self.is_complete or self._raw_finish_reason):
            raise truncated("with neither a finish reason nor [DONE]", self.text, is_in_event=self._cut is not None)
        if self._index is None:
            raise TruncatedStreamError(
                "the stream ended without any choice: try again, name a fallback, or check that the base URL is that of"
                " a chat completions API"
            )
        chunks = self._close()
        answer = self._answer
        return chunks, ModelResponse(
            message=answer.build(),
            finish_reason=read_finish_reason(self._raw_finish_reason, has_calls=answer.has_calls),
            usage=self._usage,
            id=self._id,
            model=self._model,
            refusal="".join(answer.refusals) or None,
            raw_finish_reason=self._raw_finish_reason or None,
            logprobs=self._logprobs or None,
            warnings=[*answer.warnings, *self._warn_of_choices(), *self._warn_of_reason(), *self._warn_of_cost()],
        )

    def read_whole(self, body: Body) -> ModelResponse:
        """Return the answer that `body`, a whole one with choices, holds: a stream of one event."""
        choices = body.choices or []
        self._has_other_choices = len(choices) > 1
        body.choices = choices[:1]
        self._decode_body(body)
        self.is_complete = True
        return self.finish()[1]

    def _decode_body(self, body: Body) -> list[Chunk]:
        if self._id is None:
            self._id, self._model = body.id or None, body.model or None
        if body.service_tier is not None:
            self._tier = body.service_tier
        if body.usage is not None and has_counts(body.usage):
            self._counts = body.usage
        chunks = self._answer.chunks = []
        for choice in body.choices or ():
            if self._index is None:
                self._index = choice.index or 0
            if (choice.index or 0) == self._index:
                self._add_choice(choice)
            else:
                self._has_other_choices = True
        if body.x_groq is not None:
            self._read_x_groq(body.x_groq)
        if body.search_results or body.citations:
            self._answer.cite(body.search_results, body.citations)
        return chunks

    def _add_choice(self, choice: Choice) -> None:
        delta = choice.delta
        if delta is None and self._answer.is_empty:
            delta = choice.message  # a whole message, in a body or from a server that streams it in one piece
            separate_calls((delta and delta.tool_calls) or [])
        if delta is not None:
            self._answer.add(delta)
        if choice.logprobs:
            self._logprobs += read_logprobs(choice.logprobs)
        if choice.finish_reason:
            self._raw_finish_reason = choice.finish_reason
            if is_error(choice.finish_reason):
                self._answer.chunks.append(
                    ErrorChunk(f"the provider failed ({choice.finish_reason}) while answering", choice.finish_reason)
                )

    def _read_x_groq(self, extra: object) -> None:
        """Groq tells the usage, and why it broke off, in a field of its own."""
        if is_object(extra):
            counts = convert_counts(extra.get("usage"))
            if counts is not None and has_counts(counts):
                self._counts = counts
            if extra.get("error"):
                self._answer.chunks.append(_error_chunk(extra, self._secrets))

    def _decode_rarity(self, body: Body, data: bytes, event: str) -> list[Chunk]:
        """Decode an event that is an error, or has no choices."""
        if body.error or event == "error":
            return [_error_chunk(try_read_json(data), self._secrets)]
        chunks = self._decode_body(body)
        if body.choices is None and body.usage is None:
            report = read_hidden_report(try_read_json(data), self._secrets)
            if report is not None:
                return [ErrorChunk(report.message, report.code)]
        return chunks

    def _decode_oddity(self, data: bytes, event: str) -> list[Chunk]:
        """Decode an event that is no JSON of the right types: the end mark, nothing, something close to it."""
        stripped = data.strip()
        if stripped == _END:
            self.is_complete = True
            return self._close()
        if not stripped:
            return []
        try:
            value = read_json(data)
        except UnreadableJSONError as error:
            return self._read_unreadable(data, event, is_cut=error.is_cut)
        if value is None:
            return []
        if event == "error" or not is_object(value):
            report = read_report(value, self._secrets)
            if event == "error" or (report is not None and not isinstance(value, str)):
                return [_error_chunk(value, self._secrets)]
            raise self._malformed(data)
        body = convert_leniently(value)
        return self._decode_rarity(body, data, event) if body.error or not body.choices else self._decode_body(body)

    def _read_unreadable(self, data: bytes, event: str, *, is_cut: bool) -> list[Chunk]:
        if event == "error":
            return [ErrorChunk(quote(data, self._secrets))]
        if not is_cut:
            raise self._malformed(data)
        self._cut = data
        return []

    def _malformed(self, data: bytes) -> MalformedStreamError:
        return malformed(data, self._secrets, "an OpenAI-compatible API", self.text)

    def _close(self) -> list[Chunk]:
        if self._is_closed:
            return []
        self._is_closed = True
        chunks = self._answer.chunks = []
        self._answer.close()
        if self._counts is not None:
            self._usage = read_usage(self._counts)
            chunks.append(UsageChunk(self._usage))
        return chunks

    def _warn_of_cost(self) -> list[Warning]:
        used = {} if self._counts is None else count_uses(self._counts)
        return [*warn_of_use(used, self._secrets), *warn_of_tier((as_text(self._tier),), self._secrets)]

    def _warn_of_choices(self) -> list[Warning]:
        told = "the provider sent several choices: turnout reads the first one only, and the others are lost"
        return [Warning("unread_content", told)] if self._has_other_choices else []

    def _warn_of_reason(self) -> list[Warning]:
        if self._raw_finish_reason:
            return []
        return [
            Warning(
                "inferred_finish_reason",
                "the provider gave no finish reason: it was inferred from the end mark, and the answer may be cut",
            )
        ]


def _error_chunk(value: object, secrets: Sequence[str]) -> ErrorChunk:
    report = read_report(value, secrets)
    return ErrorChunk("the provider gave no reason") if report is None else ErrorChunk(report.message, report.code)
