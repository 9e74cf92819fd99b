"""Faults in bodies: compression, sizes, JSON that is none or not the right one, errors in the place of an answer."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from fault_answers import LAST_CHUNK, Right, chunk, head
from fault_kinds import TIMEOUTS, Fault, Trouble
from fault_site import Wire

from provider import KEY

LOST, CUT, BAD, MALFORMED = "APIConnectionError", "TruncatedStreamError", "ResponseError", "MalformedStreamError"
ZEROS, ZEROS_AT_ONCE = 400_000_000, 10_000_000


@cache
def compressed_zeros() -> bytes:
    """Return some zeros as deflate has them, in a form that can follow itself."""
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(b"\0" * ZEROS_AT_ONCE) + stream.flush(zlib.Z_FULL_FLUSH)


def body_of(change: Callable[[Right], bytes], *lines: str) -> Trouble:
    """Answer with another body, framed rightly."""

    async def play(wire: Wire, right: Right, rng: random.Random) -> None:
        await wire.send(right.framed(change(right), *lines))

    return play


def json_of(body: Any) -> Trouble:
    """Answer with this JSON, whatever was asked."""

    async def play(wire: Wire, right: Right, rng: random.Random) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await wire.send(head("200 OK", "content-type: application/json", f"content-length: {len(data)}") + data)

    return play


def error_of(status: str, body: Any, *lines: str) -> Trouble:
    """Answer with an error status."""

    async def play(wire: Wire, right: Right, rng: random.Random) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await wire.send(head(status, "content-type: application/json", f"content-length: {len(data)}", *lines) + data)

    return play


def said(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "test_error", "code": code}}


def changed(right: Right, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """Return a whole answer changed by `change`; of a stream, each event so changed."""
    if not right.is_stream:
        change(right.object)
        return json.dumps(right.object).encode()
    pieces: list[bytes] = []
    for piece in right.events:
        if b"[DONE]" not in piece:
            body = json.loads(piece[6:])
            change(body)
            pieces.append(b"data: " + json.dumps(body).encode() + b"\n\n")
        else:
            pieces.append(piece)
    return b"".join(pieces)


def _odd_usage(body: dict[str, Any]) -> None:
    if body.get("usage"):
        body["usage"] = {"prompt_tokens": float("nan"), "completion_tokens": float("inf"), "total_tokens": -1}


def _odd_letters(body: dict[str, Any]) -> None:
    body["x_note"] = "\0 \ud800 \ufffe"
    body["system_fingerprint"] = "\x7f\u2028"


def _unknown_fields(body: dict[str, Any]) -> None:
    body["x_new"] = {"deep": [1, None, {"er": True}]}
    for choice in body["choices"]:
        choice["x_other"] = [None]
        choice.get("message", choice.get("delta"))["x_third"] = {"a": [1.5e300]}


def _reasoning(body: dict[str, Any]) -> None:
    for choice in body["choices"]:
        choice.get("message", choice.get("delta"))["reasoning_content"] = "Let me think."


def _odd_numbers(body: dict[str, Any]) -> None:
    body["created"] = float("nan")
    body["x_score"] = float("-inf")


async def gzip_cut(wire: Wire, right: Right, rng: random.Random) -> None:
    """A compressed body that ends early, framed as if it were whole."""
    data = gzip.compress(right.begun, mtime=0)
    await wire.send(right.framed(data[: rng.randrange(12, 40)], "content-encoding: gzip"))


async def gzip_broken(wire: Wire, right: Right, rng: random.Random) -> None:
    """The head of gzip, and then what is no deflate."""
    data = gzip.compress(right.body, mtime=0)
    await wire.send(right.framed(data[:10] + b"\xff" * 64 + data[74:], "content-encoding: gzip"))


async def gzip_bomb(wire: Wire, right: Right, rng: random.Random) -> None:
    """A few hundred kilobytes that become 400 MB; in a stream, one event that never ends."""
    stream = zlib.compressobj(wbits=31)
    begun = stream.compress(right.begun) + stream.flush(zlib.Z_FULL_FLUSH)
    head_bytes = right.head("content-encoding: gzip", "transfer-encoding: chunked")
    await wire.send(head_bytes + chunk(begun) + chunk(compressed_zeros()) * (ZEROS // ZEROS_AT_ONCE) + LAST_CHUNK)


async def endless_body(wire: Wire, right: Right, rng: random.Random) -> None:
    """A text, or an event, that never ends."""
    await wire.send(right.head("transfer-encoding: chunked") + chunk(right.begun))
    await wire.send_endlessly(chunk(b'{"a": "' + b"a" * 16_000))


async def trickle(wire: Wire, right: Right, rng: random.Random) -> None:
    """One byte at a time, never silent for long, and longer than the limit of the whole allows."""
    await wire.send(right.head("transfer-encoding: chunked") + chunk(right.begun))
    rest = right.body[len(right.begun) :]
    await wire.send(*(chunk(rest[at : at + 1]) for at in range(len(rest))), pause_s=0.05)


async def byte_by_byte(wire: Wire, right: Right, rng: random.Random) -> None:
    """The right answer, one byte in each segment and chunk."""
    await wire.send(right.head("transfer-encoding: chunked"))
    body = right.body if len(right.body) < 900 else b""
    pieces = [body[at : at + 1] for at in range(len(body))] or [
        right.body[at : at + 5] for at in range(0, len(right.body), 5)
    ]
    await wire.send(*map(chunk, pieces), LAST_CHUNK)


async def in_the_other_form(wire: Wire, right: Right, rng: random.Random) -> None:
    """A whole answer where a stream was asked for, or a stream where a whole one was."""
    if right.is_stream:
        await json_of(right.object)(wire, right, rng)
        return
    data = b"".join(right.events)
    await wire.send(head("200 OK", "content-type: text/event-stream", f"content-length: {len(data)}") + data)


async def of_another_type(wire: Wire, right: Right, rng: random.Random, *, kind: str | None) -> None:
    """The right answer, under another content type or none."""
    lines = [f"content-length: {len(right.body)}", *([f"content-type: {kind}"] if kind else [])]
    await wire.send(head("200 OK", *lines) + right.body)


async def bad_utf8(wire: Wire, right: Right, rng: random.Random) -> None:
    """Bytes that are no UTF-8, in a field that nobody reads."""
    data = right.body.replace(b'"id": "chatcmpl-1"', b'"id": "chatcmpl-\xff\xfe\xc3"')
    await wire.send(right.framed(data))


COMPRESSED = [
    Fault("gzip, as asked", "Compression", body_of(lambda right: gzip.compress(right.body), "content-encoding: gzip"),
          "answer", "answer"),
    Fault("deflate, unasked", "Compression", body_of(lambda right: zlib.compress(right.body),
          "content-encoding: deflate"), "answer", "answer"),
    Fault("gzip that is none", "Compression", body_of(lambda right: right.body, "content-encoding: gzip"), BAD, BAD),
    Fault("gzip cut short", "Compression", gzip_cut, LOST, CUT),
    Fault("gzip broken in the middle", "Compression", gzip_broken, BAD, BAD),
    Fault("Brotli, unasked", "Compression", body_of(lambda right: right.body, "content-encoding: br"), BAD, BAD),
    Fault("gzip within gzip", "Compression", body_of(lambda right: gzip.compress(gzip.compress(right.body)),
          "content-encoding: gzip, gzip"), BAD, BAD),
    Fault("a gzip bomb", "Compression", gzip_bomb, BAD, MALFORMED, 1, emits=True),
]  # fmt: skip

SIZES = [
    Fault("a body that never ends", "Size", endless_body, BAD, MALFORMED, 1, emits=True),
    Fault("one byte at a time, in time", "Size", byte_by_byte, "answer", "answer"),
    Fault(
        "one byte at a time, too slow",
        "Size",
        trickle,
        "APITimeoutError (total)",
        "APITimeoutError (total)",
        1,
        emits=True,
        timeouts=TIMEOUTS,
        has_total=True,
    ),
    Fault("an empty body", "Size", body_of(lambda right: b""), BAD, CUT),
    Fault("spaces alone", "Size", body_of(lambda right: b" \r\n \n"), BAD, CUT),
]

WRONG = [
    Fault("a page of HTML", "Body", body_of(lambda right: b"<!doctype html><title>Sign in</title>"), BAD, CUT, 1, 3),
    Fault("JSON cut short", "Body", body_of(lambda right: right.body[: len(right.body) // 2] if not right.is_stream
          else right.begun), BAD, CUT, emits=True),
    Fault("JSON of the wrong kind", "Body", json_of([1, 2]), BAD, BAD, 1),
    Fault("null for an answer", "Body", json_of(None), BAD, CUT, 1, 3),
    Fault("an answer without choices", "Body", json_of({"id": "1", "choices": []}), BAD, BAD),
    Fault("null for the choices", "Body", json_of({"id": "1", "choices": None}), BAD, BAD, 1),
    Fault("a number for the message", "Body", json_of({"choices": [{"message": 5}]}), BAD, BAD),
    Fault("JSON 100,000 levels deep", "Body", json_of(b"[" * 100_000 + b"]" * 100_000), BAD, BAD, 1),
    Fault("objects 100,000 levels deep", "Body", json_of(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), BAD, BAD, 1),
    Fault("events for a whole answer, a whole one for events", "Body", in_the_other_form, BAD, "answer", 1),
    Fault("text/plain for the type", "Body", partial(of_another_type, kind="text/plain"), "answer", "answer"),
    Fault("text/html for the type", "Body", partial(of_another_type, kind="text/html; charset=x"), "answer", "answer"),
    Fault("no content type", "Body", partial(of_another_type, kind=None), "answer", "answer"),
    Fault("a byte order mark", "Body", body_of(lambda right: b"\xef\xbb\xbf" + right.body), "answer", "answer"),
    Fault("blank lines around", "Body", body_of(lambda right: b"\r\n\r\n" + right.body + b"\n\n\n"), "answer",
          "answer"),
    Fault("bytes that are not UTF-8", "Body", bad_utf8, "answer", "answer"),
    Fault("NUL and lone surrogates", "Body", body_of(partial(changed, change=_odd_letters)), "answer", "answer"),
    Fault("NaN for the usage", "Body", body_of(partial(changed, change=_odd_usage)), "answer", "answer"),
    Fault("NaN and infinity elsewhere", "Body", body_of(partial(changed, change=_odd_numbers)), "answer", "answer"),
    Fault("reasoning beside the text", "Body", body_of(partial(changed, change=_reasoning)), "answer", "answer"),
    Fault("fields that nobody knows", "Body", body_of(partial(changed, change=_unknown_fields)), "answer",
          "answer"),
]  # fmt: skip

ERRORS = [
    Fault("429", "Error", error_of("429 Too Many Requests", said("slow down")), "RateLimitError", "RateLimitError"),
    Fault("429 with Retry-After", "Error", error_of("429 Too Many Requests", said("slow down"), "retry-after: 0"),
          "RateLimitError", "RateLimitError"),
    Fault("429 for an hour", "Error", error_of("429 Too Many Requests", said("slow down"), "retry-after: 3600"),
          "RateLimitError", "RateLimitError", 1),
    Fault("500", "Error", error_of("500 Internal Server Error", said("no")), "ServerError", "ServerError"),
    Fault("502 with a page", "Error", error_of("502 Bad Gateway", b"<html>bad gateway</html>"), "ServerError",
          "ServerError"),
    Fault("529", "Error", error_of("529 Overloaded", said("overloaded")), "ServerError", "ServerError"),
    Fault("500 that breaks off", "Error", error_of("500 Internal Server Error", said("no"), "content-encoding: gzip"),
          "ServerError", "ServerError"),
    Fault("401 that tells the key", "Error", error_of("401 Unauthorized", said(f"the key {KEY} is wrong")),
          "AuthenticationError", "AuthenticationError", 1),
    Fault("400 for the context's length", "Error", error_of("400 Bad Request", said("too long",
          "context_length_exceeded")), "ContextLengthError", "ContextLengthError", 1),
    Fault("403", "Error", error_of("403 Forbidden", said("no")), "PermissionDeniedError", "PermissionDeniedError", 1),
    Fault("404", "Error", error_of("404 Not Found", b"404 page not found"), "NotFoundError", "NotFoundError", 1),
    Fault("an error in a 200", "Error", json_of(said("the model is overloaded", "overloaded")), "ServerError",
          "ServerError"),
    Fault("an error in a 200 that tells the key", "Error", json_of(said(f"{KEY} is over its quota")), "ServerError",
          "ServerError"),
]  # fmt: skip

FAULTS = [*COMPRESSED, *SIZES, *WRONG, *ERRORS]
