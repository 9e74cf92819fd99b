"""What the tests of this wire format share: a route, and short ways to encode and decode."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from turnout.catalog.quirks import Quirks
from turnout.catalog.types import Model, ReasoningOption
from turnout.messages import Message
from turnout.protocols.anthropic_messages import StreamDecoder, encode
from turnout.requests import ModelRequest, ModelSettings
from turnout.routing.route import Route, SecretHeaders
from turnout.transport.sse import SSEParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.chunks import Chunk
    from turnout.protocols import EncodedRequest
    from turnout.responses import ModelResponse

EFFORT = ReasoningOption(type="effort", values=("low", "medium", "high"))
BUDGET = ReasoningOption(type="budget_tokens", min=1024)
TOGGLE = ReasoningOption(type="toggle")
SECRET = "sk-ant-planted-secret"


def make_route(
    protocol: str = "anthropic_messages",
    base_url: str = "http://127.0.0.1/v1",
    *,
    model: str = "m",
    quirks: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    **facts: Any,
) -> Route:
    """Return a route to a provider `p`; with `facts`, to a model that the catalog knows."""
    return Route(
        asked="p/m",
        provider="p",
        model=model,
        protocol=protocol,
        base_url=base_url,
        url=base_url + "/messages",
        quirks=Quirks(**(quirks or {})),
        headers=SecretHeaders(headers or {}),
        secrets=(SECRET,),
        facts=Model(id="p/m", **facts) if facts else None,
    )


def encode_body(request: ModelRequest | Message | list[Message] | str, route: Route | None = None) -> dict[str, Any]:
    """Return the body that a request, or messages, or a text, is encoded as."""
    return json.loads(encode_all(request, route).body)


def encode_all(request: ModelRequest | Message | list[Message] | str, route: Route | None = None) -> EncodedRequest:
    """Return a request, or messages, or a text, encoded."""
    if isinstance(request, str):
        request = Message.user(request)
    if isinstance(request, Message):
        request = [request]
    if isinstance(request, list):
        request = ModelRequest(messages=request)
    return encode(request, route or make_route())


def ask(
    text: str = "Hi", *, stream: bool = False, options: dict[str, Any] | None = None, **settings: Any
) -> ModelRequest:
    """Return a request with these settings; `options` are those for the provider."""
    return ModelRequest(
        messages=[Message.user(text)],
        settings=ModelSettings(**settings),
        stream=stream,
        provider_options={"p": options} if options else {},
    )


def codes(encoded: EncodedRequest) -> list[str]:
    """Return the codes of the warnings."""
    return [warning.code for warning in encoded.warnings]


def pack(kind: str, **fields: Any) -> bytes:
    """Return the data of an event."""
    return json.dumps({"type": kind, **fields}).encode()


def begin(index: int, **block: Any) -> bytes:
    """Return the data of an event that begins a block."""
    return pack("content_block_start", index=index, content_block=block)


def piece(index: int | None, kind: str, **delta: Any) -> bytes:
    """Return the data of an event with a piece of a block."""
    return pack("content_block_delta", index=index, delta={"type": kind, **delta})


START = pack("message_start", message={"id": "msg_1", "model": "m", "content": [], "usage": {"input_tokens": 3}})
STOP = pack("message_stop")


def ending(reason: str | None = "end_turn", **delta: Any) -> bytes:
    """Return the data of the event that ends the message."""
    return pack("message_delta", delta={"stop_reason": reason, **delta}, usage={"output_tokens": 5})


def stream(events: Iterable[bytes]) -> tuple[list[Chunk], ModelResponse]:
    """Decode the data of `events`; return every chunk and the answer."""
    decoder = StreamDecoder(make_route())
    chunks = [chunk for data in events for chunk in decoder.decode_event(data)]
    last, response = decoder.finish()
    return chunks + last, response


def stream_bytes(pieces: Iterable[bytes]) -> tuple[list[Chunk], ModelResponse]:
    """Decode a body that comes in `pieces`, as the call does."""
    parser, decoder = SSEParser(), StreamDecoder(make_route())
    events = [event for each in pieces for event in parser.feed(each)]
    chunks = [chunk for event in events + parser.close() for chunk in decoder.decode_event(event.data, event.event)]
    last, response = decoder.finish()
    return chunks + last, response


def cut_up(body: bytes, size: int) -> list[bytes]:
    """Return `body` in pieces of `size` bytes, or of random sizes where that is 0."""
    chance = random.Random(len(body))
    pieces: list[bytes] = []
    start = 0
    while start < len(body):
        step = size or chance.randint(1, 400)
        pieces.append(body[start : start + step])
        start += step
    return pieces
