"""Faults of the connection: TCP and TLS, before and between requests."""

from __future__ import annotations

import asyncio
import random
from functools import partial

from fault_answers import Right, answer_rightly, chunk, head
from fault_kinds import CONNECT_TIMEOUTS, TIMEOUTS, Fault
from fault_site import Wire

LOST, CUT = "APIConnectionError", "TruncatedStreamError"
HELLO_BYTES = 64


async def nothing(wire: Wire, right: Right, rng: random.Random) -> None:
    """Never called: the port is closed, or TLS fails before."""


async def reset(wire: Wire, right: Right, rng: random.Random) -> None:
    wire.reset()


async def close(wire: Wire, right: Right, rng: random.Random) -> None:
    wire.writer.close()


async def hold(wire: Wire, right: Right, rng: random.Random) -> None:
    await wire.hold()


async def reset_in_request(wire: Wire, right: Right, rng: random.Random) -> None:
    await wire.reader.readexactly(rng.randrange(1, 60))
    wire.reset()


async def reset_in_hello(wire: Wire, right: Right, rng: random.Random) -> None:
    await wire.reader.readexactly(rng.randrange(1, HELLO_BYTES))
    wire.reset()


async def close_after_hello(wire: Wire, right: Right, rng: random.Random) -> None:
    await wire.reader.readexactly(HELLO_BYTES)
    wire.writer.close()


async def hold_after_hello(wire: Wire, right: Right, rng: random.Random) -> None:
    """Send half a record header, or nothing, and stall."""
    await wire.reader.readexactly(HELLO_BYTES)
    await wire.send(b"\x16\x03\x03\x00\x7a\x02"[: rng.randrange(7)])
    await wire.hold()


async def plain_text_for_tls(wire: Wire, right: Right, rng: random.Random) -> None:
    await wire.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    await wire.hold()


async def garbage_for_tls(wire: Wire, right: Right, rng: random.Random) -> None:
    await wire.send(b"\x16\x03\x03\x00\x40" + rng.randbytes(400))
    await wire.hold()


async def alert_for_tls(wire: Wire, right: Right, rng: random.Random) -> None:
    await wire.reader.readexactly(HELLO_BYTES)
    await wire.send(b"\x15\x03\x03\x00\x02\x02\x28")  # fatal: handshake_failure
    await wire.hold()


async def end_without_goodbye(wire: Wire, right: Right, rng: random.Random) -> None:
    """Begin an answer without a length, and end TCP but not TLS: a cut by whoever sits between."""
    await wire.send(right.head("connection: close") + right.begun)
    wire.writer.get_extra_info("socket").shutdown(2)


async def until_goodbye(wire: Wire, right: Right, rng: random.Random) -> None:
    """Answer without a length, and end TLS as it should be ended."""
    await wire.send(right.head("connection: close") + right.body)
    wire.writer.close()


async def garbage_record(wire: Wire, right: Right, rng: random.Random, *, until_close: bool = False) -> None:
    """Begin an answer, then send bytes past TLS."""
    if until_close:
        await wire.send(right.head("connection: close") + right.begun)
    else:
        await wire.send(right.head("transfer-encoding: chunked") + chunk(right.begun))
    await asyncio.sleep(0.01 * wire.site.patience)
    raw = wire.writer.transport._ssl_protocol._transport  # type: ignore[attr-defined]
    raw.write(b"\x17\x03\x03\x00\x30" + rng.randbytes(48))
    await wire.hold()


async def rightly(wire: Wire, right: Right, rng: random.Random) -> None:
    await answer_rightly(wire, right.text)


async def answer_and_leave(wire: Wire) -> None:
    """Answer, keep the connection, and close it before the next request comes."""
    await answer_rightly(wire)
    wire.writer.close()


async def answer_and_add(wire: Wire, *, extra: bytes) -> None:
    """Answer, with bytes behind the answer that belong to no request, in the same segment."""
    right = Right(wire)
    await wire.send((right.chunked() if right.is_stream else right.framed()) + extra)


async def answer_and_add_later(wire: Wire, *, extra: bytes) -> None:
    """Answer, and send more once the client has put the connection away."""
    await answer_rightly(wire)
    await asyncio.sleep(0.01 * wire.site.patience)
    await wire.send(extra)


OTHERS = b'{"choices": [{"message": {"content": "of another user"}, "finish_reason": "stop"}]}'
OTHER = head("200 OK", "content-type: application/json", f"content-length: {len(OTHERS)}") + OTHERS
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

TCP = [
    Fault("the port is closed", "TCP", nothing, LOST, LOST, stage="refuse"),
    Fault("reset when accepted", "TCP", reset, LOST, LOST, stage="connect"),
    Fault("closed when accepted", "TCP", close, LOST, LOST, stage="connect"),
    Fault("accepted, then silence", "TCP", hold, "APITimeoutError (total)", "APITimeoutError (first_chunk)", 1,
          stage="connect", timeouts=TIMEOUTS),
    Fault("reset within the request", "TCP", reset_in_request, LOST, LOST, stage="connect"),
    Fault("reset after the request", "TCP", reset, LOST, LOST, is_lost_unanswered=True),
    Fault("closed after the request", "TCP", close, LOST, LOST, is_lost_unanswered=True),
    Fault("silence after the request", "TCP", hold, "APITimeoutError (total)", "APITimeoutError (first_chunk)", 1,
          timeouts=TIMEOUTS),
]  # fmt: skip

KEPT = [
    Fault("kept connection closed while idle", "Kept connections", rightly, "answer", "answer", warm=answer_and_leave),
    Fault("kept connection reset by each request", "Kept connections", reset, LOST, LOST, is_lost_unanswered=True,
          warm=answer_rightly),
    Fault("a second answer behind the first", "Kept connections", rightly, "answer", "answer",
          warm=partial(answer_and_add, extra=OTHER)),
    Fault("garbage behind the answer", "Kept connections", rightly, "answer", "answer",
          warm=partial(answer_and_add, extra=b"\x00\xffgarbage\r\n")),
    Fault("another's answer while idle", "Kept connections", rightly, "answer", "answer",
          warm=partial(answer_and_add_later, extra=OTHER)),
    Fault("408 while idle", "Kept connections", rightly, "answer", "answer",
          warm=partial(answer_and_add_later, extra=TIMED_OUT)),
]  # fmt: skip

TLS = [
    Fault("TLS: plain HTTP from the port", "TLS", plain_text_for_tls, LOST, LOST, stage="connect", client_tls=True),
    Fault("TLS: garbage in the handshake", "TLS", garbage_for_tls, LOST, LOST, stage="connect", client_tls=True),
    Fault("TLS: fatal alert", "TLS", alert_for_tls, LOST, LOST, stage="connect", client_tls=True),
    Fault("TLS: reset in the handshake", "TLS", reset_in_hello, LOST, LOST, stage="connect", client_tls=True),
    Fault("TLS: closed in the handshake", "TLS", close_after_hello, LOST, LOST, stage="connect", client_tls=True),
    Fault("TLS: silence in the handshake", "TLS", hold_after_hello, "APITimeoutError (connect)",
          "APITimeoutError (connect)", stage="connect", client_tls=True, timeouts=CONNECT_TIMEOUTS),
    Fault("TLS: certificate of an unknown CA", "TLS", nothing, LOST, LOST, 1, stage="connect", tls="unknown"),
    Fault("TLS: certificate of another host", "TLS", nothing, LOST, LOST, 1, stage="connect", tls="other"),
    Fault("TLS: certificate expired", "TLS", nothing, LOST, LOST, 1, stage="connect", tls="expired"),
    Fault("TLS: ended without close_notify", "TLS", end_without_goodbye, LOST, CUT, emits=True, tls="good"),
    Fault("TLS: until close, with close_notify", "TLS", until_goodbye, "answer", "answer", tls="good"),
    Fault("TLS: a record that is not authentic", "TLS", garbage_record, LOST, CUT, emits=True, tls="good"),
    Fault("TLS: a record that is not authentic, until close", "TLS",
          partial(garbage_record, until_close=True), LOST, CUT, emits=True, tls="good"),
    Fault("TLS: reset after the request", "TLS", reset, LOST, LOST, is_lost_unanswered=True, tls="good"),
]  # fmt: skip

FAULTS = [*TCP, *KEPT, *TLS]
