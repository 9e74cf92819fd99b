"""Pictures, speech, transcriptions and ranking: what all four formats do alike, and each alone."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from msgspec import json as fast_json
from msgspec import structs
from task_routes import ANSWERS, MODULES, PNG, REQUESTS, WAV, decode, picture, route

from turnout.errors import InvalidInputError, NotFoundError, RateLimitError, ResponseError
from turnout.messages import Audio, Image, Message
from turnout.protocols import find_protocol
from turnout.protocols.multipart import FormFile, encode_form
from turnout.protocols.task_answers import read_token_usage
from turnout.requests import ModelRequest, TranscriptionRequest
from turnout.responses import Segment, Word
from turnout.usage import Usage


@pytest.mark.parametrize("name", MODULES)
def test_each_is_found_by_its_name_and_takes_its_own_request_alone(name):
    assert find_protocol(name).encode is MODULES[name].encode
    with pytest.raises(InvalidInputError, match="`p/m` is at an endpoint for .*: call `"):
        MODULES[name].encode(ModelRequest(messages=[Message.user("a")]), route(name))


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(
    ("body", "said", "is_retryable"),
    [
        (b"<html><title>Gateway</title>", "a web page", False),
        (b'{"text', "a body that holds no", True),
        (b'{"other": 1}', "a body that holds no", False),
        (b'[1, "a"]', "a body that holds no", False),
        (b'{"data": 1, "results": 1, "text": 1}', "a body that holds no", False),
    ],
)
def test_a_body_that_is_no_answer_is_an_error(name, body, said, is_retryable):
    with pytest.raises(ResponseError, match=said) as caught:
        decode(name, body)
    assert (caught.value.is_retryable, caught.value.body) == (is_retryable, body)
    assert "it should end where `/" in caught.value.message


@pytest.mark.parametrize("name", MODULES)
def test_an_error_inside_a_200_is_that_error(name):
    with pytest.raises(NotFoundError, match="no such model"):
        decode(name, {**ANSWERS[name], "error": {"message": "no such model", "code": "model_not_found"}})
    with pytest.raises(RateLimitError):
        decode(name, {"object": "error", "message": "slow down", "code": 429})


@pytest.mark.parametrize("name", ["openai_images", "openai_speech", "rerank"])
def test_what_json_cannot_hold_is_named(name, monkeypatch):
    bad = {"p": {"x": float("nan")}}
    with pytest.raises(InvalidInputError, match=r"provider_options\['p'\].x: nan is no JSON number"):
        MODULES[name].encode(structs.replace(REQUESTS[name], provider_options=bad), route(name))
    with pytest.raises(InvalidInputError, match="unpaired surrogate"):
        MODULES[name].encode(structs.replace(REQUESTS[name], messages=[Message.user("\ud800", "b")]), route(name))

    def fail(_: object) -> bytes:
        raise UnicodeEncodeError("utf-8", "", 0, 1, "of another reason")

    monkeypatch.setattr(fast_json, "encode", fail)
    with pytest.raises(UnicodeEncodeError):
        MODULES[name].encode(REQUESTS[name], route(name))


@pytest.mark.parametrize("name", ["openai_images", "openai_transcription", "rerank"])
def test_what_has_no_field_is_in_the_raw_body(name):
    told = {**ANSWERS[name], "of_its_own": {"x": 1}}
    assert json.loads(decode(name, told).raw) == told


def test_the_choice_of_the_caller_is_not_taken_back():
    request = structs.replace(
        REQUESTS["openai_transcription"], timestamps=("word",), provider_options={"*": {"response_format": "json"}}
    )
    encoded = MODULES["openai_transcription"].encode(request, route("openai_transcription"))
    assert (encoded.added, encoded.translated) == (frozenset(), {"timestamp_granularities"})


def test_refused_fields_are_left_out():
    request = structs.replace(REQUESTS["openai_transcription"], timestamps=("word",), language="en")
    encoded = MODULES["openai_transcription"].encode(
        request, route("openai_transcription", rejected_fields=("language",)), frozenset({"response_format"})
    )
    assert b"response_format" not in encoded.body
    assert b'name="language"' not in encoded.body
    assert [warning.code for warning in encoded.warnings] == ["dropped_setting"]
    assert "`language` was left out" in encoded.warnings[0].message


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (None, Usage()),
        ({"seconds": 3}, Usage()),
        ({"total_tokens": 9}, Usage(input_tokens=9, output_tokens=0, total_tokens=9)),
        ({"prompt_tokens": 9}, Usage(input_tokens=9)),
        ({"prompt_tokens": 9, "completion_tokens": 1}, Usage(input_tokens=9, output_tokens=1, total_tokens=10)),
        (
            {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10, "input_token_details": {"audio_tokens": 8}},
            Usage(input_tokens=9, output_tokens=1, total_tokens=10, audio_input_tokens=8),
        ),
    ],
)
def test_usage_has_several_spellings(told, usage):
    assert read_token_usage(told) == usage


# -- pictures ---------------------------------------------------------------------------------------------------------


def test_the_url_for_changes_keeps_its_query():
    request = structs.replace(REQUESTS["openai_images"], messages=[Message.user("Greener", picture())])
    encoded = MODULES["openai_images"].encode(request, route("openai_images", query="?api-version=1"))
    assert encoded.url == "http://h/v1/images/edits?api-version=1"
    assert encoded.body.count(b'name="image"') == 1
    remote = structs.replace(request, messages=[Message.user("Greener", Image(url="https://h/1.png"))])
    with pytest.raises(InvalidInputError, match="image 1: is a URL, which a form cannot hold"):
        MODULES["openai_images"].encode(remote, route("openai_images"))


def test_a_data_url_goes_into_a_form_as_its_bytes():
    given = Image(url="data:image/png;base64," + b64encode(PNG).decode())
    request = structs.replace(REQUESTS["openai_images"], messages=[Message.user("Greener", given)])
    body = MODULES["openai_images"].encode(request, route("openai_images")).body
    assert b'filename="image-1.png"\r\nContent-Type: image/png\r\n\r\n' + PNG + b"\r\n--" in body


def test_pictures_are_read_in_every_form():
    encoded = b64encode(PNG).decode()
    response = decode(
        "openai_images",
        {
            "data": [{"b64_json": f"data:image/png;base64,{encoded}"}, {"url": "https://h/1.png", "b64_json": None}],
            "usage": {"input_tokens_details": {"image_tokens": 3}},
        },
    )
    assert [(image.data, image.url) for image in response.images] == [(PNG, None), (None, "https://h/1.png")]
    assert response.image_input_tokens == 3
    assert repr(response) == "ImageResponse(2 images, None, ? in + ? out tokens)"
    plain = b64encode(b"<svg/>").decode()
    told = decode("openai_images", {"data": [{"b64_json": plain}], "output_format": "svg"})
    assert told.images[0].media_type == "image/svg+xml"
    assert (
        decode("openai_images", {"data": [{"b64_json": plain, "output_format": "x"}]}).images[0].media_type == "image/x"
    )
    assert decode("openai_images", {"data": [{"b64_json": plain}]}).images[0].media_type is None


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({}, "neither bytes nor a URL"),
        ({"b64_json": "", "url": ""}, "neither bytes nor a URL"),
        ({"b64_json": "*"}, "no base64"),
        ({"b64_json": "data:,"}, "neither bytes nor a URL|empty"),
        ({"b64_json": "data:image/png;base64,===="}, "neither bytes nor a URL"),
    ],
)
def test_a_picture_that_is_none_is_an_error(item, said):
    with pytest.raises(ResponseError, match=said):
        decode("openai_images", {"data": [item]})


# -- speech -----------------------------------------------------------------------------------------------------------


def test_sound_is_read_as_it_came():
    response = decode("openai_speech", WAV)
    assert (response.audio, response.usage, response.message.content) == (WAV, Usage(), [Audio(data=WAV)])
    assert repr(response) == "SpeechResponse(268 bytes)"
    assert decode("openai_speech", b"{\x00\x01").audio == b"{\x00\x01"
    wrapped = decode("openai_speech", {"audio": "data:audio/wav;base64," + b64encode(WAV).decode()})
    assert wrapped.audio == WAV
    counted = decode("openai_speech", {"audio_data": b64encode(WAV).decode(), "usage": {"prompt_tokens": 2}})
    assert counted.usage.input_tokens == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no sound"),
        ({"audio": "*"}, "no base64"),
        ({"audio": "data:,"}, "no sound"),
        ({"audio": ""}, "holds no sound"),
    ],
)
def test_sound_that_is_none_is_an_error(body, said):
    with pytest.raises(ResponseError, match=said):
        decode("openai_speech", body)


# -- transcriptions ---------------------------------------------------------------------------------------------------


def test_transcriptions_are_read_in_every_form():
    response = decode("openai_transcription", ANSWERS["openai_transcription"])
    assert (response.text, response.language, response.duration_s) == ("All aboard.", "english", 8.5)
    assert response.segments == [Segment("All aboard.", 0.0, 3.25)]
    assert response.words == [Word("All", 0.0, 1.0)]
    other = decode(
        "openai_transcription",
        {
            "text": "", "model": "m-1", "languages": [{"code": "en"}], "words": [{"text": "All"}, {}, 5],
            "segments": [{"text": "a", "start": "x", "end": True, "speaker_id": 2}, {"start": -1, "end": [1]}, None],
            "usage": {"prompt_audio_seconds": 7, "prompt_tokens": 1, "completion_tokens": 2},
        },
    )  # fmt: skip
    assert (other.text, other.model, other.language, other.duration_s) == ("", "m-1", "en", 7)
    assert other.words == [Word("All"), Word("")]
    assert other.segments == [Segment("a", speaker="2"), Segment("")]
    assert other.usage.total_tokens == 3


@pytest.mark.parametrize(
    ("fields", "language", "duration"),
    [
        ({}, None, None),
        ({"languages": []}, None, None),
        ({"languages": ["de", "en"]}, "de", None),
        ({"languages": [{"language": "de"}]}, "de", None),
        ({"languages": [5], "duration": "1.5"}, None, 1.5),
        ({"language": "", "duration": "nan"}, None, None),
        ({"duration": 10**400, "usage": {"seconds": 2}}, None, 2),
        ({"usage": {"seconds": None}}, None, None),
    ],
)
def test_language_and_duration_have_several_places(fields, language, duration):
    response = decode("openai_transcription", {"text": "a", **fields})
    assert (response.language, response.duration_s) == (language, duration)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["no sound"], "of one sound, and 0 were given"),
        ([Audio(data=WAV), Audio(data=WAV)], "of one sound, and 2 were given"),
        ([Audio(url="https://h/1.wav")], "audio: is a URL"),
    ],
)
def test_a_transcription_is_of_one_sound_that_is_at_hand(parts, said):
    with pytest.raises(InvalidInputError, match=said):
        MODULES["openai_transcription"].encode(
            TranscriptionRequest(messages=[Message.user(*parts)]), route("openai_transcription")
        )


# -- ranking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "scores"),
    [
        ({"results": [{"index": 0, "relevance_score": 1}, {"index": 1, "relevance_score": 2.5}]}, [(1, 2.5), (0, 1.0)]),
        ({"data": [{"index": 0, "relevance_score": -4.5}]}, [(0, -4.5)]),
        ([{"index": 1, "score": 0.5}], [(1, 0.5)]),
        ({"results": []}, []),
    ],
)
def test_scores_are_read_in_every_form(body, scores):
    response = decode("rerank", body)
    assert response.scores == scores
    assert repr(response) == f"RerankResponse({len(scores)} scores, None, ? in + ? out tokens)"


@pytest.mark.parametrize(
    ("more", "usage", "units"),
    [
        ({"meta": {"billed_units": {"search_units": 2}, "tokens": {"input_tokens": 9}}}, Usage(), 2),
        ({"meta": {"billed_units": {"search_units": True}, "tokens": {"input_tokens": 9}}}, (9, 0, 9), None),
        ({"meta": {"tokens": {"input_tokens": 9, "output_tokens": 1}}}, (9, 1, 10), None),
        ({"meta": 5, "usage": {"total_tokens": 9}}, (9, 0, 9), None),
        ({"usage": {"prompt_tokens": 9}}, (9, 0, 9), None),
    ],
)
def test_what_a_ranking_takes_has_several_places(more, usage, units):
    response = decode("rerank", {"results": [], **more})
    if isinstance(usage, tuple):
        usage = Usage(input_tokens=usage[0], output_tokens=usage[1], total_tokens=usage[2])
    assert (response.usage, response.search_units) == (usage, units)


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([{"relevance_score": 1}], "without index or score"),
        ([{"index": 0}], "without index or score"),
        ([{"index": 0, "relevance_score": True}], "without index or score"),
        ([{"index": -1, "relevance_score": 1}], "without index or score"),
        ([{"index": 0, "relevance_score": 10**400}], "without index or score"),
        ([{"index": 0, "score": 1}, {"index": 0, "score": 2}], "one document twice"),
        ([{"index": 0, "score": 1}, 5], "holds no scores"),
    ],
)
def test_scores_that_are_none_are_an_error(items, said):
    with pytest.raises(ResponseError, match=said):
        decode("rerank", {"results": items})


# -- forms ------------------------------------------------------------------------------------------------------------


def test_a_form_holds_every_kind_of_value_and_the_same_gives_the_same():
    fields = {"a": "ü", "b": [1, "two"], "c": {"x": True}, "d": None, "e": 0.5, "f": False, 'g"\r\n': ""}
    file = FormFile('na"me\r\n.png', b"\x00--", "image/png\r\nx: y")
    body, content_type = encode_form(fields, [("file", file)])
    assert (body, content_type) == encode_form(fields, [("file", file)])
    boundary = content_type.partition("boundary=")[2].encode()
    parts = body.split(b"--" + boundary)
    assert (parts[0], parts[-1]) == (b"", b"--\r\n")
    assert [part.strip(b"\r\n").partition(b"\r\n\r\n") for part in parts[1:-1]] == [
        (b'Content-Disposition: form-data; name="a"', b"\r\n\r\n", "ü".encode()),
        (b'Content-Disposition: form-data; name="b[]"', b"\r\n\r\n", b"1"),
        (b'Content-Disposition: form-data; name="b[]"', b"\r\n\r\n", b"two"),
        (b'Content-Disposition: form-data; name="c"', b"\r\n\r\n", b'{"x":true}'),
        (b'Content-Disposition: form-data; name="e"', b"\r\n\r\n", b"0.5"),
        (b'Content-Disposition: form-data; name="f"', b"\r\n\r\n", b"false"),
        (b'Content-Disposition: form-data; name="g%22%0D%0A"', b"", b""),
        (
            b'Content-Disposition: form-data; name="file"; filename="na%22me%0D%0A.png"\r\nContent-Type: image/pngx: y',
            b"\r\n\r\n",
            b"\x00--",
        ),
    ]


def test_the_boundary_is_in_none_of_the_contents(monkeypatch):
    class Weak:
        def __init__(self, **_: object) -> None:
            self.rounds = 0

        def update(self, data: bytes) -> None:
            self.rounds += data == b"again"

        def hexdigest(self) -> str:
            return str(self.rounds)

    monkeypatch.setattr("turnout.protocols.multipart.blake2b", Weak)
    body, content_type = encode_form({"a": "turnout-0 turnout-1"}, [])
    assert content_type.endswith("boundary=turnout-2")
    assert json.dumps("turnout-0 turnout-1")[1:-1].encode() in body
