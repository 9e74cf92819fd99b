"""Why an answer ended, in Google's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.responses import FinishReason

_REASONS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "MODEL_ARMOR",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
        ),
        "content_filter",
    ),
}
"""Source: `Candidate.finishReason` in Google's discovery documents."""

_WORDS: dict[FinishReason, str] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}
_UNDECLARED = "UNEXPECTED_TOOL_CALL"


def read_finish_reason(written: str, *, has_calls: bool) -> FinishReason:
    """Return the finish reason that the provider wrote; with tool calls, "STOP" and nothing at all mean those.

    A call of a tool that was not declared is one as well: who runs the tools answers that there is none.
    """
    if has_calls and written in ("", "STOP", _UNDECLARED):
        return "tool_calls"
    return _REASONS.get(written, "other") if written else "stop"


def is_ordinary(written: str) -> bool:
    """Tell whether the answer ended as answers do, so that nothing has to be said of it."""
    return written in ("", "STOP", "MAX_TOKENS")


def write_finish_reason(reason: FinishReason, raw: str | None) -> str:
    """Return the word for `reason`; the provider's own where it is one of this wire format."""
    return raw if raw is not None and raw in _REASONS else _WORDS.get(reason, "OTHER")
