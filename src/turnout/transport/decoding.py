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
_STEP_BYTES = 4096
"""Given to zlib at a time: it copies what follows the end of a member, so that many small members cost a step each."""


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
    """Undoes ``Content-Encoding: gzip`` (several members too) or ``deflate`` (with or without the zlib frame).

    Time is linear in the bytes received and given, whatever the number of members.
    """

    __slots__ = ("_at", "_data", "_has_ended_once", "_is_pending", "_pick_bits", "_stream", "has_more")

    def __init__(self, pick_bits: Callable[[bytes], int]) -> None:
        self.has_more = False
        """Whether `decode` may have more to give without new bytes: it stopped at its limit."""
        self._pick_bits = pick_bits
        self._stream: _Stream | None = None  # between two members
        self._data = b""
        self._at = 0  # up to where `_data` is decoded
        self._is_pending = False  # zlib may hold output that had no room
        self._has_ended_once = False

    def decode(self, data: bytes, max_bytes: int) -> bytes:
        """Return at most `max_bytes` of what `data` and the rest before it decode to; go on with ``b""`` as data.

        Raises `ResponseError` when the bytes are not compressed as the server said.
        """
        if data:
            self._data = self._data[self._at :] + data
            self._at = 0
        pieces: list[bytes] = []
        while max_bytes > 0:
            piece = self._take_step(max_bytes)
            if piece is None:
                break
            max_bytes -= len(piece)
            pieces.append(piece)
        self.has_more = max_bytes == 0 and (self._is_pending or self._at < len(self._data))
        return b"".join(pieces)

    def check_end(self) -> None:
        """Raise `APIConnectionError` when the body ended within the compressed stream."""
        if self._stream is not None or self._at < len(self._data):
            raise APIConnectionError("the compressed body was cut before its end: try again")

    def _take_step(self, max_bytes: int) -> bytes | None:
        """Return what the next few bytes decode to, which may be nothing; `None` when more bytes are needed."""
        step = self._data[self._at : self._at + _STEP_BYTES]
        if self._stream is None:
            if self._has_ended_once and step.startswith(b"\0"):  # some writers pad a member with zeros
                self._at += len(step) - len(step.lstrip(b"\0"))
                return b""
            if len(step) < 2:  # the frame cannot be told from one byte
                return None
            self._stream = zlib.decompressobj(self._pick_bits(step))
        elif not step and not self._is_pending:
            return None
        return self._decompress(self._stream, step, max_bytes)

    def _decompress(self, stream: _Stream, step: bytes, max_bytes: int) -> bytes:
        try:
            piece = stream.decompress(step, max_bytes)
        except zlib.error as error:
            raise ResponseError(f"the compressed body cannot be decoded ({error}): check the server") from error
        self._at += len(step) - len(stream.unused_data if stream.eof else stream.unconsumed_tail)
        self._is_pending = len(piece) == max_bytes and not stream.eof
        if stream.eof:
            self._stream = None
            self._has_ended_once = True
        return piece


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
