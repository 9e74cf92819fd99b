"""The estimate of tokens: by characters and bytes, one rule for each kind of part."""

from __future__ import annotations

import base64

import pytest

from turnout.messages import (
    Audio,
    File,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    ServerTool,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from turnout.tokens import (
    CALL_TOKENS,
    IMAGE_TOKENS,
    MESSAGE_TOKENS,
    UNKNOWN_TOKENS,
    estimate_message_tokens,
    estimate_text_tokens,
    estimate_tokens,
)

DATA_URL = "data:audio/wav;base64," + base64.b64encode(b"x" * 70_000).decode()


@pytest.mark.parametrize(
    ("text", "expected"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("日本", 2), ("abc日本", 3), ("\ud800", 1)]
)
def test_text_is_measured_by_characters_and_bytes(text: str, expected: int) -> None:
    assert estimate_text_tokens(text) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Text("abcd" * 10), 10),
        (Refusal("abcd"), 1),
        (Image(data=b"\x89PNG" * 100_000), IMAGE_TOKENS),
        (Audio(data=b"x" * 70_000), 100),
        (Audio(url=DATA_URL), 100),
        (Audio(url="https://example.com/a.mp3"), UNKNOWN_TOKENS),
        (Audio(data=b"x"), 50),
        (Video(data=b"x" * 500_000), 1000),
        (File(data=b"%PDF" * 10_000), 1000),
        (File(data=b"text" * 100, media_type="text/plain"), 100),
        (File(url="data:text/plain,abcdefgh", media_type="text/plain"), 2),
        (Reasoning("a very long thought" * 100), 0),
        (Reasoning("hm", [{"signature": "x" * 400}], "maker"), 105),
        (ServerTool("search", {"found": "x" * 39}), 13),
        (ToolCall("id", "look", {"at": "sky"}), CALL_TOKENS + 1 + 3),
        (ToolCall("id", "look", {}, "abcdefgh"), CALL_TOKENS + 1 + 2),
        (ToolCall("id", "look", {"at": object()}), CALL_TOKENS + 1 + UNKNOWN_TOKENS),
        (ToolResult("id", "abcdefgh"), CALL_TOKENS + 2),
    ],
)
def test_each_part_has_its_measure(part: Part, expected: int) -> None:
    assert estimate_message_tokens(Message("user", [part])) == MESSAGE_TOKENS + expected


def test_messages_add_up() -> None:
    assert estimate_tokens([]) == 0
    assert estimate_tokens(iter([Message.user("abcd"), Message.assistant("abcd", "abcd")])) == 2 * MESSAGE_TOKENS + 3
