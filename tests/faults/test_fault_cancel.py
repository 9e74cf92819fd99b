"""Cancellation and closing that cross the end of an answer: the connection may carry another request by then."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from fault_answers import chunk, head
from fault_site import Host, Wire

from turnout.errors import StreamClosedError
from turnout.transport.http import HTTPTransport
from turnout.transport.pool import Pool
from turnout.transport.seam import HTTPRequest

CHUNKED = head("200 OK", "transfer-encoding: chunked")


def ask(url: str) -> HTTPRequest:
    return HTTPRequest(method="POST", url=url, headers={}, body=b"{}", deadline=time.monotonic() + 60)


async def fetch(transport: HTTPTransport, url: str) -> bytes:
    return await (await transport.send(ask(url))).read(60)


class Crossing:
    """Cancels a task in the moment in which its answer is complete, and sends another request over its connection."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, transport: HTTPTransport, url: str) -> None:
        self.victim: asyncio.Task[Any] | None = None
        self.next: asyncio.Task[bytes] | None = None
        release = Pool.release

        def release_and_cross(pool: Pool, connection: Any) -> None:
            release(pool, connection)
            victim, self.victim = self.victim, None
            if victim is not None:
                victim.cancel()
                self.next = asyncio.create_task(fetch(transport, url))

        monkeypatch.setattr(Pool, "release", release_and_cross)


async def test_a_cancelled_wait_for_the_head_leaves_the_next_request_alone(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(wire: Wire) -> None:
        await asyncio.sleep(0.02)
        await wire.send(head("200 OK", "content-length: 2") + b"ok")

    transport = HTTPTransport()
    async with host.site() as site:
        site.script = [play]
        crossing = Crossing(monkeypatch, transport, site.url)
        crossing.victim = victim = asyncio.create_task(fetch(transport, site.url))
        with pytest.raises(asyncio.CancelledError):
            await victim
        assert crossing.next is not None
        assert await crossing.next == b"ok"
        assert (site.connections, len(site.requests)) == (1, 2)
        await transport.aclose()


async def test_a_cancelled_wait_for_the_body_leaves_the_next_request_alone(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(wire: Wire) -> None:
        await wire.send(CHUNKED + chunk(b"one"))
        await asyncio.sleep(0.02)
        await wire.send(chunk(b"two") + b"0\r\n\r\n")

    async def read_slowly(response: Any) -> bytes:
        return await response.receive(60) + await response.receive(60)

    transport = HTTPTransport()
    async with host.site() as site:
        site.script = [play]
        crossing = Crossing(monkeypatch, transport, site.url)
        response = await transport.send(ask(site.url))
        crossing.victim = victim = asyncio.create_task(read_slowly(response))
        with pytest.raises(asyncio.CancelledError):
            await victim
        assert crossing.next is not None
        assert await crossing.next == b"onetwo"
        assert (site.connections, len(site.requests)) == (1, 2)
        await transport.aclose()


async def test_a_response_that_is_closed_late_leaves_the_next_request_alone(host: Host) -> None:
    """`close` of another thread is carried out later: the answer may be complete by then."""

    async def play(wire: Wire) -> None:
        await wire.send(CHUNKED + chunk(b"one"))
        await asyncio.sleep(0.02)
        await wire.send(b"0\r\n\r\n")

    transport = HTTPTransport()
    async with host.site() as site:
        site.script = [play]
        first = await transport.send(ask(site.url))
        exchange, connection = first._exchange, first._exchange.connection
        assert connection is not None
        assert await first.read(60) == b"one"
        second = await transport.send(ask(site.url))
        assert second._exchange.connection is connection
        connection.abort_from_anywhere(exchange)
        connection._abort_exchange(exchange)
        first.close()
        assert await second.read(60) == b"one"
        third = await transport.send(ask(site.url))
        await asyncio.to_thread(third.close)
        with pytest.raises(StreamClosedError):
            await third.read(60)
        assert site.connections == 1
        await transport.aclose()


async def test_many_that_are_cancelled_at_any_moment_harm_nobody_else(host: Host) -> None:
    async def play(wire: Wire) -> None:
        await wire.send(CHUNKED + chunk(b"one"))
        await asyncio.sleep(0)
        await wire.send(chunk(b"two") + b"0\r\n\r\n")

    transport, wrong = HTTPTransport(), []
    async with host.site() as site:
        site.script = [play]

        async def patient() -> None:
            for _ in range(40):
                body = await fetch(transport, site.url)
                if body != b"onetwo":
                    wrong.append(body)

        async def hasty(number: int) -> None:
            for turn in range(40):
                task = asyncio.create_task(fetch(transport, site.url))
                for _ in range((number * 7 + turn) % 23):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])

        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(patient())
                group.create_task(hasty(number))
        assert wrong == []
        await transport.aclose()


@pytest.mark.parametrize("way", ["receive", "read"])
async def test_a_cancelled_wait_closes_the_connection_though_the_response_is_kept(host: Host, way: str) -> None:
    left = threading.Event()

    async def play(wire: Wire) -> None:
        await wire.send(CHUNKED + chunk(b"one"))
        await wire.hold()
        left.set()

    transport = HTTPTransport()
    async with host.site() as site:
        site.script = [play]
        response = await transport.send(ask(site.url))
        if way == "receive":
            assert await response.receive(60) == b"one"
        waiting = asyncio.create_task(getattr(response, way)(60))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert await asyncio.to_thread(left.wait, 60)
        with pytest.raises(StreamClosedError):
            await response.read(60)
        await transport.aclose()
