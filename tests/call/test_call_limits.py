"""The time limits of a call as a whole, and error statuses whose body is late, cut or endless."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from provider import Exchange, Provider, Reply, reply, silence
from turnout import Agent
from turnout.call.exchange import Clock
from turnout.errors import APITimeoutError, AuthenticationError, MissingKeyError, RateLimitError, ServerError
from turnout.requests import Timeouts
from turnout.transport.http import HTTPTransport

MODEL = "ovhcloud/gpt-oss-120b"


async def test_a_slow_connect_is_paid_from_the_total(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    open_connection = asyncio.BaseEventLoop.create_connection

    async def connect_slowly(loop: asyncio.BaseEventLoop, *arguments: object, **settings: object) -> object:
        await asyncio.sleep(0.9)
        return await open_connection(loop, *arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", connect_slowly)
    provider.script(silence())
    started = time.monotonic()
    with pytest.raises(APITimeoutError) as caught:
        await Agent(model=MODEL).generate("Hi", timeouts={"total_s": 1})
    assert 0.99 < time.monotonic() - started < 1.8  # 1.9 s if the clock began with the request
    assert (caught.value.kind, caught.value.limit_s, len(caught.value.attempts)) == ("total", 1, 1)


@pytest.mark.parametrize(("limits", "kind"), [({"total_s": 0.3}, "total"), ({"first_chunk_s": 0.3}, "first_chunk")])
async def test_the_wait_for_a_free_connection_is_paid_from_the_limit(
    provider: Provider, limits: dict[str, float], kind: str
) -> None:
    provider.script(silence())
    agent = Agent(model=MODEL, transport=HTTPTransport(max_connections_per_host=1))
    first = asyncio.create_task(agent.generate("Hi"))
    while not provider.requests:  # noqa: ASYNC110 - the provider runs in a thread of its own
        await asyncio.sleep(0.005)
    with pytest.raises(APITimeoutError) as caught:
        await asyncio.wait_for(agent.stream("Hi", timeouts=limits).result(), 5)  # type: ignore[arg-type]
    assert (caught.value.kind, caught.value.limit_s) == (kind, 0.3)
    assert len(provider.requests) == 1
    first.cancel()
    await asyncio.wait([first])


def refuse(status: int, length: int, body: bytes, *, hold: bool = False, **headers: str) -> Reply:
    """Answer with an error whose body is announced as `length` bytes; then close, or with `hold` say nothing more."""

    async def play(exchange: Exchange) -> None:
        await exchange.head(status, content_length=str(length), **headers)
        await exchange.send(body)
        if hold:
            await exchange.wait_for_close()
        exchange.writer.close()

    return play


async def test_an_error_whose_body_is_cut_keeps_its_status(provider: Provider) -> None:
    provider.script(refuse(401, 500, b'{"error": {"mess'))
    with pytest.raises(AuthenticationError) as caught:
        await Agent(model=MODEL).generate("Hi")
    assert (caught.value.status, caught.value.body, len(provider.requests)) == (401, b"", 1)


async def test_an_error_whose_body_cannot_be_decoded_keeps_its_status(provider: Provider) -> None:
    provider.script(reply(b"no gzip", 401, content_encoding="gzip"))
    with pytest.raises(AuthenticationError):
        await Agent(model=MODEL).generate("Hi")


async def test_an_error_whose_body_stalls_keeps_status_and_retry_after(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.call.exchange._MAX_ERROR_BODY_S", 0.2)
    provider.script(refuse(429, 500, b"{", hold=True, retry_after="7"))
    started = time.monotonic()
    with pytest.raises(RateLimitError) as caught:
        await Agent(model=MODEL, max_retries=0).generate("Hi")
    assert (caught.value.status, caught.value.retry_after_s) == (429, 7.0)
    assert time.monotonic() - started < 5


async def test_of_an_endless_error_only_the_beginning_is_read(provider: Provider) -> None:
    sent = [0]

    async def play(exchange: Exchange) -> None:
        await exchange.head(500, "text/plain", content_length=str(64 * 2**20))
        for _ in range(64):
            await exchange.send(b"x" * 2**20)
            sent[0] += 1

    provider.script(play)
    with pytest.raises(ServerError) as caught:
        await Agent(model=MODEL, max_retries=0).generate("Hi")
    assert caught.value.status == 500
    assert caught.value.body == b"x" * 2**20
    assert len(str(caught.value)) < 2000
    assert sent[0] < 64


def test_a_whole_answer_has_ten_minutes_and_a_stream_has_no_end() -> None:
    whole, streamed = (Clock(Timeouts(), is_stream=is_stream) for is_stream in (False, True))
    assert (whole.total_s, whole.connect_s, whole.first_chunk_s) == (600.0, 10.0, None)
    assert (streamed.total_s, streamed.connect_s, streamed.first_chunk_s, streamed.idle_s) == (None, 10.0, 120.0, 60.0)
    assert Clock(Timeouts(total_s=None), is_stream=False).until_first_chunk() == (None, "total")


async def test_connecting_has_a_limit_of_its_own_on_agent_and_call() -> None:
    """A TLS handshake that never answers: the kernel accepts, and nobody says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/v1"
        agent = Agent(model={"url": url, "id": "m"}, max_retries=0, timeouts={"connect_s": 0.1})
        for options in ({}, {"timeouts": {"connect_s": 0.2}}):
            with pytest.raises(APITimeoutError) as caught:
                await agent.generate("Hi", **options)  # type: ignore[arg-type]
            assert (caught.value.kind, caught.value.limit_s) == ("connect", 0.2 if options else 0.1)
        with pytest.raises(APITimeoutError) as caught:  # it may pass, and nothing was sent: it is retried
            await agent.generate("Hi", max_retries=1)
        assert len(caught.value.attempts) == 2


async def test_a_try_that_never_left_is_an_attempt_too() -> None:
    with pytest.raises(MissingKeyError) as caught:
        await Agent(model="groq/llama-3.3-70b-versatile").generate("Hi")
    (attempt,) = caught.value.attempts
    assert (attempt.model, attempt.status, type(attempt.error)) == (
        "groq/llama-3.3-70b-versatile",
        None,
        MissingKeyError,
    )
