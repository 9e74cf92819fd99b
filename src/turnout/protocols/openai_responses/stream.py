"""Server-sent events of a streamed answer, decoded into chunks one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.chunks import ErrorChunk, UsageChunk
from turnout.errors import MalformedStreamError
from turnout.protocols.broken_answers import malformed, truncated
from turnout.protocols.error_bodies import read_report
from turnout.protocols.json_reading import UnreadableJSONError, as_count, as_text, is_object, objects, quote, read_json
from turnout.protocols.openai_chat.reasons import read_finish_reason
from turnout.protocols.openai_chat.tokens import has_counts, read_usage
from turnout.protocols.openai_chat.wire import convert_counts
from turnout.protocols.openai_responses.answer import Answer
from turnout.protocols.unpriced import warn_of_tier, warn_of_use
from turnout.responses import ErrorReport, ModelResponse, Warning
from turnout.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.chunks import Chunk
    from turnout.routing.route import Route

_END = b"[DONE]"
_SECTIONS = {
    "response.reasoning_summary_text.delta": ("summary", "summary_index"),
    "response.reasoning_text.delta": ("content", "content_index"),
}
_CALLS = {
    "response.function_call_arguments.delta": "function_call",
    "response.custom_tool_call_input.delta": "custom_tool_call",
}
_ENDS = frozenset({"response.completed", "response.incomplete", "response.cancelled", "response.done"})
_UNFINISHED = frozenset({"queued", "in_progress"})


class StreamDecoder:
    """The state of one stream; see `turnout.protocols.StreamDecoder`. The usage is told with the last event."""

    def __init__(self, route: Route) -> None:
        self._answer = Answer(route.maker)
        self._secrets = route.secrets
        self._usage = Usage()
        self._id: str | None = None
        self._model: str | None = None
        self._status: str | None = None
        self._tier: str | None = None
        self._reason = ""
        self._is_stored = True
        self._cut: bytes | None = None
        self._has_begun = False
        self._handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "response.created": self._begin,
            "response.queued": self._begin,
            "response.in_progress": self._begin,
            "response.output_item.added": self._begin_item,
            "response.output_item.done": self._end_item,
            "response.content_part.done": self._add_part,
            "response.output_text.delta": self._add_text,
            "response.refusal.delta": self._add_text,
            "response.audio.transcript.delta": self._add_text,
            "response.audio.delta": self._add_sound,
            "response.failed": self._fail,
            "error": self._fail,
            **dict.fromkeys(_SECTIONS, self._add_reasoning),
            **dict.fromkeys(_CALLS, self._add_arguments),
            **dict.fromkeys(_ENDS, self._end),
        }
        self.is_complete = False
        """Whether the last event was read."""

    @property
    def text(self) -> str:
        """The text so far, untrimmed."""
        return self._answer.text

    def decode_event(self, data: bytes, event: str = "") -> list[Chunk]:
        """Decode one event. Raises `MalformedStreamError` for one that cannot be read.

        An event that breaks off is an error only when another one follows: at the very end the stream was cut. Events
        of types that are not known say nothing that does not come with the item as a whole, and are skipped.
        """
        if self.is_complete:
            return []
        if self._cut is not None:
            raise self._malformed(self._cut)
        chunks: list[Chunk] = []
        self._answer.chunks = chunks
        value = self._read(data, event)
        if value is None:
            return chunks
        kind = as_text(value.get("type")) or event
        handler = self._handlers.get(kind)
        if handler is not None:
            self._has_begun = True
            value["type"] = kind
            handler(value)
        elif value.get("error"):
            self._fail(value)
        return chunks

    def finish(self) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the whole answer. Raises `TruncatedStreamError` when the stream was cut."""
        if not self.is_complete:
            raise truncated("without its last event", self.text, is_in_event=self._cut is not None)
        answer = self._answer
        raw = self._reason or self._status or ""
        return [], ModelResponse(
            message=answer.build(is_stored=self._is_stored),
            finish_reason=read_finish_reason(raw, has_calls=answer.has_calls),
            usage=self._usage,
            id=self._id,
            model=self._model,
            refusal=answer.refusals or None,
            raw_finish_reason=raw or None,
            logprobs=answer.logprobs() or None,
            warnings=[
                *answer.warnings,
                *self._warn_of_status(),
                *warn_of_use(answer.count_uses(), self._secrets),
                *warn_of_tier((self._tier,), self._secrets),
            ],
        )

    def read_whole(self, response: dict[str, Any]) -> ModelResponse:
        """Return the answer that `response`, a whole one, holds: a stream of its last event."""
        self._end({"response": response})
        return self.finish()[1]

    def _read(self, data: bytes, event: str) -> dict[str, Any] | None:
        """Return the object of an event; `None` for what holds none, and was dealt with here."""
        stripped = data.strip()
        if not stripped:
            return None
        if stripped == _END:
            if not self._has_begun:
                raise self._foreign(data)
            self._close()
            return None
        try:
            value = read_json(data)
        except UnreadableJSONError as error:
            self._read_unreadable(data, event, is_cut=error.is_cut)
            return None
        if is_object(value):
            return value
        if event == "error":
            self._answer.chunks.append(ErrorChunk(quote(data, self._secrets)))
        elif value is not None:
            raise self._malformed(data)
        return None

    def _read_unreadable(self, data: bytes, event: str, *, is_cut: bool) -> None:
        if event == "error":
            self._answer.chunks.append(ErrorChunk(quote(data, self._secrets)))
        elif is_cut:
            self._cut = data
        else:
            raise self._malformed(data)

    def _malformed(self, data: bytes) -> MalformedStreamError:
        return malformed(data, self._secrets, "a Responses API", self.text)

    def _foreign(self, data: bytes) -> MalformedStreamError:
        told = "the stream holds no event of a Responses API: check that the base URL is that of one"
        return MalformedStreamError(told, body=data, text=self.text)

    def _begin(self, value: dict[str, Any]) -> None:
        response = value.get("response")
        if is_object(response):
            self._id = as_text(response.get("id")) or self._id
            self._model = as_text(response.get("model")) or self._model

    def _begin_item(self, value: dict[str, Any]) -> None:
        item = value.get("item")
        if is_object(item):
            self._answer.begin(item, as_count(value.get("output_index")))

    def _end_item(self, value: dict[str, Any]) -> None:
        item = value.get("item")
        if is_object(item):
            self._answer.end(item, as_count(value.get("output_index")))

    def _add_part(self, value: dict[str, Any]) -> None:
        part = value.get("part")
        if is_object(part):
            self._answer.add_part(part, *_place(value), as_count(value.get("content_index")) or 0)

    def _add_text(self, value: dict[str, Any]) -> None:
        piece = as_text(value.get("delta"))
        if piece:
            is_refusal = value.get("type") == "response.refusal.delta"
            place = as_count(value.get("content_index")) or 0
            self._answer.add_text(piece, *_place(value), place, is_refusal=is_refusal)

    def _add_sound(self, value: dict[str, Any]) -> None:
        piece = as_text(value.get("delta"))
        if piece:
            self._answer.add_sound(piece, *_place(value))

    def _add_reasoning(self, value: dict[str, Any]) -> None:
        piece = as_text(value.get("delta"))
        if piece:
            name, field = _SECTIONS[value["type"]]
            self._answer.add_reasoning(piece, *_place(value), (name, as_count(value.get(field)) or 0))

    def _add_arguments(self, value: dict[str, Any]) -> None:
        piece = as_text(value.get("delta"))
        if piece:
            self._answer.add_arguments(piece, *_place(value), _CALLS[value["type"]])

    def _fail(self, value: dict[str, Any]) -> None:
        response = value.get("response")
        report = read_failure(response if is_object(response) else value, self._secrets)
        self._answer.chunks.append(ErrorChunk(report.message, report.code))

    def _end(self, value: dict[str, Any]) -> None:
        """Take in the whole answer, which comes with the last event."""
        self._begin(value)
        response = value.get("response")
        response = response if is_object(response) else {}
        self._status = as_text(response.get("status"))
        self._tier = as_text(response.get("service_tier"))
        details = response.get("incomplete_details")
        self._reason = (as_text(details.get("reason")) or "") if is_object(details) else ""
        self._is_stored = response.get("store") is not False
        self._answer.end_all(objects(response.get("output")))
        counts = convert_counts(response.get("usage"))
        if counts is not None and has_counts(counts):
            self._usage = read_usage(counts)
        self._close()
        if response.get("error") or self._status == "failed":
            self._fail(value)

    def _close(self) -> None:
        self.is_complete = True
        self._answer.close()
        if self._usage != Usage():
            self._answer.chunks.append(UsageChunk(self._usage))

    def _warn_of_status(self) -> list[Warning]:
        if self._status in _UNFINISHED:
            told = f"the provider is still at work on the answer (its status is {self._status!r}): ask for it by its id"
            return [Warning("unfinished_answer", told)]
        if self._status or self._reason:
            return []
        told = "the provider gave no status: the finish reason was inferred, and the answer may be cut"
        return [Warning("inferred_finish_reason", told)]


def read_failure(response: dict[str, Any], secrets: tuple[str, ...]) -> ErrorReport:
    """Return why the provider failed to answer, from an answer or an event that tells so."""
    failed = ErrorReport(message="the provider failed and gave no reason", code=as_text(response.get("status")))
    holds_one = response.get("error") or response.get("message")
    return (read_report(response, secrets) if holds_one else None) or failed


def _place(value: dict[str, Any]) -> tuple[str | None, int | None]:
    return as_text(value.get("item_id")), as_count(value.get("output_index"))
