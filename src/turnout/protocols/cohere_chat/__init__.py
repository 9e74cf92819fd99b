"""The wire format of Cohere's Chat API, version 2.

Source: Cohere's OpenAPI description, `POST /v2/chat`, and five recorded exchanges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.cohere_chat.decode import decode
from turnout.protocols.cohere_chat.encode import encode
from turnout.protocols.cohere_chat.stream import StreamDecoder
from turnout.protocols.errors import decode_error

if TYPE_CHECKING:
    from turnout.protocols.cohere_chat.incoming import parse_request
    from turnout.protocols.cohere_chat.rendering import StreamRenderer, render_error, render_response

__all__ = [
    "StreamDecoder",
    "StreamRenderer",
    "decode",
    "decode_error",
    "encode",
    "parse_request",
    "render_error",
    "render_response",
]


def __getattr__(name: str) -> Any:
    """Import what serves this wire format when it is first asked for: a call does not need it."""
    if name == "parse_request":
        from turnout.protocols.cohere_chat import incoming as served
    elif name in __all__:
        from turnout.protocols.cohere_chat import rendering as served
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(served, name)
