"""The wire format of IBM watsonx.ai's ``/ml/v1/text/chat``: nearly chat/completions, and written with it.

The model is `model_id`, the project stands in the body (`Route.body_fields`), streams have a URL of their own, and the
modes of `tool_choice` are `tool_choice_option`. The base URL ends with ``/ml/v1`` and has ``?version=``.
Source: https://cloud.ibm.com/apidocs/watsonx-ai#text-chat, 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from turnout.protocols.errors import decode_error
from turnout.protocols.openai_chat import StreamDecoder, decode
from turnout.protocols.openai_chat import encode as encode_chat
from turnout.protocols.openai_chat.encode import FIELDS as CHAT_FIELDS
from turnout.routing.hosts import join_path

if TYPE_CHECKING:
    from turnout.protocols import EncodedRequest
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route

__all__ = ["StreamDecoder", "decode", "decode_error", "encode"]

_CHOSEN_BY_URL = ("stream", "stream_options")
_FIELDS = structs.replace(CHAT_FIELDS, lessons={**CHAT_FIELDS.lessons, "tool_choice_option": ("tool_choice",)})


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return `request` as the bytes to send, and the URL for a stream or a whole answer; see `openai_chat.encode`."""
    chat = encode_chat(request, route, dropped)
    body: dict[str, Any] = msgspec.json.decode(chat.body)
    for name in _CHOSEN_BY_URL:
        body.pop(name, None)
    if isinstance(body.get("tool_choice"), str):
        body["tool_choice_option"] = body.pop("tool_choice")
    body = {"model_id": body.pop("model"), **route.body_fields, **body}
    return structs.replace(
        chat,
        body=msgspec.json.encode(body),
        url=join_path(route.base_url, "/text/chat_stream" if request.stream else "/text/chat"),
        added=chat.added.difference(_CHOSEN_BY_URL),
        fields=_FIELDS,
    )
