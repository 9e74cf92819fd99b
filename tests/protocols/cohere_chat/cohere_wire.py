"""What the tests of this wire format share: a route, answers, and short ways to decode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from turnout.catalog.quirks import Quirks
from turnout.catalog.types import Model
from turnout.protocols.cohere_chat import StreamDecoder, decode, encode
from turnout.requests import ModelRequest, ModelSettings
from turnout.routing.route import Route
from turnout.transport.sse import SSEParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.chunks import Chunk
    from turnout.messages import Message
    from turnout.protocols import EncodedRequest
    from turnout.responses import ModelResponse

# fmt: off
_NAMES = [
    "type", "index", "delta", "message", "content", "text", "thinking", "tool_plan", "tool_calls", "id", "function",
    "name", "arguments", "citations", "content_index", "sources", "finish_reason", "usage", "tokens", "input_tokens",
    "output_tokens", "billed_units", "cached_tokens", "error", "logprobs", "role", "messages", "tools", "image_url",
]
# fmt: on
_WORDS = [
    "content-start",
    "content-delta",
    "content-end",
    "tool-call-start",
    "tool-call-delta",
    "citation-start",
    "message-end",
    "COMPLETE",
    "ERROR",
    "text",
    "user",
    "assistant",
]
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    _LEAVES | st.sampled_from(_WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=25,
)
"""Any JSON, with the names that this wire format uses."""

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


def make_route(
    *,
    facts: dict[str, Any] | None = None,
    base_url: str = "http://127.0.0.1/v2",
    secrets: tuple[str, ...] = (),
    **quirks: Any,
) -> Route:
    """Return a route to a provider `p` with these facts and quirks."""
    return Route(
        asked="p/m",
        provider="p",
        model="m",
        protocol="cohere_chat",
        base_url=base_url,
        url=base_url,
        secrets=secrets,
        facts=None if facts is None else Model(id="p/m", **facts),
        quirks=Quirks(**quirks),
    )


def read(reason: str | None = "COMPLETE", *, body: dict[str, Any] | None = None, **message: Any) -> ModelResponse:
    """Decode a whole answer with this message."""
    whole = {"id": "r", "finish_reason": reason, "message": {"role": "assistant", **message}, **(body or {})}
    return decode(json.dumps(whole).encode(), make_route())


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an event; `message` is what its delta holds."""
    if "message" in fields:
        fields["delta"] = {"message": fields.pop("message")}
    return {"type": kind, **fields}


def text_event(text: str, index: int = 0, kind: str = "content-delta", **fields: Any) -> dict[str, Any]:
    """Return an event with a piece of text."""
    return event(kind, index=index, message={"content": {"type": "text", "text": text}}, **fields)


def end_event(reason: str | None = "COMPLETE", **delta: Any) -> dict[str, Any]:
    """Return the last event."""
    return event("message-end", delta={"finish_reason": reason, **delta})


def stream(*events: dict[str, Any]) -> tuple[list[Chunk], ModelResponse]:
    """Decode events; return every chunk and the answer."""
    decoder = StreamDecoder(make_route())
    chunks = [chunk for each in events for chunk in decoder.decode_event(json.dumps(each).encode())]
    last, response = decoder.finish()
    return chunks + last, response


def stream_bytes(pieces: Iterable[bytes]) -> tuple[list[Chunk], ModelResponse]:
    """Decode a body that comes in `pieces`, as the call does."""
    parser, decoder = SSEParser(), StreamDecoder(make_route())
    events = [each for piece in pieces for each in parser.feed(piece)]
    chunks = [chunk for each in events + parser.close() for chunk in decoder.decode_event(each.data, each.event)]
    last, response = decoder.finish()
    return chunks + last, response


def send(*messages: Message, **fields: Any) -> Any:
    """Return the body that these messages become."""
    return json.loads(send_raw(*messages, **fields).body)


def send_raw(
    *messages: Message, route: Route | None = None, dropped: frozenset[str] = frozenset(), **fields: Any
) -> EncodedRequest:
    """Encode a request; `settings` may be a dict."""
    if isinstance(fields.get("settings"), dict):
        fields["settings"] = ModelSettings(**fields["settings"])
    return encode(ModelRequest(messages=list(messages), **fields), route or make_route(), dropped)


def codes(warned: Any) -> list[str]:
    """Return the codes of the warnings of an answer or an encoded request."""
    return [warning.code for warning in warned.warnings]
