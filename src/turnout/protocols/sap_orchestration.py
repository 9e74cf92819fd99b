"""The wire format of SAP AI Core's orchestration service, v2: chat/completions inside an envelope.

Messages, tools and the format of the answer stand in ``config.modules.prompt_templating.prompt``, settings in its
``model.params``; the answer, or each event of it, in ``final_result``. All messages but the last go as
``messages_history``, in which the service looks for no ``{{?placeholders}}``; those of the last are kept from it.
Source: https://github.com/SAP-docs/sap-artificial-intelligence (Orchestration Workflow V2), 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import Struct, structs

from turnout.protocols.errors import decode_error
from turnout.protocols.openai_chat import StreamDecoder as ChatDecoder
from turnout.protocols.openai_chat import decode as decode_chat
from turnout.protocols.openai_chat import encode as encode_chat
from turnout.requests import merge_deep
from turnout.routing.hosts import join_path

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.protocols import EncodedRequest
    from turnout.requests import ModelRequest
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route

__all__ = ["StreamDecoder", "decode", "decode_error", "encode"]

_STREAM_FIELDS = ("stream", "stream_options")
_OF_ENVELOPE = ("config", "placeholder_values")
_OPENING = "{{?"


class _Envelope(Struct):
    final_result: msgspec.Raw = msgspec.Raw()
    intermediate_results: msgspec.Raw = msgspec.Raw()


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return `request` as the bytes to send to the deployment of `route`; see `openai_chat.encode`.

    `provider_options` are parameters of the model; `config` and `placeholder_values` among them are merged into the
    envelope: ``{"config": {"modules": {"filtering": …}}}``.
    """
    chat = encode_chat(request, route, dropped)
    fields: dict[str, Any] = msgspec.json.decode(chat.body)
    for name in _STREAM_FIELDS:
        fields.pop(name, None)
    own = {name: fields.pop(name) for name in _OF_ENVELOPE if name in fields}
    *history, last = fields.pop("messages")
    values: dict[str, str] = {}
    prompt: dict[str, Any] = {"template": [_protect(last, values)]}
    prompt |= {name: fields.pop(name) for name in ("tools", "response_format") if name in fields}
    model = {"name": fields.pop("model"), "version": "latest", "params": fields}
    config: dict[str, Any] = {"modules": {"prompt_templating": {"prompt": prompt, "model": model}}}
    if request.stream:
        config["stream"] = {"enabled": True}
    body: dict[str, Any] = {"config": config, **({"messages_history": history} if history else {})}
    if values:
        body["placeholder_values"] = values
    return structs.replace(
        chat,
        body=msgspec.json.encode(merge_deep(body, own)),
        url=join_path(route.base_url, "/v2/completion"),
        added=chat.added.difference(_STREAM_FIELDS),
    )


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200. Raises as `openai_chat.decode`."""
    response = decode_chat(_unwrap(body), route)
    response.raw = body
    return response


class StreamDecoder(ChatDecoder):
    """The state of one stream; see `turnout.protocols.StreamDecoder`."""

    def decode_event(self, data: bytes, event: str = "") -> list[Chunk]:
        """Decode one event; one that tells of the service's own steps only has no chunks."""
        inner = _unwrap(data)
        return super().decode_event(inner, event) if inner else []


def _unwrap(data: bytes) -> bytes:
    """Return the answer inside an envelope, or `data` where there is none (an error, the end mark)."""
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data
    inner = bytes(envelope.final_result)
    if inner and inner != b"null":
        return inner
    return b"" if bytes(envelope.intermediate_results) else data


def _protect(message: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """Return `message` with texts that look like templates put aside into `values`, which are not looked into."""
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": _put_aside(content, values)}
    if isinstance(content, list):
        parts = [_protect_part(part, values) for part in cast("list[dict[str, Any]]", content)]
        return {**message, "content": parts}
    return message


def _protect_part(part: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    text = part.get("text")
    return {**part, "text": _put_aside(text, values)} if isinstance(text, str) else part


def _put_aside(text: str, values: dict[str, str]) -> str:
    if _OPENING not in text:
        return text
    name = f"text_{len(values) + 1}"
    values[name] = text
    return f"{{{{?{name}}}}}"
