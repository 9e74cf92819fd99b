"""The wire format of OpenAI's chat completions, as OpenAI and some two hundred others speak it.

Source: OpenAI's OpenAPI description, `POST /chat/completions`; departures from it were seen in recorded traffic of
some twenty providers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.errors import decode_error
from turnout.protocols.openai_chat.decode import decode
from turnout.protocols.openai_chat.encode import encode
from turnout.protocols.openai_chat.incoming import parse_messages
from turnout.protocols.openai_chat.stream import StreamDecoder

if TYPE_CHECKING:
    from turnout.protocols.openai_chat.serve import StreamRenderer, parse_request, render_error, render_response

__all__ = [
    "StreamDecoder",
    "StreamRenderer",
    "decode",
    "decode_error",
    "encode",
    "parse_messages",
    "parse_request",
    "render_error",
    "render_response",
]

_SERVED = frozenset({"StreamRenderer", "parse_request", "render_error", "render_response"})


def __getattr__(name: str) -> Any:
    """Import what serves this wire format when it is first asked for: a call does not need it."""
    if name in _SERVED:
        from turnout.protocols.openai_chat import serve

        return getattr(serve, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
