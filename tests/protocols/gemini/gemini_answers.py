"""What the tests of this wire format share: a route, answers, and short ways to decode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from turnout.catalog.quirks import Quirks
from turnout.catalog.types import Model
from turnout.protocols.gemini import StreamDecoder, decode, encode
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
    "candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "name", "args", "id",
    "inlineData", "fileData", "mimeType", "data", "fileUri", "executableCode", "codeExecutionResult", "toolCall",
    "finishReason", "finishMessage", "index", "groundingMetadata", "groundingChunks", "groundingSupports",
    "groundingChunkIndices", "citationMetadata", "citationSources", "logprobsResult", "chosenCandidates",
    "topCandidates", "token", "logProbability", "usageMetadata", "promptTokenCount", "candidatesTokenCount",
    "totalTokenCount", "thoughtsTokenCount", "promptTokensDetails", "modality", "tokenCount", "promptFeedback",
    "blockReason", "error", "code", "message", "status", "details", "modelVersion", "responseId", "urlContextMetadata",
]
# fmt: on
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    _LEAVES | st.sampled_from(["STOP", "SAFETY", "AUDIO", "image/png", "aGk="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=25,
)
"""Any JSON, with the names that this wire format uses."""

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


def make_route(
    *,
    vertex: bool = False,
    facts: dict[str, Any] | None = None,
    base_url: str = "http://127.0.0.1/v1beta",
    model: str = "m",
    secrets: tuple[str, ...] = (),
    **quirks: Any,
) -> Route:
    """Return a route to a provider `p` with these facts and quirks."""
    return Route(
        asked="p/m",
        provider="p",
        model=model,
        protocol="vertex_gemini" if vertex else "gemini",
        base_url=base_url,
        url=base_url,
        secrets=secrets,
        facts=None if facts is None else Model(id="p/m", **facts),
        quirks=Quirks(**quirks),
    )


def make_body(*parts: dict[str, Any], reason: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    """Return an answer, or event, with one candidate."""
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, **fields.pop("candidate", {})}
    if reason is not None:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], **fields}


def read(*parts: dict[str, Any], reason: str | None = "STOP", **fields: Any) -> ModelResponse:
    """Decode a whole answer with these parts."""
    return decode(json.dumps(make_body(*parts, reason=reason, **fields)).encode(), make_route())


def stream(*events: dict[str, Any]) -> tuple[list[Chunk], ModelResponse]:
    """Decode events; return every chunk and the answer."""
    decoder = StreamDecoder(make_route())
    chunks = [chunk for event in events for chunk in decoder.decode_event(json.dumps(event).encode())]
    last, response = decoder.finish()
    return chunks + last, response


def stream_bytes(pieces: Iterable[bytes]) -> tuple[list[Chunk], ModelResponse]:
    """Decode a body that comes in `pieces`, as the call does."""
    parser, decoder = SSEParser(), StreamDecoder(make_route())
    events = [event for piece in pieces for event in parser.feed(piece)]
    chunks = [chunk for event in events + parser.close() for chunk in decoder.decode_event(event.data, event.event)]
    last, response = decoder.finish()
    return chunks + last, response


def send(*messages: Message, route: Route | None = None, dropped: frozenset[str] = frozenset(), **fields: Any) -> Any:
    """Return the body that these messages become."""
    return json.loads(send_raw(*messages, route=route, dropped=dropped, **fields).body)


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
