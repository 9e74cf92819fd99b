"""What the tests of this wire format share: a route, and short ways to decode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from turnout.catalog.quirks import Quirks
from turnout.protocols.openai_chat import StreamDecoder
from turnout.routing.route import Route
from turnout.transport.sse import SSEParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.chunks import Chunk, ReasoningDelta, TextDelta
    from turnout.responses import ModelResponse


DONE = b"[DONE]"

# fmt: off
_NAMES = [
    "id", "model", "choices", "usage", "error", "x_groq", "object", "type", "detail", "errors", "index",
    "delta", "message", "finish_reason", "content", "reasoning", "reasoning_content",
    "reasoning_details", "refusal", "tool_calls", "executed_tools", "images", "function", "name",
    "arguments", "text", "thinking", "image_url", "url", "code", "param", "prompt_tokens",
    "completion_tokens", "total_tokens", "cached_tokens", "prompt_tokens_details", "search_results", "citations",
]
# fmt: on
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    _LEAVES | st.sampled_from(["stop", "error", "<think>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=25,
)
"""Any JSON, with the names that this wire format uses."""


def make_route(**quirks: Any) -> Route:
    """Return a route to a provider `p` with these quirks."""
    return Route(
        asked="p/m",
        provider="p",
        model="m",
        protocol="openai_chat",
        base_url="http://127.0.0.1/v1",
        url="http://127.0.0.1/v1/chat/completions",
        quirks=Quirks(**quirks),
    )


def delta_event(finish_reason: str | None = None, **delta: Any) -> bytes:
    """Return the data of an event with one choice."""
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}).encode()


def stream(events: Iterable[bytes]) -> tuple[list[Chunk], ModelResponse]:
    """Decode the data of `events`; return every chunk and the answer."""
    decoder = StreamDecoder(make_route())
    chunks = [chunk for data in events for chunk in decoder.decode_event(data)]
    last, response = decoder.finish()
    return chunks + last, response


def stream_bytes(pieces: Iterable[bytes]) -> tuple[list[Chunk], ModelResponse]:
    """Decode a body that comes in `pieces`, as the call does."""
    parser, decoder = SSEParser(), StreamDecoder(make_route())
    events = [event for piece in pieces for event in parser.feed(piece)]
    chunks = [chunk for event in events + parser.close() for chunk in decoder.decode_event(event.data, event.event)]
    last, response = decoder.finish()
    return chunks + last, response


def types_of(chunks: list[Chunk]) -> list[str]:
    """Return the types of `chunks`."""
    return [chunk.type for chunk in chunks]


def joined(chunks: list[Chunk], kind: type[TextDelta] | type[ReasoningDelta]) -> str:
    """Return the text of all chunks of `kind`."""
    return "".join([chunk.text for chunk in chunks if isinstance(chunk, kind)])


def call_event(*calls: Any) -> bytes:
    """Return the data of an event with pieces of tool calls."""
    return delta_event(tool_calls=list(calls))


def piece(name: Any = None, arguments: Any = None, **fields: Any) -> dict[str, Any]:
    """Return a piece of a tool call."""
    return {**fields, "function": {"name": name, "arguments": arguments}}


STOP = delta_event("stop")
