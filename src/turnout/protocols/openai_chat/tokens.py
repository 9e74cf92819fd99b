"""The `usage` object of an answer, in every form that was seen, as a `Usage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.protocols.json_reading import as_count, is_object
from turnout.protocols.openai_chat.wire import USES, TokenDetails
from turnout.usage import Usage

if TYPE_CHECKING:
    from turnout.protocols.openai_chat.wire import TokenCounts

_NO_DETAILS = TokenDetails()


def read_usage(told: TokenCounts) -> Usage:
    """Return the tokens that `told`, the `usage` of an answer, tells; the first name that holds a count wins.

    A total that is more than input and output together shows what the provider left out of one of them.
    """
    of_input = told.prompt_tokens_details or told.input_tokens_details or _NO_DETAILS
    of_output = told.completion_tokens_details or told.output_tokens_details or _NO_DETAILS
    given = _first(told.prompt_tokens, told.input_tokens)
    answered = _first(told.completion_tokens, told.output_tokens)
    total = told.total_tokens
    cached = of_input.cached_tokens
    if cached is None:
        cached = _first(
            told.cached_tokens, told.num_cached_tokens, told.prompt_cache_hit_tokens, told.cache_read_input_tokens
        )
    written = _first(of_input.cache_write_tokens, told.cache_creation_input_tokens)
    thought = _first(of_output.reasoning_tokens, told.reasoning_tokens)
    if given is not None and answered is not None:
        beside = (cached or 0) + (written or 0)
        missing = 0 if total is None else total - given - answered
        if beside > given or missing == beside > 0:
            given += beside  # Anthropic's way of counting: cached tokens stand beside the input
        elif missing > 0 and thought in (None, missing):
            answered += missing  # thoughts: xAI tells them apart, Google only in the total
        if total is None:
            total = given + answered
    return Usage(
        input_tokens=given,
        output_tokens=answered,
        total_tokens=total,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=thought,
        audio_input_tokens=of_input.audio_tokens,
        audio_output_tokens=of_output.audio_tokens,
    )


def has_counts(told: TokenCounts) -> bool:
    """Tell whether `told` holds any count; an empty usage may follow the true one, and says nothing."""
    if told.total_tokens is not None:
        return True
    told_counts = [getattr(told, name) for name in told.__struct_fields__ if name not in USES]
    return any(count is not None and count != _NO_DETAILS for count in told_counts)


def count_uses(told: TokenCounts) -> dict[str, int]:
    """Return how often the provider searched by itself, which costs more than the tokens."""
    used = {name: as_count(getattr(told, name)) or 0 for name in ("num_sources_used", "num_search_queries")}
    for holder in (told.server_tool_use, told.server_tool_use_details):
        if is_object(holder):
            used["web_search_requests"] = as_count(holder.get("web_search_requests")) or 0
    return used


def _first(*counts: int | None) -> int | None:
    for count in counts:
        if count is not None:
            return count
    return None
