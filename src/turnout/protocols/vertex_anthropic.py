"""Anthropic's Messages API as Google's Vertex AI has it: the same bodies, the model in the URL.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude.
"""

from turnout.protocols.anthropic_messages import StreamDecoder, decode, decode_error, encode

__all__ = ["StreamDecoder", "decode", "decode_error", "encode"]
