"""A TCP proxy that harms what passes: it cuts, resets, stalls or splits the answer at any byte, TLS or not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

from fault_site import Host, Wire

Harm = Literal["close", "reset", "stall", "split"]


class Proxy:
    """One port in front of `port`. After `after` bytes of the answers of a connection, `harm` is done to it."""

    def __init__(self, host: Host, port: int) -> None:
        self.host = host
        self.upstream_port = port
        self.harm: Harm = "close"
        self.after = 0
        self.passed = 0
        """How many bytes of answers the last connection has let through."""

    async def serve(self, wire: Wire) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        up = asyncio.create_task(_pump(wire.reader, writer))
        self.passed = 0
        try:
            await self._bring_down(reader, wire)
            if self.harm == "stall":
                await up  # until the client leaves
        finally:
            up.cancel()
            writer.transport.abort()

    async def _bring_down(self, reader: asyncio.StreamReader, wire: Wire) -> None:
        left, harm = self.after, self.harm
        while data := await reader.read(65_536):
            if harm == "split":
                await wire.send(*(data[at : at + self.after] for at in range(0, len(data), self.after)))
                continue
            part, left = data[:left], left - min(left, len(data))
            if part:
                await wire.send(part)
                self.passed += len(part)
            if left == 0:
                await self._do_harm(wire, harm, had_data=bool(part))
                return

    async def _do_harm(self, wire: Wire, harm: Harm, *, had_data: bool) -> None:
        if harm == "reset":
            if had_data:
                await asyncio.sleep(0.002)  # a reset throws away what the client has not read yet
            wire.reset()
        elif harm == "close":
            wire.writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def proxy_to(host: Host, port: int) -> AsyncIterator[tuple[Proxy, int]]:
    """Yield a proxy in front of `port`, and its own port."""
    proxy = Proxy(host, port)
    async with host.site() as site:
        site.on_connect = proxy.serve
        yield proxy, site.port
        assert site.errors == []
