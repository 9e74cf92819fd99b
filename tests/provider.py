"""A scripted provider: a real HTTP server on loopback, in a thread of its own, that answers as it is told.

Each request takes the next reply of the script; the last one is repeated. A reply is an async function of the
`Exchange`, which sees the request and writes raw bytes, so that any fault can be played.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

KEY = "sk-planted-secret-key"
"""The key that tests put into the environment, and look for where it must not be."""

WORDS = ["Once", " upon", " a", " time", " there", " was", " a", " switch", ".", ""]
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@dataclass
class Request:
    """One request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    raw_headers: bytes
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Exchange:
    """One request and the connection that waits for its answer."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    provider: Provider
    closed_at: float | None = None

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: int = 200, content_type: str = "application/json", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Scripted", f"content-type: {content_type}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def chunked(self, data: bytes) -> None:
        if data:
            await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    def abort(self) -> None:
        self.writer.transport.abort()

    async def wait_for_close(self, limit_s: float = 60.0) -> float:
        """Return how long it took the client to close the connection."""
        started = time.monotonic()
        while await asyncio.wait_for(self.reader.read(4096), limit_s):
            pass
        self.provider.closes.append(time.monotonic())
        return time.monotonic() - started


Reply = Callable[[Exchange], Awaitable[None]]


def answer(text: str = "Hello there, friend.", **message: Any) -> dict[str, Any]:
    """Return a chat completion."""
    finish_reason = message.pop("finish_reason", "stop")
    model = message.pop("model", "gpt-oss-120b")
    usage = message.pop("usage", USAGE)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish_reason,
            }
        ],
        "usage": usage,
    }


def reply(body: Any = None, status: int = 200, content_type: str = "application/json", **headers: str) -> Reply:
    """Answer with `body` (bytes, or anything as JSON; by default a chat completion)."""
    data = body if isinstance(body, bytes) else json.dumps(answer() if body is None else body).encode()

    async def play(exchange: Exchange) -> None:
        await exchange.head(status, content_type, content_length=str(len(data)), **headers)
        await exchange.send(data)

    return play


def event(delta: dict[str, Any] | None = None, finish_reason: str | None = None, **extra: Any) -> bytes:
    """Return one server-sent event of a chat completion."""
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish_reason}]
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-oss-120b", "choices": choices, **extra}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def events(words: Iterable[str] = WORDS, finish_reason: str = "stop", usage: Any = USAGE) -> list[bytes]:
    """Return the events of a whole story."""
    told = [event({"role": "assistant", "content": ""})]
    told += [event({"content": word}) for word in words]
    told.append(event({}, finish_reason))
    if usage:
        told.append(event(None, None, choices=[], usage=usage))
    return [*told, b"data: [DONE]\n\n"]


def stream(pieces: Iterable[bytes] | None = None, *, pause_s: float = 0.0, hold: bool = False) -> Reply:
    """Answer with a stream of `pieces`; with `hold`, wait after the last one until the client leaves."""
    told = events() if pieces is None else list(pieces)

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, "text/event-stream", transfer_encoding="chunked")
        for piece in told:
            await exchange.chunked(piece)
            if pause_s:
                await asyncio.sleep(pause_s)
        if hold:
            await exchange.wait_for_close()
        else:
            await exchange.end()

    return play


def cut(pieces: Iterable[bytes]) -> Reply:
    """Answer with a stream that is reset after `pieces`."""

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, "text/event-stream", transfer_encoding="chunked")
        for piece in pieces:
            await exchange.chunked(piece)
        await asyncio.sleep(0.02)
        exchange.abort()

    return play


def silence(after: bytes = b"") -> Reply:
    """Send `after` and then nothing, until the client leaves."""

    async def play(exchange: Exchange) -> None:
        if after:
            await exchange.send(after)
        await exchange.wait_for_close()

    return play


async def reset(exchange: Exchange) -> None:
    """Reset the connection without a byte."""
    exchange.abort()


def error(status: int, message: str = "no", **headers: str) -> Reply:
    """Answer with an OpenAI-style error."""
    return reply({"error": {"message": message, "type": "test", "code": None}}, status, **headers)


@dataclass
class Provider:
    """The server: `with Provider() as provider: provider.script(reply(…), error(500), …)`."""

    requests: list[Request] = field(default_factory=list)
    closes: list[float] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._script: list[Reply] = [reply()]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def script(self, *replies: Reply) -> None:
        """Set the replies, one a request; the last is repeated."""
        self._script = list(replies)

    def __enter__(self) -> Provider:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048, limit=2**20), self._loop
        ).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while not writer.is_closing():
                request = await self._read_request(reader)
                self.requests.append(request)
                play = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                await play(Exchange(request, reader, writer, self))
        except ConnectionError:  # the client left while an answer was being sent
            self.closes.append(time.monotonic())
        except (asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _read_request(self, reader: asyncio.StreamReader) -> Request:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Request(method, path, headers, head, body)
