"""The `usage` of an answer, in both directions."""

from __future__ import annotations

from typing import Any

from turnout.protocols.json_reading import as_count
from turnout.usage import Usage


def read_usage(told: dict[str, Any]) -> Usage:
    """Return the tokens that `told` tells. Input from the cache, or written to it, stands beside `inputTokens`."""
    given, answered, total = (as_count(told.get(name)) for name in ("inputTokens", "outputTokens", "totalTokens"))
    read = _first(told, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = _first(told, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    if given is not None:
        is_all = total is not None and answered is not None and total == given + answered
        if not is_all:
            given += (read or 0) + (written or 0)
        if total is None and answered is not None:
            total = given + answered
    return Usage(
        input_tokens=given,
        output_tokens=answered,
        total_tokens=total,
        cached_input_tokens=read,
        cache_write_tokens=written,
    )


def write_usage(usage: Usage) -> dict[str, int]:
    """Return `usage` as the wire has it; it has no unknown count but 0."""
    given, answered = usage.input_tokens or 0, usage.output_tokens or 0
    cached = {"cacheReadInputTokens": usage.cached_input_tokens, "cacheWriteInputTokens": usage.cache_write_tokens}
    told = {name: count for name, count in cached.items() if count is not None}
    return {
        "inputTokens": max(given - sum(told.values()), 0),
        "outputTokens": answered,
        "totalTokens": given + answered if usage.total_tokens is None else usage.total_tokens,
        **told,
    }


def _first(told: dict[str, Any], *names: str) -> int | None:
    counts = [as_count(told.get(name)) for name in names]
    return next((count for count in counts if count is not None), None)
