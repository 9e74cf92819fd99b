"""AWS's event stream (``application/vnd.amazon.eventstream``): bytes in, events out. Pure and synchronous.

Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html, and the test vectors of botocore. A message
is its length, that of its headers, a checksum of both, headers, payload, and a checksum of it all.
"""

from __future__ import annotations

import struct
from zlib import crc32

import msgspec

from turnout.errors import MalformedStreamError
from turnout.transport.sse import MAX_EVENT_BYTES, Event

CONTENT_TYPE = "application/vnd.amazon.eventstream"
"""The content type of answers that are event streams."""

HeaderValue = bool | int | str | bytes
"""The value of a header: a timestamp is the milliseconds since 1970, a UUID its 16 bytes."""

_PRELUDE = struct.Struct(">III")
_CRC_BYTES = 4
_LEAST_BYTES = _PRELUDE.size + _CRC_BYTES
_MAX_HEADER_BYTES = 128 * 1024
_NUMBERS = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}
_SIZES = {kind: struct.calcsize(form) for kind, form in _NUMBERS.items()}
_BYTES, _TEXT, _UUID = 6, 7, 9


class EventStreamParser:
    """Turn the pieces of an event stream into events, wherever the pieces are cut: as `SSEParser` does for its format.

    `event` is the message's ``:event-type``. A message that is an exception or an error is an event of the type
    ``"error"``; its data is a JSON object with the fields of its payload, `code` (the type) and `message`. Time is
    linear in the bytes fed; memory is bounded by `max_event_bytes`. Raises `MalformedStreamError` where a checksum or a
    length is wrong, once the events before are given; nothing can be read after that.
    """

    __slots__ = ("_buffer", "_failure", "_header_bytes", "_max_event_bytes", "_total_bytes")

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._buffer = bytearray()  # the beginning of a message
        self._total_bytes = 0  # of that message; 0 while its prelude is not read
        self._header_bytes = 0
        self._failure: MalformedStreamError | None = None  # waits until the events before it were read

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes, in order."""
        self._raise_failure()
        buffer = self._buffer
        buffer += data
        events: list[Event] = []
        try:
            while self._has_message():
                message = bytes(buffer[: self._total_bytes])
                del buffer[: self._total_bytes]
                self._total_bytes = 0
                events.append(_read_message(message, self._header_bytes))
        except MalformedStreamError as error:
            buffer.clear()
            self._total_bytes = 0
            if not events:
                raise
            self._failure = error
        return events

    def close(self) -> list[Event]:
        """Return no event: what is left when the stream ends is a message that was cut. The parser is then empty."""
        self._raise_failure()
        self._buffer.clear()
        self._total_bytes = 0
        return []

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _has_message(self) -> bool:
        """Tell whether the buffer holds a whole message; the prelude is checked before the rest is awaited."""
        buffer = self._buffer
        if not self._total_bytes:
            if len(buffer) < _PRELUDE.size:
                return False
            total, headers, checksum = _PRELUDE.unpack_from(buffer)
            if crc32(buffer[:8]) != checksum:
                raise _malformed("the checksum of a message's lengths is wrong")
            if total < _LEAST_BYTES or headers > min(total - _LEAST_BYTES, _MAX_HEADER_BYTES):
                raise _malformed(f"a message's lengths ({total} and {headers} bytes) cannot be")
            if total > self._max_event_bytes:
                raise MalformedStreamError(
                    f"an event of the stream is longer than {self._max_event_bytes} bytes: raise `max_event_bytes`, "
                    "or check that the URL serves an event stream"
                )
            self._total_bytes, self._header_bytes = total, headers
        return len(buffer) >= self._total_bytes


def read_headers(block: bytes) -> dict[str, HeaderValue]:
    """Return the headers of a message. Raises `MalformedStreamError` for a block that breaks off or repeats a name."""
    headers: dict[str, HeaderValue] = {}
    place = 0
    try:
        while place < len(block):
            end = place + 1 + block[place]
            name, kind = str(block[place + 1 : end], "utf-8"), block[end]
            if name in headers:
                raise _malformed(f"a message has the header {name!r} twice")
            headers[name], place = _read_value(block, kind, end + 1)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise _malformed("the headers of a message cannot be read") from None
    return headers


def _read_value(block: bytes, kind: int, place: int) -> tuple[HeaderValue, int]:
    """Return the value of type `kind` at `place`, and the place after it."""
    if kind < 2:
        return kind == 0, place
    form = _NUMBERS.get(kind)
    if form is not None:
        return struct.unpack_from(form, block, place)[0], place + _SIZES[kind]
    if kind == _UUID:
        size = 16
    elif kind in (_BYTES, _TEXT):
        size = struct.unpack_from(">H", block, place)[0]
        place += 2
    else:
        raise _malformed(f"a message has a header of the unknown type {kind}")
    value = block[place : place + size]
    if len(value) < size:
        raise IndexError
    return str(value, "utf-8") if kind == _TEXT else value, place + size


def _read_message(message: bytes, header_bytes: int) -> Event:
    if crc32(message[:-_CRC_BYTES]) != int.from_bytes(message[-_CRC_BYTES:], "big"):
        raise _malformed("the checksum of a message is wrong")
    end = _PRELUDE.size + header_bytes
    headers = read_headers(message[_PRELUDE.size : end])
    payload = message[end:-_CRC_BYTES]
    kind = headers.get(":message-type")
    if kind == "exception":
        return _make_error(headers.get(":exception-type"), None, payload)
    if kind == "error":
        return _make_error(headers.get(":error-code"), headers.get(":error-message"), payload)
    name = headers.get(":event-type")
    return Event(payload, name) if isinstance(name, str) and name else Event(payload)


def _make_error(code: HeaderValue | None, message: HeaderValue | None, payload: bytes) -> Event:
    try:
        told = msgspec.json.decode(payload, type=dict[str, object])
    except (ValueError, RecursionError):  # no JSON object: its words are all there is
        told = {"message": payload.decode("utf-8", "replace")} if payload else {}
    if isinstance(message, str):
        told["message"] = message
    told["code"] = code if isinstance(code, str) else "error"
    return Event(msgspec.json.encode(told), "error")


def _malformed(what: str) -> MalformedStreamError:
    return MalformedStreamError(
        f"{what}: try again; if it stays so, check that the URL serves an AWS event stream and that nothing on the way"
        " changes it"
    )
