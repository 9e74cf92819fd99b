"""Which connection carries a request, when it is kept, replaced, queued for and closed."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import warnings
import weakref

import pytest
from scripted_server import Peer, build_request, eventually, fetch

from turnout.errors import APIConnectionError, InvalidInputError, StreamClosedError
from turnout.transport import http
from turnout.transport.http import HTTPTransport
from turnout.transport.pool import Pool

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def answer_always(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.answer()


async def test_requests_in_turn_share_a_connection_and_requests_at_once_do_not(serve, transport) -> None:
    server = serve(answer_always)
    for _ in range(5):
        assert await fetch(transport, server.url) == b"ok"
    assert server.connections == 1
    await asyncio.gather(*(fetch(transport, server.url) for _ in range(5)))
    assert 2 <= server.connections <= 5


async def test_a_connection_is_back_in_the_pool_before_the_body_is_fetched(serve, transport) -> None:
    server = serve(answer_always)
    first = await transport.send(build_request(server.url))
    second = await transport.send(build_request(server.url))
    assert await first.read() == await second.read() == b"ok"
    assert server.connections == 1


@pytest.mark.parametrize("way", ["close", "reset", "half an answer to nothing"])
async def test_a_connection_that_went_stale_is_replaced_without_a_word(serve, transport, way) -> None:
    """The request reaches the server on the old connection, and is sent again on a new one."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer()
        if peer.server.connections == 1:
            await peer.request()
            if way == "reset":
                peer.reset()
            return
        await answer_always(peer)

    server = serve(script)
    assert await fetch(transport, server.url) == b"ok"
    assert await fetch(transport, server.url, body=b"again") == b"ok"
    assert server.connections == 2
    assert [request.body for request in server.requests] == [b"{}", b"again", b"again"]


async def test_a_fresh_connection_closed_without_an_answer_is_an_error(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()

    server = serve(script)
    with pytest.raises(APIConnectionError, match=f"http://127.0.0.1:{server.port} was closed by the server before an"):
        await fetch(transport, server.url)
    assert server.connections == 1


async def test_a_kept_connection_that_breaks_late_is_an_error_for_the_server_may_have_worked(serve) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer()
        await peer.request()
        await asyncio.sleep(0.1)

    server = serve(script)
    transport = HTTPTransport(stale_s=0.05)
    assert await fetch(transport, server.url) == b"ok"
    with pytest.raises(APIConnectionError, match="before an answer") as caught:
        await fetch(transport, server.url, body=b"again")
    assert type(caught.value) is APIConnectionError
    assert caught.value.is_retryable
    assert [request.body for request in server.requests] == [b"{}", b"again"]


async def test_a_stale_connection_is_replaced_only_once(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.server.connections == 1:
            await peer.answer()
            await peer.request()

    server = serve(script)
    await fetch(transport, server.url)
    with pytest.raises(APIConnectionError, match="before an answer"):
        await fetch(transport, server.url)
    assert server.connections == 2


async def test_an_answer_cut_in_its_head_on_a_kept_connection_is_an_error(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer()
        await peer.request()
        await peer.send(b"HTTP/1.1 200")

    server = serve(script)
    await fetch(transport, server.url)
    with pytest.raises(APIConnectionError, match="within the head"):
        await fetch(transport, server.url)
    assert server.connections == 1


@pytest.mark.parametrize("after", [b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"HT", b"\0"])
async def test_bytes_nobody_asked_for_close_the_connection(serve, transport, after) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer()
        if peer.server.connections == 1:
            await asyncio.sleep(0.02)
            await peer.send(after)
            await peer.wait_closed()
            peer.server.closed_by_client.set()

    server = serve(script)
    assert await fetch(transport, server.url) == b"ok"
    await eventually(server.closed_by_client.is_set)
    assert await fetch(transport, server.url) == b"ok"


@pytest.mark.parametrize("after", [b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"HT", b"\0"])
async def test_bytes_in_the_wake_of_an_answer_spoil_only_the_connection(serve, transport, after) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok" + after)
        await peer.wait_closed()

    server = serve(script)
    assert await fetch(transport, server.url) == b"ok"
    assert await fetch(transport, server.url) == b"ok"
    assert server.connections == 2


async def test_connection_close_is_obeyed(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(connection="close")
        await peer.wait_closed()
        peer.server.closed_by_client.set()

    server = serve(script)
    assert await fetch(transport, server.url) == b"ok"
    await eventually(server.closed_by_client.is_set)
    assert await fetch(transport, server.url) == b"ok"
    assert server.connections == 2


async def test_idle_connections_are_closed_after_a_while(serve) -> None:
    server = serve(answer_always)
    transport = HTTPTransport(idle_s=0.1)
    await asyncio.gather(*(fetch(transport, server.url) for _ in range(3)))
    await eventually(lambda: server.open == 0)
    for _ in range(2):  # the second is idle for longer than the first
        assert await asyncio.gather(*(fetch(transport, server.url) for _ in range(2))) == [b"ok"] * 2
        await asyncio.sleep(0.06)
        assert await fetch(transport, server.url) == b"ok"
    await eventually(lambda: server.open == 0)
    assert await fetch(transport, server.url) == b"ok"
    time.sleep(0.15)  # noqa: ASYNC251 # the loop stands still meanwhile, so that no timer can have run
    before = server.connections
    assert await fetch(transport, server.url) == b"ok"
    assert server.connections == before + 1


async def test_above_the_limit_requests_queue_in_order_and_say_so(serve) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(0.02)
            await peer.answer()

    server = serve(script)
    transport = HTTPTransport(max_connections_per_host=2)
    done = []

    async def one(number: int):
        response = await transport.send(build_request(f"{server.url}/{number}"))
        await response.read()
        done.append(number)
        return response

    responses = await asyncio.gather(*map(one, range(8)))
    assert server.connections == 2
    assert [request.path for request in server.requests[2:]] == [f"/{number}" for number in range(2, 8)]
    assert [response.queued_s > 0 for response in responses] == [False] * 2 + [True] * 6
    assert 0.01 < responses[-1].queued_s < 2
    assert await fetch(transport, server.url) == b"ok"


async def test_a_cancelled_request_in_the_queue_swallows_no_slot(serve) -> None:
    async def script(peer: Peer) -> None:
        while True:
            received = await peer.request()
            if received.path == "/slow":
                await peer.send(CHUNKED)
                await peer.wait_closed()
                return
            await peer.answer()

    server = serve(script)
    transport = HTTPTransport(max_connections_per_host=1)
    slow = await transport.send(build_request(f"{server.url}/slow"))
    waiting = [asyncio.create_task(fetch(transport, server.url)) for _ in range(3)]
    await asyncio.sleep(0.02)
    waiting[0].cancel()
    await asyncio.sleep(0)
    slow.close()
    waiting[1].cancel()  # in the moment in which it is given the slot
    assert await asyncio.wait_for(waiting[2], 5) == b"ok"

    # the same, when what is handed over is a connection
    blockers = [asyncio.create_task(fetch(transport, server.url)) for _ in range(6)]
    blockers[0].add_done_callback(lambda _: [task.cancel() for task in blockers[1:3]])
    results = await asyncio.wait_for(asyncio.gather(*blockers, return_exceptions=True), 5)
    assert results[0] == results[-1] == b"ok"
    assert await asyncio.wait_for(fetch(transport, server.url), 5) == b"ok"


async def test_a_connection_given_in_the_moment_of_a_cancellation_goes_to_the_next(serve, monkeypatch) -> None:
    is_full = threading.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.to_thread(is_full.wait, 10)
        await peer.answer()
        await answer_always(peer)

    server = serve(script)
    transport = HTTPTransport(max_connections_per_host=1)
    cancelled: list[asyncio.Task[bytes]] = []
    release = Pool.release

    def release_and_cancel(pool, connection) -> None:
        release(pool, connection)
        while cancelled:
            cancelled.pop().cancel()

    monkeypatch.setattr(Pool, "release", release_and_cancel)
    first, second, third = (asyncio.create_task(fetch(transport, server.url)) for _ in range(3))
    await eventually(lambda: len(server.requests) == 1)
    cancelled.append(second)
    is_full.set()
    assert await asyncio.wait_for(asyncio.gather(first, third), 10) == [b"ok", b"ok"]
    assert second.cancelled()
    assert server.connections == 1


async def test_a_failed_connection_gives_its_slot_to_the_next(serve) -> None:
    transport = HTTPTransport(max_connections_per_host=1)
    results = await asyncio.gather(*(fetch(transport, "http://127.0.0.1:1") for _ in range(4)), return_exceptions=True)
    assert all(isinstance(result, APIConnectionError) for result in results)
    server = serve(answer_always)
    assert await fetch(transport, server.url) == b"ok"


async def test_a_stale_connection_is_replaced_under_a_limit_too(serve) -> None:
    async def script(peer: Peer) -> None:
        number = peer.server.connections
        await peer.request()
        await peer.answer()
        if number <= 2:
            await peer.request()
            return
        await answer_always(peer)

    server = serve(script)
    transport = HTTPTransport(max_connections_per_host=1)
    results = await asyncio.wait_for(asyncio.gather(*(fetch(transport, server.url) for _ in range(6))), 5)
    assert results == [b"ok"] * 6


async def test_what_replaces_a_stale_connection_counts_against_the_limit(serve) -> None:
    """It has to wait for a slot of its own, while others wait behind it for theirs."""
    is_full = threading.Event()

    async def script(peer: Peer) -> None:
        number = peer.server.connections
        await peer.request()
        if number == 2:  # the request that waited behind the lost one
            await asyncio.to_thread(is_full.wait, 10)
        await peer.answer()
        if number > 1:
            await answer_always(peer)
        await peer.request()  # and it is lost, unanswered

    server = serve(script)
    transport = HTTPTransport(max_connections_per_host=1)
    await fetch(transport, server.url)
    tasks = [asyncio.create_task(fetch(transport, server.url)) for _ in range(3)]
    await eventually(lambda: server.connections == 2)
    tasks += [asyncio.create_task(fetch(transport, server.url)) for _ in range(3)]
    await asyncio.sleep(0)  # they are in the queue
    is_full.set()
    assert await asyncio.wait_for(asyncio.gather(*tasks), 10) == [b"ok"] * 6
    assert max(transport._pools[asyncio.get_running_loop()]._used.values()) == 1
    assert server.connections == 3


async def test_a_connection_lost_while_it_is_handed_over_is_not_used() -> None:
    class Lost:
        key = "k"
        is_closed = False
        is_reused = False

    pool = Pool(asyncio.get_running_loop(), 20, 1, lambda: None)
    assert pool.reserve("k") is None
    waiters = [pool.reserve("k"), pool.reserve("k")]
    first, second = [asyncio.create_task(pool.wait_turn("k", waiter, is_fresh=False)) for waiter in waiters]
    lost = Lost()
    pool.release(lost)
    lost.is_closed = True
    await asyncio.sleep(0)
    assert not first.done()
    pool.free_slot("k")
    assert (await second)[0] is None
    pool.free_slot("k")
    assert (await first)[0] is None


async def test_a_server_that_speaks_first_is_no_http_server(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")
        await peer.wait_closed()

    server = serve(script)
    for _ in range(5):
        with pytest.raises(APIConnectionError):
            await fetch(transport, server.url)


async def test_a_server_that_closes_at_once_is_a_connection_error(serve) -> None:
    async def script(peer: Peer) -> None:
        peer.reset()

    server = serve(script)
    transport = HTTPTransport(max_connections_per_host=1)
    for _ in range(30):
        with pytest.raises(APIConnectionError):
            await asyncio.wait_for(fetch(transport, server.url), 5)


async def test_a_connection_lost_before_its_first_request_is_a_connection_error(serve, monkeypatch) -> None:
    open_connection = http.open_connection

    async def open_and_lose(*args, **settings):
        connection = await open_connection(*args, **settings)
        connection.abort()
        return connection

    server = serve(answer_always)
    transport = HTTPTransport(max_connections_per_host=1)
    monkeypatch.setattr(http, "open_connection", open_and_lose)
    for _ in range(2):
        with pytest.raises(APIConnectionError, match="before an answer"):
            await asyncio.wait_for(fetch(transport, server.url), 5)
    monkeypatch.undo()
    assert await asyncio.wait_for(fetch(transport, server.url), 5) == b"ok"


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="max_connections_per_host"):
        HTTPTransport(max_connections_per_host=0)


def test_every_run_of_asyncio_has_connections_of_its_own_that_close_with_it(serve) -> None:
    server = serve(answer_always)
    transport = HTTPTransport()

    async def run() -> None:
        assert await fetch(transport, server.url) == b"ok"
        assert await fetch(transport, server.url) == b"ok"

    for number in range(20):
        asyncio.run(run())
        assert server.connections == number + 1
    gc.collect()
    assert not transport._pools
    wait_until(lambda: server.open == 0)


def test_a_response_left_open_closes_with_its_loop(serve) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"2\r\nok\r\n")
        await peer.wait_closed()
        peer.server.closed_by_client.set()

    server = serve(script)
    transport = HTTPTransport()

    async def run():
        response = await transport.send(build_request(server.url))
        assert await response.receive() == b"ok"
        return response

    response = asyncio.run(run())
    assert server.closed_by_client.wait(2)
    response.close()
    with pytest.raises(StreamClosedError, match="closed before its end"):
        asyncio.run(response.receive())


def test_a_loop_closed_without_ceremony_is_cleaned_up_by_the_next_one(serve) -> None:
    server = serve(answer_always)
    transport = HTTPTransport()
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(fetch(transport, server.url)) == b"ok"
    loop.close()
    assert server.open == 1
    asyncio.run(fetch(transport, server.url))
    wait_until(lambda: server.open == 0)
    gc.collect()
    assert not transport._pools


def test_a_transport_that_is_dropped_closes_what_a_closed_loop_left(serve) -> None:
    server = serve(answer_always)
    transport = HTTPTransport()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(fetch(transport, server.url))
    loop.close()
    del transport
    wait_until(lambda: server.open == 0)
    gc.collect()


async def test_a_transport_that_is_dropped_closes_its_connections(serve) -> None:
    server = serve(answer_always)
    transport = HTTPTransport()
    await fetch(transport, server.url)
    del transport
    await eventually(lambda: server.open == 0)


def test_a_loop_that_is_dropped_can_be_collected(serve) -> None:
    server = serve(answer_always)
    transport = HTTPTransport(idle_s=0.05)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(fetch(transport, server.url))
    dropped = weakref.ref(loop)
    time.sleep(0.15)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # asyncio's own, for the loop that was not closed
        del loop
        asyncio.run(fetch(transport, server.url))
        gc.collect()
        assert dropped() is None
    wait_until(lambda: server.open == 0)


async def test_aclose_closes_everything_of_the_loop_and_the_transport_stays_usable(serve) -> None:
    async def script(peer: Peer) -> None:
        received = await peer.request()
        if received.path == "/stream":
            await peer.send(CHUNKED)
            await peer.wait_closed()
            return
        await peer.answer()
        await answer_always(peer)

    server = serve(script)
    transport = HTTPTransport()
    await transport.aclose()
    response = await transport.send(build_request(f"{server.url}/stream"))
    await fetch(transport, server.url)
    await transport.aclose()
    await transport.aclose()
    await eventually(lambda: server.open == 0)
    with pytest.raises(StreamClosedError):
        await response.receive(5)
    assert await fetch(transport, server.url) == b"ok"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_does_not_close_what_its_parent_uses(serve) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"2\r\nok\r\n")
        await peer.reader.read(1)
        peer.server.closed_by_client.set()

    server = serve(script)
    transport = HTTPTransport()
    with asyncio.Runner() as runner:
        response = runner.run(transport.send(build_request(server.url)))
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # forking beside a thread: the child does next to nothing
            child = os.fork()
        if child == 0:
            response.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert runner.run(response.receive(5)) == b"ok"
        assert not server.closed_by_client.wait(0.1)
        response.close()
        assert server.closed_by_client.wait(1)


def test_one_transport_serves_several_threads(serve) -> None:
    server = serve(answer_always)
    transport = HTTPTransport()
    results = []

    async def many() -> None:
        for _ in range(20):
            results.extend(await asyncio.gather(*(fetch(transport, server.url) for _ in range(5))))

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [b"ok"] * 400


def wait_until(fact, within_s: float = 2.0) -> None:
    end = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)
