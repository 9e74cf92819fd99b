"""The wire format of Amazon Bedrock's Converse and ConverseStream, the same for all models there.

Source: the service description of `bedrock-runtime`, 2023-09-30, as botocore carries it, and recorded traffic. Streams
are AWS event streams (`turnout.transport.event_stream`); requests are signed, or carry a bearer key, elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.bedrock_converse.decode import decode
from turnout.protocols.bedrock_converse.encode import encode
from turnout.protocols.bedrock_converse.errors import decode_error
from turnout.protocols.bedrock_converse.stream import StreamDecoder

if TYPE_CHECKING:
    from turnout.protocols.bedrock_converse.incoming import parse_request
    from turnout.protocols.bedrock_converse.serve import StreamRenderer, render_error, render_response

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

_SERVED = frozenset({"StreamRenderer", "render_error", "render_response"})


def __getattr__(name: str) -> Any:
    """Import what serves this wire format when it is first asked for: a call does not need it."""
    if name == "parse_request":
        from turnout.protocols.bedrock_converse.incoming import parse_request

        return parse_request
    if name in _SERVED:
        from turnout.protocols.bedrock_converse import serve

        return getattr(serve, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
