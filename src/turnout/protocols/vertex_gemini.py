"""The wire format of Gemini on Vertex AI: that of `gemini`, at another URL and without the fields that it lacks.

The base URL ends with the project and the location, such as
``https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4``. Source: Google's discovery
document of `aiplatform`, v1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols import gemini
from turnout.protocols.gemini import StreamDecoder, decode, decode_error, encode

if TYPE_CHECKING:
    from turnout.protocols.gemini import StreamRenderer, parse_request, render_error, render_response

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
    if name in __all__:
        return getattr(gemini, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
