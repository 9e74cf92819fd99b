"""Whole answers, and the errors that come as a 200."""

from __future__ import annotations

import contextlib
import json

import pytest
from chat_streams import JSON, make_route
from hypothesis import given, settings

from turnout.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextLengthError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseError,
    ServerError,
    TurnoutError,
)
from turnout.messages import Reasoning, Refusal, Text, ToolCall
from turnout.protocols.openai_chat import decode


def whole(finish_reason="stop", **message):
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}).encode()


def test_a_plain_answer():
    body = json.dumps(
        {
            "id": "c1",
            "model": "real",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": " a\n"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        }
    ).encode()
    response = decode(body, make_route())
    assert (response.text, response.id, response.model, response.raw) == (" a\n", "c1", "real", body)
    assert response.usage.total_tokens == 3


def test_thoughts_tool_calls_and_text_of_one_message_keep_their_order():
    calls = [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]
    response = decode(whole(content="<think>hm</think>a", tool_calls=calls), make_route())
    assert response.message.content == [Reasoning("hm"), Text("a"), ToolCall("a", "f", {})]
    assert response.finish_reason == "tool_calls"


def test_calls_of_a_whole_answer_without_index_are_kept_apart():
    calls = [{"id": "", "function": {"name": "f", "arguments": "{}"}}] * 2
    assert len({call.id for call in decode(whole(tool_calls=calls), make_route()).tool_calls}) == 2


def test_content_that_was_filtered_is_a_result():
    response = decode(whole("content_filter", content=None), make_route())
    assert (response.finish_reason, response.text, response.message.content) == ("content_filter", "", [])


@pytest.mark.parametrize("reason", ["", None])
def test_a_missing_finish_reason_is_inferred_with_a_warning(reason):
    response = decode(whole(reason, content="a"), make_route())
    assert response.finish_reason == "stop"
    assert [warning.code for warning in response.warnings] == ["inferred_finish_reason"]


def test_a_finish_reason_that_is_a_failure_is_a_server_error():
    with pytest.raises(ServerError, match="failed while answering") as caught:
        decode(whole("network_error", content="half"), make_route())
    assert (caught.value.code, caught.value.text, caught.value.is_retryable) == ("network_error", "half", True)


def test_an_answer_with_odd_types_is_read_leniently():
    body = (
        b'{"id":5,"choices":[{"index":"x","message":{"content":["a",{"type":"text","text":"b"}]},"finish_reason":7}]}'
    )
    response = decode(body, make_route())
    assert (response.text, response.id, response.finish_reason) == ("ab", "5", "other")


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"message": "boom", "code": 429}, RateLimitError, 429),
        ({"message": "boom", "code": "403"}, PermissionDeniedError, 403),
        ({"message": "boom", "status": 404}, NotFoundError, 404),
        ({"message": "boom", "code": "rate_limit_exceeded"}, RateLimitError, 200),
        ({"message": "boom", "type": "invalid_request_error"}, BadRequestError, 200),
        ({"message": "boom", "type": "overloaded_error"}, ServerError, 200),
        ({"message": "boom", "code": "context_length_exceeded"}, ContextLengthError, 200),
        ({"message": "boom", "code": "content_filter"}, ContentFilterError, 200),
        ({"message": "boom", "code": "invalid_api_key"}, AuthenticationError, 200),
        ({"message": "boom", "code": "insufficient_quota"}, RateLimitError, 200),
        ("boom", ServerError, 200),
    ],
)
def test_an_error_in_a_200_is_of_the_class_that_its_code_stands_for(error, kind, status):
    body = json.dumps({"error": error, "choices": [{"message": {"content": "a"}}]}).encode()
    with pytest.raises(APIStatusError, match="boom") as caught:
        decode(body, make_route())
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.body) == (status, body)


@pytest.mark.parametrize("error", [None, {}, "", False, []])
def test_an_error_field_with_nothing_in_it_is_no_error(error):
    body = json.dumps({"error": error, "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}).encode()
    assert decode(body, make_route()).text == "a"


@pytest.mark.parametrize(
    "body",
    [
        {"object": "error", "message": "boom"},
        {"detail": "boom"},
        {"errors": ["boom"]},
        [{"error": {"message": "boom"}}],
    ],
)
def test_an_error_of_another_shape_in_a_200_is_an_error_too(body):
    with pytest.raises(APIStatusError, match="boom"):
        decode(json.dumps(body).encode(), make_route())


@pytest.mark.parametrize(
    ("body", "said", "is_retryable"),
    [
        (b"<!DOCTYPE html><html>", "a web page", False),
        (b" <HTML>", "a web page", False),
        (b"It works!", "check the base URL", False),
        (b'"text"', "check the base URL", False),
        (b'[{"a":1},2]', "check the base URL", False),
        (b'{"hello":"world"}', "check the base URL", False),
        (b'{"choices":null}', "check the base URL", False),
        (b'{"choices":[]}', "no choices", True),
        (b'{"choices":[],"error":true}', "no choices", True),
        (b'{"choices":[{"mess', "breaks off", True),
        (b"", "an empty body", True),
        (b" \n", "an empty body", True),
    ],
)
def test_a_body_that_is_no_answer_is_quoted_with_a_cure(body, said, is_retryable):
    with pytest.raises(ResponseError, match=said) as caught:
        decode(body, make_route())
    assert repr(body.decode()[:200]) in str(caught.value)
    assert caught.value.is_retryable is is_retryable


def test_only_200_bytes_of_a_foreign_body_are_quoted():
    with pytest.raises(ResponseError) as caught:
        decode(b"x" * 10_000, make_route())
    assert len(str(caught.value)) < 500
    assert len(caught.value.body or b"") == 10_000


@settings(deadline=None)
@given(JSON)
def test_no_json_whatever_makes_another_error_than_turnouts(value):
    with contextlib.suppress(TurnoutError):
        decode(json.dumps(value).encode(), make_route())


@pytest.mark.parametrize("index", [0, 1, None])
def test_only_the_first_choice_is_read_and_the_others_are_told(index):
    choices = [
        {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"},
        {"index": index, "message": {"content": "b"}, "finish_reason": "length"},
    ]
    response = decode(json.dumps({"choices": choices}).encode(), make_route())
    assert (response.text, response.finish_reason) == ("a", "stop")
    assert [warning.code for warning in response.warnings] == ["unread_content"]
    assert decode(whole(content="a"), make_route()).warnings == []


def test_a_refusal_is_a_part_of_the_message():
    response = decode(whole(content=None, refusal="no"), make_route())
    assert response.message.content == [Refusal("no")]
    assert (response.text, response.refusal) == ("", "no")


@pytest.mark.parametrize("number", ["1" + "0" * 400, "NaN", "-Infinity", "true", '"-0.5"'])
def test_a_probability_that_is_no_number_is_left_out(number):
    top = '"top_logprobs": [{"token": "b", "logprob": -1}]'
    tokens = ", ".join([f'{{"token": "a", "logprob": {each}, {top}}}' for each in (number, "-0.5")])
    body = f'{{"choices": [{{"message": {{"content": "a"}}, "logprobs": {{"content": [{tokens}]}}}}]}}'
    assert [each.logprob for each in decode(body.encode(), make_route()).logprobs or []] == [-0.5]
