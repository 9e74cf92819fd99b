"""Speech written down by a model: `transcribe` and `transcribe_sync`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, cast

from msgspec import field, structs

from turnout.errors import InvalidInputError
from turnout.messages import Audio, Message, Video
from turnout.requests import Timestamps, TranscriptionRequest, read_provider_options
from turnout.responses import Segment, Word
from turnout.tasks.options import TaskOptions, check_names, read_number, read_word
from turnout.tasks.result import TaskResult
from turnout.tasks.sync import make_sync

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.messages import Source
    from turnout.responses import TranscriptionResponse
    from turnout.routing.model import ModelSpec

__all__ = ["Segment", "Transcription", "Word", "transcribe", "transcribe_sync"]

_TIMES: tuple[Timestamps, ...] = ("segment", "word")


class Transcription(TaskResult, kw_only=True):
    """What was said, and how it was found out: ``(await transcribe("groq/whisper-large-v3", "talk.mp3")).text``.

    `segments` and `words` carry times in seconds, where the provider tells them; `language` is what it takes the speech
    for, in its own word (``"en"``, ``"english"``); `duration_s` how long the sound is, as told or as billed.
    """

    text: str
    segments: list[Segment] = field(default_factory=list[Segment])
    words: list[Word] = field(default_factory=list[Word])
    language: str | None = None
    duration_s: float | None = None

    def __repr__(self) -> str:
        return f"Transcription({self.text[:60]!r}, {self.provider}/{self.model})"


async def transcribe(
    model: ModelSpec | list[ModelSpec],
    audio: Audio | Video | Source,
    *,
    language: str | None = None,
    prompt: str | None = None,
    temperature: float | None = None,
    timestamps: Timestamps | Sequence[Timestamps] | None = None,
    **options: Unpack[TaskOptions],
) -> Transcription:
    """Return what is said in `audio`: ``await transcribe("groq/whisper-large-v3", "talk.mp3", timestamps="segment")``.

    `audio` is bytes, a path, a URL (which is fetched), an `Audio`, or a `Video` for its sound. `language` is that of
    the speech (ISO 639-1), `prompt` a text in its style or with its names, `timestamps` asks for the times of segments
    or words (or of both, as a list), of models that know them. The options are those of `TaskOptions`; of a list of
    models the first that answers counts.

    Raises `InvalidInputError` for arguments and files that cannot be read, `UnsupportedFeatureError` for a model that
    the catalog lists for another task, and what a call of a model raises.
    """
    check_names("transcribe", options)
    from turnout.tasks.loading import load_parts, read_part  # here, as below: the import loads no wire
    from turnout.tasks.planning import prepare_call
    from turnout.tasks.sending import describe, send_prepared

    part = audio if isinstance(audio, Video) else read_part(audio, Audio, "audio")
    request = TranscriptionRequest(
        messages=[Message.user(part)],
        language=read_word("language", language),
        prompt=read_word("prompt", prompt),
        temperature=read_number("temperature", temperature, 0),
        timestamps=_read_timestamps(timestamps),
        provider_options=read_provider_options(options.get("provider_options")),
    )
    prepared = prepare_call(model, request, options)
    loaded = await load_parts({"audio": part}, prepared.runtime.transport, options.get("media"))
    answer = await send_prepared(prepared, structs.replace(request, messages=[Message.user(*loaded)]))
    response = cast("TranscriptionResponse", answer.response)
    return Transcription(
        text=response.text,
        segments=response.segments,
        words=response.words,
        language=response.language,
        duration_s=response.duration_s,
        **describe(answer),
    )


transcribe_sync = make_sync(transcribe)
"""Do as `transcribe`, from sync code."""


def _read_timestamps(value: object) -> tuple[Timestamps, ...]:
    listed: list[Any] = list(cast("list[Any]", value)) if isinstance(value, (list, tuple)) else [value]
    listed = [] if value is None else listed
    if any(item not in _TIMES for item in listed):
        raise InvalidInputError(f"timestamps={value!r}: give 'segment', 'word', or a list of both")
    return tuple(dict.fromkeys(listed))
