"""Time limits, cancellation and closing: each ends the connection at once, and the transport stays usable."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import pytest
from scripted_server import Peer, build_request, eventually, fetch

from turnout.errors import APIConnectionError, APITimeoutError, StreamClosedError
from turnout.transport.http import HTTPTransport

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def never_answer(peer: Peer) -> None:
    await peer.request()
    await peer.wait_closed()
    peer.server.closed_by_client.set()


async def stall_after_one_piece(peer: Peer) -> None:
    await peer.request()
    await peer.send(CHUNKED + b"2\r\nok\r\n")
    await peer.wait_closed()
    peer.server.closed_by_client.set()


async def test_no_head_in_time_is_a_timeout_of_the_given_kind(serve, transport) -> None:
    server = serve(never_answer)
    start = time.monotonic()
    with pytest.raises(APITimeoutError, match=r"no answer from http://127.*`first_chunk_s`") as caught:
        await fetch(transport, server.url, head_s=0.15)
    assert 0.14 < time.monotonic() - start < 1
    assert (caught.value.kind, caught.value.url) == ("first_chunk", server.url)
    assert caught.value.limit_s == pytest.approx(0.15, abs=0.05)
    await eventually(server.closed_by_client.is_set, 0.3)


async def test_the_clock_can_be_named_otherwise(serve, transport) -> None:
    with pytest.raises(APITimeoutError, match="`total_s`") as caught:
        await fetch(transport, serve(never_answer).url, head_s=0.05, deadline_kind="total")
    assert caught.value.kind == "total"


async def test_silence_within_a_stream_is_an_idle_timeout(serve, transport) -> None:
    server = serve(stall_after_one_piece)
    response = await transport.send(build_request(server.url))
    assert await response.receive(5) == b"ok"
    with pytest.raises(APITimeoutError, match="nothing more from") as caught:
        await response.receive(0.1)
    assert caught.value.kind == "idle"
    with pytest.raises(APITimeoutError):
        await response.receive(5)
    await eventually(server.closed_by_client.is_set, 0.3)


async def test_reading_a_whole_body_has_one_limit_for_all_of_it(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        while True:
            await peer.send(b"2\r\nok\r\n")
            await asyncio.sleep(0.02)

    response = await transport.send(build_request(serve(script).url))
    with pytest.raises(APITimeoutError, match="no whole answer") as caught:
        await response.read(0.15)
    assert caught.value.kind == "total"


async def test_each_piece_begins_the_idle_clock_anew(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        for _ in range(8):
            await peer.send(b"2\r\nok\r\n")
            await asyncio.sleep(0.05)
        await peer.send(b"0\r\n\r\n")

    response = await transport.send(build_request(serve(script).url, head_s=0.3))
    text = b""
    while piece := await response.receive(0.2):
        text += piece
    assert text == b"ok" * 8


async def test_a_limit_of_an_earlier_request_does_not_end_a_later_one(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        while True:
            received = await peer.request()
            await asyncio.sleep(float(received.body))
            await peer.answer()

    server = serve(script)
    assert await fetch(transport, server.url, body=b"0", head_s=0.1) == b"ok"
    assert await fetch(transport, server.url, body=b"0.2", head_s=1.0) == b"ok"
    assert await fetch(transport, server.url, body=b"0.1", head_s=None) == b"ok"
    with pytest.raises(APITimeoutError):
        await fetch(transport, server.url, body=b"1", head_s=0.1)
    assert await fetch(transport, server.url, body=b"0") == b"ok"


async def test_a_server_that_does_not_accept_is_a_connect_timeout(transport) -> None:
    with blocked_port() as port:
        start = time.monotonic()
        with pytest.raises(APITimeoutError, match="within 0.15 s.*`connect_s`") as caught:
            await fetch(transport, f"http://127.0.0.1:{port}", connect_s=0.15)
        assert time.monotonic() - start < 1
        assert caught.value.kind == "connect"


async def test_a_server_that_is_silent_in_the_handshake_is_a_connect_timeout(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.wait_closed()
        peer.server.closed_by_client.set()

    server = serve(script)
    with pytest.raises(APITimeoutError) as caught:
        await fetch(transport, server.url.replace("http:", "https:"), connect_s=0.15)
    assert caught.value.kind == "connect"
    await eventually(server.closed_by_client.is_set, 0.3)


async def test_a_connect_cut_short_by_the_deadline_is_a_timeout_of_its_kind(transport) -> None:
    with blocked_port() as port, pytest.raises(APITimeoutError, match="cannot connect to .*`total_s`") as caught:
        await fetch(transport, f"http://127.0.0.1:{port}", head_s=0.15, deadline_kind="total")
    assert caught.value.kind == "total"


async def test_the_deadline_covers_the_wait_for_a_free_connection(serve) -> None:
    server = serve(never_answer)
    transport = HTTPTransport(max_connections_per_host=1)
    first = asyncio.create_task(fetch(transport, server.url))
    await eventually(lambda: len(server.requests) == 1)
    with pytest.raises(APITimeoutError, match=r"no connection to http://127.* was free within 0\.\d") as caught:
        await fetch(transport, server.url, head_s=0.15, deadline_kind="total")
    assert caught.value.kind == "total"
    assert caught.value.limit_s == pytest.approx(0.15, abs=0.05)
    first.cancel()
    await asyncio.wait([first])
    server.script = answer
    assert await fetch(transport, server.url, head_s=5) == b"ok"  # the slot was not swallowed


async def test_a_connection_in_the_place_of_a_stale_one_has_what_is_left_of_the_time(serve) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.server.connections == 1:
            await peer.answer()
            await peer.request()
            await asyncio.sleep(0.9)
            return
        await peer.wait_closed()

    server = serve(script)
    transport = HTTPTransport(stale_s=5)
    assert await fetch(transport, server.url) == b"ok"
    start = time.monotonic()
    with pytest.raises(APITimeoutError):
        await fetch(transport, server.url, head_s=1.2)
    assert server.connections == 2
    assert time.monotonic() - start < 2  # 2.1 s if the clock began anew


async def test_nothing_listening_says_where_and_what_to_do(transport) -> None:
    for url in ("http://127.0.0.1:1/v1?key=secret", "http://user:secret@localhost:1"):
        with pytest.raises(
            APIConnectionError, match="cannot connect to http://.*:1: connection refused; check"
        ) as caught:
            await fetch(transport, url)
        assert "secret" not in f"{caught.value} {caught.value.url}"
        assert isinstance(caught.value.__cause__, OSError)


async def test_an_unknown_host_says_so(transport) -> None:
    with pytest.raises(APIConnectionError, match="host name cannot be resolved"):
        await fetch(transport, "http://no-such-host.invalid")
    with pytest.raises(APIConnectionError, match="cannot connect"):
        await fetch(transport, "http://a..b")


@pytest.mark.parametrize("phase", ["head", "piece", "whole", "handshake"])
async def test_cancelling_closes_the_connection_at_once(serve, transport, phase) -> None:
    async def silent(peer: Peer) -> None:
        await peer.wait_closed()
        peer.server.closed_by_client.set()

    server = serve({"head": never_answer, "handshake": silent}.get(phase, stall_after_one_piece))
    url = server.url.replace("http:", "https:") if phase == "handshake" else server.url

    async def work() -> None:
        response = await transport.send(build_request(url))
        if phase == "whole":
            await response.read()
        while await response.receive(10):
            pass

    task = asyncio.create_task(work())
    await eventually(lambda: server.connections == 1)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(server.closed_by_client.is_set, 0.3)
    server.script = answer
    assert await fetch(transport, server.url) == b"ok"


async def test_cancelling_while_connecting_leaves_nothing(transport) -> None:
    with blocked_port() as port:
        task = asyncio.create_task(fetch(transport, f"http://127.0.0.1:{port}"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cancelling_at_any_step_leaves_nothing_open(serve) -> None:
    """The n-th time that the task is woken it is cancelled instead, until it gets through."""
    server = serve(stall_then_end)
    transport = HTTPTransport(max_connections_per_host=1)
    for steps in range(40):
        task = asyncio.create_task(fetch(transport, server.url))
        for _ in range(steps):
            await asyncio.sleep(0.001 if steps > 20 else 0)
        task.cancel()
        await asyncio.wait([task])
    assert await asyncio.wait_for(fetch(transport, server.url), 5) == b"ok"
    await transport.aclose()
    await eventually(lambda: server.open == 0)


async def stall_then_end(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(CHUNKED + b"2\r\nok\r\n")
        await asyncio.sleep(0.005)
        await peer.send(b"0\r\n\r\n")


async def answer(peer: Peer) -> None:
    await peer.request()
    await peer.answer()


async def test_closing_before_the_end_closes_the_socket_and_reading_on_says_so(serve, transport) -> None:
    server = serve(stall_after_one_piece)
    response = await transport.send(build_request(server.url))
    assert await response.receive(5) == b"ok"
    response.close()
    response.close()
    await eventually(server.closed_by_client.is_set, 0.3)
    with pytest.raises(StreamClosedError):
        await response.receive(5)
    with pytest.raises(StreamClosedError):
        await response.read(5)


async def test_closing_reaches_the_server_before_the_loop_runs_again(serve, transport) -> None:
    server = serve(stall_after_one_piece)
    response = await transport.send(build_request(server.url))
    assert await response.receive(5) == b"ok"
    response.close()
    assert server.closed_by_client.wait(0.3)  # this blocks the loop


async def test_closing_after_the_end_keeps_the_connection(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer()

    server = serve(script)
    response = await transport.send(build_request(server.url))
    response.close()
    assert await response.read() == b"ok"
    await fetch(transport, server.url)
    assert server.connections == 1


async def test_a_response_that_is_dropped_closes_its_connection(serve, transport) -> None:
    server = serve(stall_after_one_piece)
    response = await transport.send(build_request(server.url))
    del response
    gc.collect()
    await eventually(server.closed_by_client.is_set, 0.3)


async def test_closing_from_another_thread_ends_a_waiting_reader(serve, transport) -> None:
    server = serve(stall_after_one_piece)
    response = await transport.send(build_request(server.url))
    assert await response.receive(5) == b"ok"
    threading.Timer(0.05, response.close).start()
    with pytest.raises(StreamClosedError):
        await asyncio.wait_for(response.receive(), 2)
    await eventually(server.closed_by_client.is_set, 0.3)


def test_closing_between_two_runs_of_a_loop_reaches_the_server(serve) -> None:
    server = serve(stall_after_one_piece)
    transport = HTTPTransport()
    loop = asyncio.new_event_loop()
    response = loop.run_until_complete(transport.send(build_request(server.url)))
    assert loop.run_until_complete(response.receive(5)) == b"ok"
    response.close()
    assert server.closed_by_client.wait(0.3)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def test_closing_after_the_loop_is_closed_closes_the_socket(serve) -> None:
    server = serve(stall_after_one_piece)
    transport = HTTPTransport()
    loop = asyncio.new_event_loop()
    response = loop.run_until_complete(transport.send(build_request(server.url)))
    assert loop.run_until_complete(response.receive(5)) == b"ok"
    loop.close()
    response.close()
    response.close()
    assert server.closed_by_client.wait(0.3)
    gc.collect()


async def test_two_readers_of_one_response_are_refused(serve, transport) -> None:
    response = await transport.send(build_request(serve(stall_after_one_piece).url))
    assert await response.receive(5) == b"ok"
    first = asyncio.create_task(response.receive(5))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="two tasks"):
        await response.receive(5)
    first.cancel()
    await asyncio.wait([first])


class blocked_port:  # noqa: N801 # used as a function
    """A listening port whose queue is full, so that connecting to it takes for ever."""

    def __enter__(self) -> int:
        import socket

        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.listener.getsockname())
            self.fillers.append(filler)
        time.sleep(0.02)
        return self.listener.getsockname()[1]

    def __exit__(self, *_: object) -> None:
        for sock in (*self.fillers, self.listener):
            sock.close()
