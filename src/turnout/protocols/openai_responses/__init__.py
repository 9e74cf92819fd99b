"""The wire format of OpenAI's Responses API, as OpenAI and some fifteen others speak it.

Source: OpenAI's OpenAPI description, `POST /responses`; departures from it were seen in recorded traffic of four
providers. Calls are stateless unless the caller says otherwise: nothing is stored, and encrypted reasoning goes back
with the next turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.errors import decode_error
from turnout.protocols.openai_responses.decode import decode
from turnout.protocols.openai_responses.encode import encode
from turnout.protocols.openai_responses.stream import StreamDecoder

if TYPE_CHECKING:
    from turnout.protocols.openai_responses.serve import StreamRenderer, parse_request, render_error, render_response

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

_SERVED = frozenset({"StreamRenderer", "parse_request", "render_error", "render_response"})


def __getattr__(name: str) -> Any:
    """Import what serves this wire format when it is first asked for: a call does not need it."""
    if name in _SERVED:
        from turnout.protocols.openai_responses import serve

        return getattr(serve, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
