"""Faults of event streams. A whole answer has the nearest thing to them, or none."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from fault_answers import Right, answer_rightly, chunk
from fault_kinds import TIMEOUTS, Fault, Trouble
from fault_site import Wire

from provider import USAGE, answer, event

CUT, MALFORMED, REPORTED, BAD = "TruncatedStreamError", "MalformedStreamError", "ProviderStreamError", "ResponseError"
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error": {"message": "the engine stopped", "type": "server_error", "code": "engine"}}\n\n'


def told(change: Callable[[list[bytes]], list[bytes]], *, kind: str = "chunks") -> Trouble:
    """Answer a stream with other events, and a whole call rightly."""

    async def play(wire: Wire, right: Right, rng: random.Random) -> None:
        if not right.is_stream:
            await answer_rightly(wire, right.text)
            return
        pieces = change(list(right.events))
        await wire.send(right.chunked(pieces) if kind == "chunks" else right.framed(b"".join(pieces)))

    return play


def only(change: Callable[[list[bytes]], list[bytes]], whole: Any) -> Trouble:
    """Answer a stream with other events, and a whole call with `whole`."""

    async def play(wire: Wire, right: Right, rng: random.Random) -> None:
        pieces = change(list(right.events)) if right.is_stream else [json.dumps(whole).encode()]
        await wire.send(right.head("transfer-encoding: chunked") + b"".join(map(chunk, pieces[:5])))
        for piece in [*pieces[5:], b""]:  # a large one is not copied once more
            await wire.send(chunk(piece))

    return play


async def silence(wire: Wire, right: Right, rng: random.Random, *, events: int) -> None:
    """Give so many events, and nothing more."""
    begun = right.head("transfer-encoding: chunked")
    await wire.send(begun + b"".join(map(chunk, right.events[:events] if right.is_stream else [right.begun])))
    await wire.hold()


async def pings_alone(wire: Wire, right: Right, rng: random.Random) -> None:
    """Keep the connection alive with comments, and never answer."""
    await wire.send(right.head("transfer-encoding: chunked"))
    while True:
        await wire.send(chunk(b": ping\n\n"), pause_s=0.05)
        await wire.send(chunk(b" \n"), pause_s=0.05)


async def pings_after_tokens(wire: Wire, right: Right, rng: random.Random) -> None:
    """Signs of life without an end, after the first words: only a limit on the whole ends it."""
    await wire.send(right.head("transfer-encoding: chunked") + chunk(right.begun))
    while True:
        await wire.send(chunk(b": still here\n\n" if right.is_stream else b" \n"), pause_s=0.05)


async def split_everywhere(wire: Wire, right: Right, rng: random.Random) -> None:
    """Letters of several bytes, cut within them."""
    data = right.body.replace(b"chatcmpl-1", "chatcmpl-é€🚂".encode())
    await wire.send(right.head("transfer-encoding: chunked"))
    cuts = sorted(rng.sample(range(1, len(data)), 40))
    await wire.send(*(chunk(data[a:b]) for a, b in zip([0, *cuts], [*cuts, None], strict=True)), b"0\r\n\r\n")


def _each(change: Callable[[bytes], bytes]) -> Callable[[list[bytes]], list[bytes]]:
    return lambda pieces: [change(piece) for piece in pieces]


def _insert(*extra: bytes, at: int = 5) -> Callable[[list[bytes]], list[bytes]]:
    return lambda pieces: [*pieces[:at], *extra, *pieces[at:]]


def _spread(piece: bytes) -> bytes:
    """Spread an event over several lines of data."""
    return re.sub(rb', "(object|model|choices|delta)"', rb',\ndata: "\1"', piece)


def _with_usage_in_choice(pieces: list[bytes]) -> list[bytes]:
    """Tell the usage with the finish reason, and in no event of its own."""
    return [*pieces[:-3], event({}, "stop", usage=USAGE), DONE]


NOISE = (
    *(b": a comment\n\n", b":\n\n", b"\n\n"),
    *(b"event: ping\ndata: {}\n\n", b"id: 7\n\n", b"retry: 3000\n\n", b"unknown: x\n\n", b"data\n\n"),
)

HARMLESS = [
    ("comments", told(_insert(*NOISE[:3]))),
    ("pings, ids and retry lines", told(_insert(*NOISE[3:]))),
    ("CRLF line ends", told(_each(lambda piece: piece.replace(b"\n", b"\r\n")))),
    ("CR line ends", told(_each(lambda piece: piece.replace(b"\n", b"\r")))),
    ("data over several lines", told(_each(_spread))),
    ("data without a space", told(_each(lambda piece: piece.replace(b"data: ", b"data:")))),
    ("letters cut in two", split_everywhere),
    ("the end mark twice", told(lambda pieces: [*pieces, DONE])),
    ("events after the end mark", told(lambda pieces: [*pieces, event({"content": "more"}), ERROR])),
    ("no end mark", told(lambda pieces: pieces[:-1])),
    ("no finish reason, an end mark", told(lambda pieces: [*pieces[:-3], DONE])),
    ("no blank line after the end mark", told(lambda pieces: [*pieces[:-1], b"data: [DONE]"])),
    ("no usage", told(lambda pieces: [*pieces[:-2], DONE])),
    ("usage with the finish reason", told(_with_usage_in_choice)),
    ("null for the choices of one event", told(_insert(b'data: {"id": "1", "choices": null}\n\n'))),
    ("null for an event", told(_insert(b"data: null\n\n"))),
    (
        "an event twice as a chunk of nothing",
        told(_insert(event({}), event({"content": ""}), event({"role": "assistant"}))),
    ),
    ("an event of 500 KB that says nothing", told(_insert(b": " + b"x" * 500_000 + b"\n\n"))),
    ("all events in one piece", told(lambda pieces: [b"".join(pieces)])),
    ("the stream under a length", told(lambda pieces: pieces, kind="length")),
]

BROKEN = [
    Fault("an error for the first event", "Stream", only(lambda pieces: [ERROR], {"error": {"message": "no"}}),
          "ServerError", REPORTED),
    Fault("an error in the middle", "Stream", only(_insert(ERROR), {"error": {"message": "no"}}), "ServerError",
          REPORTED, emits=True),
    Fault("an event named error", "Stream", only(_insert(b"event: error\ndata: it broke\n\n"), {"error": "it broke"}),
          "ServerError", REPORTED, emits=True),
    Fault("ended before the first token", "Stream", only(lambda pieces: pieces[:1], {}), BAD, CUT, 1, 3),
    Fault("ended without finish reason and end mark", "Stream", only(lambda pieces: pieces[:-3], {"choices": []}), BAD,
          CUT, emits=True),
    Fault("one event that is no JSON", "Stream", only(_insert(b"data: {oops}\n\n"), "oops"), BAD, MALFORMED, 1,
          emits=True),
    Fault("one event cut short", "Stream", only(_insert(b'data: {"choices": [{"del\n\n'), "oops"), BAD, MALFORMED,
          1, emits=True),
    Fault("an event 100,000 levels deep", "Stream", only(_insert(b"data: " + b"[" * 100_000 + b"\n\n"), "oops"), BAD,
          MALFORMED, 1, emits=True),
    Fault("an event of text that is no event", "Stream", only(_insert(b'data: "text"\n\n'), "text"), BAD, MALFORMED,
          1, emits=True),
    Fault("an event of 10 MB", "Stream", only(_insert(b"data: " + b"x" * 10_000_000 + b"\n\n"), "oops"), BAD, MALFORMED,
          1, emits=True),
    Fault("finish reason error", "Stream", only(lambda pieces: [*pieces[:5], event({}, "error"), DONE],
          answer("", finish_reason="error")), "ServerError", REPORTED, emits=True),
    Fault("silence before the first token", "Stream", partial(silence, events=1), "APITimeoutError (total)",
          "APITimeoutError (first_chunk)", 1, timeouts=TIMEOUTS),
    Fault("silence between tokens", "Stream", partial(silence, events=5), "APITimeoutError (total)",
          "APITimeoutError (idle)", 1, emits=True, timeouts=TIMEOUTS),
    Fault("pings and no token", "Stream", pings_alone, "APITimeoutError (total)", "APITimeoutError (first_chunk)", 1,
          timeouts=TIMEOUTS),
    Fault("pings after the first tokens", "Stream", pings_after_tokens, "APITimeoutError (total)",
          "APITimeoutError (total)", 1, emits=True, timeouts=TIMEOUTS, has_total=True),
]  # fmt: skip

FAULTS = [
    *(Fault(name, "Stream", play, "answer", "answer") for name, play in HARMLESS),
    *BROKEN,
]
