"""`transcribe` against the scripted provider."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from forms import read_form

from provider import KEY, error, reply
from turnout.agent.direct import generate
from turnout.errors import InvalidInputError, ResponseError, UnsupportedFeatureError
from turnout.messages import Audio, Video
from turnout.transcription import Segment, Word, transcribe, transcribe_sync

MODEL = "ovhcloud/whisper-large-v3"
WAV = b"RIFF0000WAVE" + bytes(range(256)) + b"\r\n--"


def fields(request):
    return read_form(request.body, request.headers["content-type"])


async def test_speech_is_written_down_with_its_times(provider):
    Path("talk.wav").write_bytes(WAV)  # noqa: ASYNC240 - a few bytes
    provider.script(
        reply(
            {
                "task": "transcribe", "language": "english", "duration": "8.5", "text": "All aboard.",
                "segments": [{"id": 0, "start": 0.0, "end": 3.25, "text": "All aboard.", "speaker": "A"}],
                "words": [{"word": "All", "start": 0, "end": 1}, {"word": "aboard", "start": 1, "end": 3.25}],
                "usage": {"type": "duration", "seconds": 9},
            }
        )
    )  # fmt: skip
    result = await transcribe(
        MODEL, "talk.wav", language="en", prompt="turnout", temperature=0, timestamps=["segment", "word"]
    )
    assert result.text == "All aboard."
    assert result.segments == [Segment("All aboard.", 0.0, 3.25, "A")]
    assert result.words == [Word("All", 0, 1), Word("aboard", 1, 3.25)]
    assert (result.language, result.duration_s) == ("english", 8.5)
    assert json.loads(result.raw)["task"] == "transcribe", "what has no field is there"
    assert (result.usage.input_tokens, result.cost.total) == (None, None)
    assert repr(result) == "Transcription('All aboard.', ovhcloud/whisper-large-v3)"
    request = provider.requests[0]
    assert request.path == "/v1/audio/transcriptions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert fields(request) == [
        ("model", None, None, b"whisper-large-v3"),
        ("language", None, None, b"en"),
        ("prompt", None, None, b"turnout"),
        ("temperature", None, None, b"0"),
        ("response_format", None, None, b"verbose_json"),
        ("timestamp_granularities[]", None, None, b"segment"),
        ("timestamp_granularities[]", None, None, b"word"),
        ("file", "audio.wav", "audio/wav", WAV),
    ]


async def test_tokens_are_told_where_they_are_billed(provider):
    details = {"text_tokens": 4, "audio_tokens": 10}
    usage = {"type": "tokens", "input_tokens": 14, "input_token_details": details, "output_tokens": 45}
    provider.script(reply({"text": "Hello", "usage": usage}))
    result = await transcribe(MODEL, WAV)
    assert (result.usage.input_tokens, result.usage.output_tokens, result.usage.total_tokens) == (14, 45, 59)
    assert result.usage.audio_input_tokens == 10
    assert [name for name, *_ in fields(provider.requests[0])] == ["model", "file"]


@pytest.mark.parametrize(
    ("audio", "name", "media_type"),
    [
        (Audio(data=b"ID3\x04"), "audio.mp3", "audio/mpeg"),
        (Audio(data=b"OggS"), "audio.ogg", "audio/ogg"),
        (Audio(data=b"0000ftypM4A "), "audio.m4a", "audio/mp4"),
        (Video(data=b"\x1aE\xdf\xa3"), "audio.webm", "video/webm"),
        (Audio(url="data:audio/wav;base64,UklGRjAwMDBXQVZF"), "audio.wav", "audio/wav"),
    ],
)
async def test_the_name_of_the_file_tells_its_format(provider, audio, name, media_type):
    provider.script(reply({"text": "Hello"}))
    await transcribe(MODEL, audio)
    assert fields(provider.requests[0])[-1][:3] == ("file", name, media_type)


async def test_sound_by_url_is_fetched_once_for_all_candidates(provider):
    provider.script(reply(WAV, content_type="audio/wav"), error(500), reply({"text": "Hello"}))
    url = provider.url + "/talk.wav"
    models = [{"model": MODEL, "max_retries": 0}, "ovhcloud/second"]
    result = await transcribe(models, url, media={"allow_private_urls": True})
    assert (result.text, result.model) == ("Hello", "second")
    assert [request.method for request in provider.requests] == ["GET", "POST", "POST"]
    with pytest.raises(InvalidInputError, match="^audio: "):
        await transcribe(MODEL, url)


async def test_a_large_file_is_not_held_to_the_limit_of_json(provider):
    provider.script(reply({"text": "Hello"}))
    await transcribe(MODEL, WAV + bytes(2_100_000))
    assert len(provider.requests[0].body) > 2_100_000


def test_sync_code_has_a_twin(provider):
    provider.script(reply({"text": "Hello"}))
    assert transcribe_sync(MODEL, WAV, language="en").text == "Hello"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"audio": 5}, "audio= cannot be read: Audio: what it holds is a int"),
        ({"audio": "no.wav"}, "^audio: there is no file"),
        ({"audio": b"text"}, "^audio: the bytes do not show their type"),
        ({"timestamps": "letter"}, "timestamps='letter': give 'segment', 'word'"),
        ({"timestamps": ["segment", 5]}, "timestamps="),
        ({"temperature": -1}, "temperature=-1"),
        ({"language": 5}, "language=5"),
        ({"provider_options": {"*": {"response_format": "srt"}}}, "'srt' is no JSON: take one of diarized_json, json"),
        ({"provider_options": {"*": {"stream": True}}}, "comes whole here"),
        ({"provider_options": {"*": {"x": "\ud800"}}}, "unpaired surrogate"),
    ],
)
async def test_arguments_that_cannot_be_read_are_errors(provider, arguments, said):
    with pytest.raises(InvalidInputError, match=said):
        await transcribe(MODEL, **{"audio": WAV, **arguments})
    assert provider.requests == []


async def test_no_path_is_read_where_that_is_forbidden():
    with pytest.raises(InvalidInputError, match="^audio names a file, and media= has allow_paths=False"):
        await transcribe(MODEL, "talk.wav", media={"allow_paths": False})


async def test_fields_that_the_server_refuses_are_left_out(provider):
    refusal = reply({"error": {"message": "response_format is not supported", "param": "response_format"}}, 400)
    provider.script(refusal, reply({"text": "Hello"}))
    result = await transcribe(MODEL, WAV, timestamps="word")
    assert [name for name, *_ in fields(provider.requests[1])] == ["model", "timestamp_granularities[]", "file"]
    assert result.text == "Hello"


async def test_what_is_no_transcription_is_an_error(provider):
    provider.script(reply({"message": "hello"}))
    with pytest.raises(ResponseError, match="holds no transcription.*should end where `/audio/transcriptions` begins"):
        await transcribe(MODEL, WAV)


async def test_generate_and_transcribe_send_each_other_what_is_not_theirs(provider, monkeypatch):
    monkeypatch.setenv("GROQ_BASE_URL", provider.url)
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    with pytest.raises(UnsupportedFeatureError, match="call `turnout.transcription.transcribe` with it"):
        await generate("groq/whisper-large-v3", "Hello!")
    with pytest.raises(UnsupportedFeatureError, match=r"is no transcription model \(chat\): call `generate` with it"):
        await transcribe("openai/gpt-5", WAV)
    assert provider.requests == []
