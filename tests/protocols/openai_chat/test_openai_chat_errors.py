"""Error answers of every shape, and the field of the request that they name."""

from __future__ import annotations

import json

import pytest
from chat_streams import JSON
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextLengthError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from turnout.protocols.openai_chat import decode_error
from turnout.protocols.refusals import refused_field
from turnout.responses import REQUEST_ID_HEADERS


def error_of(body: object, status: int = 400, headers: dict[str, str] | None = None) -> APIStatusError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_error(status, headers or {}, raw)


def openai_error(message="boom", **fields):
    return {"error": {"message": message, **fields}}


@pytest.mark.parametrize("tag", [b"<title>", b"<title", b"</title", b"<title><"])
def test_a_page_of_tags_is_read_in_linear_time(tag):
    """A megabyte of tags that are never closed: a search that looks for the end of each would take ten minutes."""
    assert error_of(b"<html>" + tag * (1_000_000 // len(tag)), 502).message.startswith("a web page (status 502)")


@pytest.mark.parametrize(
    ("body", "message", "code", "param"),
    [
        (openai_error(type="t", code="c", param="p"), "boom", "c", "p"),
        (openai_error(type="t", code=None, param=None), "boom", "t", None),
        (openai_error(type="t", code=400), "boom", "t", None),
        (openai_error(code=400), "boom", "400", None),
        (openai_error(code=404, status="NOT_FOUND"), "boom", "NOT_FOUND", None),
        ({"error": "boom"}, "boom", None, None),
        ({"error": "Bad Request", "message": "boom", "statusCode": 400}, "boom", None, None),
        ({"error": True, "message": "boom"}, "boom", None, None),
        ({"message": "boom", "type": "t"}, "boom", "t", None),
        ({"message": {"message": "boom"}}, "boom", None, None),
        ({"error": {"type": "t"}}, "the provider gave no reason", "t", None),
        ({"error": {}, "message": "boom"}, "boom", None, None),
        ({"detail": "boom"}, "boom", None, None),
        (
            {"detail": [{"loc": ["body", "stop", 0], "msg": "boom", "type": "t"}, {"msg": "bang"}, {}]},
            "stop.0: boom; bang; invalid",
            None,
            "stop.0",
        ),
        ({"detail": {"message": "boom"}}, "boom", None, None),
        ({"object": "error", "message": "boom", "type": "BadRequest", "code": 400}, "boom", "BadRequest", None),
        ({"errors": [{"message": "boom", "code": 7003}], "success": False}, "boom", "7003", None),
        ({"errors": ["boom"]}, "boom", None, None),
        ({"errors": [7], "title": "boom"}, "boom", None, None),
        ([{"error": {"message": "boom", "code": 400, "status": "INVALID_ARGUMENT"}}], "boom", "INVALID_ARGUMENT", None),
        (b'"boom"', "boom", None, None),
        (b"boom\n", "boom", None, None),
        (b"<html><head><title>\n 502  Bad\nGateway</title></head>boom", "a web page: 502 Bad Gateway", None, None),
        (b"<!doctype html><p>boom", "a web page", None, None),
        (b"", "the provider gave no reason", None, None),
        (b" \n ", "the provider gave no reason", None, None),
        (b'""', '""', None, None),
        (b"[]", "[]", None, None),
        (b'{"a":1}', '{"a":1}', None, None),
    ],
)  # fmt: skip
def test_the_words_of_every_shape_are_told(body, message, code, param):
    error = error_of(body)
    assert str(error).startswith(f"{message} (status 400")
    assert (error.code, error.param, error.status) == (code, param, 400)
    assert error.body == (body if isinstance(body, bytes) else json.dumps(body).encode())


def test_the_message_ends_with_the_cure():
    error = error_of(openai_error("Invalid value.", param="temperature", type="invalid_request_error"))
    assert str(error) == (
        "Invalid value (status 400, invalid_request_error): check `temperature`;"
        " `turnout explain` shows what the model takes"
    )


def test_what_openrouter_hands_on_is_told():
    metadata = {"provider_name": "Google", "raw": "rate-limited upstream"}
    assert "Provider returned error (Google: rate-limited upstream) (status 429" in str(
        error_of(openai_error("Provider returned error", code=429, metadata=metadata), 429)
    )
    assert "boom (status" in str(error_of(openai_error(metadata={"raw": {"odd": 1}})))


def test_long_words_are_shortened_in_the_message_and_whole_in_the_body():
    error = error_of(b"x" * 5000)
    assert len(str(error)) < 700
    assert len(error.body or b"") == 5000


@pytest.mark.parametrize(
    ("status", "kind", "is_retryable"),
    [
        (400, BadRequestError, False),
        (401, AuthenticationError, False),
        (402, RateLimitError, False),
        (403, PermissionDeniedError, False),
        (404, NotFoundError, False),
        (405, BadRequestError, False),
        (408, ServerError, True),
        (409, ServerError, True),
        (413, BadRequestError, False),
        (422, BadRequestError, False),
        (425, ServerError, True),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (503, ServerError, True),
        (529, ServerError, True),
        (302, BadRequestError, False),
    ],
)
def test_the_class_is_that_of_the_status(status, kind, is_retryable):
    error = error_of(openai_error(), status)
    assert type(error) is kind
    assert error.is_retryable is is_retryable


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, openai_error(code="context_length_exceeded"), ContextLengthError),
        (400, openai_error(type="exceed_context_size_error", code=400), ContextLengthError),
        (400, openai_error("This model's maximum context length is 4096 tokens."), ContextLengthError),
        (
            422,
            openai_error("Prompt contains 9 tokens, too large for m with 8 Maximum Context Length"),
            ContextLengthError,
        ),
        (413, openai_error("prompt is too long: 9 tokens > 8 maximum"), ContextLengthError),
        (400, openai_error("The input token count (9) exceeds the maximum"), ContextLengthError),
        (500, openai_error("maximum context length"), ServerError),
        (400, openai_error(code="content_filter"), ContentFilterError),
        (400, openai_error(code="x", innererror={"code": "ResponsibleAIPolicyViolation"}), ContentFilterError),
        (400, openai_error("Content Exists Risk"), ContentFilterError),
        (400, openai_error(code="invalid_prompt"), ContentFilterError),
        (403, openai_error(code=403, metadata={"flagged_input": "x", "reasons": []}), ContentFilterError),
        (403, {"message": "Authentication Failed"}, AuthenticationError),
        (403, openai_error(), PermissionDeniedError),
        (400, openai_error(type="invalid_request_error", code="invalid_api_key"), AuthenticationError),
        (400, openai_error("API key not valid. Please pass a valid API key."), AuthenticationError),
        (400, openai_error(details=[{"reason": "API_KEY_INVALID"}]), AuthenticationError),
        (401, openai_error(type="invalid_request_error", code="model_not_found"), AuthenticationError),
        (400, openai_error(code="model_not_found"), NotFoundError),
        (429, openai_error(code="insufficient_quota", type="insufficient_quota"), RateLimitError),
        (429, openai_error(type="insufficient_quota"), RateLimitError),
        (400, openai_error(type="invalid_request_error"), BadRequestError),
    ],
)
def test_codes_and_where_there_are_none_a_few_words_say_more_than_the_status(status, body, kind):
    assert type(error_of(body, status)) is kind


@pytest.mark.parametrize(
    ("status", "body"), [(402, openai_error("Insufficient Balance")), (429, openai_error(type="insufficient_quota"))]
)
def test_a_used_up_quota_is_not_retried(status, body):
    error = error_of(body, status)
    assert not error.is_retryable
    assert str(error).endswith("add credit at the provider, use another key, or name a fallback model")
    assert RateLimitError.is_retryable


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://api.example.com/v1/chat/completions?token=hush#x", "`https://api.example.com`"),
        ("HTTP://me:hush@api.example.com:8080", "`HTTP://api.example.com:8080`"),
        ("//api.example.com/v1?token=hush", "`//api.example.com`"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_names_the_host_that_it_points_to_and_nothing_that_may_be_secret(status, location, told):
    error = error_of(b"", status, {"Location": location})
    assert str(error) == (
        f"the provider gave no reason (status {status}): the server redirects to {told}, which turnout does not follow:"
        " if the API is there now, change the base URL"
    )


@pytest.mark.parametrize("headers", [{}, {"location": "/login?token=hush"}, {"location": "http://?hush"}])
def test_a_redirect_without_a_host_says_to_check_the_base_url(headers):
    assert str(error_of(b"<html><title>Moved</title>", 301, headers)) == (
        "a web page: Moved (status 301): the server redirects, which turnout does not follow:"
        " check the base URL, down to its last slash"
    )


@pytest.mark.parametrize("name", REQUEST_ID_HEADERS)
def test_the_request_id_and_the_headers_are_kept(name):
    error = error_of(openai_error(), 500, {name.title(): "r1", "Retry-After": "3"})
    assert error.request_id == "r1"
    assert error.headers["retry-after"] == "3"
    assert error.retry_after_s is None


def test_without_a_request_id_there_is_none():
    assert error_of(openai_error(), 500, {"x-request-id": ""}).request_id is None


@settings(deadline=None)
@given(JSON, st.sampled_from([400, 403, 422, 429, 500]))
def test_any_json_makes_an_error_with_a_cure(value, status):
    error = error_of(value, status)
    assert ": " in str(error)
    refused_field(error, frozenset({"stream_options"}), frozenset({"max_tokens"}))


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_make_an_error(body):
    assert error_of(body).body == body


@pytest.mark.parametrize("field", ["code", "param", "type"])
def test_a_word_of_the_server_is_told_in_short_and_without_the_key(field):
    word = "x" * 195 + "sk-planted-secret" + "y" * 5000
    told = str(
        decode_error(400, {}, json.dumps({"error": {"message": "no", field: word}}).encode(), ["sk-planted-secret"])
    )
    assert "sk-pl" not in told
    assert "x" * 195 in told
    assert len(told) < 500
