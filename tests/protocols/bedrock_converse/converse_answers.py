"""What the tests of this wire format share: a route, and short ways to encode and decode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vendor_specs import find_converse_faults

from turnout.catalog.quirks import Quirks
from turnout.catalog.types import Model, ReasoningOption
from turnout.protocols.bedrock_converse import StreamDecoder, encode
from turnout.protocols.bedrock_converse.frames import write_event
from turnout.requests import ModelRequest
from turnout.routing.route import Route
from turnout.transport.event_stream import EventStreamParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.chunks import Chunk
    from turnout.messages import Message
    from turnout.responses import ModelResponse

BASE = "https://bedrock-runtime.eu-west-1.amazonaws.com"


def make_route(model: str = "m", *, facts: Model | None = None, **quirks: Any) -> Route:
    """Return a route to a provider `p` with these quirks."""
    return Route(
        asked=f"p/{model}",
        provider="p",
        model=model,
        protocol="bedrock_converse",
        base_url=BASE,
        url=BASE,
        facts=facts,
        quirks=Quirks(**quirks),
    )


def make_facts(*options: ReasoningOption, **fields: Any) -> Model:
    """Return the facts of a model that is steered by `options`."""
    return Model(id="p/m", reasoning_options=options or None, **fields)


def body_of(*messages: Message, route: Route | None = None, **fields: Any) -> dict[str, Any]:
    """Return the body of a request that is encoded without a warning, and that AWS's description allows."""
    body, warnings = warned_body(ModelRequest(messages=list(messages), **fields), route)
    assert warnings == []
    return body


def warned_body(request: ModelRequest, route: Route | None = None) -> tuple[dict[str, Any], list[str]]:
    """Return the body of a request, which AWS's description allows, and its warnings as code and message."""
    encoded = encode(request, route or make_route())
    body = json.loads(encoded.body)
    assert find_converse_faults(body, "ConverseRequest", modelId="m") == []
    return body, [f"{warning.code}: {warning.message}" for warning in encoded.warnings]


def answer(*blocks: Any, reason: str = "end_turn", **fields: Any) -> bytes:
    """Return the body of a whole answer."""
    body = {"output": {"message": {"role": "assistant", "content": list(blocks)}}, "stopReason": reason}
    return json.dumps({**body, "usage": {}, "metrics": {"latencyMs": 1}, **fields}).encode()


def start(index: int, **block: Any) -> bytes:
    """Return the beginning of a block."""
    return write_event("contentBlockStart", {"contentBlockIndex": index, "start": block})


def delta(index: int, **piece: Any) -> bytes:
    """Return a piece of a block."""
    return write_event("contentBlockDelta", {"contentBlockIndex": index, "delta": piece})


def stop(index: int) -> bytes:
    """Return the end of a block."""
    return write_event("contentBlockStop", {"contentBlockIndex": index})


def end(reason: str = "end_turn", **usage: int) -> bytes:
    """Return the last messages of a stream."""
    return write_event("messageStop", {"stopReason": reason}) + write_event(
        "metadata", {"usage": usage, "metrics": {"latencyMs": 1}}
    )


def stream(pieces: Iterable[bytes]) -> tuple[list[Chunk], ModelResponse]:
    """Decode a stream that comes in `pieces`, as the call does."""
    parser, decoder = EventStreamParser(), StreamDecoder(make_route())
    events = [event for piece in pieces for event in parser.feed(piece)]
    chunks = [chunk for event in events + parser.close() for chunk in decoder.decode_event(event.data, event.event)]
    last, response = decoder.finish()
    return chunks + last, response
