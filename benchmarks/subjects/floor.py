"""The floor: an asyncio protocol that parses HTTP by hand, and the JSON of the standard library for every chunk.

It checks nothing, limits nothing and understands no more than the server of the benchmark sends.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IMPORT = "import asyncio, json"
DISTRIBUTION = None


class Connection(asyncio.Protocol):
    """One kept connection; `take` is given what comes, and `done` wakes who waits."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.take: Callable[[bytes], None] = len
        self.done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.take(data)

    def finish(self) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_result(None)


class Client:
    def __init__(self, url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.path = parts.hostname, parts.port, parts.path
        self.messages = [{"role": role, "content": text} for role, text in messages]
        self.free: list[Connection] = []
        self.socket = socket.create_connection((self.host, self.port)) if is_sync else None

    def encode(self, *, is_stream: bool) -> bytes:
        body = json.dumps({"model": "gpt-4o-mini", "messages": self.messages, "stream": is_stream}).encode()
        head = (
            f"POST {self.path}/chat/completions HTTP/1.1\r\nhost: {self.host}\r\nauthorization: Bearer sk-benchmark\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def connect(self) -> Connection:
        if self.free:
            return self.free.pop()
        _, connection = await asyncio.get_running_loop().create_connection(Connection, self.host, self.port)
        return connection


class Whole:
    """A whole answer in the making."""

    def __init__(self, finish: Callable[[], None]) -> None:
        self.data = b""
        self.finish = finish

    def take(self, data: bytes) -> None:
        self.data = data = self.data + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return
        at = data.find(b"content-length: ") + 16
        if len(data) >= end + 4 + int(data[at : data.find(b"\r\n", at)]):
            self.finish()

    def read(self) -> str:
        body = json.loads(self.data[self.data.find(b"\r\n\r\n") + 4 :])
        return body["choices"][0]["message"]["content"]


class Streamed:
    """A streamed answer in the making: HTTP chunks that each hold one event."""

    def __init__(self, finish: Callable[[], None], seen: Callable[[], object]) -> None:
        self.rest = b""
        self.is_in_body = False
        self.pieces: list[str] = []
        self.finish, self.seen = finish, seen

    def take(self, data: bytes) -> None:
        if self.rest:
            data = self.rest + data
        at = 0
        if not self.is_in_body:
            at = data.find(b"\r\n\r\n") + 4
            self.is_in_body = True
        size = len(data)
        while (end := data.find(b"\r\n", at)) >= 0:
            length = int(data[at:end], 16)
            begin, after = end + 2, end + 4 + length
            if after > size:
                break
            at = after
            if length == 0:
                self.finish()
                break
            self.read(data[begin + 6 : begin + length - 2])
        self.rest = data[at:]

    def read(self, event: bytes) -> None:
        if event == b"[DONE]":
            return
        chunk = json.loads(event)
        if chunk["choices"]:
            text = chunk["choices"][0]["delta"].get("content")
            if text:
                if not self.pieces:
                    self.seen()
                self.pieces.append(text)


def open_client(url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> Client:
    return Client(url, messages, is_sync)


async def call(client: Client) -> str:
    connection = await client.connect()
    whole = Whole(connection.finish)
    connection.take = whole.take
    connection.done = asyncio.get_running_loop().create_future()
    connection.transport.write(client.encode(is_stream=False))
    await connection.done
    client.free.append(connection)
    return whole.read()


def call_sync(client: Client) -> str:
    if client.socket is None:
        raise RuntimeError("the client was not opened for sync calls")
    done: list[bool] = []
    whole = Whole(lambda: done.append(True))
    client.socket.sendall(client.encode(is_stream=False))
    while not done:
        whole.take(client.socket.recv(65_536))
    return whole.read()


async def stream(client: Client, seen: Callable[[], object]) -> str:
    connection = await client.connect()
    answer = Streamed(connection.finish, seen)
    connection.take = answer.take
    connection.done = asyncio.get_running_loop().create_future()
    connection.transport.write(client.encode(is_stream=True))
    await connection.done
    client.free.append(connection)
    return "".join(answer.pieces)


async def close(client: Client) -> None:
    for connection in client.free:
        connection.transport.close()
    if client.socket is not None:
        client.socket.close()
