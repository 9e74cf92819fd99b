"""The wire format of Google's Gemini API: `generateContent` and `streamGenerateContent`, also as Vertex AI has it.

Source: Google's discovery documents of `generativelanguage` (v1beta) and `aiplatform` (v1), and recorded traffic of
both. `vertex_gemini` is the same with Vertex AI's URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.gemini.decode import decode
from turnout.protocols.gemini.encode import encode
from turnout.protocols.gemini.errors import decode_error
from turnout.protocols.gemini.stream import StreamDecoder

if TYPE_CHECKING:
    from turnout.protocols.gemini.incoming import parse_request
    from turnout.protocols.gemini.serve import StreamRenderer, render_error, render_response

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
        from turnout.protocols.gemini import incoming as served
    elif name in __all__:
        from turnout.protocols.gemini import serve as served
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(served, name)
