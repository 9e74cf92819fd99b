"""Large bodies both ways, slow readers on either side, and many streams at once."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from scripted_server import Peer, build_request, eventually, fetch

from turnout.errors import APIConnectionError, APITimeoutError
from turnout.transport.http import HTTPTransport

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 200_000, 8 * MEGABYTE])
async def test_a_large_request_body_arrives_whole(serve, transport, size) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer()

    server = serve(script)
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert await fetch(transport, server.url, body=body) == b"ok"
    assert await fetch(transport, server.url, body=body) == b"ok"
    assert [request.body == body for request in server.requests] == [True, True]
    assert server.connections == 1


async def read_slowly(peer: Peer) -> None:
    await peer.reader.readuntil(b"\r\n\r\n")
    left = 30 * MEGABYTE
    while left:
        left -= len(await peer.reader.read(400_000))
        await asyncio.sleep(0.002)
    await peer.answer()


async def test_an_upload_waits_for_a_slow_server(serve, transport) -> None:
    assert await fetch(transport, serve(read_slowly).url, body=bytes(30 * MEGABYTE)) == b"ok"


async def test_an_upload_that_goes_on_is_under_the_same_deadline(serve, transport) -> None:
    with pytest.raises(APITimeoutError, match="no answer"):
        await fetch(transport, serve(read_slowly).url, body=bytes(30 * MEGABYTE), head_s=0.1)


async def test_an_upload_that_stands_still_times_out(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(1)

    with pytest.raises(APITimeoutError):
        await fetch(transport, serve(script).url, body=bytes(30 * MEGABYTE), head_s=0.15)


async def test_an_early_refusal_of_an_upload_is_the_answer(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        if peer.server.connections > 1:
            await peer.request()
            await peer.answer()
            return
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.answer(b"too large", "413 Content Too Large")
        await peer.wait_closed()
        peer.server.closed_by_client.set()

    server = serve(script)
    response = await transport.send(build_request(server.url, body=bytes(30 * MEGABYTE)))
    assert response.status == 413
    assert await response.read(5) == b"too large"
    await eventually(server.closed_by_client.is_set)
    assert await fetch(transport, server.url) == b"ok"
    assert server.connections == 2


async def test_a_server_lost_in_the_middle_of_an_upload_is_a_connection_error(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.reset()

    with pytest.raises(APIConnectionError, match="was lost before an answer") as caught:
        await fetch(transport, serve(script).url, body=bytes(30 * MEGABYTE))
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_slow_reader_makes_the_server_wait(serve, transport) -> None:
    sent = [0]

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        for _ in range(640):
            await peer.send(piece)
            sent[0] += 65536
        await peer.send(b"0\r\n\r\n")

    server = serve(script)
    tracemalloc.start()
    response = await transport.send(build_request(server.url))
    await asyncio.sleep(0.3)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert sent[0] < 20 * MEGABYTE  # (most of it in the sockets' buffers)
    assert held < 4 * MEGABYTE
    size = 0
    while piece := await response.receive(5):
        size += len(piece)
    assert size == 640 * 65536
    server.script = answer
    assert await fetch(transport, server.url) == b"ok"


async def test_reading_whole_goes_on_after_a_pause(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(b"x" * 5 * MEGABYTE)

    server = serve(script)
    for _ in range(2):
        response = await transport.send(build_request(server.url))
        await asyncio.sleep(0.05)
        assert len(await response.read(5)) == 5 * MEGABYTE
    assert server.connections == 1


async def answer(peer: Peer) -> None:
    await peer.request()
    await peer.answer()


async def test_a_thousand_streams_at_once(serve) -> None:
    everyone = asyncio.Event()

    async def script(peer: Peer) -> None:
        received = await peer.request()
        await peer.send(CHUNKED + b"5\r\nfirst\r\n")
        if len(peer.server.requests) == 1000:
            everyone.set()
        await everyone.wait()
        await peer.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(received.body), received.body))

    server = serve(script)
    transport = HTTPTransport()

    async def one(number: int) -> bytes:
        body = b"stream %d" % number
        response = await transport.send(build_request(server.url, body=body, connect_s=30))
        text = b""
        while piece := await response.receive(30):
            text += piece
        return text.removeprefix(b"first") == body

    assert all(await asyncio.gather(*map(one, range(1000))))
    assert server.connections == 1000
