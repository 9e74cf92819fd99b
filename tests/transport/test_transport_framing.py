"""Every way in which a body can be framed, cut and compressed."""

from __future__ import annotations

import asyncio
import gzip
import random
import tracemalloc
import zlib
from itertools import count
from types import SimpleNamespace

import pytest
from scripted_server import Peer, build_request, fetch

from turnout.errors import APIConnectionError, ResponseError
from turnout.transport import decoding
from turnout.transport.decoding import find_decoder
from turnout.transport.http import HTTPTransport

TEXT = b"".join(b"data: {%d}\n\n" % number for number in range(40))
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def compress(data: bytes, bits: int) -> bytes:
    stream = zlib.compressobj(wbits=bits)
    return stream.compress(data) + stream.flush()


FRAMED = {
    "content-length": b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(TEXT) + TEXT,
    "chunked": CHUNKED + chunk(TEXT[:7], TEXT[7:200], TEXT[200:]),
    "chunked with extension and trailer": (
        CHUNKED
        + b"5;a=b\r\n"
        + TEXT[:5]
        + b"\r\n"
        + b"%X\r\n" % len(TEXT[5:])
        + TEXT[5:]
        + b"\r\n0\r\nx-sum: 1\r\n\r\n"
    ),
    "until close": b"HTTP/1.1 200 OK\r\n\r\n" + TEXT,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + TEXT,
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    + b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(TEXT)
    + TEXT,
    "gzip": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(TEXT, mtime=0),
    "gzip in two members": CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: x-gzip\r\n\r\n")
    + chunk(gzip.compress(TEXT[:100], mtime=0), gzip.compress(TEXT[100:], mtime=0) + b"\0\0"),
    "deflate": b"HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\n\r\n" + compress(TEXT, 15),
    "raw deflate": b"HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\n\r\n" + compress(TEXT, -15),
    "identity": b"HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\n\r\n" + TEXT,
}


@pytest.mark.parametrize("name", FRAMED)
async def test_a_body_is_the_same_however_it_is_framed_and_cut_into_reads(serve, transport, name) -> None:
    cuts = random.Random(name)

    async def script(peer: Peer) -> None:
        await peer.request()
        data = FRAMED[name]
        places = sorted(cuts.sample(range(1, len(data)), 12))
        await peer.send(*(data[a:b] for a, b in zip([0, *places], [*places, None], strict=True)))

    server = serve(script)
    assert await fetch(transport, server.url) == TEXT
    response = await transport.send(build_request(server.url))
    pieces = []
    while piece := await response.receive(5):
        pieces.append(piece)
    assert b"".join(pieces) == TEXT
    assert await response.receive(5) == b""
    assert await response.read(5) == b""


@pytest.mark.parametrize("name", ["content-length", "chunked", "gzip"])
async def test_a_body_cut_at_any_byte_raises_after_what_came_before(serve, transport, name) -> None:
    data = {
        "content-length": b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\ndata: {1}\n\ndata: {2}",
        "chunked": CHUNKED + chunk(b"data: {1}\n\n", b"data: {2}"),
        "gzip": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"
        + gzip.compress(b"data: {1}\n\ndata: {2}", mtime=0),
    }[name]
    body_at = data.index(b"\r\n\r\n") + 4

    async def script(peer: Peer) -> None:
        received = await peer.request()
        await peer.send(data[: int(received.path[1:])])

    server = serve(script)

    async def cut(place: int) -> None:
        with pytest.raises(APIConnectionError) as caught:
            response = await transport.send(build_request(f"{server.url}/{place}"))
            assert place >= body_at
            text = b""
            while piece := await response.receive(5):
                text += piece
                assert b"data: {1}\n\ndata: {2}".startswith(text)
        assert str(server.port) in str(caught.value) or name == "gzip"
        assert caught.value.is_retryable

    # (a gzip body that is cut before its first byte is an empty body)
    places = [place for place in range(len(data)) if not (name == "gzip" and place == body_at)]
    await asyncio.gather(*map(cut, places))
    assert await fetch(transport, f"{server.url}/{len(data)}") == b"data: {1}\n\ndata: {2}"


async def test_answers_without_a_body_leave_the_connection_usable(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        for status in ("204 No Content", "304 Not Modified"):
            await peer.request()
            await peer.send(f"HTTP/1.1 {status}\r\n\r\n".encode())
        assert (await peer.request()).method == "HEAD"
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        await peer.request()
        await peer.answer(b"last")

    server = serve(script)
    assert await fetch(transport, server.url) == b""
    assert await fetch(transport, server.url) == b""
    assert await fetch(transport, server.url, method="HEAD", body=b"") == b""
    assert await fetch(transport, server.url) == b"last"
    assert server.connections == 1


async def test_a_body_after_the_answer_to_head_spoils_only_the_connection(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody")
        await peer.wait_closed()

    server = serve(script)
    for _ in range(2):
        assert await fetch(transport, server.url, method="HEAD", body=b"") == b""
    assert server.connections == 2


async def test_a_redirect_is_an_answer(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"", "302 Found", location="http://127.0.0.1:1/")

    response = await transport.send(build_request(serve(script).url))
    assert response.status == 302
    assert response.headers["Location"] == "http://127.0.0.1:1/"


async def test_repeated_headers_are_joined_and_looked_up_in_any_case(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:  2\r\nX-B: caf\xe9\r\nContent-Length: 0\r\n\r\n")

    response = await transport.send(build_request(serve(script).url))
    assert response.headers == {"x-a": "1, 2", "x-b": "café", "content-length": "0"}
    assert response.headers["X-A"] == "1, 2"
    assert "caf" not in repr(response)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "not readable as HTTP"),
        (b"\x15\x03\x01\x00\x02\x02", "not readable as HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "not readable as HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", "not readable as HTTP"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "transfer coding 'gzip, chunked'"),
        (b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", "switches to another protocol"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "switches to another protocol"),
        (b"HTTP/1.1 099 Odd\r\n\r\n", "99 is no status"),
        (b"HTTP/1.1 000 Odd\r\ncontent-length: 2\r\n\r\nok", "0 is no status"),
        (b"", "closed by the server before an answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-", "closed by the server within the head"),
    ],
)
async def test_what_is_no_answer_is_a_connection_error_that_says_why(serve, transport, data, reason) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(data)

    server = serve(script)
    with pytest.raises(APIConnectionError, match=reason) as caught:
        await fetch(transport, f"{server.url}/v1?key=secret")
    assert caught.value.url == f"{server.url}/v1?key=[redacted]"
    assert server.connections == 1


async def test_garbage_within_a_body_raises_after_the_good_part(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"2\r\nok\r\nzz\r\n")
        await peer.wait_closed()

    response = await transport.send(build_request(serve(script).url))
    assert await response.receive(5) == b"ok"
    with pytest.raises(APIConnectionError, match="not readable"):
        await response.receive(5)


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\nx-a: ", b"b" * 8000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 400),
        (CHUNKED + b"2\r\nok\r\n0\r\n", b"x-trailer: b\r\n" * 1000),
        (CHUNKED + b"2\r\nok\r\n0\r\nx-trailer: ", b"b" * 8000),
        (CHUNKED + b"2\r\nok\r\n2;", b"b" * 8000),
    ],
)
async def test_endless_headers_trailers_and_extensions_end_in_bounded_memory(serve, start, more) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        while True:
            await peer.send(more)

    transport = HTTPTransport(max_head_bytes=100_000)
    server = serve(script)
    await fetch(transport, serve(answer_ok).url)  # imports and caches, before memory is looked at
    tracemalloc.start()
    try:
        with pytest.raises(APIConnectionError, match="more than 100000 bytes of headers"):
            await fetch(transport, server.url)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


async def answer_ok(peer: Peer) -> None:
    await peer.request()
    await peer.answer()


async def test_a_gzip_bomb_comes_in_bounded_pieces_and_is_refused_as_a_whole(serve) -> None:
    bomb = compress(bytes(64_000_000), 31)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(bomb, content_encoding="gzip")

    server = serve(script)
    transport = HTTPTransport(max_body_bytes=1_000_000)
    with pytest.raises(ResponseError, match="longer than 1000000 bytes"):
        await fetch(transport, server.url)
    response = await transport.send(build_request(server.url))
    with pytest.raises(ResponseError, match="longer than 1000000 bytes: check the server, or raise `max_body_bytes`"):
        while await response.receive(5):
            pass
    response = await HTTPTransport().send(build_request(server.url))
    sizes = []
    while piece := await response.receive(5):
        sizes.append(len(piece))
    assert sum(sizes) == 64_000_000
    assert max(sizes) <= 262_144


def test_many_empty_members_cost_a_step_each(monkeypatch) -> None:
    """Were the rest copied at every member's end, this would be 16 GB; what zlib is given is what it may copy."""
    given = []

    class Counted:
        def __init__(self, bits: int) -> None:
            self._stream = zlib.decompressobj(bits)

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

        def decompress(self, data: bytes, max_length: int) -> bytes:
            given.append(len(data))
            return self._stream.decompress(data, max_length)

    monkeypatch.setattr(decoding, "zlib", SimpleNamespace(decompressobj=Counted, error=zlib.error))
    decoder = find_decoder("gzip")
    members = 40_000
    assert decoder.decode(gzip.compress(b"", mtime=0) * members + gzip.compress(TEXT, mtime=0), 1_000_000) == TEXT
    decoder.check_end()
    assert len(given) < 2 * members
    assert sum(given) <= len(given) * 4096


@pytest.mark.parametrize("size", [1, 7, 4096, 100_000])
def test_members_and_padding_come_out_whole_whatever_the_steps(size) -> None:
    texts = [b"", TEXT * 300, random.Random(1).randbytes(20_000), b"", b"x" * 100_000]
    data = b"".join(
        gzip.compress(text, mtime=0) + bytes(padding) for text, padding in zip(texts, count(), strict=False)
    )
    data += bytes(9000)
    decoder = find_decoder("gzip")
    pieces = []
    for place in range(0, len(data), size):
        pieces.append(decoder.decode(data[place : place + size], 1000))
        while decoder.has_more:
            pieces.append(decoder.decode(b"", 1000))
    decoder.check_end()
    assert max(map(len, pieces)) <= 1000
    assert b"".join(pieces) == b"".join(texts)


async def test_what_a_bomb_leaves_undecoded_does_not_pile_up(serve, transport) -> None:
    bomb = compress(bytes(30_000_000), 31) * 10
    sent = [0]

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n")
        for _ in range(64):
            await peer.send(bomb)
            sent[0] += len(bomb)

    response = await transport.send(build_request(serve(script).url))
    for _ in range(20):
        assert len(await response.receive(5)) <= 262_144
        await asyncio.sleep(0.01)  # more of it comes meanwhile
    assert response._decoder is not None
    assert len(response._decoder._data) < 1_000_000
    assert sent[0] < 64 * len(bomb)  # the server is made to wait
    response.close()


async def test_pieces_and_whole_together_give_a_compressed_body_once(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(compress(bytes(3_000_000), 31) + compress(b"end", 31), content_encoding="gzip")

    response = await transport.send(build_request(serve(script).url))
    first = await response.receive(5)
    assert first + await response.read(5) == bytes(3_000_000) + b"end"


async def test_a_body_above_the_limit_is_refused_while_it_comes_and_when_it_is_there(serve) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.send(b"x" * 10_000)

    async def small(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"x" * 2000)

    transport = HTTPTransport(max_body_bytes=1000)
    with pytest.raises(ResponseError, match="max_body_bytes"):
        await fetch(transport, serve(script).url)
    with pytest.raises(ResponseError, match="max_body_bytes"):
        await fetch(transport, serve(small).url)


@pytest.mark.parametrize(
    ("coding", "body", "error", "reason"),
    [
        ("br", b"x", ResponseError, "encoded as 'br'"),
        ("gzip", b"no gzip at all", ResponseError, "cannot be decoded"),
        ("gzip", gzip.compress(b"abc", mtime=0)[:-3], APIConnectionError, "compressed body was cut"),
        ("gzip", b"\x1f", APIConnectionError, "compressed body was cut"),
    ],
)
async def test_a_body_that_cannot_be_decoded_says_so_in_both_ways_of_reading(  # noqa: PLR0917
    serve, transport, coding, body, error, reason
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(body, content_encoding=coding)

    server = serve(script)
    with pytest.raises(error, match=reason):
        await fetch(transport, server.url)
    response = await transport.send(build_request(server.url))
    with pytest.raises(error, match=reason):
        while await response.receive(5):
            pass


async def test_a_read_after_some_pieces_gives_the_rest(serve, transport) -> None:
    async def two_halves(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"3\r\none\r\n")
        await asyncio.sleep(0.05)
        await peer.send(b"3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")

    response = await transport.send(build_request(serve(two_halves).url))
    assert await response.receive(5) == b"one"
    assert await response.read(5) == b"twothree"
    assert await response.receive(5) == b""
