"""Recorded bodies, broken at random: only errors of ours, whole, streamed and served."""

from __future__ import annotations

import contextlib
import json
import os
import random

import pytest
import traffic
from gemini_answers import make_route, send, stream_bytes

from turnout.errors import CallError, InvalidInputError
from turnout.messages import Message
from turnout.protocols.gemini import decode, encode, parse_request, render_response

RECORDS = [record for record in traffic.load_records("gemini") if len(record["body"]) < 20_000]
INPUTS = int(os.environ.get("TURNOUT_FUZZ_INPUTS", "4000"))
PIECES = [b"null", b"[]", b"{}", b"1e999", b'"\\ud800"', b"-1", b"true", b"NaN", b'"', b"["]


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with a few bytes changed, left out, repeated, or replaced by JSON."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(made))
        kind = chance.randrange(4)
        if kind == 0:
            made[at] = chance.randrange(256)
        elif kind == 1 and len(made) > 40:
            del made[at : at + chance.randint(1, 20)]
        elif kind == 2:
            made[at:at] = made[max(0, at - 30) : at]
        else:
            made[at : at + 1] = chance.choice(PIECES)
    return bytes(made)


@pytest.mark.skipif(not RECORDS, reason=f"no recorded traffic: {traffic.FOLDER} is absent")
@pytest.mark.parametrize("seed", range(4))
def test_broken_answers_and_requests_are_errors_of_ours(seed):
    chance = random.Random(seed)
    for _ in range(INPUTS // 8):
        record = chance.choice(RECORDS)
        body = mutate(record["body"].encode(), chance)
        with contextlib.suppress(CallError):
            is_stream = "event-stream" in record["headers"]["content-type"]
            response = stream_bytes([body])[1] if is_stream else decode(body, make_route())
            render_response(response)
            with contextlib.suppress(InvalidInputError):
                send(Message.user("x"), response.message)
        with contextlib.suppress(InvalidInputError):
            encode(parse_request(mutate(json.dumps(record["request"]).encode(), chance)).request, make_route())
