"""Anthropic's Messages API as Amazon's Bedrock has it: the same bodies, the model in the URL, events in AWS's frames.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html. The data
of an event may come as the frame's payload (``{"bytes": "…"}``, base64) or as what is in it.
"""

from turnout.protocols.anthropic_messages import StreamDecoder, decode, decode_error, encode

__all__ = ["StreamDecoder", "decode", "decode_error", "encode"]
