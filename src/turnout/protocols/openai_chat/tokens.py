"""The `usage` object of an answer, in every form that was seen, as a `Usage`."""

from __future__ import annotations

from typing import Any

from turnout.protocols.openai_chat.wire import as_count, is_object
from turnout.usage import Usage

_NAMES: dict[str, tuple[str, ...]] = {
    "input_tokens": ("prompt_tokens", "input_tokens"),
    "output_tokens": ("completion_tokens", "output_tokens"),
    "total_tokens": ("total_tokens",),
    "cached_input_tokens": (
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "cached_tokens",  # Together, Moonshot
        "num_cached_tokens",  # Mistral
        "prompt_cache_hit_tokens",  # DeepSeek
        "cache_read_input_tokens",  # gateways to Anthropic
    ),
    "cache_write_tokens": (
        "prompt_tokens_details.cache_write_tokens",  # OpenRouter
        "cache_creation_input_tokens",  # gateways to Anthropic
    ),
    "reasoning_tokens": (
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
        "reasoning_tokens",
    ),
    "audio_input_tokens": ("prompt_tokens_details.audio_tokens",),
    "audio_output_tokens": ("completion_tokens_details.audio_tokens",),
}


def read_usage(value: object) -> Usage:
    """Return the tokens that `value`, the `usage` of an answer, tells; the first name that holds a count wins.

    A total that is more than input and output together shows what the provider left out of one of them.
    """
    if not is_object(value):
        return Usage()
    counts = {field: _first_count(value, names) for field, names in _NAMES.items()}
    given, told, total = counts["input_tokens"], counts["output_tokens"], counts["total_tokens"]
    if given is None or told is None:
        return Usage(**counts)
    cached = (counts["cached_input_tokens"] or 0) + (counts["cache_write_tokens"] or 0)
    missing = 0 if total is None else total - given - told
    if cached > given or missing == cached > 0:
        counts["input_tokens"] = given + cached  # Anthropic's way of counting: cached tokens stand beside the input
    elif missing > 0 and counts["reasoning_tokens"] in (None, missing):
        counts["output_tokens"] = told + missing  # thoughts: xAI tells them apart, Google only in the total
    if total is None:
        counts["total_tokens"] = (counts["input_tokens"] or 0) + (counts["output_tokens"] or 0)
    return Usage(**counts)


def _first_count(value: dict[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        group, _, field = name.rpartition(".")
        holder = value.get(group) if group else value
        count = as_count(holder.get(field)) if is_object(holder) else None
        if count is not None:
            return count
    return None
