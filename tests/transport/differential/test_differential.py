"""Our HTTP client against real servers: each answer is the one that a plain reading of the same request gives."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from plain_reading import Answer, read_ours, read_plainly
from real_servers import Running
from served_asgi import payload

from turnout.transport.http import HTTPTransport
from turnout.transport.seam import HTTPRequest

SIZES = [0, 1, 2, 100, 4095, 4096, 4097, 16_384, 65_535, 65_536, 65_537, 262_143, 300_000, 3_000_000]
PATHS = [
    *(f"/bytes/{size}" for size in SIZES),
    *(f"/gzip/{size}" for size in (0, 1, 100, 70_000, 2_000_000)),
    *(f"/deflate/{size}" for size in (0, 1, 100, 70_000)),
    *(f"/chunks/{count}/{size}" for count, size in [(1, 1), (3, 5), (50, 1000), (7, 65_536), (300, 1)]),
    *(f"/status/{status}" for status in (204, 304, 400, 404, 418, 429, 500, 503)),
    *(f"/headers/{count}/{size}" for count, size in [(0, 0), (1, 8000), (80, 20), (40, 500)]),
    "/slow/12", "/sse/200", "/close/100", "/close/70000", "/echo", "/nowhere",
]  # fmt: skip

Ask = Callable[..., Awaitable[Answer]]


@pytest.fixture
def transport(trust: tuple[ssl.SSLContext, Path]) -> HTTPTransport:
    return HTTPTransport(ssl_context=trust[0])


@pytest.fixture
def plainly(server: Running, trust: tuple[ssl.SSLContext, Path]) -> Ask:
    """Ask by the standard library, in a thread."""

    async def ask(path: str, body: bytes = b"{}", method: str = "POST", **headers: str) -> Answer:
        return await asyncio.to_thread(read_plainly, server.url + path, body, headers, trust[0], method)

    return ask


async def test_every_answer_is_the_one_of_a_plain_reading(
    server: Running, transport: HTTPTransport, plainly: Ask
) -> None:
    for path in PATHS:
        expected = await plainly(path)
        for in_pieces in (False, True):
            got = await read_ours(transport, server.url + path, b"{}", {}, "POST", in_pieces=in_pieces)
            assert got == expected, path
    await transport.aclose()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods(server: Running, transport: HTTPTransport, plainly: Ask, method: str) -> None:
    for path in ("/bytes/1000", "/chunks/5/10"):
        body = b"abc" if method == "PUT" else b""
        expected = await plainly(path, body, method)
        got = await read_ours(transport, server.url + path, body, {}, method, in_pieces=True)
        assert (got.status, got.body) == (200, expected.body)
    await transport.aclose()


async def test_bodies_of_any_size_go_up_whole(server: Running, transport: HTTPTransport) -> None:
    for size in SIZES:
        got = await read_ours(transport, f"{server.url}/echo", payload(size), {}, "POST", in_pieces=bool(size % 2))
        assert (got.status, got.body) == (200, payload(size))
    await transport.aclose()


async def test_a_request_that_expects_continue(server: Running, transport: HTTPTransport) -> None:
    """The server may say 100 first; the body goes out without waiting for it.

    HAProxy 2.6 in front of uvicorn cuts one long answer in ten to such a request, whoever sends it: a plain socket,
    whose body does not wait either, sees the same.
    """
    for size in (10,) if server.kind.name == "haproxy" else (10, 200_000):
        got = await read_ours(
            transport, f"{server.url}/echo", payload(size), {"expect": "100-continue"}, "POST", in_pieces=False
        )
        assert (got.status, got.body) == (200, payload(size))
    await transport.aclose()


async def test_a_stream_of_ten_thousand_chunks(server: Running, transport: HTTPTransport) -> None:
    response = await transport.send(HTTPRequest(method="POST", url=f"{server.url}/sse/10000", headers={}))
    pieces: list[bytes] = []
    while piece := await response.receive(120):
        pieces.append(piece)
    assert b"".join(pieces) == b"".join(b"data: {%d}\n\n" % number for number in range(10_000))
    assert len(pieces) > 1
    await transport.aclose()


async def test_many_at_once_in_any_order(server: Running, transport: HTTPTransport, plainly: Ask) -> None:
    """Kept connections, whole and streamed bodies, small and large, and none gets what is another's."""
    rng = random.Random(server.kind.name)
    asked = [rng.choice(PATHS) for _ in range(80)]
    expected = {path: await plainly(path) for path in sorted(set(asked))}
    waiting = iter(asked)

    async def work() -> None:
        for path in waiting:
            got = await read_ours(transport, server.url + path, b"{}", {}, "POST", in_pieces=rng.random() < 0.5)
            assert got == expected[path], path

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(work())
    await transport.aclose()


async def test_streams_that_are_left_harm_nobody_else(server: Running, transport: HTTPTransport) -> None:
    async def leave(pieces: int) -> None:
        response = await transport.send(HTTPRequest(method="POST", url=f"{server.url}/slow/200", headers={}))
        for _ in range(pieces):
            await response.receive(120)
        response.close()

    async def cancel(turns: int) -> None:
        request = HTTPRequest(method="POST", url=f"{server.url}/bytes/300000", headers={})
        task = asyncio.create_task(transport.send(request))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    async def stay() -> None:
        for _ in range(10):
            got = await read_ours(transport, f"{server.url}/bytes/5000", b"", {}, "POST", in_pieces=True)
            assert got.body == payload(5000)

    async with asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(leave(number % 4))
            group.create_task(cancel(number * 3))
            group.create_task(stay())
    await transport.aclose()


async def test_connections_are_kept_as_the_server_allows(server: Running, transport: HTTPTransport) -> None:
    ports = [
        (await read_ours(transport, f"{server.url}/peer", b"", {}, "POST", in_pieces=False)).body for _ in range(20)
    ]
    if server.kind.keeps_connections:
        assert len(set(ports)) <= 4  # nginx closes each after seven requests
    else:
        assert len(set(ports)) == 20
    await transport.aclose()


@pytest.mark.parametrize("server", ["uvicorn-h11", "uvicorn-httptools", "aiohttp", "nginx", "haproxy"], indirect=True)
async def test_a_connection_that_the_server_closes_as_idle_is_replaced(
    server: Running, transport: HTTPTransport
) -> None:
    """The servers close after a second: requests come before, at, and after that moment."""

    async def one(pause_s: float) -> None:
        for wait_s in (0, pause_s):
            await asyncio.sleep(wait_s)
            got = await read_ours(transport, f"{server.url}/echo", b"again", {}, "POST", in_pieces=False)
            assert got.body == b"again"

    async with asyncio.TaskGroup() as group:
        for pause_s in (0.9, 0.98, 0.99, 1.0, 1.005, 1.01, 1.02, 1.1):
            group.create_task(one(pause_s))
    await transport.aclose()


@pytest.mark.parametrize("server", ["node"], indirect=True)
async def test_interim_answers_and_trailers(server: Running, transport: HTTPTransport) -> None:
    for path in ("/early/10", "/early/70000", "/trailers/10/5", "/trailers/100000/9000"):
        for in_pieces in (False, True):
            got = await read_ours(transport, server.url + path, b"{}", {}, "POST", in_pieces=in_pieces)
            assert got.status == 200
            assert got.body == payload(int(path.split("/")[2]))
            assert "x-sum" not in got.headers
            assert "link" not in got.headers
    peers = {
        (await read_ours(transport, f"{server.url}/peer", b"", {}, "POST", in_pieces=False)).body for _ in range(5)
    }
    assert len(peers) == 1
    await transport.aclose()
