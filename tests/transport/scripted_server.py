"""A scripted server: raw TCP on loopback, in a thread of its own, so that client and server never share a loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING

from turnout.transport.seam import Headers, HTTPRequest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from turnout.transport.http import HTTPTransport


class Received:
    def __init__(self, head: bytes, body: bytes) -> None:
        line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = line.split(" ")
        self.names = [field.partition(":")[0] for field in fields]
        self.headers = Headers({name: value.strip() for name, _, value in (field.partition(":") for field in fields)})
        self.body = body


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        self.reader = reader
        self.writer = writer
        self.server = server

    async def request(self) -> Received:
        head = await self.reader.readuntil(b"\r\n\r\n")
        received = Received(head[:-4], b"")
        received.body = await self.reader.readexactly(int(received.headers.get("content-length") or 0))
        self.server.requests.append(received)
        return received

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if len(pieces) > 1:
                await asyncio.sleep(0.001)

    async def answer(self, body: bytes = b"ok", status: str = "200 OK", **headers: str) -> None:
        fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        await self.send(f"HTTP/1.1 {status}\r\n{fields}content-length: {len(body)}\r\n\r\n".encode() + body)

    async def wait_closed(self) -> None:
        """Return when the client has closed."""
        with contextlib.suppress(OSError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        self.writer.transport.abort()


class Server:
    """One listening port; `script` runs for each connection, which is closed when it returns."""

    def __init__(self, script: Callable[[Peer], Awaitable[None]], tls: ssl.SSLContext | None) -> None:
        self.script = script
        self.tls = tls
        self.requests: list[Received] = []
        self.connections = 0
        self.open = 0
        self.closed_by_client = threading.Event()
        self.errors: list[BaseException] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls, backlog=2048)
        self.port: int = self.listener.sockets[0].getsockname()[1]
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self.script(Peer(reader, writer, self))
        except (asyncio.IncompleteReadError, OSError):
            self.closed_by_client.set()
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self.errors.append(error)
        finally:
            self.tasks.discard(task)
            self.open -= 1
            writer.transport.abort() if writer.transport.is_closing() else writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()

    async def stop(self) -> None:
        self.listener.close()
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class Host:
    """The thread and the loop that all scripted servers of a test run share."""

    def __init__(self) -> None:
        self.loop = asyncio.SelectorEventLoop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Awaitable[object]) -> None:
        async def wrap() -> None:
            await work

        asyncio.run_coroutine_threadsafe(wrap(), self.loop).result(10)

    def stop(self) -> None:
        self.run(self.loop.shutdown_asyncgens())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


def build_request(url: str, *, head_s: float | None = 60.0, **fields: object) -> HTTPRequest:
    """Return a request that is sent now: the head of its answer must be there within `head_s` seconds."""
    deadline = None if head_s is None else time.monotonic() + head_s
    settings: dict[str, object] = {"method": "POST", "headers": {}, "body": b"{}", "deadline": deadline, **fields}
    return HTTPRequest(url=url, **settings)  # type: ignore[arg-type]


async def fetch(transport: HTTPTransport, url: str, **fields: object) -> bytes:
    response = await transport.send(build_request(url, **fields))
    return await response.read(10)


async def eventually(fact: Callable[[], bool], within_s: float = 2.0) -> None:
    end = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.005)
