"""Faults in the head of an answer, and in how its body is framed."""

from __future__ import annotations

import asyncio
import random
from functools import partial

from fault_answers import LAST_CHUNK, Right, chunk, head
from fault_kinds import TIMEOUTS, Fault, Trouble
from fault_site import Wire

LOST, CUT, BAD = "APIConnectionError", "TruncatedStreamError", "ResponseError"
SLOW = ("APITimeoutError (total)", "APITimeoutError (first_chunk)")
STALLED = ("APITimeoutError (total)", "APITimeoutError (idle)")


def raw(data: bytes, *, closes: bool = True) -> Trouble:
    """Send `data`, whatever was asked."""

    async def play(wire: Wire, right: Right, rng: random.Random) -> None:
        await wire.send(data)
        if closes:
            wire.writer.close()
        else:
            await wire.hold()

    return play


async def cut_in_head(wire: Wire, right: Right, rng: random.Random, *, how: str) -> None:
    data = right.head("transfer-encoding: chunked", "x-request-id: 1")
    await wire.send(data[: rng.randrange(1, len(data) - 1)])
    if how == "reset":
        wire.reset()
    elif how == "silence":
        await wire.hold()
    else:
        wire.writer.close()


async def trickle_head(wire: Wire, right: Right, rng: random.Random) -> None:
    """One byte at a time, more slowly than the limit of the whole allows."""
    data = right.head(*(f"x-header-{number}: {number}" for number in range(60)))
    await wire.send(*(data[at : at + 1] for at in range(len(data))), pause_s=0.05)


async def endless(wire: Wire, right: Right, rng: random.Random, *, first: bytes, again: bytes) -> None:
    await wire.send(first)
    await wire.send_endlessly(again)


async def with_lines(wire: Wire, right: Right, rng: random.Random, *, lines: list[str]) -> None:
    """Answer rightly but for these headers."""
    await wire.send(right.head(*lines) + right.body)
    wire.writer.close()


async def rightly_with(wire: Wire, right: Right, rng: random.Random, *, lines: list[str], before: bytes = b"") -> None:
    """Answer rightly, with headers and an interim answer that change nothing."""
    await wire.send(before + right.framed(None, *lines))


async def in_old_http(wire: Wire, right: Right, rng: random.Random) -> None:
    await wire.send(head("200 OK", f"content-type: {right.content_type}", version="1.0") + right.body)
    wire.writer.close()


async def second_status_line(wire: Wire, right: Right, rng: random.Random) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\n" + right.framed())
    wire.writer.close()


async def bare_line_feeds(wire: Wire, right: Right, rng: random.Random) -> None:
    whole = right.framed()
    at = whole.index(b"\r\n\r\n")
    await wire.send(whole[:at].replace(b"\r\n", b"\n") + b"\n\n" + whole[at + 4 :])
    wire.writer.close()


async def both_framings(wire: Wire, right: Right, rng: random.Random) -> None:
    await wire.send(right.chunked(None, "content-length: 5"))
    wire.writer.close()


async def short_length(wire: Wire, right: Right, rng: random.Random) -> None:
    """Announce less than is sent: what is over belongs to no answer."""
    size = len(right.begun)
    await wire.send(right.head(f"content-length: {size}") + right.body)
    await wire.hold()


async def long_length(wire: Wire, right: Right, rng: random.Random, *, how: str) -> None:
    """Announce more than is sent."""
    await wire.send(right.head(f"content-length: {len(right.body) + rng.randrange(1, 5000)}") + right.begun)
    if how == "silence":
        await wire.hold()
    wire.writer.close()


async def cut_body(wire: Wire, right: Right, rng: random.Random, *, how: str, framing: str) -> None:
    """Stop at any byte behind the first words and before the end of the answer."""
    body, least = right.body, len(right.begun)
    last = sum(map(len, right.pieces[-3:])) if right.is_stream else 0  # with which it would be an answer
    part = body[: rng.randrange(least, len(body) - last)]
    if framing == "chunks":
        cuts = sorted(rng.sample(range(1, len(part)), 3))
        pieces = [part[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
        whole = right.head("transfer-encoding: chunked") + b"".join(map(chunk, pieces))
        await wire.send(whole[: -rng.randrange(1, 3)])
    elif framing == "length":
        await wire.send(right.head(f"content-length: {len(body)}") + part)
    else:
        await wire.send(right.head("connection: close") + part)
    if how == "reset":
        await asyncio.sleep(0.05 * wire.site.patience)  # a reset throws away what the client has not read yet
        wire.reset()
    elif how == "silence":
        await wire.hold()
    else:
        wire.writer.close()


async def chunk_size(wire: Wire, right: Right, rng: random.Random, *, line: bytes) -> None:
    """Begin rightly, then send this as the size of a chunk."""
    begun = right.head("transfer-encoding: chunked") + chunk(right.begun)
    await wire.send(begun + line + b"\r\n" + right.body[len(right.begun) :] + b"\r\n" + LAST_CHUNK)
    await wire.hold()


async def endless_in_chunks(wire: Wire, right: Right, rng: random.Random, *, first: bytes, again: bytes) -> None:
    """Begin rightly, then never end something that is no body."""
    await wire.send(right.head("transfer-encoding: chunked") + chunk(right.begun) + first)
    await wire.send_endlessly(again)


async def no_last_chunk(wire: Wire, right: Right, rng: random.Random) -> None:
    """Send the whole answer, and close without the end of the chunked body."""
    await wire.send(right.chunked()[: -len(LAST_CHUNK)])
    wire.writer.close()


async def reset_before_text(wire: Wire, right: Right, rng: random.Random) -> None:
    """Begin the answer, but none of its text."""
    begun = right.body[:20]
    await wire.send(right.head("transfer-encoding: chunked") + chunk(begun))
    await asyncio.sleep(0.05 * wire.site.patience)
    wire.reset()


async def with_trailers(wire: Wire, right: Right, rng: random.Random) -> None:
    """All that chunks may carry beside a body, and that nobody reads."""
    body = b"".join(b"%X;name=value\r\n%s\r\n" % (len(piece), piece) for piece in right.pieces)
    await wire.send(right.head("transfer-encoding: chunked", "trailer: x-sum") + body + b"0\r\nx-sum: 1\r\n\r\n")


async def in_small_segments(wire: Wire, right: Right, rng: random.Random) -> None:
    """The right answer, in many small writes."""
    whole = right.chunked()
    await wire.send(*(whole[at : at + 11] for at in range(0, len(whole), 11)))


async def status_alone(wire: Wire, right: Right, rng: random.Random, *, status: str) -> None:
    await wire.send(head(status, "content-length: 0"))


async def redirect(wire: Wire, right: Right, rng: random.Random, *, status: str) -> None:
    """Send the client, and the key with it, somewhere else: to this very server, under another path."""
    await wire.send(head(status, f"location: {wire.site.origin}/elsewhere", "content-length: 0"))


def _endless(name: str, first: bytes, again: bytes) -> Fault:
    return Fault(name, "Head", partial(endless, first=first, again=again), LOST, LOST)


HEADS = [
    Fault("garbage for HTTP", "Head", raw(b"\x00\xff\xfe garbage \x01\r\n\r\n"), LOST, LOST),
    Fault("another protocol's greeting", "Head", raw(b"SSH-2.0-OpenSSH_9.2p1\r\n"), LOST, LOST),
    Fault("an HTTP/2 frame", "Head", raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00\x03" * 9), LOST, LOST),
    Fault("a body without a head", "Head", raw(b'{"choices": []}\r\n\r\n'), LOST, LOST),
    Fault("a status that is no number", "Head", raw(b"HTTP/1.1 OK 200\r\n\r\n"), LOST, LOST),
    Fault("a version that is none", "Head", raw(b"HTTP/9.9.9 200 OK\r\n\r\n"), LOST, LOST),
    Fault("a second status line", "Head", second_status_line, LOST, LOST),
    Fault("a header without a colon", "Head", raw(b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n"), LOST, LOST),
    Fault("NUL in a header", "Head", raw(b"HTTP/1.1 200 OK\r\nx-a: a\0b\r\n\r\n"), LOST, LOST),
    Fault("closed within the head", "Head", partial(cut_in_head, how="close"), LOST, LOST),
    Fault("reset within the head", "Head", partial(cut_in_head, how="reset"), LOST, LOST, is_lost_unanswered=True),
    Fault("silence within the head", "Head", partial(cut_in_head, how="silence"), *SLOW, 1, timeouts=TIMEOUTS),
    Fault("a head of one byte at a time", "Head", trickle_head, *SLOW, 1, timeouts=TIMEOUTS),
    _endless("endless headers", b"HTTP/1.1 200 OK\r\n", b"x-header: %s\r\n" % (b"v" * 1000)),
    _endless("an endless header line", b"HTTP/1.1 200 OK\r\nx-header: ", b"v" * 4096),
    _endless("an endless status line", b"HTTP/1.1 200 ", b"OK" * 2048),
    _endless("endless interim answers", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
    Fault("a header line of 10 MB", "Head", raw(b"HTTP/1.1 200 OK\r\nx-a: " + b"v" * 10_000_000 + b"\r\n\r\n"), LOST,
          LOST),
    Fault("switching protocols", "Head", raw(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n"), LOST, LOST),
    Fault("1,000 headers", "Head", partial(rightly_with, lines=[f"x-{n}: {n}" for n in range(1000)]), "answer",
          "answer"),
    Fault("interim answers first", "Head", partial(rightly_with, lines=[], before=head("103 Early Hints", "link: <a>")
          + head("100 Continue")), "answer", "answer"),
    Fault("HTTP/1.0, until close", "Head", in_old_http, "answer", "answer"),
    Fault("line feeds without carriage returns", "Head", bare_line_feeds, LOST, LOST),
]  # fmt: skip

STATUSES = [
    Fault("204 without a body", "Status", partial(status_alone, status="204 No Content"), BAD, CUT),
    Fault("205 without a body", "Status", partial(status_alone, status="205 Reset Content"), BAD, CUT),
    Fault("304 without a body", "Status", partial(status_alone, status="304 Not Modified"), "BadRequestError",
          "BadRequestError", 1),
    *(
        Fault(f"a redirect ({status[:3]})", "Status", partial(redirect, status=status), "BadRequestError",
              "BadRequestError", 1)
        for status in ("301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect")
    ),
    Fault("status 999", "Status", partial(status_alone, status="999 Odd"), "ServerError", "ServerError"),
]  # fmt: skip

FRAMINGS = [
    Fault("two lengths", "Framing", partial(with_lines, lines=["content-length: 5", "content-length: 7"]), LOST, LOST),
    Fault("a length and chunks", "Framing", both_framings, LOST, LOST),
    Fault("a negative length", "Framing", partial(with_lines, lines=["content-length: -5"]), LOST, LOST),
    Fault("a length that is no number", "Framing", partial(with_lines, lines=["content-length: ten"]), LOST, LOST),
    Fault("a length beyond 64 bits", "Framing", partial(with_lines, lines=["content-length: " + "9" * 30]), LOST, LOST),
    Fault("an unknown transfer coding", "Framing", partial(with_lines, lines=["transfer-encoding: gzip, chunked"]),
          LOST, LOST),
    Fault("a length too short", "Framing", short_length, BAD, CUT, emits=True),
    Fault("a length too long, closed", "Framing", partial(long_length, how="close"), LOST, CUT, emits=True),
    Fault("a length too long, silence", "Framing", partial(long_length, how="silence"), *STALLED, 1, emits=True,
          timeouts=TIMEOUTS),
    *(
        Fault(f"{how} within the body ({framing})", "Framing", partial(cut_body, how=how, framing=framing),
              BAD if (how, framing) == ("closed", "until close") else LOST, CUT, emits=True)
        for how in ("closed", "reset") for framing in ("length", "chunks", "until close")
    ),
    *(
        Fault(f"silence within the body ({framing})", "Framing", partial(cut_body, how="silence", framing=framing),
              *STALLED, 1, emits=True, timeouts=TIMEOUTS)
        for framing in ("length", "chunks", "until close")
    ),
    Fault("a chunk size that is none", "Framing", partial(chunk_size, line=b"zz"), LOST, CUT, emits=True),
    Fault("a chunk size beyond 64 bits", "Framing", partial(chunk_size, line=b"f" * 17), LOST, CUT, emits=True),
    Fault("a negative chunk size", "Framing", partial(chunk_size, line=b"-1"), LOST, CUT, emits=True),
    Fault("an endless chunk extension", "Framing", partial(endless_in_chunks, first=b"5;a=", again=b"b" * 4096), LOST,
          CUT, emits=True),
    Fault("endless trailers", "Framing", partial(endless_in_chunks, first=b"0\r\n", again=b"x-t: v\r\n" * 90), LOST,
          CUT, emits=True),
    Fault("no last chunk", "Framing", no_last_chunk, LOST, "answer"),
    Fault("reset before the first token", "Framing", reset_before_text, LOST, CUT),
    Fault("chunk extensions and trailers", "Framing", with_trailers, "answer", "answer"),
    Fault("segments of eleven bytes", "Framing", in_small_segments, "answer", "answer"),
]  # fmt: skip

FAULTS = [*HEADS, *STATUSES, *FRAMINGS]
