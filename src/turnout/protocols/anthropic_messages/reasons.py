"""Why an answer ended, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.responses import FinishReason

_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "stop": "stop",  # servers that speak this wire over another one
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "length": "length",
    "tool_use": "tool_calls",
    "tool_calls": "tool_calls",
    "refusal": "content_filter",
    "content_filter": "content_filter",
}
_WORDS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
PAUSED = "pause_turn"
"""The word for a long turn of the provider's own tools that goes on when the answer is sent back unchanged:
https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons."""

_OWN = frozenset(
    ("end_turn", "stop_sequence", "max_tokens", "model_context_window_exceeded", "tool_use", "refusal", PAUSED)
)


def read_stop_reason(written: str, *, has_calls: bool) -> FinishReason:
    """Return the finish reason that the provider wrote; with tool calls, "stop" and nothing at all mean those.

    ``pause_turn`` is ``"other"``; see `PAUSED`.
    """
    reason = _REASONS.get(written, "other") if written else "stop"
    return "tool_calls" if has_calls and reason == "stop" else reason


def write_stop_reason(reason: FinishReason, raw: str | None) -> str:
    """Return the word of this wire for `reason`: the provider's own, where it is one of this wire."""
    return raw if raw in _OWN else _WORDS.get(reason, "end_turn")
