"""The wire format of OpenAI's embeddings, as nearly all of those speak it who speak OpenAI's chat completions.

Source: OpenAI's OpenAPI description, `POST /embeddings`. Vectors are asked for in base64 (little-endian single
precision): a third of the bytes of decimals, and exact. A server that knows only decimals sends these, and one that
refuses the field is asked again without it.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode, b64encode
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from turnout.errors import InvalidInputError
from turnout.messages import Message
from turnout.protocols.errors import decode_error
from turnout.protocols.json_reading import as_text, is_array
from turnout.protocols.request_reading import read_body, take_text, wrong
from turnout.protocols.serving import ParsedRequest
from turnout.protocols.task_answers import raise_foreign, read_input_usage, refuse
from turnout.protocols.task_fields import TaskFields
from turnout.requests import EmbeddingRequest
from turnout.responses import EmbeddingResponse

if TYPE_CHECKING:
    from turnout.protocols import EncodedRequest
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route

__all__ = ["asks_for_base64", "decode", "decode_error", "encode", "parse_request", "render_response"]

_READ = frozenset({"model", "input", "dimensions", "encoding_format"})


class _Item(Struct):
    embedding: str | list[float]
    index: int | None = None


class _Body(Struct):
    """An answer; what is typed `Any` is looked at where it is used, for no vector is worth less without it."""

    data: list[_Item]
    model: Any = None
    usage: Any = None
    id: Any = None


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return an `EmbeddingRequest` as the bytes to send: model, input, and `dimensions` where they were given.

    `provider_options` of the route's provider are merged in last (``input_type``, say). Raises `InvalidInputError` for
    any other request, and for what JSON cannot hold.
    """
    if not isinstance(request, EmbeddingRequest):
        raise InvalidInputError(f"`{route.asked}` is at an endpoint for embeddings: call `embed` with it")
    fields = TaskFields(route, dropped)
    fields.put("input", request.texts)
    fields.put_added("encoding_format", "base64")
    fields.put_setting("dimensions", request.dimensions)
    return fields.encode_json(request)


def decode(body: bytes, route: Route) -> EmbeddingResponse:
    """Return the answer in the `body` of a 200, its vectors in the order of the texts.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    try:
        wire = msgspec.json.decode(body, type=_Body)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        raise_foreign(body, route, "embeddings", "embeddings")
    items = wire.data
    if items and all(item.index is not None for item in items):
        items = sorted(items, key=lambda item: item.index or 0)
        if [item.index for item in items] != list(range(len(items))):
            raise refuse("vectors whose `index` does not count from 0", body, route)
    return EmbeddingResponse(
        message=Message("assistant", []),
        finish_reason="stop",
        usage=read_input_usage(wire.usage),
        id=as_text(wire.id),
        model=as_text(wire.model),
        vectors=[_read_vector(item.embedding, body, route) for item in items],
    )


def parse_request(body: bytes) -> ParsedRequest:
    """Return the request of a client in `body`; `asks_for_base64` tells how it wants its vectors.

    `input` is a text or a list of texts: tokens mean nothing to other models. Fields that turnout has no word for are
    in ``provider_options["*"]``. Raises `InvalidInputError` that names the field.
    """
    value = {name: item for name, item in read_body(body).items() if item is not None}
    given, dimensions = value.get("input"), value.get("dimensions")
    texts: list[Any] = given if is_array(given) else [given]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise wrong("input", "is no text and no list of texts", "give one")
    if dimensions is not None and (type(dimensions) is not int or dimensions < 1):
        raise wrong("dimensions", f"is {dimensions!r}"[:100], "give a whole number of 1 or more")
    if (form := value.get("encoding_format", "float")) not in ("float", "base64"):
        raise wrong("encoding_format", f"is {form!r}"[:100], "give `float` or `base64`")
    extra = {name: item for name, item in value.items() if name not in _READ}
    request = EmbeddingRequest(
        messages=[Message.user(*texts)], dimensions=dimensions, provider_options={"*": extra} if extra else {}
    )
    return ParsedRequest(model=take_text(value, "model"), request=request)


def asks_for_base64(body: bytes) -> bool:
    """Tell whether the request of a client asks for vectors in base64."""
    return read_body(body).get("encoding_format") == "base64"


def render_response(response: EmbeddingResponse, *, model: str | None = None, is_base64: bool = False) -> bytes:
    """Return an answer as the body of a 200; `model` is the name that the client is told.

    The vectors are decimals, or base64 of single-precision numbers. Usage that is not known is left out.
    """
    write = _write_base64 if is_base64 else list[float]
    body: dict[str, Any] = {
        "object": "list",
        "model": model or response.model or "",
        "data": [
            {"object": "embedding", "index": index, "embedding": write(vector)}
            for index, vector in enumerate(response.vectors)
        ],
    }
    count = response.usage.input_tokens
    if count is not None:
        body["usage"] = {"prompt_tokens": count, "total_tokens": count}
    return msgspec.json.encode(body)


def _write_base64(vector: array[float]) -> str:
    single = array("f", vector)
    if sys.byteorder == "big":
        single.byteswap()
    return b64encode(single.tobytes()).decode()


def _read_vector(written: str | list[float], body: bytes, route: Route) -> array[float]:
    if isinstance(written, list):
        vector = array("d", written)
    else:
        vector = array("f")
        try:
            vector.frombytes(b64decode(written, validate=True))
        except ValueError:  # binascii's error is one
            raise refuse("a vector that is no base64 of single-precision numbers", body, route) from None
        if sys.byteorder == "big":
            vector.byteswap()
    if not vector or not isfinite(sum(vector)):
        raise refuse("a vector that is empty or holds what is no number", body, route)
    return vector
