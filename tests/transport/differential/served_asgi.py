"""What every server of the comparison answers, as an ASGI application (uvicorn, granian; behind nginx and HAProxy)."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

Head = tuple[int, list[tuple[str, str]]]


def payload(size: int) -> bytes:
    """Return `size` bytes, the same each time, in which a shift shows."""
    return b"".join(b"%09d\n" % number for number in range(size // 10 + 1))[:size]


def plan(path: str, body: bytes, peer: str) -> tuple[Head, list[bytes], float, bool]:
    """Return the answer to `path`: head, pieces, the pause between them in seconds, and whether its length is told."""
    kind, *rest = path.strip("/").split("/")
    numbers = [int(part) for part in rest if part.isdigit()]
    text = [("content-type", "text/plain")]
    match kind:
        case "bytes":
            return (200, text), [payload(numbers[0])], 0, True
        case "chunks":
            return (200, text), [payload(numbers[1])] * numbers[0], 0, False
        case "slow":
            return (200, text), [payload(30)] * numbers[0], 0.005, False
        case "sse":
            events = [b"data: {%d}\n\n" % number for number in range(numbers[0])]
            return (200, [("content-type", "text/event-stream")]), events, 0, False
        case "gzip":
            return (200, [*text, ("content-encoding", "gzip")]), [gzip.compress(payload(numbers[0]), mtime=0)], 0, True
        case "deflate":
            return (200, [*text, ("content-encoding", "deflate")]), [zlib.compress(payload(numbers[0]))], 0, True
        case "status":
            return (numbers[0], [("x-status", "yes")]), [], 0, numbers[0] not in (204, 304)
        case "headers":
            many = [(f"x-many-{number}", "v" * numbers[1]) for number in range(numbers[0])]
            return (200, [*text, *many, ("x-twice", "one"), ("x-twice", "two"), ("x-empty", "")]), [b"ok"], 0, True
        case "close":
            return (200, [*text, ("connection", "close")]), [payload(numbers[0])], 0, True
        case "echo":
            return (200, text), [body], 0, True
        case "peer":
            return (200, text), [peer.encode()], 0, True
    return (404, text), [b"no such path"], 0, True


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one request."""
    if scope["type"] != "http":
        await _live(receive, send)
        return
    body = b"".join([piece async for piece in _read(receive)])
    (status, headers), pieces, pause_s, has_length = plan(scope["path"], body, str((scope.get("client") or ["", 0])[1]))
    if has_length:
        headers = [*headers, ("content-length", str(sum(map(len, pieces))))]
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        if pause_s:
            await asyncio.sleep(pause_s)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _read(receive: Any) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _live(receive: Any, send: Any) -> None:
    """Take part in the server's start and end."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
