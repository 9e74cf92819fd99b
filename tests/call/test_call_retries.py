"""Retries, fallbacks, what is learned from refusals, timeouts, and the record of every try."""

from __future__ import annotations

import asyncio
import time

import pytest

from provider import KEY, Provider, Reply, answer, cut, error, event, events, reply, reset, silence, stream
from turnout import Agent
from turnout.errors import (
    AllCandidatesFailedError,
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    InvalidInputError,
    MissingKeyError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TruncatedStreamError,
)
from turnout.fallback import FAILURES_BEFORE_REST, REST_S, Cooldowns
from turnout.routing import read_model, resolve
from turnout.transport.http import HTTPTransport

MODEL = "ovhcloud/gpt-oss-120b"
TEXT = "Hello there, friend."


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full jitter may draw 0: let it, so that no test waits for its back-off."""
    monkeypatch.setattr("turnout.call.dispatch.random.random", lambda: 0.0)


async def test_two_failures_and_then_an_answer(provider: Provider) -> None:
    provider.script(error(500), error(500), reply())
    response = await Agent(model=MODEL).generate("Hi")
    assert response.text == TEXT
    assert [attempt.status for attempt in response.attempts] == [500, 500, 200]
    assert [type(attempt.error) for attempt in response.attempts] == [ServerError, ServerError, type(None)]


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
async def test_statuses_that_are_retried(provider: Provider, status: int) -> None:
    for begin in ("generate", "stream"):
        provider.script(error(status), reply() if begin == "generate" else stream())
        response = await getattr(Agent(model=MODEL), begin)("Hi")
        if begin == "stream":
            response = await response.result()
        assert [attempt.status for attempt in response.attempts] == [status, 200]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 422])
async def test_statuses_that_are_not(provider: Provider, status: int) -> None:
    provider.script(error(status))
    with pytest.raises(Exception) as caught:
        await Agent(model=MODEL).generate("Hi")
    assert caught.value.status == status  # type: ignore[attr-defined]
    assert len(provider.requests) == len(caught.value.attempts) == 1  # type: ignore[attr-defined]


async def test_the_number_of_retries_is_settable_and_counted_exactly(provider: Provider) -> None:
    provider.script(error(503))
    for retries, options in ((0, {}), (4, {}), (1, {"max_retries": 1})):
        provider.requests.clear()
        agent = Agent(model=MODEL, max_retries=retries if not options else 7)
        with pytest.raises(ServerError) as caught:
            await agent.generate("Hi", **options)  # type: ignore[arg-type]
        assert len(provider.requests) == retries + 1 == len(caught.value.attempts)


async def test_a_reset_connection_is_retried(provider: Provider) -> None:
    provider.script(reset, reset, reply())
    response = await Agent(model=MODEL).generate("Hi")
    assert [type(attempt.error) for attempt in response.attempts][:2] == [APIConnectionError] * 2
    provider.script(reset)
    with pytest.raises(APIConnectionError) as caught:
        await Agent(model=MODEL).stream("Hi")
    assert len(caught.value.attempts) == 3


async def test_a_refused_connection_names_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVHCLOUD_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(APIConnectionError, match=r"127\.0\.0\.1:9"):
        await Agent(model=MODEL).generate("Hi")


async def test_retry_after_is_obeyed(provider: Provider) -> None:
    provider.script(error(429, retry_after="0.3"), reply())
    started = time.monotonic()
    response = await Agent(model=MODEL).generate("Hi")
    assert time.monotonic() - started > 0.29
    assert response.attempts[0].error.retry_after_s == 0.3  # type: ignore[union-attr]
    assert response.attempts[1].waited_s == 0.3


async def test_a_retry_after_beyond_the_cap_is_not_waited_for(provider: Provider) -> None:
    provider.script(error(429, retry_after="3600"))
    with pytest.raises(RateLimitError) as caught:
        await Agent(model=MODEL).generate("Hi")
    assert (caught.value.retry_after_s, len(provider.requests)) == (3600.0, 1)


async def test_nothing_is_retried_after_the_first_chunk(provider: Provider) -> None:
    provider.script(cut(events()[:4]))
    running = await Agent(model=[MODEL, "ovhcloud/gpt-oss-20b"]).stream("Hi")
    with pytest.raises(TruncatedStreamError):
        await running.result()
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "first",
    [
        cut([]),
        stream([]),
        stream([b": comment\n\n"]),
        stream([b'data: {"error": {"message": "overloaded"}}\n\n']),
        stream([b'event: error\ndata: {"message": "overloaded"}\n\n']),
        error(500),
        error(400),
        error(401),
        reset,
        reply(b"<html>hello</html>", content_type="text/html"),
        reply(b"not json at all"),
        reply(b""),
        reply({"error": {"message": "in a 200"}}),
        reply({"choices": []}),
    ],
)
async def test_whatever_fails_before_the_first_chunk_moves_on(provider: Provider, first: Reply) -> None:
    agent = Agent(model=[{"model": MODEL, "max_retries": 0}, "ovhcloud/gpt-oss-20b"])
    provider.script(first, stream())
    response = await agent.stream("Hi").result()
    assert response.text == "Once upon a time there was a switch."
    assert response.model == "ovhcloud/gpt-oss-20b"
    assert [attempt.model for attempt in response.attempts] == [MODEL, "ovhcloud/gpt-oss-20b"]
    assert response.attempts[0].error is not None


async def test_a_missing_key_and_an_unknown_provider_move_on(provider: Provider) -> None:
    agent = Agent(model=["groq/llama-3.3-70b-versatile", "nosuch/model", "no-slash", MODEL])
    response = await agent.generate("Hi")
    assert response.model == MODEL
    assert [type(attempt.error).__name__ for attempt in response.attempts] == [
        "MissingKeyError",
        "UnknownProviderError",
        "InvalidModelError",
        "NoneType",
    ]
    assert len(provider.requests) == 1


async def test_when_all_fail_one_error_holds_every_attempt(provider: Provider) -> None:
    provider.script(error(500), error(500), error(401))
    agent = Agent(model=[{"model": MODEL, "max_retries": 1}, "ovhcloud/gpt-oss-20b", "groq/llama-3.3-70b-versatile"])
    with pytest.raises(AllCandidatesFailedError, match="GROQ_API_KEY") as caught:
        await agent.generate("Hi")
    kinds = [type(attempt.error) for attempt in caught.value.attempts]
    assert kinds == [ServerError, ServerError, AuthenticationError, MissingKeyError]
    assert caught.value.status == 401
    assert caught.value.is_retryable
    assert KEY not in str(caught.value)


async def test_an_entry_has_its_own_settings_headers_and_retries(provider: Provider) -> None:
    provider.script(error(500), error(500), reply())
    agent = Agent(
        model=[
            {"model": MODEL, "maxRetries": 1, "settings": {"temperature": 0.1}, "headers": {"x-entry": "one"}},
            {"model": "ovhcloud/gpt-oss-20b", "settings": {"temperature": 0.2}, "headers": {"x-entry": "two"}},
            {"model": "ovhcloud/qwen3.5-9b", "enabled": False},
        ],
        settings={"temperature": 1.0, "top_p": 0.5},
    )
    await agent.generate("Hi", settings={"temperature": 0.7})
    sent = [
        (request.json["model"], request.json["temperature"], request.headers["x-entry"])
        for request in provider.requests
    ]
    assert sent == [("gpt-oss-120b", 0.1, "one")] * 2 + [("gpt-oss-20b", 0.2, "two")]
    assert {request.json["top_p"] for request in provider.requests} == {0.5}


async def test_a_broken_stream_restarts_with_a_chunk_that_says_so_when_asked(provider: Provider) -> None:
    provider.script(cut(events(["Half an"])[:2]), stream())
    agent = Agent(model=[MODEL, "ovhcloud/gpt-oss-20b"], restart_broken_stream=True)
    running = await agent.stream("Hi")
    chunks = [chunk async for chunk in running]
    (fallback,) = [chunk for chunk in chunks if chunk.type == "fallback"]
    assert (fallback.failed, fallback.model) == (MODEL, "ovhcloud/gpt-oss-20b")
    after = chunks[chunks.index(fallback) :]
    assert "".join(chunk.text for chunk in after if chunk.type == "text_delta") == running.text
    assert running.text == "Once upon a time there was a switch."
    attempts = (await running.result()).attempts
    assert [type(attempt.error) for attempt in attempts] == [TruncatedStreamError, type(None)]


async def test_a_candidate_that_keeps_failing_is_tried_last(provider: Provider) -> None:
    agent = Agent(model=[{"model": MODEL, "max_retries": 0}, "ovhcloud/gpt-oss-20b"])
    provider.script(*[error(500), reply()] * FAILURES_BEFORE_REST, reply())
    for _ in range(FAILURES_BEFORE_REST):
        await agent.generate("Hi")
    response = await agent.generate("Hi")
    assert response.model == "ovhcloud/gpt-oss-20b"
    assert len(response.attempts) == 1
    assert [warning.code for warning in response.warnings] == ["cooldown"]


def test_a_rest_ends_and_a_success_forgets() -> None:
    now = 0.0
    cooldowns = Cooldowns(lambda: now)
    one, two = read_model(["a/b", {"id": "c", "url": "http://127.0.0.1/"}])
    for _ in range(FAILURES_BEFORE_REST):
        assert cooldowns.order([one, two]) == [one, two]
        cooldowns.note_failure(one, ServerError("x"))
        cooldowns.note_failure(two, BadRequestError("a request that nobody would take"))
    assert cooldowns.order([one, two]) == [two, one]
    assert cooldowns.order([one]) == [one]
    now = REST_S + 1
    assert cooldowns.order([one, two]) == [one, two]
    cooldowns.note_failure(one, ServerError("still"))
    assert cooldowns.is_resting(one)
    cooldowns.note_success(one)
    assert not cooldowns.is_resting(one)


async def test_a_refused_field_that_turnout_added_is_dropped_and_remembered(provider: Provider) -> None:
    refused = reply({"error": {"message": "Unknown parameter: stream_options", "param": "stream_options"}}, 400)
    provider.script(refused, stream(events(usage=None)))
    agent = Agent(model=MODEL, max_retries=0)
    response = await agent.stream("Hi").result()
    assert ["stream_options" in request.json for request in provider.requests] == [True, False]
    assert [warning.code for warning in response.warnings] == ["dropped_setting"]
    assert response.usage.total_tokens is None
    assert response.cost.total is None
    again = await agent.stream("Hi").result()
    assert "stream_options" not in provider.requests[2].json
    assert [warning.code for warning in again.warnings] == ["dropped_setting"]


async def test_a_refused_token_limit_is_sent_under_its_other_name(provider: Provider) -> None:
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    provider.script(reply({"error": {"message": message, "param": "max_tokens"}}, 400), reply())
    response = await Agent(model=MODEL).generate("Hi", settings={"max_output_tokens": 50})
    assert response.text == TEXT
    assert provider.requests[0].json["max_tokens"] == 50
    assert provider.requests[1].json["max_completion_tokens"] == 50
    assert "max_tokens" not in provider.requests[1].json


async def test_a_field_that_the_user_named_is_never_dropped(provider: Provider) -> None:
    provider.script(reply({"error": {"message": "bad temperature", "param": "temperature"}}, 400))
    with pytest.raises(BadRequestError):
        await Agent(model=MODEL).generate("Hi", settings={"temperature": 1.5})
    assert len(provider.requests) == 1


async def test_a_server_that_refuses_for_ever_is_not_asked_for_ever(provider: Provider) -> None:
    provider.script(reply({"error": {"message": "no stream_options here"}}, 400))
    with pytest.raises(BadRequestError):
        await Agent(model=MODEL).stream("Hi")
    assert len(provider.requests) == 2


async def test_the_exact_name_is_tried_on_a_404_and_remembered(provider: Provider) -> None:
    provider.script(error(404), reply())
    agent = Agent(model="ovhcloud/meta-llama-3_3-70b-instruct")
    response = await agent.generate("Hi")
    await agent.generate("Hi")
    assert [request.json["model"] for request in provider.requests] == [
        "meta-llama-3_3-70b-instruct",
        "Meta-Llama-3_3-70B-Instruct",
        "Meta-Llama-3_3-70B-Instruct",
    ]
    assert [attempt.status for attempt in response.attempts] == [404, 200]


async def test_a_404_of_both_names_is_an_error_and_teaches_nothing(provider: Provider) -> None:
    provider.script(error(404, "no such model"))
    agent = Agent(model="ovhcloud/meta-llama-3_3-70b-instruct")
    for _ in range(2):
        provider.requests.clear()
        with pytest.raises(NotFoundError, match="no such model"):
            await agent.generate("Hi")
        assert len(provider.requests) == 2


async def test_a_404_of_a_retired_model_names_its_successor(provider: Provider) -> None:
    provider.script(error(404, "no such model"))
    with pytest.raises(NotFoundError, match="use `ovhcloud/gpt-oss-120b`"):
        await Agent(model="ovhcloud/deepseek-r1-distill-llama-70b").generate("Hi")


async def test_a_whole_answer_has_a_total_limit(provider: Provider) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"
    for before in (b"", head):
        provider.script(silence(before))
        with pytest.raises(APITimeoutError) as caught:
            await Agent(model=MODEL).generate("Hi", timeouts={"total_s": 0.2})
        assert caught.value.kind == "total"
        assert len(caught.value.attempts) == 1


async def test_a_body_over_the_providers_limit_is_not_sent(provider: Provider) -> None:
    with pytest.raises(InvalidInputError, match="2,000,000|2,097,152"):
        await Agent(model=MODEL).generate("x" * 3_000_000)
    assert provider.requests == []


async def test_no_error_shows_the_key_that_the_provider_echoes(provider: Provider) -> None:
    provider.script(error(401, f"Incorrect API key provided: {KEY}"))
    with pytest.raises(AuthenticationError) as caught:
        await Agent(model=MODEL).generate("Hi")
    shown = f"{caught.value} {caught.value!r} {caught.value.body!r} {caught.value.attempts}"
    assert KEY not in shown
    assert "[redacted]" in shown


async def test_an_error_tells_where_it_happened(provider: Provider) -> None:
    body = {"error": {"message": "too long", "code": "context_length_exceeded", "param": "messages"}}
    provider.script(reply(body, 400, x_request_id="req-9"))
    with pytest.raises(ContextLengthError) as caught:
        await Agent(model=MODEL).generate("Hi")
    failed = caught.value
    assert (failed.provider, failed.model, failed.status, failed.request_id) == (
        "ovhcloud",
        "gpt-oss-120b",
        400,
        "req-9",
    )
    assert failed.url == provider.url + "/chat/completions"
    assert b"too long" in (failed.body or b"")
    assert (failed.code, failed.param) == ("context_length_exceeded", "messages")
    assert not failed.is_retryable


async def test_a_redirect_is_not_followed(provider: Provider) -> None:
    provider.script(reply(b"", 307, location="http://127.0.0.1:9/elsewhere"))
    with pytest.raises(BadRequestError) as caught:
        await Agent(model=MODEL).generate("Hi")
    assert caught.value.status == 307
    assert len(provider.requests) == 1


async def test_a_stale_connection_is_replaced_without_a_counted_retry(provider: Provider) -> None:
    async def answer_and_close(exchange: object) -> None:
        await reply()(exchange)  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        exchange.abort()  # type: ignore[attr-defined]

    provider.script(answer_and_close, reply())
    agent = Agent(model=MODEL, max_retries=0)
    await agent.generate("Hi")
    response = await agent.generate("Hi")
    assert response.text == TEXT
    assert len(response.attempts) == 1


async def test_a_content_filter_inside_a_200_is_a_result(provider: Provider) -> None:
    provider.script(
        reply(answer("", finish_reason="content_filter")), stream([event({}, "content_filter"), b"data: [DONE]\n\n"])
    )
    agent = Agent(model=MODEL)
    assert (await agent.generate("Hi")).finish_reason == "content_filter"
    assert (await agent.stream("Hi").result()).finish_reason == "content_filter"


async def test_agents_share_connections_and_lessons(provider: Provider) -> None:
    provider.script(error(404), reply())
    for _ in range(2):
        await Agent(model="ovhcloud/meta-llama-3_3-70b-instruct").generate("Hi")
    assert [request.json["model"] for request in provider.requests][1:] == ["Meta-Llama-3_3-70B-Instruct"] * 2
    assert provider.connections == 1


async def test_a_cap_on_connections_is_told_when_it_made_a_call_wait(provider: Provider) -> None:
    provider.script(stream(pause_s=0.02))
    agent = Agent(model=MODEL, transport=HTTPTransport(max_connections_per_host=2))
    responses = await asyncio.gather(*(agent.stream("Hi").result() for _ in range(6)))
    codes = [[warning.code for warning in response.warnings] for response in responses]
    assert sorted(codes) == [[], [], *[["queued"]] * 4]
    assert provider.connections == 2


async def test_a_key_does_not_go_to_another_provider_because_the_first_one_failed(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_BASE_URL", provider.url)
    monkeypatch.setenv("GROQ_API_KEY", "key-of-groq")
    provider.script(error(401), error(401), reply())
    agent = Agent(
        model=[MODEL, "ovhcloud/gpt-oss-20b", "groq/llama-3.3-70b-versatile"],
        api_key="key-for-ovhcloud",
        headers={"X-Api-Key": "another-secret", "X-Team": "a"},
    )
    await agent.generate("Hi")
    sent = [
        (request.headers["authorization"], request.headers.get("x-api-key"), request.headers["x-team"])
        for request in provider.requests
    ]
    assert sent == [("Bearer key-for-ovhcloud", "another-secret", "a")] * 2 + [("Bearer key-of-groq", None, "a")]


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_the_callers_faults_do_not_rest_a_candidate(provider: Provider, status: int) -> None:
    agent = Agent(model=[{"model": MODEL, "max_retries": 0}, "ovhcloud/gpt-oss-20b"])
    provider.script(*[error(status), reply()] * 5, reply())
    for _ in range(5):
        await agent.generate("Hi")
    assert (await agent.generate("Hi")).model == MODEL


async def test_a_lesson_is_kept_only_when_it_helped(provider: Provider) -> None:
    refused = reply({"error": {"message": "Unknown parameter: stream_options", "param": "stream_options"}}, 400)
    provider.script(refused, error(500), refused, stream())
    agent = Agent(model=MODEL, max_retries=0)
    with pytest.raises(ServerError):
        await agent.stream("Hi")
    await agent.stream("Hi").result()
    await agent.stream("Hi").result()
    assert ["stream_options" in request.json for request in provider.requests] == [True, False, True, False, False]


async def test_a_base_url_with_a_query_keeps_it_at_the_end(provider: Provider) -> None:
    await Agent(model={"url": provider.url + "/?api-version=2024", "id": "m"}).generate("Hi")
    assert provider.requests[0].path == "/v1/chat/completions?api-version=2024"


async def test_secrets_in_a_url_are_shown_nowhere(provider: Provider) -> None:
    provider.script(error(400, "no"))
    url = f"http://user:pass-word@127.0.0.1:{provider.port}/v1?code=query-secret"
    agent = Agent(model={"url": url, "id": "ovhcloud/m"})
    with pytest.raises(BadRequestError) as caught:
        await agent.generate("Hi")
    route = resolve({"url": url, "id": "ovhcloud/m"})
    shown = f"{caught.value!r} {caught.value.url} {agent!r} {route!r} {route.steps} {route.warnings}"
    shown += str([attempt.url for attempt in caught.value.attempts])
    assert "pass-word" not in shown
    assert "query-secret" not in shown


async def test_an_error_redacts_everything_that_it_carries(provider: Provider) -> None:
    escaped = "".join(f"\\u{ord(char):04x}" for char in KEY)
    body = f'{{"error": {{"message": "{KEY}", "code": "{KEY}", "param": "{KEY}"}}, "raw": "{escaped}"}}'.encode()
    provider.script(reply(body, 400, x_request_id=KEY, x_echo=KEY))
    with pytest.raises(BadRequestError) as caught:
        await Agent(model=MODEL).generate("Hi")
    failed = caught.value
    shown = f"{failed} {failed.body!r} {failed.code} {failed.param} {failed.request_id} {dict(failed.headers)}"
    assert KEY not in shown
    assert escaped not in shown


async def test_attempts_of_a_call_that_went_well_hold_no_frames(provider: Provider) -> None:
    provider.script(error(500), reply())
    response = await Agent(model=MODEL).generate("Hi")
    assert response.attempts[0].error is not None
    assert response.attempts[0].error.__traceback__ is None


async def test_a_failed_restart_still_has_the_text_that_came_before(provider: Provider) -> None:
    provider.script(cut(events(["Hello wor"])[:2]), error(401))
    agent = Agent(model=[MODEL, "ovhcloud/gpt-oss-20b"], restart_broken_stream=True)
    running = await agent.stream("Hi")
    with pytest.raises(AllCandidatesFailedError) as caught:
        await running.result()
    assert caught.value.text == "Hello wor"
