"""What the tests of this wire format share: a route, events, and short ways to decode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from turnout.catalog.quirks import Quirks
from turnout.messages import Message
from turnout.protocols.openai_responses import StreamDecoder, decode, encode
from turnout.requests import ModelRequest
from turnout.routing.route import Route
from turnout.transport.sse import SSEParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.chunks import Chunk
    from turnout.protocols import EncodedRequest
    from turnout.responses import ModelResponse

# fmt: off
_NAMES = [
    "id", "model", "type", "response", "item", "output", "content", "text", "delta", "status", "error", "message",
    "code", "usage", "input_tokens", "output_tokens", "summary", "encrypted_content", "call_id", "name", "arguments",
    "input", "output_index", "content_index", "item_id", "part", "refusal", "annotations", "logprobs", "role",
    "incomplete_details", "reason", "result", "store", "detail", "summary_index", "object", "transcript", "data",
]
TYPES = [
    "response.created", "response.completed", "response.incomplete", "response.failed", "response.output_item.added",
    "response.output_item.done", "response.content_part.done", "response.output_text.delta", "response.refusal.delta",
    "response.reasoning_summary_text.delta", "response.reasoning_text.delta", "response.audio.delta", "error",
    "response.audio.transcript.delta", "output_audio",
    "response.function_call_arguments.delta", "response.custom_tool_call_input.delta", "message", "reasoning",
    "function_call", "custom_tool_call", "web_search_call", "image_generation_call", "output_text", "refusal",
    "summary_text", "completed",
]
# fmt: on
_LEAVES = st.none() | st.booleans() | st.integers(-2, 3) | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    _LEAVES | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6),
    max_leaves=25,
)
"""Any JSON, with the names that this wire format uses."""


def make_route(facts: Any = None, provider: str = "p", **quirks: Any) -> Route:
    """Return a route to `provider` with these facts and quirks."""
    return Route(
        asked=f"{provider}/m",
        provider=provider,
        model="m",
        protocol="openai_responses",
        base_url="http://127.0.0.1/v1",
        url="http://127.0.0.1/v1/responses",
        facts=facts,
        quirks=Quirks(**quirks),
    )


def encoded(*messages: Message, route: Route | None = None, dropped: Iterable[str] = (), **fields: Any) -> Any:
    """Return the body for these messages (of the user, if none are given), decoded."""
    return json.loads(sent(*messages, route=route, dropped=dropped, **fields).body)


def sent(*messages: Message, route: Route | None = None, dropped: Iterable[str] = (), **fields: Any) -> EncodedRequest:
    """Return the request for these messages as it is sent."""
    request = ModelRequest(messages=list(messages) or [Message.user("Hi")], **fields)
    return encode(request, route or make_route(), frozenset(dropped))


def whole(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a whole answer with these items."""
    return {"id": "resp_1", "object": "response", "model": "m-1", "status": "completed", "output": output, **fields}


def decoded(*output: dict[str, Any], **fields: Any) -> ModelResponse:
    """Decode a whole answer with these items."""
    return decode(json.dumps(whole(*output, **fields)).encode(), make_route())


def text_item(text: str, **fields: Any) -> dict[str, Any]:
    """Return the item of a message with one text."""
    part = {"type": "output_text", "text": text, "annotations": [], **fields}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def event(kind: str, **fields: Any) -> bytes:
    """Return the data of one event."""
    return json.dumps({"type": kind, **fields}).encode()


def end(*output: dict[str, Any], **fields: Any) -> bytes:
    """Return the data of the last event, with these items."""
    return event("response.completed", response=whole(*output, **fields))


def stream(*events: bytes) -> tuple[list[Chunk], ModelResponse]:
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
