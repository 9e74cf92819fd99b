"""Answers of Gemini, whole and streamed."""

from __future__ import annotations

import contextlib
import json
from base64 import b64encode

import pytest
from gemini_answers import JSON, PNG, codes, make_body, make_route, read, send, stream, stream_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.chunks import ErrorChunk, ReasoningStart, ServerToolChunk, TextDelta, TextStart, ToolCallEnd, UsageChunk
from turnout.errors import (
    BadRequestError,
    CallError,
    ContentFilterError,
    InvalidInputError,
    MalformedStreamError,
    RateLimitError,
    ResponseError,
    ServerError,
    TruncatedStreamError,
)
from turnout.messages import Audio, File, Image, Message, Reasoning, ServerTool, Text, ToolCall, Video
from turnout.protocols import find_protocol
from turnout.protocols.gemini import StreamDecoder, decode, decode_error
from turnout.usage import Usage

SECRET = "AIza-planted-secret"


def parts_of(*parts, **fields):
    return read(*parts, **fields).message.content


def test_both_names_are_the_same_wire_format():
    gemini, vertex = find_protocol("gemini"), find_protocol("vertex_gemini")
    assert (gemini.decode, gemini.StreamDecoder) == (vertex.decode, vertex.StreamDecoder)
    assert (vertex.parse_request, vertex.render_response) == (gemini.parse_request, gemini.render_response)
    for protocol in (gemini, vertex):
        with pytest.raises(AttributeError, match="no attribute 'parse'"):
            protocol.parse  # noqa: B018 - the look-up is what is tested


def test_signatures_stay_with_their_parts_and_go_back_on_them():
    wire = [
        {"text": "thinking", "thought": True, "thoughtSignature": "AA=="},
        {"text": "Hello", "thoughtSignature": "BB=="},
        {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "CC=="},
        {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "DD=="},
        {"inlineData": {"mimeType": "image/png", "data": b64encode(PNG).decode()}, "thoughtSignature": "EE=="},
        {"text": "", "thoughtSignature": "FF=="},
    ]
    parts = parts_of(*wire)
    assert [type(part) for part in parts] == [Reasoning, Text, ToolCall, ServerTool, Image, Reasoning]
    assert send(Message("assistant", parts))["contents"] == [{"role": "model", "parts": wire}]
    elsewhere = make_route()
    elsewhere.provider = elsewhere.maker = "q"
    [content] = send(Message("assistant", parts), route=elsewhere)["contents"]
    assert [part.get("thoughtSignature") for part in content["parts"]] == [None, None, "DD==", None]


def test_pieces_of_text_are_one_text_but_for_what_is_signed():
    chunks, response = stream(
        make_body({"text": "a"}, {"text": ""}, reason=None),
        make_body({"text": "b"}, reason=None),
        make_body({"text": "c", "thoughtSignature": "AA=="}, reason=None),
        make_body({"text": "d"}),
    )
    assert response.message.content == [Text("ab"), Text("c", {"gemini@p": {"thoughtSignature": "AA=="}}), Text("d")]
    assert [chunk.type for chunk in chunks] == (
        ["text_start", "text_delta", "text_delta", "text_end"] + ["text_start", "text_delta", "text_end"] * 2
    )


def test_a_signature_behind_text_makes_no_chunk():
    chunks, response = stream(make_body({"text": "a"}, reason=None), make_body({"text": "", "thoughtSignature": "A"}))
    assert response.message.content == [Text("a"), Reasoning("", [{"thoughtSignature": "A"}], "p")]
    assert [chunk.type for chunk in chunks] == ["text_start", "text_delta", "text_end"]


def test_a_signature_behind_thoughts_is_theirs():
    chunks, response = stream(
        make_body({"text": "hm", "thought": True}, reason=None),
        make_body({"text": "", "thought": True, "thoughtSignature": "A"}, {"text": "x"}),
    )
    thought = Reasoning("hm", [{"thought": True, "thoughtSignature": "A"}], "p")
    assert (response.message.content, response.reasoning) == ([thought, Text("x")], "hm")
    assert sum(isinstance(chunk, ReasoningStart) for chunk in chunks) == 1
    [alone] = parts_of({"thought": True, "thoughtSignature": "A"})
    assert alone == Reasoning("", [{"thought": True, "thoughtSignature": "A"}], "p")


def test_calls_without_an_id_get_one_that_does_not_go_back():
    first, second = parts_of({"functionCall": {"name": "f"}}, {"functionCall": {"name": "f", "args": None}})
    assert first.id != second.id
    assert (first.arguments, second.arguments) == ({}, {})
    assert send(Message.assistant(first))["contents"][0]["parts"] == [{"functionCall": {"name": "f", "args": {}}}]


def test_arguments_that_are_no_object_are_kept_as_they_were_written():
    chunks, response = stream(make_body({"functionCall": {"args": [1]}}))
    [call] = response.message.content
    assert (call.name, call.arguments, call.invalid_arguments) == ("", {}, "[1]")
    assert next(chunk for chunk in chunks if isinstance(chunk, ToolCallEnd)).call == call


def test_arguments_in_pieces_are_told_to_be_unread():
    assert codes(read({"functionCall": {"name": "f", "willContinue": True}})) == ["unread_content"]


def test_arguments_at_the_limit_of_depth_do_not_break_the_answer():
    read = 0
    for depth in range(400, 1400, 7):
        body = b'{"candidates":[{"finishReason":"STOP","content":{"parts":[{"functionCall":{"name":"f","args":{"a":'
        body += b"[" * depth + b"]" * depth + b"}}}]}}]}"
        try:
            response = decode(body, make_route())
        except CallError:
            assert depth > 480  # the limit is 500 levels in all
            continue
        assert depth < 500
        assert response.tool_calls[0].name == "f"
        read += 1
    assert read >= 12


@pytest.mark.parametrize(
    ("blob", "part"),
    [
        ({"mimeType": "image/png", "data": "aGk="}, Image(data=b"hi", media_type="image/png")),
        ({"mimeType": "audio/L16;rate=24000", "data": "aGk"}, Audio(data=b"hi", media_type="audio/L16;rate=24000")),
        ({"mimeType": "video/mp4", "data": "aGk="}, Video(data=b"hi", media_type="video/mp4")),
        (
            {"mimeType": "text/csv", "data": "aGk=", "displayName": "a"},
            File(data=b"hi", media_type="text/csv", name="a"),
        ),
        ({"data": "aGk="}, File(data=b"hi")),
    ],
)
def test_media_that_the_model_makes_are_parts(blob, part):
    assert parts_of({"inlineData": blob}) == [part]


def sound(data: bytes, media_type: str = "audio/L16;codec=pcm;rate=24000", **more: object) -> dict[str, object]:
    return {"inlineData": {"mimeType": media_type, "data": b64encode(data).decode()}, **more}


def test_speech_that_comes_in_pieces_is_one_sound():
    """Samples have no head, so pieces of them are one sound; files are not, nor what text stands between."""
    chunks, response = stream(make_body(sound(b"abc"), reason=None), make_body(sound(b"de"), sound(b"f")))
    kind = "audio/L16;codec=pcm;rate=24000"
    assert response.message.content == [Audio(data=b"abcdef", media_type=kind)]
    assert response.message == read(sound(b"abcdef")).message
    assert chunks == []
    assert parts_of(sound(b"a"), {"text": "x"}, sound(b"b"), sound(b"c", "audio/pcm;rate=8000")) == [
        Audio(data=b"a", media_type=kind),
        Text("x"),
        Audio(data=b"b", media_type=kind),
        Audio(data=b"c", media_type="audio/pcm;rate=8000"),
    ]
    assert len(parts_of(sound(b"ID3", "audio/mpeg"), sound(b"ID3", "audio/mpeg"))) == 2
    assert len(parts_of(sound(b"a", thoughtSignature="QQ=="), sound(b"b", thoughtSignature="QQ=="))) == 2


def test_files_that_the_model_points_to_are_parts():
    [part] = parts_of({"fileData": {"fileUri": "https://h/x", "mimeType": "video/mp4"}})
    assert part == Video(url="https://h/x", media_type="video/mp4")


@pytest.mark.parametrize("part", [{"inlineData": {"data": "!"}}, {"inlineData": {}}, {"fileData": {"mimeType": "a/b"}}])
def test_media_that_cannot_be_read_are_told(part):
    response = read(part)
    assert (response.message.content, codes(response)) == ([], ["unread_content"])


def test_a_picture_among_the_thoughts_is_a_record():
    part = {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thought": True}
    assert parts_of(part) == [ServerTool("inlineData", part)]


@pytest.mark.parametrize("part", [{"novelty": {"a": 1}}, {"novelty": "x"}])
def test_an_unknown_part_is_kept_and_told(part):
    chunks, response = stream(make_body({"text": "a"}, part))
    assert response.message.content == [Text("a"), ServerTool("novelty", part)]
    assert codes(response) == ["unread_content"]
    assert chunks[-1] == ServerToolChunk("novelty", part)


def test_a_candidate_without_content_is_an_empty_answer():
    body = {"candidates": [{"finishReason": "MAX_TOKENS", "content": None}]}
    response = decode(json.dumps(body).encode(), make_route())
    assert (response.message.content, response.finish_reason) == ([], "length")


def test_an_empty_part_is_nothing():
    response = read({}, {"text": ""})
    assert (response.message.content, response.warnings) == ([], [])


GROUNDING = {
    "webSearchQueries": ["x"],
    "groundingChunks": [{"web": {"uri": "u0"}}, {"web": {"uri": "u1"}}],
    "groundingSupports": [
        {"segment": {"endIndex": 3}, "groundingChunkIndices": [1, 7, "x", -1]},
        {"segment": {"endIndex": 5}},
    ],
}


def test_sources_are_citations_of_the_last_text_and_a_record():
    candidate = {"groundingMetadata": GROUNDING, "citationMetadata": {"citationSources": [{"uri": "c"}]}}
    response = read({"text": "a"}, {"toolCall": {"id": "1"}}, {"text": "b"}, candidate=candidate)
    first, _, last, record = response.message.content
    assert first == Text("a")
    assert last.citations == [
        {**GROUNDING["groundingSupports"][0], "groundingChunks": [{"web": {"uri": "u1"}}]},
        {**GROUNDING["groundingSupports"][1], "groundingChunks": []},
        {"groundingChunks": [{"web": {"uri": "u0"}}]},
        {"uri": "c"},
    ]
    assert record == ServerTool("groundingMetadata", {"groundingMetadata": GROUNDING})


def test_in_a_stream_the_last_sources_that_say_anything_count():
    one, two = {"citationMetadata": {"citations": [{"uri": "1"}]}}, {"citationMetadata": {"citations": [{"uri": "2"}]}}
    chunks, response = stream(
        make_body({"text": "a"}, reason=None, candidate={"groundingMetadata": {"webSearchQueries": ["1"]}, **one}),
        make_body({"text": "b"}, reason=None, candidate={"groundingMetadata": {}, **two}),
        make_body(candidate={"citationMetadata": {}, "groundingMetadata": []}),
    )
    assert response.message.content[0].citations == [{"uri": "2"}]
    assert chunks[-1] == ServerToolChunk("groundingMetadata", {"groundingMetadata": {"webSearchQueries": ["1"]}})


def test_sources_without_text_are_a_record_alone():
    response = read(candidate={"urlContextMetadata": {"urlMetadata": []}, "groundingMetadata": GROUNDING})
    assert [part.name for part in response.message.content] == ["groundingMetadata", "urlContextMetadata"]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "other"),
        ("UNEXPECTED_TOOL_CALL", "other"),
        ("NEW_WORD", "other"),
    ],
)
def test_finish_reasons_are_mapped_and_kept(reason, finish):
    response = read({"text": "a"}, reason=reason)
    assert (response.finish_reason, response.raw_finish_reason) == (finish, reason)


def test_a_call_of_an_unknown_tool_is_a_call():
    assert read({"functionCall": {"name": "f"}}, reason="UNEXPECTED_TOOL_CALL").finish_reason == "tool_calls"
    assert read({"functionCall": {"name": "f"}}, reason="SAFETY").finish_reason == "content_filter"


def test_what_is_said_of_an_unusual_end_is_a_warning():
    assert codes(read({"text": "a"}, candidate={"finishMessage": "done"})) == []
    response = read(reason="SAFETY", candidate={"finishMessage": "hate"})
    assert [str(warning) for warning in response.warnings] == ["the answer ended with SAFETY: hate"]


def test_a_whole_answer_without_a_finish_reason_is_told_to_be_one():
    response = read({"text": "a"}, reason=None)
    assert (response.finish_reason, response.raw_finish_reason, codes(response)) == (
        "stop",
        None,
        ["inferred_finish_reason"],
    )


def test_only_the_first_candidate_is_read():
    body = {
        "candidates": [{"index": 1, "content": {"parts": [{"text": "no"}]}}, *make_body({"text": "yes"})["candidates"]]
    }
    response = decode(json.dumps(body).encode(), make_route())
    assert (response.text, codes(response)) == ("yes", ["unread_content"])


def count(**told):
    return read({"text": "a"}, usageMetadata=told).usage


def test_usage_is_told_with_all_its_kinds():
    assert count(
        promptTokenCount=100,
        cachedContentTokenCount=60,
        candidatesTokenCount=20,
        thoughtsTokenCount=30,
        toolUsePromptTokenCount=7,
        totalTokenCount=157,
        promptTokensDetails=[{"modality": "TEXT", "tokenCount": 90}, {"modality": "AUDIO", "tokenCount": 10}],
        toolUsePromptTokensDetails=[{"modality": "AUDIO", "tokenCount": 1}, {"modality": "AUDIO"}],
        candidatesTokensDetails=[{"modality": "AUDIO", "tokenCount": 5}],
    ) == Usage(
        input_tokens=107,
        output_tokens=50,
        total_tokens=157,
        cached_input_tokens=60,
        reasoning_tokens=30,
        audio_input_tokens=11,
        audio_output_tokens=5,
    )


def test_audio_from_the_cache_is_told_where_the_cache_is():
    told = {"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 1}
    audio = {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}]}
    both = {"cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}, {"modality": "TEXT", "tokenCount": 20}]}
    assert count(**told, **audio, **both).cached_audio_tokens == 40
    assert count(**told, **audio, cacheTokensDetails=[{"modality": "TEXT", "tokenCount": 60}]).cached_audio_tokens == 0
    assert count(**told, **audio).cached_audio_tokens is None
    assert count(**told, cacheTokensDetails=[{"modality": "TEXT", "tokenCount": 60}]).cached_audio_tokens is None


def warn(**body):
    return [(warning.code, str(warning)) for warning in read({"text": "a"}, **body).warnings]


def test_use_that_costs_by_the_request_and_other_terms_are_told():
    searched = {"groundingMetadata": {"webSearchQueries": ["a", "b"]}}
    ((code, told),) = warn(candidate=searched)
    assert (code, "googleSearch (2)" in told, "googleMaps" in told) == ("unpriced_use", True, False)
    ((code, told),) = warn(candidate={"groundingMetadata": {"groundingChunks": [{"maps": {}}, 7]}})
    assert (code, "googleMaps (1)" in told) == ("unpriced_use", True)
    for usual in ({"serviceTier": "standard"}, {"trafficType": "ON_DEMAND"}, {"serviceTier": None}):
        assert warn(usageMetadata=usual) == []
    for term in ({"serviceTier": "flex"}, {"trafficType": "ON_DEMAND_PRIORITY"}):
        ((code, told),) = warn(usageMetadata=term)
        assert (code, next(iter(term.values())) in told) == ("unpriced_tier", True)
    flex = {"usageMetadata": {"serviceTier": "flex"}}
    _, streamed = stream({**make_body({"text": "a"}, reason=None), **flex}, {**make_body(), **flex})
    assert [warning.code for warning in streamed.warnings] == ["unpriced_tier"]


def test_counts_that_are_not_told_are_unknown_or_follow_from_the_total():
    assert count() == Usage()
    assert count(trafficType="ON_DEMAND") == Usage()
    assert count(promptTokenCount=5, totalTokenCount=5) == Usage(input_tokens=5, output_tokens=0, total_tokens=5)
    assert count(promptTokenCount=5, totalTokenCount=9) == Usage(input_tokens=5, output_tokens=4, total_tokens=9)
    assert count(promptTokenCount=5, candidatesTokenCount=2) == Usage(input_tokens=5, output_tokens=2, total_tokens=7)
    assert count(promptTokenCount=5) == Usage(input_tokens=5)
    assert count(totalTokenCount=9) == Usage(total_tokens=9)


def test_the_last_usage_of_a_stream_counts():
    chunks, response = stream(
        make_body({"text": "a"}, reason=None, usageMetadata={"promptTokenCount": 3, "totalTokenCount": 3}),
        make_body(usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}),
        {"usageMetadata": {"trafficType": "ON_DEMAND"}},
    )
    assert chunks[-1] == UsageChunk(response.usage)
    assert response.usage.total_tokens == 4


def test_log_probabilities_are_told():
    found = {
        "chosenCandidates": [{"token": "a", "logProbability": -1}, {"token": "b", "logProbability": -2}, {"token": 1}],
        "topCandidates": [{"candidates": [{"token": "c", "logProbability": -3}]}],
    }
    logprobs = read({"text": "ab"}, candidate={"logprobsResult": found}).logprobs
    assert [(each.token, each.logprob, [top.token for top in each.top]) for each in logprobs] == [
        ("a", -1.0, ["c"]),
        ("b", -2.0, []),
    ]
    assert read({"text": "a"}, candidate={"logprobsResult": []}).logprobs is None


def test_the_id_and_the_model_of_the_answer_are_told():
    response = read({"text": "a"}, responseId="r", modelVersion="gemini-x")
    assert (response.id, response.model) == ("r", "gemini-x")
    assert json.loads(response.raw)["responseId"] == "r"


@pytest.mark.parametrize(
    ("feedback", "told"),
    [
        ({"blockReason": "SAFETY", "blockReasonMessage": "No."}, r"\(SAFETY\): No: change"),
        (
            {"blockReason": "SAFETY", "safetyRatings": [{"category": "HATE", "blocked": True}, {"blocked": True}, {}]},
            r"\(SAFETY\): HATE, unknown: change",
        ),
        ({"blockReason": "OTHER"}, r"\(OTHER\): change"),
    ],
)
def test_a_blocked_prompt_is_an_error_whole_and_streamed(feedback, told):
    body = {"promptFeedback": feedback}
    with pytest.raises(ContentFilterError, match=told) as caught:
        decode(json.dumps(body).encode(), make_route())
    assert caught.value.body == json.dumps(body).encode()
    decoder = StreamDecoder(make_route())
    decoder.decode_event(json.dumps(make_body({"text": "so far"}, reason=None)).encode())
    with pytest.raises(ContentFilterError, match=told) as caught:
        decoder.decode_event(json.dumps(body).encode())
    assert (caught.value.text, caught.value.code) == ("so far", feedback["blockReason"])


def test_the_text_so_far_is_joined_for_errors_alone():
    """Joined for each event, a long stream would take quadratic time."""

    class Watched(StreamDecoder):
        joined = 0

        @property
        def text(self) -> str:
            self.joined += 1
            return super().text

    decoder = Watched(make_route())
    for _ in range(3):
        decoder.decode_event(json.dumps(make_body({"text": "a"})).encode())
    assert decoder.joined == 0
    with pytest.raises(ContentFilterError) as caught:
        decoder.decode_event(b'{"promptFeedback": {"blockReason": "OTHER"}}')
    assert (caught.value.text, decoder.joined) == ("aaa", 1)


def test_feedback_that_blocks_nothing_is_no_error():
    for feedback in ({"safetyRatings": []}, {"blockReason": "BLOCK_REASON_UNSPECIFIED"}, [], {"blockReason": None}):
        assert read({"text": "a"}, promptFeedback=feedback).text == "a"


@pytest.mark.parametrize(
    ("body", "told", "is_retryable"),
    [
        (b"", "an empty body", True),
        (b'{"candidates": [', "a body that breaks off", True),
        (b'{"candidates": [], "usageMetadata": {}}', "no candidates", True),
        (b"<html><title>x</title>", "a web page", False),
        (b"[]", "no answer of a Gemini API", False),
        (b'{"choices": []}', "check the base URL", False),
        (b"nonsense", "no answer of a Gemini API", False),
    ],
)
def test_a_body_that_is_no_answer_is_an_error_with_its_cure(body, told, is_retryable):
    with pytest.raises(ResponseError, match=told) as caught:
        decode(body, make_route())
    assert caught.value.is_retryable is is_retryable


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 503, "message": "full", "status": "UNAVAILABLE"}}, ServerError),
        ([{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}], RateLimitError),
        ({"object": "error", "message": "bad", "code": 400}, BadRequestError),
    ],
)
def test_an_error_in_a_200_is_an_error(body, kind):
    with pytest.raises(kind):
        decode(json.dumps(body).encode(), make_route())


def test_an_error_that_says_nothing_does_not_hide_the_answer():
    assert read({"text": "a"}, error=[]).text == "a"
    assert read({"text": "a"}, error={"x": 1}).text == "a"


def test_an_error_in_a_stream_is_a_chunk():
    decoder = StreamDecoder(make_route(secrets=(SECRET,)))
    told = {"error": {"code": 503, "message": f"full {SECRET}", "status": "UNAVAILABLE"}}
    assert decoder.decode_event(json.dumps(told).encode()) == [ErrorChunk("full [redacted]", "UNAVAILABLE")]
    assert decoder.decode_event(json.dumps([told]).encode()) == [ErrorChunk("full [redacted]", "UNAVAILABLE")]
    assert decoder.decode_event(b'{"message": "x"}', "error") == [ErrorChunk("x")]


@pytest.mark.parametrize("data", [b"nonsense", b'"text"', b"17", b"null"])
def test_an_event_that_is_no_object_is_an_error(data):
    decoder = StreamDecoder(make_route())
    decoder.decode_event(json.dumps(make_body({"text": "so far"}, reason=None)).encode())
    with pytest.raises(MalformedStreamError, match="no JSON") as caught:
        decoder.decode_event(data)
    assert caught.value.text == "so far"


def test_a_stream_that_ends_without_a_reason_was_cut():
    whole = json.dumps(make_body({"text": "ab"}, reason=None)).encode()
    with pytest.raises(TruncatedStreamError, match="before the answer was finished") as caught:
        stream_bytes([b"data: " + whole + b"\n\n"])
    assert caught.value.text == "ab"
    with pytest.raises(TruncatedStreamError, match="in the middle of an event"):
        stream_bytes([b"data: " + whole + b"\n\ndata: " + whole[:20]])
    with pytest.raises(MalformedStreamError):
        stream_bytes([b"data: " + whole[:20] + b"\n\ndata: " + whole + b"\n\n"])


def test_an_answer_that_has_its_reason_is_whole_though_the_stream_breaks_off():
    end = json.dumps(make_body({"text": "ab"})).encode()
    chunks, response = stream_bytes([b"data: " + end + b"\n\ndata:  \n\ndata: " + end[:9]])
    assert response.text == "ab"
    assert TextStart() in chunks
    assert TextDelta("ab") in chunks


def test_a_decoder_never_knows_that_a_stream_is_complete():
    decoder = StreamDecoder(make_route())
    decoder.decode_event(json.dumps(make_body({"text": "a"})).encode())
    assert (decoder.is_complete, decoder.text) == (False, "a")


def make_error(*details):
    return json.dumps(
        {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": details}}
    ).encode()


def test_how_long_to_wait_is_in_the_body():
    error = decode_error(429, {}, make_error({"@type": "x", "retryDelay": "34.5s"}))
    assert (type(error), error.retry_after_s, error.is_retryable) == (RateLimitError, 34.5, True)
    assert decode_error(429, {}, make_error({"retryDelay": "soon"})).retry_after_s is None


def test_a_quota_of_a_day_is_not_worth_a_retry():
    failure = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]}
    assert decode_error(429, {}, make_error(failure)).is_retryable is False
    assert decode_error(429, {}, make_error({"violations": [{"quotaId": "PerMinute"}]})).is_retryable is True


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'["x"]', b'{"error": "no"}', b"<html>", b'[{"error": {"details": [1]}}]']
)
def test_any_error_body_is_read(body):
    assert isinstance(decode_error(500, {}, body), ServerError)


@given(JSON)
@settings(max_examples=300)
def test_any_json_is_an_answer_or_an_error_of_ours(value):
    body = json.dumps(value).encode()
    for make in (lambda: decode(body, make_route()), lambda: stream_bytes([b"data: " + body + b"\n\n"])):
        try:
            response = make()
        except CallError:
            continue
        message = response.message if not isinstance(response, tuple) else response[1].message
        with contextlib.suppress(InvalidInputError):  # a NaN that the provider sent cannot go back
            send(Message.user("x"), message)


@given(st.lists(JSON, max_size=4), st.data())
@settings(max_examples=150)
def test_a_stream_is_the_same_however_it_is_cut(values, data):
    body = b"".join([b"data: " + json.dumps(value).encode() + b"\r\n\r\n" for value in values])
    places = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    pieces = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]

    def run(given):
        try:
            response = stream_bytes(given)[1]
        except CallError as error:
            return type(error), error.message
        return [
            response.text,
            response.finish_reason,
            response.usage,
            [type(part) for part in response.message.content],
        ]

    assert run(pieces) == run([body])


@given(st.binary(max_size=60))
def test_any_bytes_are_an_error_of_ours(data):
    with pytest.raises(CallError):
        decode(data, make_route())
