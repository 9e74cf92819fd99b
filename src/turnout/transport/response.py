"""What `HTTPTransport.send` returns: the head of an answer, and its body piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from turnout.errors import ResponseError
from turnout.transport.exchange import PIECE, WHOLE, describe_oversize

if TYPE_CHECKING:
    from turnout.errors import TimeoutKind
    from turnout.transport.decoding import Decoder  # noqa: TC004 # fields of a Struct, never resolved
    from turnout.transport.exchange import Exchange, Limits  # noqa: TC004
    from turnout.transport.seam import Headers  # noqa: TC004

_get = dict[str, str].get  # names are in lower case here, so that the look-up of `Headers` need not lower them


class Guard:
    """Held by a response whose body is still to come: when both are dropped, the connection is closed."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __del__(self) -> None:
        exchange, connection = self._exchange, self._exchange.connection
        if connection is not None:
            connection.abort_from_anywhere(exchange)


class Response(Struct, eq=False):
    """One answer (a `seam.HTTPResponse`). Dropped unread, it closes its connection.

    `queued_s` is how long the request waited for `max_connections_per_host`, in seconds; `is_reused` tells that its
    connection had carried another one before.
    """

    status: int
    headers: Headers
    queued_s: float
    _exchange: Exchange
    _limits: Limits
    _guard: Guard | None
    is_reused: bool = False
    _decoder: Decoder | None = None
    _is_looked_at: bool = False  # whether the coding of the body is known
    _received: int = 0  # bytes of the decoded body, as far as `receive` has given it

    @property
    def max_event_bytes(self) -> int:
        """The longest event that a stream in this answer may have."""
        return self._limits.event_bytes

    async def receive(self, timeout_s: float | None = None, kind: TimeoutKind = "idle") -> bytes:
        """Return the next piece of the decoded body; ``b""`` at its end (and from then on).

        Raises `APITimeoutError` of `kind` when nothing came within `timeout_s` seconds, `APIConnectionError` when the
        connection broke before the end of the body, and `ResponseError` when the body cannot be decompressed, or is
        longer than the transport's `max_body_bytes`.
        """
        exchange = self._exchange
        decoder = self._decoder if self._is_looked_at else self._find_decoder()
        while True:
            while exchange.pieces or (decoder is not None and decoder.has_more):
                data = exchange.take() if decoder is None else self._decode_next(decoder)
                if data:
                    self._received += len(data)
                    if self._received > self._limits.body_bytes:
                        self.close()
                        raise describe_oversize(self._limits.body_bytes, exchange.url)
                    return data
            if exchange.error is not None:
                raise exchange.error
            if exchange.is_complete:
                if decoder is not None:
                    decoder.check_end()
                return b""
            await exchange.wait(PIECE, timeout_s, kind)

    async def read(self, timeout_s: float | None = None, kind: TimeoutKind = "total") -> bytes:
        """Return the rest of the body; `timeout_s` limits the whole of it.

        Raises as `receive`, and `ResponseError` when the body is longer than the transport's `max_body_bytes`.
        """
        exchange = self._exchange
        limit = self._limits.body_bytes
        if not exchange.is_complete and exchange.error is None:
            exchange.body_limit = limit
            if exchange.is_paused:
                exchange.resume()
            await exchange.wait(WHOLE, timeout_s, kind)
        if exchange.error is not None:
            raise exchange.error
        if exchange.size > limit:
            raise describe_oversize(limit, exchange.url)
        decoder = self._decoder if self._is_looked_at else self._find_decoder()
        if decoder is None:
            return exchange.take()
        body = self._decode(decoder, exchange.take(), limit + 1)
        if len(body) > limit:
            raise describe_oversize(limit, exchange.url)
        decoder.check_end()
        return body

    def close(self) -> None:
        """Close at once: an unread body closes its socket. Safe to repeat, and to call from any thread."""
        exchange, connection = self._exchange, self._exchange.connection
        if connection is not None:
            connection.abort_from_anywhere(exchange)

    def __repr__(self) -> str:
        return f"Response({self.status}, {self.headers!r})"

    def _find_decoder(self) -> Decoder | None:
        self._is_looked_at = True
        coding = _get(self.headers, "content-encoding")
        if coding is None:
            return None
        from turnout.transport.decoding import find_decoder  # here: most answers are not compressed

        try:
            self._decoder = find_decoder(coding)
        except ResponseError:
            self._is_looked_at = False
            self.close()
            raise
        return self._decoder

    def _decode_next(self, decoder: Decoder) -> bytes:
        # What is not decoded yet comes first: the server waits meanwhile, and nothing piles up here.
        data = b"" if decoder.has_more else self._exchange.take()
        return self._decode(decoder, data, self._limits.waiting_bytes)

    def _decode(self, decoder: Decoder, data: bytes, max_bytes: int) -> bytes:
        try:
            return decoder.decode(data, max_bytes)
        except ResponseError:
            self.close()
            raise
