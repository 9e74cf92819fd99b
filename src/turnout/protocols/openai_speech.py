"""The wire format of OpenAI's speech, as many others speak it.

Source: OpenAI's OpenAPI description, `POST /audio/speech`: the answer is the sound itself. Mistral sends it as base64
in JSON (``audio_data``; https://docs.mistral.ai/studio/audio/text-to-speech/generate-speech), which is read as well.
"""

from __future__ import annotations

from codecs import utf_8_decode
from typing import TYPE_CHECKING

from turnout.errors import InvalidInputError
from turnout.media import sniff_media_type
from turnout.messages import Audio, Message
from turnout.protocols.answer_bodies import refuse
from turnout.protocols.error_bodies import is_web_page
from turnout.protocols.errors import decode_error
from turnout.protocols.json_reading import is_array, is_object, quote, try_read_json
from turnout.protocols.task_answers import raise_foreign, read_base64, read_token_usage
from turnout.protocols.task_fields import TaskFields
from turnout.requests import SpeechRequest
from turnout.responses import SpeechResponse

if TYPE_CHECKING:
    from turnout.protocols import EncodedRequest
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route

__all__ = ["decode", "decode_error", "encode"]

_LOOKED_AT = 256
_AUDIO_FIELDS = ("audio_data", "audio")


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return a `SpeechRequest` as the bytes to send: model, input, and what was given of voice, format and speed.

    Raises `InvalidInputError` for any other request, for one that asks for a stream, and for what JSON cannot hold.
    """
    if not isinstance(request, SpeechRequest):
        raise InvalidInputError(f"`{route.asked}` is at an endpoint for speech: call `speak` with it")
    fields = TaskFields(route, dropped)
    fields.put("input", "".join([message.text for message in request.messages]))
    fields.put_setting("voice", request.voice)
    fields.put_setting("output_format", request.output_format, "response_format")
    fields.put_setting("speed", request.speed)
    fields.put_setting("instructions", request.instructions)
    body = fields.merge(request)
    if body.get("stream") or body.get("stream_format") == "sse":
        raise InvalidInputError("provider_options: speech comes whole here: leave out `stream` and `stream_format`")
    return fields.encode_json(request, accept="*/*")


def decode(body: bytes, route: Route) -> SpeechResponse:
    """Return the sound in the `body` of a 200.

    Raises `ResponseError` for a body that is no sound, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    if not body:
        raise refuse("no sound", body, route)
    value = try_read_json(body) if body[:64].lstrip()[:1] in (b"{", b"[") else None
    audio, usage = body, None
    if is_object(value):
        written = next((value[name] for name in _AUDIO_FIELDS if isinstance(value.get(name), str)), "")
        if not written or value.get("error"):
            raise_foreign(body, route, "sound", "speech")
        audio, usage = read_base64(written, "sound", body, route), value.get("usage")
        if not audio:
            raise refuse("no sound", body, route)
    elif is_array(value) or _is_text(body) or is_web_page(quote(body, route.secrets)):
        raise_foreign(body, route, "sound", "speech")
    return SpeechResponse(
        message=Message("assistant", [Audio(data=audio)]),
        finish_reason="stop",
        usage=read_token_usage(usage),
        audio=audio,
    )


def _is_text(body: bytes) -> bool:
    """Tell whether the body is what people read, such as a message of a proxy; no sound is."""
    if sniff_media_type(body):
        return False
    try:
        told, _ = utf_8_decode(body[:_LOOKED_AT], "strict", False)  # a letter may be cut at its end
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in told)
