"""Messages of AWS's event stream, written: what a server of this wire format sends.

Source: see `turnout.transport.event_stream`, which reads them.
"""

from __future__ import annotations

import struct
from typing import Any
from zlib import crc32

import msgspec

_TEXT = 7


def write_event(name: str, payload: dict[str, Any]) -> bytes:
    """Return the message of an event."""
    return _write_message({":event-type": name, ":content-type": "application/json", ":message-type": "event"}, payload)


def write_exception(name: str, message: str) -> bytes:
    """Return the message that tells a client that the answer broke; `name` is a member of `ConverseStreamOutput`."""
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return _write_message(headers, {"message": message})


def _write_message(headers: dict[str, str], payload: dict[str, Any]) -> bytes:
    block = b"".join([_write_header(name, value) for name, value in headers.items()])
    data = msgspec.json.encode(payload)
    prelude = struct.pack(">II", 16 + len(block) + len(data), len(block))
    message = b"".join([prelude, struct.pack(">I", crc32(prelude)), block, data])
    return message + struct.pack(">I", crc32(message))


def _write_header(name: str, value: str) -> bytes:
    told = value.encode()
    return bytes([len(name)]) + name.encode() + bytes([_TEXT]) + struct.pack(">H", len(told)) + told
