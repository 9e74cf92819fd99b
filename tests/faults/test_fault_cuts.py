"""A real answer, cut, reset, stalled or split at any byte by a proxy in between, in the clear and within TLS."""

from __future__ import annotations

import asyncio
import random
import ssl
from functools import partial
from typing import Any

import pytest
from fault_answers import Right, answer_rightly, chunk
from fault_proxy import proxy_to
from fault_site import Host, Site, Wire

from provider import KEY
from turnout import Agent
from turnout.errors import APIConnectionError, APITimeoutError, ResponseError, TruncatedStreamError, TurnoutError
from turnout.transport.http import HTTPTransport

TEXT = "Two tracks. One train."
HANG_S = 120


async def answer_slowly(wire: Wire) -> None:
    """Answer with each event in a chunk and a write of its own."""
    right = Right(wire, TEXT)
    await wire.send(right.head("transfer-encoding: chunked"), *map(chunk, right.pieces), b"0\r\n\r\n")


class Victim:
    """Calls through a proxy, and what became of them."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None, **timeouts: float) -> None:
        scheme = "https" if context else "http"
        self.transport = HTTPTransport(ssl_context=context)
        limits: dict[str, Any] = dict.fromkeys(("first_chunk_s", "idle_s", "total_s"), HANG_S) | timeouts
        model = {"id": "m", "url": f"{scheme}://127.0.0.1:{port}/v1", "api_key": KEY}
        self.agent = Agent(model=model, transport=self.transport, max_retries=0, timeouts=limits)

    async def call(self, *, is_stream: bool) -> tuple[str, TurnoutError | None]:
        """Return the text that came, and the error that ended it."""
        seen: list[str] = []
        try:
            async with asyncio.timeout(HANG_S):
                if not is_stream:
                    return (await self.agent.generate("Hi")).text, None
                async for each in await self.agent.stream("Hi"):
                    if each.type == "text_delta":
                        seen.append(each.text)
                return "".join(seen), None
        except TurnoutError as error:
            assert error.text == "".join(seen)
            return error.text, error


async def measure(site: Site, *, is_stream: bool) -> tuple[int, int]:
    """Return how long the answer is, and how much of it is an answer already: to the end of its finish reason."""
    before = site.sent
    assert await Victim(site.port).call(is_stream=is_stream) == (TEXT, None)
    size = site.sent - before
    tail = b"data: [DONE]\n\n" if is_stream else b""
    return size, size - len(b"0\r\n\r\n") - (len(chunk(tail)) + 200 if is_stream else 0)


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("harm", ["close", "reset"])
async def test_an_answer_that_is_cut_at_any_byte_is_an_error(host: Host, harm: Any, is_stream: bool) -> None:
    """Each byte once; what comes out is the beginning of the answer with an error, or all of it without."""
    async with host.site() as site, proxy_to(host, site.port) as (proxy, port):
        site.script = [answer_slowly]
        size, least = await measure(site, is_stream=is_stream)
        proxy.harm = harm
        whole, texts = 0, set()
        for proxy.after in range(0, size, 1 if harm == "close" else 7):
            victim = Victim(port)
            text, error = await victim.call(is_stream=is_stream)
            texts.add(text)
            if error is None:
                assert text == TEXT
                assert proxy.after >= least
                whole += 1
            else:
                assert isinstance(error, (APIConnectionError, TruncatedStreamError))
                assert TEXT.startswith(text)
                assert error.is_retryable
            await victim.transport.aclose()
        assert (whole > 0) == (is_stream and harm == "close") or whole < 40
        assert len(texts) > 3 or not is_stream


@pytest.mark.parametrize("is_stream", [True, False])
async def test_tls_that_is_cut_at_any_byte_is_an_error(
    host: Host, contexts: dict[str, ssl.SSLContext], is_stream: bool
) -> None:
    """The handshake, the records of the head and of the body."""
    rng = random.Random(f"tls {is_stream}")
    async with host.site(contexts["good"]) as site, proxy_to(host, site.port) as (proxy, port):
        site.script = [answer_slowly]
        proxy.after = 10**9
        victim = Victim(port, contexts["client"])
        assert await victim.call(is_stream=is_stream) == (TEXT, None)
        size = proxy.passed
        await victim.transport.aclose()
        for after in sorted(rng.sample(range(size - 300), 120)):
            proxy.after, proxy.harm = after, rng.choice(["close", "reset"])
            victim = Victim(port, contexts["client"])
            text, error = await victim.call(is_stream=is_stream)
            assert isinstance(error, (APIConnectionError, TruncatedStreamError)) or text == TEXT
            assert TEXT.startswith(text)
            await victim.transport.aclose()


async def test_a_stall_at_any_byte_runs_into_a_limit(host: Host, contexts: dict[str, ssl.SSLContext]) -> None:
    """In the handshake, the head, an event or between two: some byte of each, all at once."""
    kinds: set[str] = set()
    async with host.site(contexts["good"]) as site, proxy_to(host, site.port) as (proxy, port):
        site.script = [answer_slowly]
        proxy.after = 10**9
        victim = Victim(port, contexts["client"])
        assert await victim.call(is_stream=True) == (TEXT, None)
        await victim.transport.aclose()
    size = proxy.passed

    async def one(after: int, *, is_stream: bool) -> None:
        async with host.site(contexts["good"]) as site, proxy_to(host, site.port) as (proxy, port):
            site.script = [answer_slowly]
            proxy.after, proxy.harm = after, "stall"
            victim = Victim(port, contexts["client"], connect_s=2, first_chunk_s=2, idle_s=2, total_s=4)
            text, error = await victim.call(is_stream=is_stream)
            assert isinstance(error, APITimeoutError)
            assert TEXT.startswith(text)
            kinds.add(error.kind)
            await victim.transport.aclose()

    async with asyncio.TaskGroup() as group:
        for part in (0.0, 0.001, 0.1, 0.4, 0.5, 0.6, 0.7, 0.8):
            group.create_task(one(int(size * part), is_stream=True))
        for part in (0.01, 0.4):
            group.create_task(one(int(size * part), is_stream=False))
    assert kinds >= {"connect", "idle"}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 16, 61])
async def test_an_answer_in_small_segments_is_the_same(
    host: Host, contexts: dict[str, ssl.SSLContext], size: int
) -> None:
    async with host.site(contexts["good"]) as site, proxy_to(host, site.port) as (proxy, port):
        site.script = [partial(answer_rightly, text=TEXT)]
        proxy.after, proxy.harm = size, "split"
        victim = Victim(port, contexts["client"])
        assert await victim.call(is_stream=True) == (TEXT, None)
        assert await victim.call(is_stream=False) == (TEXT, None)
        assert len(site.requests) == 2
        await victim.transport.aclose()


async def test_a_whole_answer_without_a_length_that_is_cut_is_no_answer(host: Host) -> None:
    """Until close: only what the bytes say can tell that they are cut."""

    async def until_close(wire: Wire) -> None:
        right = Right(wire, TEXT)
        await wire.send(right.head("connection: close") + right.body)
        wire.writer.close()

    async with host.site() as site, proxy_to(host, site.port) as (proxy, port):
        site.script = [until_close]
        before = site.sent
        assert await Victim(site.port).call(is_stream=False) == (TEXT, None)
        size = site.sent - before
        for proxy.after in range(0, size, 3):
            victim = Victim(port)
            text, error = await victim.call(is_stream=False)
            assert isinstance(error, (APIConnectionError, ResponseError)), (proxy.after, text)
            await victim.transport.aclose()
