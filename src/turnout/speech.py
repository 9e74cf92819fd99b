"""Text spoken by a model: `speak` and `speak_sync`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack, cast

from turnout.media import sniff_media_type
from turnout.messages import Audio, Message
from turnout.requests import SpeechRequest, read_provider_options
from turnout.tasks.options import TaskOptions, check_names, read_number, read_text, read_word
from turnout.tasks.result import TaskResult
from turnout.tasks.sync import make_sync

if TYPE_CHECKING:
    from turnout.call import Answer
    from turnout.responses import SpeechResponse
    from turnout.routing.model import ModelSpec

__all__ = ["Speech", "speak", "speak_sync"]

_TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "pcm": "audio/pcm"}
"""The MIME types of the formats that have another name than theirs."""


class Speech(TaskResult, kw_only=True):
    """Speech, and how it was made: ``(await speak("ovhcloud/tts", "Hello!", voice="hannah")).audio``.

    `audio` has the bytes in `data` and their type in `media_type`.
    """

    audio: Audio

    @property
    def data(self) -> bytes:
        """The bytes of the sound."""
        return self.audio.data or b""

    def __repr__(self) -> str:
        return f"Speech({len(self.data)} bytes of {self.audio.media_type}, {self.provider}/{self.model})"


async def speak(
    model: ModelSpec | list[ModelSpec],
    text: str,
    *,
    voice: str | Mapping[str, Any] | None = None,
    output_format: str | None = None,
    speed: float | None = None,
    instructions: str | None = None,
    **options: Unpack[TaskOptions],
) -> Speech:
    """Return `text` as speech: ``await speak("ovhcloud/tts", "Hello!", voice="hannah")``.

    `voice` is the name of one of the provider's voices (most want one), or an object where it takes that.
    `output_format` (``"mp3"``, ``"wav"``, …) and `instructions` on how to speak are the provider's words; `speed` is 1
    where it is usual. The options are those of `TaskOptions`; of a list of models the first that answers counts.

    Raises `InvalidInputError` for arguments that cannot be read, `UnsupportedFeatureError` for a model that the catalog
    lists for another task, and what a call of a model raises.
    """
    check_names("speak", options)
    request = SpeechRequest(
        messages=[Message.user(read_text("text", text))],
        voice=_read_voice(voice),
        output_format=read_word("output_format", output_format),
        speed=read_number("speed", speed, 0.01),
        instructions=read_word("instructions", instructions),
        provider_options=read_provider_options(options.get("provider_options")),
    )
    from turnout.tasks.planning import prepare_call  # here: the import loads no wire
    from turnout.tasks.sending import send_prepared

    return _finish(await send_prepared(prepare_call(model, request, options)), request)


speak_sync = make_sync(speak)
"""Do as `speak`, from sync code."""


def _read_voice(voice: object) -> str | dict[str, Any] | None:
    if isinstance(voice, Mapping):
        from turnout.protocols.json_values import check_value

        told = dict(cast("Mapping[str, Any]", voice))
        check_value(told, "voice")
        return told
    return read_word("voice", voice)


def _finish(answer: Answer, request: SpeechRequest) -> Speech:
    from turnout.tasks.sending import describe

    data = cast("SpeechResponse", answer.response).audio
    return Speech(audio=Audio(data=data, media_type=_find_type(data, answer, request)), **describe(answer))


def _find_type(data: bytes, answer: Answer, request: SpeechRequest) -> str | None:
    """Return what the sound is: as its bytes show, else as the head of the answer says, else as it was asked for."""
    found = sniff_media_type(data) or ""
    if found.startswith("audio/"):  # servers often call everything audio/mpeg
        return found
    told = answer.response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if told.startswith("audio/"):
        return told
    if found.startswith("video/"):  # a container of both
        return f"audio/{found.partition('/')[2]}"
    wanted = request.output_format
    return None if wanted is None else _TYPES.get(wanted, f"audio/{wanted}")
