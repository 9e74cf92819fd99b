"""Why an answer ended, in every provider's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.responses import FinishReason

_WORDS: dict[FinishReason, tuple[str, ...]] = {
    "stop": ("stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed", "end"),
    "length": (
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_length",
        "model_length",
        "model_context_window_exceeded",
    ),
    "tool_calls": ("tool_calls", "tool_call", "tool_use", "function_call"),
    "content_filter": (
        "content_filter",
        "content_filtered",
        "sensitive",
        "safety",
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "refusal",
        "guardrail_intervened",
        "error_toxic",
    ),
}
_REASONS: dict[str, FinishReason] = {word: reason for reason, words in _WORDS.items() for word in words}
_ERRORS = frozenset({"error", "network_error", "insufficient_system_resource"})


def read_finish_reason(written: str, *, has_calls: bool) -> FinishReason:
    """Return the finish reason that the provider wrote; with tool calls, "stop" and nothing at all mean those.

    The words are those of OpenAI, Anthropic, Google, Mistral, Cohere, Bedrock and z.ai, in any case.
    """
    reason = _REASONS.get(written.lower(), "other") if written else "stop"
    return "tool_calls" if has_calls and reason == "stop" else reason


def is_error(written: str) -> bool:
    """Tell whether a finish reason stands for a failure of the provider (OpenRouter, z.ai, DeepSeek)."""
    return written.lower() in _ERRORS
