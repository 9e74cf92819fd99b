"""The wire format of Google's Gemini API: `generateContent` and `streamGenerateContent`, also as Vertex AI has it.

Source: Google's discovery documents of `generativelanguage` (v1beta) and `aiplatform` (v1), and recorded traffic of
both. `vertex_gemini` is the same with Vertex AI's URL.
"""

from turnout.protocols.gemini.decode import decode
from turnout.protocols.gemini.encode import encode
from turnout.protocols.gemini.errors import decode_error
from turnout.protocols.gemini.incoming import parse_request
from turnout.protocols.gemini.serve import StreamRenderer, render_error, render_response
from turnout.protocols.gemini.stream import StreamDecoder

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
