"""The wire format of OpenAI's chat completions, as OpenAI and some two hundred others speak it.

Source: OpenAI's OpenAPI description, `POST /chat/completions`; departures from it were seen in recorded traffic of
some twenty providers.
"""

from turnout.protocols.errors import decode_error
from turnout.protocols.openai_chat.decode import decode
from turnout.protocols.openai_chat.encode import encode
from turnout.protocols.openai_chat.incoming import parse_messages
from turnout.protocols.openai_chat.stream import StreamDecoder

__all__ = ["StreamDecoder", "decode", "decode_error", "encode", "parse_messages"]
