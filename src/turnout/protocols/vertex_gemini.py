"""The wire format of Gemini on Vertex AI: that of `gemini`, at another URL and without the fields that it lacks.

The base URL ends with the project and the location, such as
``https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4``. Source: Google's discovery
document of `aiplatform`, v1.
"""

from turnout.protocols.gemini import (
    StreamDecoder,
    StreamRenderer,
    decode,
    decode_error,
    encode,
    parse_request,
    render_error,
    render_response,
)

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
