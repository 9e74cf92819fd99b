"""The JSON of an answer, whole or one event of a stream, read into structs: strictly and fast, else leniently."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from turnout.protocols.json_reading import as_count, as_text, is_array, is_object


class Delta(Struct):
    """What an event adds: to a block, or (`stop_reason` and what follows it) to the message."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    citation: Any = None
    stop_reason: str | None = None
    stop_details: Any = None
    container: Any = None


class Event(Struct):
    """One event. `bytes` is base64 of the event itself, where Bedrock wraps it."""

    type: str | None = None
    index: int | None = None
    delta: Delta | None = None
    content_block: Any = None
    message: Any = None
    usage: Any = None
    error: Any = None
    bytes: str | None = None


class Body(Struct):
    """A whole message; that of the event `message_start` is one without content."""

    type: str | None = None
    id: str | None = None
    model: str | None = None
    content: list[Any] | None = None
    stop_reason: str | None = None
    stop_details: Any = None
    container: Any = None
    usage: Any = None
    error: Any = None


read_event = msgspec.json.Decoder(Event).decode
"""Read an event of a well-behaved provider. Raises `ValueError` (several kinds) or `RecursionError` for any other."""

read_body = msgspec.json.Decoder(Body).decode
"""Read a whole answer of a well-behaved provider. Raises as `read_event`."""


def convert_event(value: dict[str, Any]) -> Event:
    """Read an event whose fields are not all of the type that they should be: what cannot be used counts as absent."""
    delta = value.get("delta")
    return Event(
        type=as_text(value.get("type")),
        index=as_count(value.get("index")),
        delta=_convert_delta(delta) if is_object(delta) else None,
        content_block=value.get("content_block"),
        message=value.get("message"),
        usage=value.get("usage"),
        error=value.get("error"),
        bytes=as_text(value.get("bytes")),
    )


def _convert_delta(value: dict[str, Any]) -> Delta:
    kept = {name: value.get(name) for name in ("citation", "stop_details", "container")}
    texts = ("type", "text", "thinking", "partial_json", "signature", "stop_reason")
    return Delta(**kept, **{name: as_text(value.get(name)) for name in texts})


def convert_body(value: dict[str, Any]) -> Body:
    """Read a whole answer in the same way."""
    content = value.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return Body(
        type=as_text(value.get("type")),
        id=as_text(value.get("id")),
        model=as_text(value.get("model")),
        content=content if is_array(content) else None,
        stop_reason=as_text(value.get("stop_reason")),
        stop_details=value.get("stop_details"),
        container=value.get("container"),
        usage=value.get("usage"),
        error=value.get("error"),
    )
