"""The HTTP client: HTTP/1.1 on asyncio with the httptools parser, behind `seam.Transport`.

One `HTTPTransport` serves any number of threads and event loops; each loop has connections of its own, which close with
it. Nothing runs, connects or is read before the first `send`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from turnout.errors import InvalidInputError
from turnout.transport.connect import open_connection
from turnout.transport.exchange import Exchange, Limits, StaleConnectionError, describe_queue, start_deadline
from turnout.transport.head import render_head
from turnout.transport.pool import Pool
from turnout.transport.proxy import ProxyTable
from turnout.transport.response import Guard, Response
from turnout.transport.sse import MAX_EVENT_BYTES
from turnout.transport.target import split_url

if TYPE_CHECKING:
    import ssl

    from turnout.transport.connection import Connection
    from turnout.transport.exchange import Deadline
    from turnout.transport.proxy import Proxy
    from turnout.transport.seam import HTTPRequest
    from turnout.transport.target import Target

_RECENT_HEADS = 64


class _Head(bytes):
    """The head of a request as it is sent. `repr` hides it: a reporter of errors may show the variables of a frame."""

    def __repr__(self) -> str:
        return f"<head of {len(self)} bytes>"


class HTTPTransport:
    """Sends requests over kept connections (a `seam.Transport`). Redirects are answers; nothing is retried.

    One case apart: a kept connection that is lost within `stale_s` seconds of sending, before one byte of the answer,
    is replaced and the request sent again, for the server had closed it as idle. Later the server may have worked on
    the request, and the loss is an `APIConnectionError`.

    `max_connections_per_host` is no limit when `None`; above it requests queue in order, and their response tells it
    (`Response.queued_s`). `ssl_context` replaces the system's trust. A connection is kept for `idle_s` seconds.
    An answer is bounded: its body by `max_body_bytes` (streamed or whole, decompressed), its headers by
    `max_head_bytes`, one event of a stream by `max_event_bytes`. `waiting_bytes` is what a slow reader leaves unfetched
    before the server is made to wait.
    """

    def __init__(
        self,
        *,
        max_connections_per_host: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
        idle_s: float = 20.0,
        stale_s: float = 1.0,
        max_body_bytes: int = 512 * 1024 * 1024,
        max_head_bytes: int = 256 * 1024,
        max_event_bytes: int = MAX_EVENT_BYTES,
        waiting_bytes: int = 256 * 1024,
    ) -> None:
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        if max_connections_per_host is not None and max_connections_per_host < 1:
            raise InvalidInputError("max_connections_per_host must be 1 or more: leave it out for no limit")
        self._limit = max_connections_per_host
        self._ssl_context = ssl_context
        self._ssl_lock = Lock()
        self._idle_s = idle_s
        self._limits = Limits(
            body_bytes=max_body_bytes,
            head_bytes=max_head_bytes,
            event_bytes=max_event_bytes,
            waiting_bytes=waiting_bytes,
            stale_s=stale_s,
        )
        self._proxies = ProxyTable()
        self._recent_heads: dict[str, tuple[str, dict[str, str], dict[str, str] | None, bytes]] = {}

    async def send(self, request: HTTPRequest) -> Response:
        """Send `request` and return when the head of the answer is there; error statuses are answers too.

        Raises `APIConnectionError`, `APITimeoutError`, and `InvalidInputError` for a URL or header that cannot be sent.
        Cancelling closes the connection.
        """
        deadline = start_deadline(request.deadline, request.deadline_kind)
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop) or await self._open_pool(loop)
        target = split_url(request.url)
        if request.address is None:
            proxy = self._proxies.find(target)
            key = target.origin if proxy is None else f"{target.origin} {proxy.key}"
        else:
            proxy, key = None, f"{target.origin} at {request.address}"
        forward = None if proxy is None or target.is_tls else proxy.headers
        head = _Head(self._render(request, target, forward))
        connection, queued_s, is_fresh = pool.take(key), 0.0, False
        while True:
            if connection is None:
                connection, waited_s = await self._obtain(
                    pool, key, target, proxy, request=request, deadline=deadline, is_fresh=is_fresh
                )
                queued_s += waited_s
            waiter = connection.start_clock(deadline.left_s, deadline.kind, deadline.limit_s)
            exchange = Exchange(request.url, request.method == "HEAD", connection, waiter)
            connection.start(exchange, head, request.body)
            try:
                await waiter
            except BaseException:
                if exchange.connection is not None:  # else another request may be on it by now
                    connection.abort()
                raise
            exchange.waiter = None
            if exchange.error is None or exchange.status:
                guard = None if exchange.is_complete else Guard(exchange)
                return Response(
                    exchange.status, exchange.headers, queued_s, exchange, self._limits, guard, connection.is_reused
                )
            if not isinstance(exchange.error, StaleConnectionError):  # which a fresh connection never raises
                raise exchange.error
            connection, is_fresh = None, True

    async def aclose(self) -> None:
        """Close every connection of the running loop, those in use too; the transport stays usable."""
        pool = self._pools.get(asyncio.get_running_loop())
        if pool is not None:
            pool.close()
            await asyncio.sleep(0)  # asyncio closes the sockets in its next round

    def __del__(self) -> None:
        for loop, pool in list(self._pools.items()):
            if loop.is_closed():
                pool.close()
                continue
            with suppress(RuntimeError):  # closed in this moment
                loop.call_soon_threadsafe(pool.close)

    def _render(self, request: HTTPRequest, target: Target, forward: dict[str, str] | None) -> bytes:
        """Return the head; the next request to the same URL with the same headers need not be checked again."""
        size = len(request.body)
        if size:
            recent = self._recent_heads.get(request.url)
            if recent is not None and recent[:3] == (request.method, request.headers, forward):
                return b"%sContent-Length: %d\r\n\r\n" % (recent[3], size)
        head = render_head(request.method, target, request.headers, size, forward)
        if size:
            if len(self._recent_heads) >= _RECENT_HEADS:
                self._recent_heads.clear()
            prefix = head[: head.rindex(b"Content-Length: ")]
            self._recent_heads[request.url] = (request.method, dict(request.headers), forward, prefix)
        return head

    async def _obtain(
        self,
        pool: Pool,
        key: str,
        target: Target,
        proxy: Proxy | None,
        *,
        request: HTTPRequest,
        deadline: Deadline,
        is_fresh: bool,
    ) -> tuple[Connection, float]:
        """Return a connection, a new one where no other request hands over its own, and the seconds spent queueing."""
        queued_s = 0.0
        waiter = pool.reserve(key)
        if waiter is not None:
            try:
                async with asyncio.timeout(deadline.left_s):
                    connection, queued_s = await pool.wait_turn(key, waiter, is_fresh=is_fresh)
            except TimeoutError:
                raise describe_queue(target.origin, deadline, request.url) from None
            if connection is not None:
                return connection, queued_s
        limit_s, kind = deadline.shorten(request.connect_s, "connect")
        try:
            connection = await open_connection(
                pool, key, target, proxy, self._limits, find_context=self._find_context, limit_s=limit_s, kind=kind,
                address=request.address,
            )  # fmt: skip
        except BaseException:
            pool.free_slot(key)
            raise
        if connection.is_closed:  # at once; the exchange will say so
            pool.free_slot(key)
        else:
            connection.holds_slot = True
        return connection, queued_s

    async def _open_pool(self, loop: asyncio.AbstractEventLoop) -> Pool:
        for other, pool in list(self._pools.items()):  # loops that ended without finishing their generators
            if other.is_closed():
                pool.close()
            elif not other.is_running() and pool.is_abandoned:
                self._pools.pop(other, None)  # dropped, by the look of it: let the collector have it
        pool = Pool(loop, self._idle_s, self._limit, partial(self._pools.pop, loop, None))
        self._pools[loop] = pool
        await pool.start_guard()
        return pool

    async def _find_context(self) -> ssl.SSLContext:
        """Return the one context, created in a thread: reading the system's certificates would hold up the loop."""
        return self._ssl_context or await asyncio.to_thread(self._create_context)

    def _create_context(self) -> ssl.SSLContext:
        with self._ssl_lock:
            if self._ssl_context is None:
                from turnout.transport.tls import create_context

                self._ssl_context = create_context()
            return self._ssl_context
