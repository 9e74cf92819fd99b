"""Compressed bodies, undone piece by piece in bounded memory."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

from turnout.errors import APIConnectionError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable

_GZIP = 31  # window bits of zlib: a gzip frame
_ZLIB = 15
_RAW = -15


class _Stream(Protocol):
    """What `zlib.decompressobj` returns; the type itself has no public name."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


class Decoder:
    """Undoes ``Content-Encoding: gzip`` (several members too) or ``deflate`` (with or without the zlib frame)."""

    __slots__ = ("_is_full", "_pick_bits", "_rest", "_stream")

    def __init__(self, pick_bits: Callable[[bytes], int]) -> None:
        self._pick_bits = pick_bits
        self._stream: _Stream | None = None
        self._rest: bytes = b""  # received and not decoded yet
        self._is_full = False  # the last output stopped at its limit, and there may be more

    @property
    def has_more(self) -> bool:
        """Whether `decode` has more to give without new bytes."""
        return self._is_full

    def decode(self, data: bytes, max_bytes: int) -> bytes:
        """Return at most `max_bytes` of what `data` and the rest before it decode to; go on with ``b""`` as data.

        Raises `ResponseError` when the bytes are not compressed as the server said.
        """
        data = self._rest + data if self._rest else data
        pieces: list[bytes] = []
        is_pending = self._is_full
        while max_bytes > 0 and (data or is_pending):
            stream = self._stream or self._open(data)
            if stream is None:
                break
            try:
                piece = stream.decompress(data, max_bytes)
            except zlib.error as error:
                raise ResponseError(f"the compressed body cannot be decoded ({error}): check the server") from error
            max_bytes -= len(piece)
            pieces.append(piece)
            data = stream.unconsumed_tail
            is_pending = max_bytes == 0 and not stream.eof
            if stream.eof:
                data = stream.unused_data.lstrip(b"\0")  # some writers pad a member with zeros
                self._stream = None
        self._rest = data
        self._is_full = max_bytes == 0 and bool(data or is_pending)
        return b"".join(pieces)

    def check_end(self) -> None:
        """Raise `APIConnectionError` when the body ended within the compressed stream."""
        if self._stream is not None or self._rest:
            raise APIConnectionError("the compressed body was cut before its end: try again")

    def _open(self, data: bytes) -> _Stream | None:
        if len(data) < 2:  # the frame cannot be told from one byte
            return None
        self._stream = stream = zlib.decompressobj(self._pick_bits(data))
        return stream


def find_decoder(encoding: str) -> Decoder | None:
    """Return the decoder for the value of Content-Encoding; `None` for a body that is not compressed.

    Raises `ResponseError` for a coding that was not asked for.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip"):
        return Decoder(lambda _: _GZIP)
    if name == "deflate":
        return Decoder(lambda data: _ZLIB if data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0 else _RAW)
    raise ResponseError(f"the body is encoded as {name[:40]!r}: send 'accept-encoding: gzip', or no such header")
