"""One connection to a server: an asyncio protocol around the HTTP parser, one exchange after the other.

There is no task, no stream reader and no queue for a connection: the parser's callbacks append to the exchange, and one
future wakes whoever waits for it. One timer serves every time limit; it is set again only when it has run out or a
nearer moment comes, so that a piece of a stream costs no timer.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import TYPE_CHECKING, cast

from httptools import HttpParserError, HttpResponseParser

from turnout.errors import StreamClosedError
from turnout.transport.exchange import (
    HEAD,
    describe_cut,
    describe_endless,
    describe_garbage,
    describe_oversize,
    describe_timeout,
)
from turnout.transport.head import build_headers
from turnout.transport.tls import TLSLayer

if TYPE_CHECKING:
    from turnout.errors import TimeoutKind
    from turnout.transport.exchange import Exchange, Limits
    from turnout.transport.pool import Pool

_get = dict[str, str].get  # names are in lower case here, so that the look-up of `Headers` need not lower them
_NO_BODY = memoryview(b"")
_WRITE_BYTES = 65_536
_TUNNEL_HEAD_BYTES = 65_536


class Connection(asyncio.Protocol):
    """A connection in a pool, opened by `connect.open_connection`."""

    __slots__ = (
        *("_body_rest", "_can_stay", "_clock_s", "_deadline", "_exchange", "_head_bytes", "_header_names"),
        *("_header_values", "_heads_due", "_kind", "_limits", "_loop", "_opening", "_parser", "_pool"),
        *("_process_id", "_stale_until", "_timer", "_timer_at", "_tls", "_transport", "_tunnel", "holds_slot"),
        *("idle_since", "is_closed", "is_reused", "is_spoiled", "is_write_paused", "key", "on_message_begin", "shown"),
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: Pool, key: str, shown: str, limits: Limits) -> None:
        self.key = key
        self.shown = shown  # the server as errors name it
        self.holds_slot = False  # of the pool's limit, from the moment on in which it is open
        self.idle_since = 0.0
        self.is_closed = False
        self.is_reused = False
        self.is_spoiled = False  # bytes came that belong to no answer
        self.is_write_paused = False
        self._loop = loop
        self._pool = pool
        self._limits = limits
        self._process_id = os.getpid()
        self._transport: asyncio.Transport
        self._tls: TLSLayer | None = None
        self._exchange: Exchange | None = None
        self._opening: asyncio.Future[None] | None = None
        self._tunnel: bytearray | None = None
        self._header_names: list[bytes] = []
        self._header_values: list[bytes] = []
        self._heads_due: list[None] = []  # one entry for each answer that may begin
        self.on_message_begin = self._heads_due.pop  # one more raises IndexError: bytes that belong to no answer
        self._parser = HttpResponseParser(self)
        self._head_bytes = 0  # since the last piece of body: what a server may send without giving any
        self._body_rest = _NO_BODY
        self._can_stay = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline: float | None = None
        self._clock_s: float | None = None
        self._stale_until = 0.0  # by the loop's clock
        self._kind: TimeoutKind = "total"

    # -- opening

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Put a TLS session (another one, inside a proxy's) on the connection. Raises `ssl.SSLError` or `OSError`."""
        self._opening = opening = self._loop.create_future()
        self._tls = TLSLayer(context, host, self._transport.write, self._tls)
        self._tls.advance()
        await opening

    async def open_tunnel(self, request: bytes) -> int:
        """Send a CONNECT request and return the status of its answer. Raises `OSError` when there is none."""
        self._opening = opening = self._loop.create_future()
        self._tunnel = bytearray()
        self._write(request)
        await opening
        head, self._tunnel = bytes(self._tunnel), None
        status = head[9:12]
        if not head.startswith(b"HTTP/1.") or not status.isdigit():
            raise ConnectionError("the proxy's answer is not HTTP")
        return int(status)

    def _open(self, data: bytes) -> None:
        """Take what comes outside of an exchange: the handshake, the proxy's answer, or bytes nobody asked for."""
        opening, tunnel = self._opening, self._tunnel
        if opening is None or opening.done():
            self.is_spoiled = True
            self.abort()
        elif tunnel is not None:
            tunnel += data
            if b"\r\n\r\n" in tunnel:
                opening.set_result(None)
            elif len(tunnel) > _TUNNEL_HEAD_BYTES:
                opening.set_exception(ConnectionError("the head of the proxy's answer does not end"))

    # -- one exchange

    def start(self, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Send a request; the answer, or the error, goes to `exchange`, which has this connection already."""
        if self.is_closed:  # lost between its opening and now
            exchange.connection = None
            exchange.error = describe_cut(exchange, self.shown, None, has_begun=False, is_stale=False)
            exchange.wake()
            return
        self._exchange = exchange
        self._head_bytes = 0
        if self.is_reused:
            self._stale_until = self._loop.time() + self._limits.stale_s
        self._heads_due.append(None)
        if self._tls is None and len(body) <= _WRITE_BYTES:
            self._transport.write(head + body)
            return
        self._body_rest = memoryview(body)[_WRITE_BYTES:]
        self._send_all(head + body[:_WRITE_BYTES])

    def start_clock(self, left_s: float | None, kind: TimeoutKind, limit_s: float | None) -> asyncio.Future[None]:
        """Return a future to wait on, and fail the exchange after `left_s` seconds if it still waits then.

        The error names the limit as `limit_s` seconds of `kind`.
        """
        loop = self._loop
        if left_s is None:
            self._deadline = None
        else:
            self._kind = kind
            self._clock_s = limit_s
            self._deadline = deadline = loop.time() + left_s
            if self._timer is None:
                self._set_timer(deadline)
            elif deadline < self._timer_at:
                self._timer.cancel()
                self._set_timer(deadline)
        return loop.create_future()

    def _set_timer(self, when: float) -> None:
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._timer = None
        exchange, deadline = self._exchange, self._deadline
        if deadline is None or exchange is None or exchange.waiter is None or exchange.waiter.done():
            return  # nobody waits; the next to wait sets the timer
        if deadline > self._timer_at:
            self._set_timer(deadline)
            return
        self._fail(describe_timeout(exchange.wants, self.shown, self._kind, self._clock_s, exchange.url))

    def _write(self, data: bytes | memoryview) -> None:
        if self._tls is None:
            self._transport.write(data)
        else:
            self._tls.send(data)

    def _send_all(self, data: bytes | memoryview) -> None:
        """Send `data`, and of the body what the socket takes."""
        try:
            if data:
                self._write(data)
            while self._body_rest and not self.is_write_paused and not self.is_closed:
                data, self._body_rest = self._body_rest[:_WRITE_BYTES], self._body_rest[_WRITE_BYTES:]
                self._write(data)
            if not self._body_rest:
                self._body_rest = _NO_BODY  # even an empty piece keeps the whole body
        except OSError as error:  # TLS has ended
            self._lose(error)

    def resume_reading(self) -> None:
        """Read from the socket again."""
        self._transport.resume_reading()

    def abort(self) -> None:
        """Close the socket at once. For the loop's own thread; safe to repeat, and after the loop is closed.

        A forked child leaves the connections of its parent alone: socket and selector are shared with it.
        """
        if not self.is_closed and self._process_id == os.getpid():
            self._fail(None)

    def abort_from_anywhere(self, exchange: Exchange) -> None:
        """Close the socket of `exchange` at once, from any thread, the loop running or not.

        Nothing is done where the exchange is over: another one may be on the connection.
        """
        if self._exchange is not exchange:
            return
        try:
            is_own_thread = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_own_thread = not self._loop.is_running()
        if is_own_thread:
            self.abort()
            return
        try:
            self._loop.call_soon_threadsafe(self._abort_exchange, exchange)
        except RuntimeError:  # the loop was closed meanwhile
            self.abort()

    def _abort_exchange(self, exchange: Exchange) -> None:
        if self._exchange is exchange:
            self.abort()

    # -- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; the pool closes it with the loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._pool.add(self)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and act on what it found."""
        if self._tls is not None:
            data = self._decrypt(self._tls, data)
            if not data:
                return
        exchange = self._exchange
        if exchange is None:
            self._open(data)
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            if not exchange.is_complete:
                self._fail(describe_garbage(self.shown, error, exchange.url))
                return
            self.is_spoiled = True  # the answer was whole; what follows it is not HTTP
        if exchange.is_complete:
            self._finish(exchange)
        elif self._head_bytes > self._limits.head_bytes:
            self._fail(describe_endless(self.shown, self._limits.head_bytes, exchange.url))
        else:
            self._deliver(exchange)

    def eof_received(self) -> None:
        """The server sends no more."""
        self._lose(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._lose(exc)

    def pause_writing(self) -> None:
        """The socket takes no more of the body for now."""
        self.is_write_paused = True

    def resume_writing(self) -> None:
        """Go on with the body."""
        self.is_write_paused = False
        if self._body_rest:
            self._send_all(b"")

    def _decrypt(self, tls: TLSLayer, data: bytes) -> bytes:
        was_ready = tls.is_ready
        try:
            plain = tls.receive(data)
        except ssl.SSLError as error:
            self._lose(error)
            return b""
        if tls.is_ready and not was_ready and self._opening is not None and not self._opening.done():
            self._opening.set_result(None)
        if tls.is_ended:
            if plain and self._exchange is not None:
                self._tls = None  # what came before the end is an answer all the same
                self.is_spoiled = True
                self.data_received(plain)
            self._lose(tls.failure)
            return b""
        return plain

    # -- called by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect one header."""
        self._header_names.append(name)
        self._header_values.append(value)

    def on_headers_complete(self) -> None:
        """Take the head, unless it is that of an interim answer."""
        exchange = self._exchange
        if exchange is None or exchange.is_complete:
            return
        status = self._parser.get_status_code()
        if status < 200:
            if status == 101:
                raise ValueError("it switches to another protocol")
            if status < 100:
                raise ValueError(f"{status} is no status")
            self._heads_due.append(None)  # an interim answer: another one follows
            return
        headers = build_headers(self._header_names, self._header_values)
        self._can_stay = self._parser.should_keep_alive()
        coding = _get(headers, "transfer-encoding")
        if coding is None:
            exchange.is_until_close = _get(headers, "content-length") is None
        elif coding.lower() != "chunked":
            raise ValueError(f"it uses the transfer coding {coding[:40]!r}")
        exchange.status, exchange.headers = status, headers
        if exchange.is_head_only:
            exchange.is_complete = True

    def on_body(self, data: bytes) -> None:
        """Collect one piece of the body."""
        exchange = self._exchange
        if exchange is None or exchange.is_complete:
            self.is_spoiled = True
            return
        exchange.pieces.append(data)
        exchange.size += len(data)
        self._head_bytes = 0

    def on_message_complete(self) -> None:
        """Mark the answer as complete."""
        exchange = self._exchange
        if exchange is not None and exchange.status:
            exchange.is_complete = True
        self._header_names.clear()  # trailers are not read
        self._header_values.clear()

    # -- what follows from it

    def _deliver(self, exchange: Exchange) -> None:
        """Wake who waits for what has come, or let the server wait when nobody fetches it."""
        limit = exchange.body_limit
        if limit is not None:
            if exchange.size > limit:
                self._fail(describe_oversize(limit, exchange.url))
            return
        if exchange.waiter is not None and (exchange.pieces or (exchange.wants == HEAD and exchange.status)):
            exchange.wake()
        if exchange.size > self._limits.waiting_bytes and not exchange.is_paused:
            exchange.is_paused = True
            self._transport.pause_reading()

    def _finish(self, exchange: Exchange) -> None:
        """The answer is complete: keep the connection when both sides can, and wake who waits."""
        self._exchange = None
        exchange.connection = None
        if exchange.is_head_only:
            self._parser = HttpResponseParser(self)  # the old one still expects the body that Content-Length announced
        if exchange.is_paused:
            self.resume_reading()
        if not self._can_stay or self.is_spoiled or self._body_rest or self.is_write_paused or self.is_closed:
            self.abort()
        else:
            self._pool.release(self)
        waiter = exchange.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _lose(self, cause: Exception | None) -> None:
        """The server has closed, or the socket has failed."""
        exchange = self._exchange
        if exchange is None:
            error = cause or ConnectionError("the server closed the connection")
        elif exchange.is_until_close and exchange.status and cause is None and not self._is_cut_short:
            exchange.is_complete = True
            self._can_stay = False
            self._finish(exchange)
            return
        else:
            has_begun = self._head_bytes > 0
            is_stale = self.is_reused and self._loop.time() <= self._stale_until
            error = describe_cut(exchange, self.shown, cause, has_begun=has_begun, is_stale=is_stale)
        self._fail(error)

    @property
    def _is_cut_short(self) -> bool:
        """Whether TCP ended within a TLS session: anybody could have ended it (RFC 9112, section 9.8)."""
        return self._tls is not None and not self._tls.is_ended

    def _fail(self, error: Exception | None) -> None:
        """Close the socket and give `error` to who waits; `None` when our own side closes."""
        if self.is_closed:
            return
        self.is_closed = True
        exchange, self._exchange = self._exchange, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._body_rest = _NO_BODY
        del self._parser  # it holds our callbacks: without this cycle everything goes when the last one lets go
        self._pool.discard(self)
        shut_down(self._transport)
        close_transport(self._transport, self._loop)
        if exchange is not None:
            exchange.connection = None
            exchange.error = error or StreamClosedError(
                "the response was closed before its end: read it before closing"
            )
        if self._loop.is_closed():
            return  # nobody is left to wake
        if exchange is not None:
            exchange.wake()
        opening = self._opening
        if opening is not None and not opening.done():
            opening.set_exception(error or ConnectionAbortedError("the connection was closed"))


def shut_down(transport: asyncio.Transport) -> None:
    """Tell the server now: asyncio itself closes the socket only when the loop runs next."""
    sock = transport.get_extra_info("socket")
    try:
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
    except (OSError, TypeError):  # closed already; uvloop's sockets refuse it
        pass


def close_transport(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
    """Abort a transport, also one whose loop is closed: asyncio would then leave the socket open."""
    if not loop.is_closed():
        transport.abort()
        return
    close = getattr(transport, "_call_connection_lost", None)  # no public way is left
    if close is not None and transport.get_extra_info("socket").fileno() >= 0:
        close(None)
