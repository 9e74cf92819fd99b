"""Faults while a large request goes up: a server that does not read it, answers before its end, or closes."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import tracemalloc
from typing import Any

import pytest
from fault_answers import head
from fault_site import Host, Site, Wire

from provider import KEY
from turnout import Agent
from turnout.errors import APIConnectionError, APITimeoutError, BadRequestError, TurnoutError
from turnout.transport.http import HTTPTransport

LARGE = "a" * 6_000_000
LONG_ENOUGH_S = 60


async def read_head(wire: Wire) -> None:
    await wire.reader.readuntil(b"\r\n\r\n")


def make_agent(site: Site, transport: HTTPTransport, **options: Any) -> Agent[Any]:
    return Agent(model={"id": "m", "url": site.url, "api_key": KEY}, transport=transport, **options)


@pytest.fixture(params=["", "good"], ids=["clear", "TLS"])
def tls(request: pytest.FixtureRequest, contexts: dict[str, ssl.SSLContext]) -> ssl.SSLContext | None:
    return contexts[request.param] if request.param else None


@pytest.fixture
def transport(contexts: dict[str, ssl.SSLContext]) -> HTTPTransport:
    return HTTPTransport(ssl_context=contexts["client"])


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_server_that_does_not_read_runs_into_a_limit(
    host: Host, tls: ssl.SSLContext | None, transport: HTTPTransport, is_stream: bool
) -> None:
    is_done = threading.Event()

    async def stare(wire: Wire) -> None:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.to_thread(is_done.wait, LONG_ENOUGH_S)

    async with host.site(tls) as site:
        site.on_connect = stare
        agent = make_agent(site, transport, timeouts={"first_chunk_s": 0.5, "total_s": 0.5})
        with pytest.raises(APITimeoutError) as caught:
            await (agent.stream(LARGE).result() if is_stream else agent.generate(LARGE))
        assert len(caught.value.attempts) == 1
        is_done.set()
        await transport.aclose()


async def test_an_answer_before_the_end_of_the_request_is_taken(
    host: Host, tls: ssl.SSLContext | None, transport: HTTPTransport
) -> None:
    """A refusal of what is too large, from a server that reads the rest all the same."""

    async def refuse(wire: Wire) -> None:
        await read_head(wire)
        body = b'{"error": {"message": "too large"}}'
        await wire.send(head("413 Content Too Large", f"content-length: {len(body)}", "connection: close") + body)
        await wire.hold()

    async with host.site(tls) as site:
        site.on_connect = refuse
        with pytest.raises(BadRequestError, match="too large") as caught:
            await make_agent(site, transport).generate(LARGE)
        assert caught.value.status == 413
        assert len(caught.value.attempts) == 1
        await transport.aclose()


async def test_a_refusal_and_a_reset_are_an_error_in_any_case(
    host: Host, tls: ssl.SSLContext | None, transport: HTTPTransport
) -> None:
    """The reset may overtake the answer: then it is a lost connection."""

    async def refuse_and_close(wire: Wire) -> None:
        await read_head(wire)
        await wire.send(head("413 Content Too Large", "content-length: 2", "connection: close") + b"{}")
        wire.writer.transport.abort()

    async with host.site(tls) as site:
        site.on_connect = refuse_and_close
        with pytest.raises((BadRequestError, APIConnectionError)) as caught:
            await make_agent(site, transport, timeouts={"total_s": LONG_ENOUGH_S}).generate(LARGE)
        assert 1 <= len(caught.value.attempts) <= 3
        await transport.aclose()


@pytest.mark.parametrize("after", [0, 1000, 100_000, 3_000_000])
async def test_a_connection_that_is_lost_while_the_request_goes_up(
    host: Host, tls: ssl.SSLContext | None, transport: HTTPTransport, after: int
) -> None:
    async def lose(wire: Wire) -> None:
        left = after
        while left > 0 and (data := await wire.reader.read(min(left, 65_536))):
            left -= len(data)
        wire.reset()

    async with host.site(tls) as site:
        site.on_connect = lose
        with pytest.raises(APIConnectionError) as caught:
            await make_agent(site, transport).generate(LARGE)
        assert len(caught.value.attempts) == 3
        assert site.connections == 3
        await transport.aclose()


async def test_a_large_request_is_sent_whole_and_kept_once(
    host: Host, tls: ssl.SSLContext | None, transport: HTTPTransport
) -> None:
    """Slow reading does not make the client hold the body twice."""
    got: list[int] = []

    async def read_slowly(wire: Wire) -> None:
        await read_head(wire)
        size = 0
        while size < len(LARGE):
            size += len(await wire.reader.read(65_536))
        got.append(size)
        await wire.send(head("200 OK", "content-length: 2") + b"{}")

    async with host.site(tls) as site:
        site.on_connect = read_slowly
        agent = make_agent(site, transport, max_retries=0)
        tracemalloc.start()
        try:
            with contextlib.suppress(TurnoutError):
                await agent.generate(LARGE)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert got[0] >= len(LARGE)
        assert peak < 8 * len(LARGE)
        await transport.aclose()
