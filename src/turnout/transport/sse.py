"""Server-sent events: bytes in, events out. Pure and synchronous.

The grammar is that of https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream, with two
departures that model servers need: an event that the stream's end cuts off before its blank line is still given by
`close`, and `data` stays bytes, to be decoded once by whoever knows its type.
"""

from __future__ import annotations

from typing import NoReturn

from msgspec import Struct

from turnout.errors import MalformedStreamError

_BOM = b"\xef\xbb\xbf"
_UNNAMED = "message"


MAX_EVENT_BYTES = 16 * 1024 * 1024
"""The longest event that is read where nothing else is said."""


class Event(Struct, gc=False):
    """One server-sent event: its data (lines joined by a line feed) and its type, ``"message"`` where none is named."""

    data: bytes
    event: str = _UNNAMED


class SSEParser:
    """Turn the pieces of an event stream into events, wherever the pieces are cut.

    Time is linear in the bytes fed, however small the pieces; memory is bounded by `max_event_bytes`, above which
    `feed` raises `MalformedStreamError`, once the events before are given. A piece that completes no event (a comment,
    half a line) gives ``[]``.
    """

    __slots__ = ("_buffer", "_is_after_cr", "_is_at_start", "_is_refused", "_max_event_bytes")

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._buffer = bytearray()  # the beginning of an event, line ends already made LF; holds no blank line
        self._is_at_start = True  # a byte order mark may still come
        self._is_after_cr = False  # a LF that comes next belongs to the CR before it
        self._is_refused = False  # what comes next raises: an event is too long

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes, in order."""
        if self._is_at_start or self._is_after_cr or b"\r" in data:
            data = self._normalise(data)
        buffer = self._buffer
        if buffer:
            return self._extend(data)
        if data.endswith(b"\n\n"):  # by far the commonest: whole events in one read
            size = len(data)
            if data.find(b"\n") == size - 2 and data.startswith(b"data: ") and 8 < size <= self._max_event_bytes:
                return [Event(data[6:-2])]
            blocks = data[:-2].split(b"\n\n")
        else:
            blocks = data.split(b"\n\n")
            buffer += blocks.pop()
        return self._read_blocks(blocks, len(data))

    def close(self) -> list[Event]:
        """Return the last event when the stream ended before its blank line; the parser is then empty."""
        if self._is_refused:
            self._refuse()
        rest = bytes(self._buffer)
        self._buffer.clear()
        return self._read_blocks([rest], len(rest))

    def _extend(self, data: bytes) -> list[Event]:
        buffer = self._buffer
        # Only the seam and the new bytes are searched: the buffer itself holds no blank line, so that time is linear.
        if b"\n\n" not in data and not (data.startswith(b"\n") and buffer.endswith(b"\n")):
            buffer += data
            if len(buffer) > self._max_event_bytes:
                self._refuse()
            return []
        buffer += data
        size = len(buffer)
        *blocks, rest = bytes(buffer).split(b"\n\n")
        buffer[:] = rest
        return self._read_blocks(blocks, size)

    def _read_blocks(self, blocks: list[bytes], size: int) -> list[Event]:
        if size > self._max_event_bytes and max(map(len, (*blocks, self._buffer))) > self._max_event_bytes:
            blocks = self._stop_before(blocks)
        events: list[Event] = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                if len(block) > 6:
                    events.append(Event(block[6:]))
            elif block:
                event = _read_named(block) or _read_block(block)
                if event is not None:
                    events.append(event)
        return events

    def _stop_before(self, blocks: list[bytes]) -> list[bytes]:
        """Return the blocks before one that is too long, and let the next call raise; raise now where there is none."""
        good: list[bytes] = []
        for block in blocks:
            if len(block) > self._max_event_bytes:
                break
            good.append(block)
        if not good:
            self._refuse()
        self._buffer.clear()
        self._is_refused = self._is_at_start = True  # the start of a stream takes the road on which this is looked at
        return good

    def _refuse(self) -> NoReturn:
        self._buffer.clear()
        raise MalformedStreamError(
            f"an event of the stream is longer than {self._max_event_bytes} bytes: raise `max_event_bytes`, "
            "or check that the URL serves an event stream"
        )

    def _normalise(self, data: bytes) -> bytes:
        """Return `data` without the byte order mark and with every line end made a LF."""
        if self._is_refused:
            self._refuse()
        if self._is_at_start and data:
            data = self._strip_mark(data)
        if self._is_after_cr and data:
            self._is_after_cr = False
            if data.startswith(b"\n"):
                data = data[1:]
        if b"\r" in data:
            self._is_after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _strip_mark(self, data: bytes) -> bytes:
        head = bytes(self._buffer) + data
        self._buffer.clear()
        if len(head) < len(_BOM) and _BOM.startswith(head):  # cannot tell yet; wait for the next piece
            self._buffer += head
            return b""
        self._is_at_start = False
        return head.removeprefix(_BOM)


def _read_named(block: bytes) -> Event | None:
    """Read the commonest form of a named event, a type and one line of data; `None` for any other."""
    if not block.startswith(b"event: "):
        return None
    name, _, line = block.partition(b"\n")
    if len(name) > 7 and len(line) > 6 and line.startswith(b"data: ") and b"\n" not in line:
        return Event(line[6:], str(name[7:], "utf-8", "replace"))
    return None


def _read_block(block: bytes) -> Event | None:
    """Read the lines of one event; `None` when they hold no data (comments, `id`, `retry`, an event without data)."""
    event = _UNNAMED
    lines: list[bytes] = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
        elif name == b"event":
            event = str(value.removeprefix(b" "), "utf-8", "replace") or _UNNAMED
    data = b"\n".join(lines)
    return Event(data, event) if data else None
