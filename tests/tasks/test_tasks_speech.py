"""`speak` against the scripted provider."""

from __future__ import annotations

import inspect
import sys
from base64 import b64encode

import pytest

from provider import reply
from turnout.errors import BadRequestError, InvalidInputError, ResponseError, UnsupportedFeatureError
from turnout.images import generate_image
from turnout.reranking import rerank
from turnout.speech import speak, speak_sync
from turnout.transcription import transcribe

MODEL = "ovhcloud/tts"
MP3 = b"ID3\x04" + bytes(range(256))


async def test_speech_comes_back_as_sound(provider):
    provider.script(reply(MP3, content_type="audio/mpeg", x_request_id="r-1"))
    result = await speak(MODEL, "Hello!", voice="alloy", output_format="mp3", speed=1.5, instructions="Slowly")
    assert (result.data, result.audio.data, result.audio.media_type) == (MP3, MP3, "audio/mpeg")
    assert (result.provider, result.model, result.request_id) == ("ovhcloud", "tts", "r-1")
    assert (result.usage.input_tokens, result.cost.total) == (None, None)
    assert repr(result) == "Speech(260 bytes of audio/mpeg, ovhcloud/tts)"
    request = provider.requests[0]
    assert (request.path, request.headers["accept"]) == ("/v1/audio/speech", "*/*")
    assert request.json == {
        "model": "tts", "input": "Hello!", "voice": "alloy", "response_format": "mp3", "speed": 1.5,
        "instructions": "Slowly",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "content_type", "asked", "found"),
    [
        (b"RIFF0000WAVE", "audio/mpeg", None, "audio/wav"),
        (b"\1\2\3\4", "audio/pcm; rate=24000", None, "audio/pcm"),
        (b"\1\2\3\4", "application/octet-stream", "pcm", "audio/pcm"),
        (b"\1\2\3\4", "application/octet-stream", "opus", "audio/ogg"),
        (b"\1\2\3\4", "application/octet-stream", "x-own", "audio/x-own"),
        (b"\1\2\3\4", "application/octet-stream", None, None),
        (b"\x1aE\xdf\xa3", "application/octet-stream", None, "audio/webm"),
        (b"\x1aE\xdf\xa3", "audio/webm", None, "audio/webm"),
    ],
)
async def test_the_type_is_what_the_bytes_show_or_the_head_says(provider, body, content_type, asked, found):
    provider.script(reply(body, content_type=content_type))
    result = await speak(MODEL, "Hello!", output_format=asked)
    assert (result.data, result.audio.media_type) == (body, found)


async def test_sound_inside_json_is_read(provider):
    provider.script(reply({"audio_data": b64encode(MP3).decode()}))
    result = await speak(MODEL, "Hello!", voice={"id": "v1"})
    assert (result.data, result.audio.media_type) == (MP3, "audio/mpeg")
    assert provider.requests[0].json["voice"] == {"id": "v1"}


def test_sync_code_has_a_twin(provider):
    provider.script(reply(MP3, content_type="audio/mpeg"))
    assert speak_sync(MODEL, "Hello!", voice="alloy").data == MP3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"text": None}, "text= is a NoneType"),
        ({"text": ""}, "text= is empty"),
        ({"voice": 5}, "voice=5: give a string"),
        ({"voice": {"id": object()}}, "voice.id: a object is no JSON value"),
        ({"speed": 0}, "speed=0: give a number of 0.01 or more"),
        ({"speed": True}, "speed=True"),
        ({"speed": float("nan")}, "speed=nan"),
        ({"speed": float("inf")}, "speed=inf"),
        ({"provider_options": {"*": {"stream": True}}}, "speech comes whole here"),
    ],
)
async def test_arguments_that_cannot_be_read_are_errors(provider, arguments, said):
    with pytest.raises(InvalidInputError, match=said):
        await speak(MODEL, **{"text": "Hello!", **arguments})
    assert provider.requests == []


async def test_an_option_that_is_none_is_a_type_error():
    with pytest.raises(TypeError, match=r"speak\(\) takes no option 'format'"):
        await speak(MODEL, "Hello!", format="mp3")  # type: ignore[call-arg]


async def test_a_field_that_the_server_refuses_is_left_out(provider):
    refusal = reply({"error": {"message": "Unknown field: response_format", "param": "response_format"}}, 400)
    provider.script(refusal, reply(MP3))
    result = await speak(MODEL, "Hello!", output_format="mp3")
    assert "response_format" not in provider.requests[1].json
    assert [warning.code for warning in result.warnings] == ["unknown_model", "dropped_setting"]


async def test_errors_are_those_of_the_server(provider):
    provider.script(reply({"error": {"message": "no such voice"}}, 400))
    with pytest.raises(BadRequestError, match="no such voice"):
        await speak(MODEL, "Hello!", voice="?")
    provider.script(reply(b""))
    with pytest.raises(ResponseError, match="no sound"):
        await speak(MODEL, "Hello!", max_retries=0)


async def test_models_of_other_kinds_are_refused_with_the_right_call(provider):
    with pytest.raises(
        UnsupportedFeatureError, match="transcription.*: call `turnout.transcription.transcribe` with it"
    ):
        await speak("groq/whisper-large-v3", "Hello!")


@pytest.mark.parametrize("call", [speak, generate_image, transcribe, rerank])
def test_a_sync_twin_has_the_arguments_of_its_call(call):
    twin = getattr(sys.modules[call.__module__], f"{call.__name__}_sync")
    assert (twin.__name__, twin.__module__) == (f"{call.__name__}_sync", call.__module__)
    assert inspect.signature(twin) == inspect.signature(call)
    assert twin.__doc__.startswith(f"Do as `{call.__name__}`, from sync code")
    assert not inspect.iscoroutinefunction(twin)
