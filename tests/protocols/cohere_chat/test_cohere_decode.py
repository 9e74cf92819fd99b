"""Answers of Cohere, whole and streamed."""

from __future__ import annotations

import json

import pytest
from cohere_wire import JSON, codes, end_event, event, make_route, read, stream, stream_bytes, text_event
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.chunks import ErrorChunk, TextDelta, UsageChunk
from turnout.errors import (
    CallError,
    MalformedStreamError,
    RateLimitError,
    ResponseError,
    ServerError,
    TruncatedStreamError,
)
from turnout.messages import Reasoning, Text, ToolCall
from turnout.protocols import find_protocol
from turnout.protocols.cohere_chat import StreamDecoder, decode
from turnout.usage import Usage

SECRET = "co-planted-secret"
CITED = {"start": 0, "end": 1, "text": "a", "sources": [{"type": "document", "id": "1"}], "type": "TEXT_CONTENT"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
USAGE = {
    "billed_units": {"input_tokens": 3, "output_tokens": 2},
    "tokens": {"input_tokens": 10.0, "output_tokens": 4},
    "cached_tokens": 5,
}
TOLD = Usage(input_tokens=3, output_tokens=2, total_tokens=5)

WHOLE = read(
    "TOOL_CALL",
    body={"usage": USAGE, "logprobs": [{"text": "ab", "token_ids": [1, 2], "logprobs": [-1, -2.5]}]},
    content=[{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ab"}, {"type": "text", "text": "c"}],
    tool_plan="I will",
    tool_calls=[CALL],
    citations=[{**CITED, "content_index": 1}, CITED],
)
PARTS = [
    Reasoning("hm", [{"type": "thinking"}], "p"),
    Text("ab", citations=[{**CITED, "content_index": 1}]),
    Text("c", citations=[CITED]),
    Reasoning("I will", [{"type": "tool_plan"}], "p"),
    ToolCall("1", "f", {"a": 1}),
]
EVENTS = [
    event("message-start", id="r", message={"role": "assistant", "content": []}),
    event("content-start", index=0, message={"content": {"type": "thinking", "thinking": ""}}),
    event("content-delta", index=0, message={"content": {"thinking": "h"}}),
    event("content-delta", index=0, message={"content": {"thinking": "m"}}),
    event("content-end", index=0),
    text_event("", 1, "content-start"),
    text_event("a", 1),
    text_event("b", 1, logprobs={"text": "ab", "token_ids": [1, 2], "logprobs": [-1, -2.5]}),
    event("citation-start", index=0, message={"citations": {**CITED, "content_index": 1}}),
    event("citation-end", index=0),
    event("content-end", index=1),
    text_event("c", 2, "content-start"),
    event("citation-start", index=1, message={"citations": CITED}),
    event("content-end", index=2),
    event("tool-plan-delta", message={"tool_plan": "I"}),
    event("tool-plan-delta", message={"tool_plan": " will"}),
    event("tool-call-start", index=0, message={"tool_calls": {**CALL, "function": {"name": "f", "arguments": ""}}}),
    event("tool-call-delta", index=0, message={"tool_calls": {"function": {"arguments": '{"a"'}}}),
    event("tool-call-delta", index=0, message={"tool_calls": {"function": {"arguments": ":1}"}}}),
    event("tool-call-end", index=0),
    event("debug", prompt="x", delta={}),
    end_event("TOOL_CALL", usage=USAGE),
]


def test_a_whole_answer_and_its_stream_are_the_same():
    chunks, streamed = stream(*EVENTS)
    for response in (WHOLE, streamed):
        assert response.message.content == PARTS
        assert (response.usage, response.finish_reason, response.id) == (TOLD, "tool_calls", "r")
        assert (response.raw_finish_reason, response.warnings) == ("TOOL_CALL", [])
        assert [(each.token, each.logprob) for each in response.logprobs] == [("ab", -1.0), ("", -2.5)]
    assert [chunk.type for chunk in chunks] == [
        *("reasoning_start", "reasoning_delta", "reasoning_delta", "reasoning_end"),
        *("text_start", "text_delta", "text_delta", "text_end"),
        *("text_start", "text_delta", "text_end"),
        *("reasoning_start", "reasoning_delta", "reasoning_delta", "reasoning_end"),
        *("tool_call_start", "tool_call_delta", "tool_call_delta", "tool_call_end", "usage"),
    ]


def test_pieces_without_an_index_join():
    _, response = stream(
        event("content-delta", message={"content": {"text": "a"}}),
        event("content-delta", message={"content": {"text": ""}}),
        event("content-delta", message={"content": {"text": "b"}}),
        end_event(),
    )
    assert response.message.content == [Text("ab")]


def test_oddities_of_an_answer():
    assert read(content="plain").text == "plain"
    assert read(content=None).message.content == []
    assert read(content=["x", {"type": "text"}, {}]).message.content == []
    assert codes(read(content=[{"type": "audio"}])) == ["unread_content"]
    assert codes(read(content=[], citations=[CITED])) == ["unread_content"]
    assert codes(read(None, content="a")) == ["inferred_finish_reason"]
    assert read("COMPLETE", tool_calls=[CALL]).finish_reason == "tool_calls"
    response = read(tool_calls=[{}, {"function": {"name": "f", "arguments": "[1"}}], tool_plan=5)
    first, second = response.tool_calls
    assert (first.name, first.arguments, second.invalid_arguments) == ("", {}, "[1")
    assert first.id != second.id
    late = [
        event("citation-start", message={"citations": None}),
        event("tool-call-delta", message={}),
        event("new-start"),
    ]
    assert stream(*late, end_event())[1].message.content == []
    odd = read(body={"logprobs": [{"logprobs": None}, {"logprobs": ["x", -1]}, 5]}, content="a")
    assert [each.token for each in odd.logprobs] == [""]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("ERROR_TOXIC", "content_filter"),
        ("USER_CANCEL", "other"),
    ],
)
def test_finish_reasons_are_mapped_and_kept(reason, finish):
    response = read(reason, content="a")
    assert (response.finish_reason, response.raw_finish_reason) == (finish, reason)


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (
            {"billed_units": {"input_tokens": 3, "output_tokens": 2}},
            Usage(input_tokens=3, output_tokens=2, total_tokens=5),
        ),
        (
            {
                "billed_units": {"input_tokens": 3, "output_tokens": 2},
                "tokens": {"input_tokens": 3, "output_tokens": 5},
                "cached_tokens": 2,
            },
            Usage(input_tokens=3, output_tokens=2, total_tokens=5, cached_input_tokens=2),
        ),
        (
            {
                "billed_units": {"input_tokens": 0},
                "tokens": {"input_tokens": 3, "output_tokens": 5},
                "cached_tokens": 0,
            },
            Usage(input_tokens=0, output_tokens=5, total_tokens=5, cached_input_tokens=0),
        ),
        (
            {"billed_units": "?", "tokens": {"input_tokens": 3, "output_tokens": 5}, "cached_tokens": 1},
            Usage(input_tokens=3, output_tokens=5, total_tokens=8, cached_input_tokens=1),
        ),
        ({"tokens": {"input_tokens": 3}}, Usage(input_tokens=3)),
        ({"tokens": {"output_tokens": 3}}, Usage(output_tokens=3)),
        ({}, Usage()),
        ([], Usage()),
    ],
)
def test_usage(usage, told):
    assert read(content="a", body={"usage": usage}).usage == told
    chunks, response = stream(text_event("a"), end_event(usage=usage))
    assert response.usage == told
    assert isinstance(chunks[-1], UsageChunk) == (told != Usage())


def test_units_that_are_no_tokens_are_told():
    usage = {"billed_units": {"input_tokens": 3, "output_tokens": 2, "search_units": 1, "classifications": 0}}
    response = read(content="a", body={"usage": usage})
    ((code, told),) = [(warning.code, str(warning)) for warning in response.warnings]
    assert (code, "search_units (1)" in told, "classifications" in told) == ("unpriced_use", True, False)
    _, streamed = stream(text_event("a"), end_event(usage=usage))
    assert streamed.warnings == response.warnings


@pytest.mark.parametrize("reason", ["ERROR", "TIMEOUT", "ERROR_LIMIT"])
def test_an_answer_that_failed_is_an_error(reason):
    with pytest.raises(ServerError, match="failed while answering") as caught:
        read(reason, content="a")
    assert (caught.value.text, caught.value.code) == ("a", reason)
    decoder = StreamDecoder(make_route(secrets=(SECRET,)))
    [chunk] = decoder.decode_event(json.dumps(end_event(reason, error=f"broke {SECRET}")).encode())
    assert chunk == ErrorChunk("broke [redacted]", reason)
    [chunk] = StreamDecoder(make_route()).decode_event(json.dumps(end_event(reason)).encode())
    assert chunk == ErrorChunk(f"the provider failed ({reason}) while answering", reason)


@pytest.mark.parametrize(
    ("body", "told", "is_retryable"),
    [
        (b"", "an empty body", True),
        (b'{"message": {', "a body that breaks off", True),
        (b"<html>", "a web page", False),
        (b"[]", "no answer of Cohere's chat", False),
        (b"nonsense", "check the base URL", False),
        (b'{"choices": []}', "check the base URL", False),
    ],
)
def test_a_body_that_is_no_answer_is_an_error_with_its_cure(body, told, is_retryable):
    with pytest.raises(ResponseError, match=told) as caught:
        decode(body, make_route())
    assert caught.value.is_retryable is is_retryable


def test_an_error_in_a_200_is_an_error():
    with pytest.raises(ServerError, match="out of order"):
        decode(b'{"message": "out of order"}', make_route())
    with pytest.raises(RateLimitError, match="slow"):
        decode(b'{"error": {"message": "slow", "code": 429}}', make_route())
    with pytest.raises(ServerError, match="bad"):
        decode(b'{"object": "error", "detail": "bad"}', make_route())


def test_an_error_in_a_stream_is_a_chunk():
    decoder = StreamDecoder(make_route())
    assert decoder.decode_event(b'{"message": "out of order"}') == [ErrorChunk("out of order")]
    assert decoder.decode_event(b'{"type": "debug"}') == []
    assert decoder.decode_event(b"{}") == []
    assert decoder.decode_event(b'{"message": null}') == []


@pytest.mark.parametrize("data", [b"nonsense", b"[]", b'"x"', b"null"])
def test_an_event_that_is_no_object_is_an_error(data):
    with pytest.raises(MalformedStreamError, match="no JSON object"):
        StreamDecoder(make_route()).decode_event(data)


def lines(*events: dict) -> bytes:
    return b"".join(
        [b"event: %s\ndata: %s\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in events]
    )


def test_a_stream_that_ends_without_a_reason_was_cut():
    with pytest.raises(TruncatedStreamError, match="before the answer was finished") as caught:
        stream_bytes([lines(text_event("ab"))])
    assert caught.value.text == "ab"
    with pytest.raises(TruncatedStreamError, match="in the middle of an event"):
        stream_bytes([lines(text_event("ab")) + b'data: {"type": '])
    with pytest.raises(MalformedStreamError):
        stream_bytes([b'data: {"type": \n\n' + lines(end_event())])
    with pytest.raises(TruncatedStreamError):
        stream(end_event(None))


def test_nothing_behind_the_end_mark_is_read():
    chunks, response = stream_bytes([lines(text_event("a"), end_event()) + b"data: [DONE]\n\ndata: nonsense\n\n"])
    assert (response.text, TextDelta("a") in chunks) == ("a", True)


def test_the_name_of_the_event_stands_in_for_its_type():
    decoder = StreamDecoder(make_route())
    data = json.dumps({"delta": {"finish_reason": "COMPLETE"}, "id": "r"}).encode()
    assert decoder.decode_event(data, "message-end") == []
    assert (decoder.is_complete, decoder.finish()[1].id) == (True, "r")


def test_what_serves_is_imported_when_it_is_asked_for():
    protocol = find_protocol("cohere_chat")
    assert protocol.parse_request.__module__.endswith("cohere_chat.incoming")
    with pytest.raises(AttributeError, match="no attribute 'parse'"):
        protocol.parse  # noqa: B018 - the look-up is what is tested


@given(JSON)
@settings(max_examples=300)
def test_any_json_is_an_answer_or_an_error_of_ours(value):
    for given_value in (value, {"message": value}, {"message": {"content": value, "tool_calls": value}}):
        try:
            decode(json.dumps(given_value).encode(), make_route())
        except CallError:
            continue


@given(
    st.lists(
        JSON
        | st.builds(
            lambda kind, value: {"type": kind, "index": 0, "delta": {"message": value}},
            st.sampled_from([each["type"] for each in EVENTS]),
            JSON,
        ),
        max_size=5,
    ),
    st.data(),
)
@settings(max_examples=200)
def test_a_stream_is_the_same_however_it_is_cut(values, data):
    body = b"".join([b"data: " + json.dumps(value).encode() + b"\n\n" for value in [*values, end_event()]])
    places = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    pieces = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]

    def run(given_pieces):
        try:
            response = stream_bytes(given_pieces)[1]
        except CallError as error:
            return type(error), error.message
        return [response.text, response.finish_reason, response.usage, len(response.message.content)]

    assert run(pieces) == run([body])


@given(st.binary(max_size=60))
def test_any_bytes_are_an_error_of_ours(data):
    with pytest.raises(CallError):
        decode(data, make_route())
