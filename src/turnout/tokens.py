"""How many tokens a conversation takes: an estimate by characters and bytes, cheap, and the same for every model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from turnout.messages import Audio, File, Image, Media, Reasoning, ServerTool, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.messages import Message, Part
    from turnout.requests import ModelRequest

MESSAGE_TOKENS = 4
"""What a message takes beside its parts: its role and the marks around it."""

CALL_TOKENS = 8
"""What a tool call, or its result, takes beside its texts: its id and the marks around it."""

IMAGE_TOKENS = 1000
"""A picture, whatever its size: providers count 85 to 1,600 for one of a megapixel."""

UNKNOWN_TOKENS = 1000
"""Sound, film or a document of which only the URL is known."""

_AUDIO_BYTES = 700  # for a token: 10 to 32 tokens a second, of 8 to 32 kB
_VIDEO_BYTES = 500  # 260 tokens a second, of 125 kB and more
_DOCUMENT_BYTES = 40  # a page of a PDF is 30 to 100 kB, and 250 to 3,000 tokens
_LEAST_MEDIA_TOKENS = 50


def estimate_tokens(messages: Iterable[Message]) -> int:
    """Return about how many input tokens `messages` take: ``estimate_tokens([Message.user("Hello!")])``.

    4 ASCII characters are a token; a character of 2 UTF-8 bytes is 0.4, of 3 bytes 1, of 4 bytes 1.6 tokens. Against
    o200k_base (OpenAI's, 2024; measured 2026-11-25) that is 0.9 to 1.3 times the true number for English, Markdown and
    Python, 1.2 for French and German, 1.1 to 1.4 for Chinese, Japanese and Korean, 1.2 to 1.5 for Cyrillic, Greek and
    Arabic, and 3 for Hindi; too little for digits (0.75) and for JSON full of numbers (0.4).

    Pictures count `IMAGE_TOKENS` each; sound, films and documents go by their bytes and may be off by a factor of
    four. Reasoning counts where the provider's own record is sent back to it.
    """
    return sum(estimate_message_tokens(message) for message in messages)


def estimate_request_tokens(request: ModelRequest) -> int:
    """Return about how many tokens the input of `request` has: its messages, its tools and the schema of its output."""
    tokens = estimate_tokens(request.messages)
    for tool in request.tools:
        tokens += estimate_text_tokens(tool.name + tool.description) + _estimate_json(tool.parameters)
    return tokens if request.output is None else tokens + _estimate_json(request.output.schema)


def estimate_message_tokens(message: Message) -> int:
    """Return about how many input tokens one message takes, by the measure of `estimate_tokens`."""
    return MESSAGE_TOKENS + sum(_estimate_part(part) for part in message.content)


def estimate_text_tokens(text: str) -> int:
    """Return about how many tokens `text` takes, by the measure of `estimate_tokens`; an empty text takes none."""
    size = len(text)
    if text.isascii():
        return (size + 3) // 4
    plain = len(text.encode("ascii", "ignore"))
    other = len(text.encode("utf-8", "surrogatepass")) - plain
    return (plain + 3) // 4 + (3 * other - 4 * (size - plain) + 4) // 5


def _estimate_part(part: Part) -> int:
    if isinstance(part, Text):
        return estimate_text_tokens(part.text)
    if isinstance(part, Media):
        return _estimate_media(part)
    if isinstance(part, ToolCall):
        return CALL_TOKENS + estimate_text_tokens(part.name) + _estimate_json(part.invalid_arguments or part.arguments)
    if isinstance(part, ToolResult):
        return CALL_TOKENS + estimate_text_tokens(part.content)
    if isinstance(part, Reasoning):
        return _estimate_json(part.details) if part.details else 0
    if isinstance(part, ServerTool):
        return _estimate_json(part.data)
    return estimate_text_tokens(part.text)


def _estimate_media(part: Media) -> int:
    if isinstance(part, Image):
        return IMAGE_TOKENS
    size = _size(part)
    if size is None:
        return UNKNOWN_TOKENS
    if isinstance(part, File):
        is_text = (part.media_type or "").startswith("text/")
        return size // 4 if is_text else max(_LEAST_MEDIA_TOKENS, size // _DOCUMENT_BYTES)
    return max(_LEAST_MEDIA_TOKENS, size // (_AUDIO_BYTES if isinstance(part, Audio) else _VIDEO_BYTES))


def _size(part: Media) -> int | None:
    if part.data is not None:
        return len(part.data)
    if part.url is None or not part.url.startswith("data:"):
        return None
    head, _, body = part.url.partition(",")
    return len(body) * 3 // 4 if head.endswith(";base64") else len(body)


def _estimate_json(value: Any) -> int:
    if isinstance(value, str):
        return estimate_text_tokens(value)
    try:
        return (len(msgspec.json.encode(value)) + 3) // 4
    except (
        TypeError,
        ValueError,
        OverflowError,
        RecursionError,
    ):  # no JSON: encoding says so, and better than this could
        return UNKNOWN_TOKENS
