"""The wire format of Anthropic's Messages API, as Anthropic, its clouds and some fifteen others speak it.

Source: Anthropic's OpenAPI description, `POST /v1/messages`, version 2023-06-01 of the API (the one that all of those
know); departures from it were seen in recorded traffic. `vertex_anthropic` and `bedrock_anthropic` are the same bodies
at other URLs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.anthropic_messages.decode import decode
from turnout.protocols.anthropic_messages.encode import encode
from turnout.protocols.anthropic_messages.stream import StreamDecoder
from turnout.protocols.errors import decode_error

if TYPE_CHECKING:
    from turnout.protocols.anthropic_messages.serve import StreamRenderer, parse_request, render_response

__all__ = ["StreamDecoder", "StreamRenderer", "decode", "decode_error", "encode", "parse_request", "render_response"]

_SERVED = frozenset({"StreamRenderer", "parse_request", "render_response"})


def __getattr__(name: str) -> Any:
    """Import what serves this wire format when it is first asked for: a call does not need it."""
    if name in _SERVED:
        from turnout.protocols.anthropic_messages import serve

        return getattr(serve, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
