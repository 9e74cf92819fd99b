"""Wire formats: each module (or folder) here is one, as pure functions over bytes.

A protocol has

``encode(request, route, dropped=frozenset()) -> EncodedRequest``
    a `ModelRequest` as the bytes to send; fields named in `dropped` are left out (the server refused them before).
``decode(body, route) -> ModelResponse``
    a whole answer. Raises `ResponseError` for a body that is no answer, and the error's class for an error in a 200.
``StreamDecoder(route)``
    the state of one stream: ``decode_event(data, event) -> list[Chunk]`` for each server-sent event, then
    ``finish() -> ModelResponse`` at the end of the bytes; ``text`` is what came so far.
``decode_error(status, headers, body, secrets=()) -> APIStatusError``
    an answer with an error status; none of `secrets` is in the message, not even a piece of one.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from turnout.errors import ConfigurationError
from turnout.protocols.wire_fields import NO_FIELDS, WireFields
from turnout.responses import Warning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.chunks import Chunk
    from turnout.errors import APIStatusError
    from turnout.requests import ModelRequest
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route

PROTOCOLS = (
    "openai_chat",
    "openai_responses",
    "gemini",
    "vertex_gemini",
    "anthropic_messages",
    "vertex_anthropic",
    "bedrock_anthropic",
    "bedrock_converse",
    "watsonx_chat",
    "sap_orchestration",
    "cohere_chat",
)
"""The names of the wire formats that turnout speaks."""

EMBEDDING_PROTOCOLS = ("openai_embeddings",)
"""Those for embeddings: they have no streams, and take an `EmbeddingRequest`."""

TASK_PROTOCOLS = (*EMBEDDING_PROTOCOLS, "openai_images", "openai_speech", "openai_transcription", "rerank")
"""All those that are not for chats: each takes the request of its own task, and has no streams."""


class EncodedRequest(Struct, frozen=True, kw_only=True):
    """The body to send and the headers that the protocol asks for.

    `added` names the top-level fields of the body that turnout added by itself, `translated` those that it made of a
    setting of another name: a server that refuses one of them gets the request again without it. `fields` says what
    the wire format calls them, and which nested ones can go alone.
    """

    body: bytes
    headers: dict[str, str]
    added: frozenset[str] = frozenset()
    translated: frozenset[str] = frozenset()
    fields: WireFields = NO_FIELDS
    warnings: tuple[Warning, ...] = ()
    url: str | None = None
    """The endpoint, where it depends on the request; `None`: the route's own."""

    joined_headers: dict[str, str] = {}
    """Lists that hold what the route's own header of the same name has, and so go in its place."""

    def find_lessons(self, error: APIStatusError) -> frozenset[str]:
        """Return what `error` teaches of the place that the request went to: fields and features that it refuses."""
        from turnout.protocols.refusals import find_lessons  # here: few calls are refused

        return find_lessons(error, self)


class StreamDecoder(Protocol):
    """The state of one stream while its events are decoded."""

    @property
    def text(self) -> str:
        """The text so far, untrimmed."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether the protocol's end mark was read, so that nothing more will come."""
        ...

    def decode_event(self, data: bytes, event: str = "") -> list[Chunk]:
        """Decode one event. Raises `MalformedStreamError` for one that cannot be read."""
        ...

    def finish(self) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the whole answer. Raises `TruncatedStreamError` when the stream was cut."""
        ...


class WireProtocol(Protocol):
    """What a module of this package offers."""

    def encode(self, request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
        """Return `request` as bytes for `route`."""
        ...

    def decode(self, body: bytes, route: Route) -> ModelResponse:
        """Return a whole answer."""
        ...

    def StreamDecoder(self, route: Route) -> StreamDecoder:  # noqa: N802 - a class of the module
        """Return the state for one stream."""
        ...

    def decode_error(
        self, status: int, headers: Mapping[str, str], body: bytes, secrets: Sequence[str] = ()
    ) -> APIStatusError:
        """Return the error that an answer with an error status stands for."""
        ...


@cache
def find_protocol(name: str) -> WireProtocol:
    """Return the wire format `name`. Raises `ConfigurationError` for one that turnout does not speak."""
    if name not in PROTOCOLS and name not in TASK_PROTOCOLS:
        raise ConfigurationError(
            f"the wire format `{name}` is not supported by this version: choose one of {', '.join(PROTOCOLS)}"
            " with protocol= in the model config, if the server speaks it"
        )
    return import_module(f"turnout.protocols.{name}")  # pyright: ignore[reportReturnType] - a module is the instance
