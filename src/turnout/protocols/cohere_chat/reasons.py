"""Why an answer ended, in Cohere's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.responses import FinishReason

_REASONS: dict[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}
_WORDS: dict[FinishReason, str] = {"tool_calls": "TOOL_CALL", "length": "MAX_TOKENS"}
_ERRORS = frozenset({"ERROR", "ERROR_LIMIT", "TIMEOUT"})
"""Source: `ChatFinishReason` of Cohere's OpenAPI description, and the older words of its SDKs."""


def read_finish_reason(written: str, *, has_calls: bool) -> FinishReason:
    """Return the finish reason that the provider wrote; with tool calls, "COMPLETE" and nothing at all mean those."""
    reason = _REASONS.get(written, "other") if written else "stop"
    return "tool_calls" if has_calls and reason == "stop" else reason


def is_error(written: str) -> bool:
    """Tell whether a finish reason stands for a failure of the provider."""
    return written in _ERRORS


def write_finish_reason(reason: FinishReason, raw: str | None) -> str:
    """Return the word for `reason`; the provider's own where it is one of this wire format."""
    return raw if raw is not None and raw in _REASONS else _WORDS.get(reason, "COMPLETE")
