"""Any bytes for an answer: an answer or a typed error, however they are cut into reads, within the bounds."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
from collections import Counter
from itertools import pairwise
from typing import Any, NamedTuple

import hypothesis.strategies as st
from fault_answers import Right, chunk, head
from fault_site import Host, Wire
from hypothesis import given, settings

from provider import KEY
from turnout import Agent
from turnout.errors import CallError, TurnoutError
from turnout.transport.connection import Connection
from turnout.transport.exchange import Exchange, Limits
from turnout.transport.http import HTTPTransport
from turnout.transport.pool import Pool
from turnout.transport.response import Response

EXAMPLES = int(os.environ.get("TURNOUT_FUZZ", "300"))
LIMITS = Limits(body_bytes=4000, head_bytes=2000, event_bytes=1000, waiting_bytes=500)
FRAGMENTS = [
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 404 Not Found\r\n", b"HTTP/1.1 204 No Content\r\n"),
    *(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n", b"HTTP/1.1 304 Same\r\n"),
    *(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n", b"HTTP/2 200\r\n"),
    *(b"content-length: 5\r\n", b"content-length: 0\r\n", b"content-length: 99\r\n", b"content-length: 5, 5\r\n"),
    *(b"transfer-encoding: chunked\r\n", b"Transfer-Encoding: Chunked\r\n", b"transfer-encoding: gzip\r\n"),
    *(b"connection: close\r\n", b"connection: keep-alive\r\n", b"upgrade: websocket\r\nconnection: upgrade\r\n"),
    *(b"content-encoding: gzip\r\n", b"content-encoding: deflate\r\n", b"content-encoding: br\r\n"),
    *(b"x: " + b"v" * 900 + b"\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b":", b"\0", b"hello", b"{}"),
    *(b"5\r\nhello\r\n", b"5;a=b\r\nhello\r\n", b"0\r\n\r\n", b"0\r\nx-sum: 1\r\n\r\n", b"fffffffffffffff\r\n"),
    *(b"-1\r\n", b"x-a: b\r\n c\r\n"),
    *(gzip.compress(b"hello", mtime=0), chunk(gzip.compress(b"hello" * 300, mtime=0)), b"b" * 3000, chunk(b"c" * 3000)),
]  # fmt: skip
ANSWERS = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=30), min_size=1, max_size=14).map(b"".join)


class Wireless(asyncio.Transport):
    """A transport that sends nowhere: the bytes of the answer are handed to the protocol by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.is_reading = True

    def write(self, data: Any) -> None:
        pass

    def abort(self) -> None:
        pass

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True


class Ending(NamedTuple):
    """What one exchange came to."""

    status: int
    headers: dict[str, str]
    body: bytes
    error: str


async def drive(pieces: list[bytes], *, is_head_only: bool, is_whole: bool, is_reused: bool) -> Ending:
    """Hand `pieces` to the protocol as the answer to one request, then the end; read it as a caller does."""
    loop = asyncio.get_running_loop()
    pool = Pool(loop, 20.0, None, lambda: None)
    connection = Connection(loop, pool, "key", "http://127.0.0.1:1", LIMITS)
    connection.connection_made(Wireless())
    connection.is_reused = is_reused
    exchange = Exchange("http://127.0.0.1:1/v1", is_head_only, connection, None)
    connection.start(exchange, b"", b"")
    body, error = b"", ""
    response: Response | None = None
    reader: asyncio.Task[bytes] | None = None
    for piece in [*pieces, None]:
        if piece is None:
            connection.eof_received()
        elif not connection.is_closed:
            connection.data_received(piece)
        assert exchange.size <= LIMITS.body_bytes + len(piece or b"") + LIMITS.waiting_bytes
        if response is None and exchange.status:
            response = Response(exchange.status, exchange.headers, 0.0, exchange, LIMITS, None)
            reader = asyncio.create_task(response.read(60) if is_whole else read_all(response))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    if reader is not None:
        try:
            body = await reader
        except CallError as failure:
            error = type(failure).__name__
    elif exchange.error is not None:
        assert isinstance(exchange.error, CallError)
        error = type(exchange.error).__name__
    assert exchange.is_complete or exchange.error is not None
    assert exchange.connection is None
    pool.close_connections()
    assert not pool._open
    assert connection.is_closed
    return Ending(exchange.status, dict(exchange.headers), body, error)


async def read_all(response: Response) -> bytes:
    pieces: list[bytes] = []
    while piece := await response.receive(60):
        assert len(piece) <= LIMITS.body_bytes + LIMITS.waiting_bytes
        pieces.append(piece)
    return b"".join(pieces)


@given(ANSWERS, st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_bytes_are_an_answer_or_an_error(data: bytes, is_head_only: bool, is_whole: bool, is_reused: bool) -> None:
    asyncio.run(drive([data], is_head_only=is_head_only, is_whole=is_whole, is_reused=is_reused))


@given(ANSWERS, st.data(), st.booleans(), st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_how_the_bytes_are_cut_into_reads_changes_nothing(
    data: bytes, draw: st.DataObject, is_head_only: bool, is_whole: bool
) -> None:
    """Bodies and errors are the same, whether the bytes come at once, one by one or in any pieces between."""
    if len(data) > LIMITS.head_bytes:  # a bound may be reached within a read or after it
        data = data[: LIMITS.head_bytes]
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=6)))
    pieces = [data[a:b] for a, b in pairwise([0, *cuts, len(data)]) if a < b]

    async def compare() -> None:
        once = await drive([data], is_head_only=is_head_only, is_whole=is_whole, is_reused=False)
        in_pieces = await drive(pieces, is_head_only=is_head_only, is_whole=is_whole, is_reused=False)
        one_by_one = [data[at : at + 1] for at in range(len(data))]
        singly = await drive(one_by_one, is_head_only=is_head_only, is_whole=is_whole, is_reused=False)
        assert once == in_pieces == singly

    asyncio.run(compare())


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change some bytes of a right answer: flipped, dropped, doubled, moved, or replaced by what means something."""
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data))
        size = rng.choice([1, 1, 2, 5, 40])
        part = data[at : at + size]
        other = rng.choice([
            b"", part * 2, rng.randbytes(len(part)), b"\0", b"\r\n", b"\n\n", b"}", b'"', b"\xff", b"[" * 3000,
            b"data: [DONE]\n\n", b"0\r\n\r\n", b"null", b"-1", b"1e999", rng.choice(FRAGMENTS),
        ])  # fmt: skip
        data = data[:at] + other + data[at + size :]
    return data


async def ask(agent: Agent[Any], *, is_stream: bool) -> str:
    """Return how a call ends: what is no answer and no error of ours is raised."""
    try:
        async with asyncio.timeout(120):
            await (agent.stream("Hi").result() if is_stream else agent.generate("Hi"))
    except TurnoutError as error:
        assert KEY not in f"{error!r} {error} {error.body!r}"
        return type(error).__name__
    return "answer"


async def test_mutated_answers_over_a_real_socket_are_answers_or_errors(host: Host) -> None:
    """Through the whole client: what a provider could send by mistake."""
    rng, endings = random.Random(11), Counter[str]()

    async def play(wire: Wire) -> None:
        right = Right(wire)
        await wire.send(mutate(right.framed() if rng.random() < 0.5 else right.chunked(), rng))
        wire.writer.close()

    transport = HTTPTransport(max_body_bytes=200_000, max_head_bytes=50_000, max_event_bytes=50_000)
    async with host.site() as site:
        site.script = [play]
        agent = Agent(model={"id": "m", "url": site.url, "api_key": KEY}, transport=transport, max_retries=0)
        waiting = iter(range(EXAMPLES))

        async def work() -> None:
            for number in waiting:
                endings[await ask(agent, is_stream=bool(number % 2))] += 1

        await asyncio.gather(*(work() for _ in range(8)))
        await transport.aclose()
    assert len(endings) > 3
    assert endings.total() == EXAMPLES


def test_heads_beyond_the_bound_are_refused_at_once() -> None:
    async def one(data: bytes) -> Ending:
        return await drive([data, b"\r\n\r\n"], is_head_only=False, is_whole=True, is_reused=False)

    for data in (head("200 OK", "x: " + "v" * 2000)[:-4], b"HTTP/1.1 200 " + b"k" * 2001):
        assert asyncio.run(one(data)).error == "APIConnectionError"
