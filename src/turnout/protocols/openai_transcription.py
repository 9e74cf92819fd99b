"""The wire format of OpenAI's transcriptions, as many others speak it.

Source: OpenAI's OpenAPI description, `POST /audio/transcriptions`: a form with the file, and JSON back: ``json``,
``verbose_json`` or ``diarized_json``. No ``response_format`` is sent unless times are asked for: every server answers
with JSON then, and some with more than others.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from turnout.errors import InvalidInputError
from turnout.messages import Audio, Message, Video
from turnout.protocols.errors import decode_error
from turnout.protocols.json_reading import as_text, is_array, is_object, objects, try_read_json
from turnout.protocols.media_bytes import read_media
from turnout.protocols.multipart import FormFile
from turnout.protocols.task_answers import raise_foreign, read_token_usage
from turnout.protocols.task_fields import TaskFields
from turnout.requests import TranscriptionRequest
from turnout.responses import Segment, TranscriptionResponse, Word

if TYPE_CHECKING:
    from turnout.protocols import EncodedRequest
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route

__all__ = ["decode", "decode_error", "encode"]

_FORMATS = frozenset({"json", "verbose_json", "diarized_json"})
_ENDINGS = {"mpeg": "mp3", "mp4": "m4a", "x-wav": "wav", "wave": "wav", "x-m4a": "m4a"}
"""The endings of file names, by which servers tell the format, where the MIME type is another word."""


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return a `TranscriptionRequest` as the bytes to send: a form with one file.

    Raises `InvalidInputError` for any other request, sound that is not at hand, an answer that would be no JSON.
    """
    if not isinstance(request, TranscriptionRequest):
        raise InvalidInputError(f"`{route.asked}` is at an endpoint for transcriptions: call `transcribe` with it")
    fields = TaskFields(route, dropped)
    for name in ("language", "prompt", "temperature"):
        fields.put_setting(name, getattr(request, name))
    if request.timestamps:
        fields.put_added("response_format", "verbose_json")
        fields.put_setting("timestamps", list(request.timestamps), "timestamp_granularities")
    body = fields.merge(request)
    form = body.get("response_format", "json")
    if form not in _FORMATS:
        raise InvalidInputError(
            f"provider_options: response_format={form!r} is no JSON: take one of {', '.join(sorted(_FORMATS))}"
        )
    if body.get("stream"):
        raise InvalidInputError("provider_options: a transcription comes whole here: leave out `stream`")
    return fields.encode_form(request, [("file", _make_file(request))])


def _make_file(request: TranscriptionRequest) -> FormFile:
    sounds = [part for message in request.messages for part in message.content if isinstance(part, (Audio, Video))]
    if len(sounds) != 1:
        raise InvalidInputError(f"a transcription is of one sound, and {len(sounds)} were given: make a call for each")
    media_type, data = read_media(sounds[0], "audio")
    ending = media_type.partition("/")[2]
    return FormFile(f"audio.{_ENDINGS.get(ending, ending)}", data, media_type)


def decode(body: bytes, route: Route) -> TranscriptionResponse:
    """Return the transcription in the `body` of a 200.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    value = try_read_json(body)
    if not is_object(value) or not isinstance(value.get("text"), str) or value.get("error"):
        raise_foreign(body, route, "transcription", "transcriptions")
    usage = value.get("usage")
    return TranscriptionResponse(
        message=Message.assistant(value["text"]),
        finish_reason="stop",
        raw=body,
        usage=read_token_usage(usage),
        model=as_text(value.get("model")),
        segments=[_read_segment(item) for item in objects(value.get("segments"))],
        words=[
            Word(as_text(item.get("word")) or as_text(item.get("text")) or "", *_read_times(item))
            for item in objects(value.get("words"))
        ],
        language=_read_language(value),
        duration_s=_read_duration(value, usage),
    )


def _read_segment(item: dict[str, Any]) -> Segment:
    speaker = item.get("speaker") if item.get("speaker") is not None else item.get("speaker_id")
    return Segment(as_text(item.get("text")) or "", *_read_times(item), as_text(speaker))


def _read_times(item: dict[str, Any]) -> tuple[float | None, float | None]:
    return _as_seconds(item.get("start")), _as_seconds(item.get("end"))


def _read_language(value: dict[str, Any]) -> str | None:
    """Return the language; of several the first, each a text or an object with a code."""
    told = value.get("language")
    several = value.get("languages")
    if told is None and is_array(several) and several:
        first = several[0]
        told = first.get("code") or first.get("language") if is_object(first) else first
    return told if isinstance(told, str) and told else None


def _read_duration(value: dict[str, Any], usage: object) -> float | None:
    """Return how long the sound is in seconds: as the answer tells it, else as it was billed."""
    told = _as_seconds(value.get("duration"))
    if told is None and is_object(usage):
        names = ("seconds", "prompt_audio_seconds")  # OpenAI; Mistral
        told = next((found for name in names if (found := _as_seconds(usage.get(name))) is not None), None)
    return told


def _as_seconds(value: object) -> float | None:
    if isinstance(value, str):  # verbose_json of older servers
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None
