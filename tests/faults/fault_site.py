"""A faulty server on a real socket: one listening port for each call under test, all in one thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provider import Request

if TYPE_CHECKING:
    import ssl

SENT_BUFFER = 65_536
"""What a server may have in the air: the kernel would take megabytes on loopback, and hide who stops reading."""

_AT_ONCE = 65_536


@dataclass
class Wire:
    """The server's end of one connection, and the request that waits on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    site: Site
    request: Request = field(default_factory=lambda: Request("", "", {}, b"", b""))

    async def send(self, *pieces: bytes, pause_s: float = 0.0) -> None:
        for piece in pieces:
            for at in range(0, len(piece), _AT_ONCE):
                part = piece[at : at + _AT_ONCE] if len(piece) > _AT_ONCE else piece
                self.writer.write(part)
                await self.writer.drain()
                self.site.sent += len(part)
            if pause_s or len(pieces) > 1:
                await asyncio.sleep(pause_s)

    async def send_endlessly(self, piece: bytes) -> None:
        """Send `piece` again and again, until the client has closed."""
        while True:
            await self.send(piece)
            await asyncio.sleep(0)

    def reset(self) -> None:
        """Close with RST: what is in the air is lost."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hold(self) -> None:
        """Say nothing more, and return when the client has closed."""
        with contextlib.suppress(OSError):
            while await self.reader.read(65_536):
                pass

    async def read_request(self) -> None:
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        self.request = Request(method, path, headers, head, body)
        self.site.requests.append(self.request)


Play = Callable[[Wire], Awaitable[None]]
"""What becomes of one request."""


class Site:
    """One port. Each request takes the next play of the script, the last one again and again.

    `on_connect` runs in place of all that, on the bare connection. After a play the connection stays open for the next
    request, unless it returned with the connection closed (`Wire.reset`) or `closes` is set.
    """

    def __init__(self, host: Host, tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.tls = tls
        self.script: list[Play] = []
        self.on_connect: Play | None = None
        self.requests: list[Request] = []
        self.connections = 0
        self.open = 0
        self.sent = 0
        self.patience = 1
        """By how much each pause is longer: for a machine that is too busy for the usual ones."""
        self.is_warm = False  # the answer to the first request is out, with all that follows it
        self.errors: list[BaseException] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        def create() -> asyncio.StreamReaderProtocol:
            reader = asyncio.StreamReader(limit=2**24)
            return _Protocol(self, reader)

        loop = asyncio.get_running_loop()
        sock = socket.create_server(("127.0.0.1", 0), backlog=512)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_BUFFER)  # handed down to what it accepts
        self._server = await loop.create_server(create, sock=sock, ssl=self.tls)
        self.port: int = sock.getsockname()[1]
        self.origin = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"
        self.url = f"{self.origin}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        wire = Wire(reader, writer, self)
        try:
            await self._run(wire)
        except (asyncio.IncompleteReadError, OSError):  # the client has left
            pass
        except asyncio.CancelledError:
            wire.writer.transport.abort()
        except BaseException as error:
            self.errors.append(error)
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(Exception):
                writer.close()
                await writer.wait_closed()

    async def _run(self, wire: Wire) -> None:
        if self.on_connect is not None:
            await self.on_connect(wire)
            return
        while not wire.writer.is_closing():
            await wire.read_request()
            play = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            await play(wire)
            self.is_warm = True

    async def stop(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class _Protocol(asyncio.StreamReaderProtocol):
    """Counts the connections of a site."""

    def __init__(self, site: Site, reader: asyncio.StreamReader) -> None:
        super().__init__(reader, site.serve)
        self._site = site
        self._is_counted = False

    def connection_made(self, transport: Any) -> None:
        self._site.connections += 1
        self._site.open += 1
        self._is_counted = True
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_counted:
            self._site.open -= 1
        super().connection_lost(exc)


class Host:
    """The thread and the loop of all sites."""

    def __init__(self) -> None:
        self.loop = asyncio.SelectorEventLoop()
        self.loop.set_exception_handler(lambda *_: None)  # a client that resets a handshake is no fault of the server
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    async def run(self, work: Awaitable[Any]) -> Any:
        """Run `work` over there, and wait for it here."""

        async def wrap() -> Any:
            return await work

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(wrap(), self.loop))

    @contextlib.asynccontextmanager
    async def site(self, tls: ssl.SSLContext | None = None) -> Any:
        site = Site(self, tls)
        await self.run(site.start())
        try:
            yield site
        finally:
            await self.run(site.stop())

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()
