"""The `usage` of an answer, in both directions."""

from __future__ import annotations

from typing import Any

from turnout.protocols.json_reading import as_count, as_text, objects
from turnout.usage import Usage


def read_usage(told: dict[str, Any]) -> Usage:
    """Return the tokens that `told` tells. Input from the cache, or written to it, stands beside `inputTokens`."""
    given, answered, total = (as_count(told.get(name)) for name in ("inputTokens", "outputTokens", "totalTokens"))
    read = _first(told, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = _first(told, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    kept = {as_text(each.get("ttl")): as_count(each.get("inputTokens")) for each in objects(told.get("cacheDetails"))}
    if written is None and kept:
        written = sum(count for count in kept.values() if count is not None)
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
        cache_write_1h_tokens=kept.get("1h"),
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """Return `usage` as the wire has it; it has no unknown count but 0."""
    given, answered = usage.input_tokens or 0, usage.output_tokens or 0
    cached = {"cacheReadInputTokens": usage.cached_input_tokens, "cacheWriteInputTokens": usage.cache_write_tokens}
    told = {name: count for name, count in cached.items() if count is not None}
    writes, long = usage.cache_write_tokens or 0, usage.cache_write_1h_tokens
    details: list[dict[str, Any]] = []
    if long:
        short = max(writes - long, 0)
        details = [{"ttl": ttl, "inputTokens": count} for ttl, count in (("1h", long), ("5m", short)) if count]
    return {
        "inputTokens": max(given - sum(told.values()), 0),
        "outputTokens": answered,
        "totalTokens": given + answered if usage.total_tokens is None else usage.total_tokens,
        **told,
        **({"cacheDetails": details} if details else {}),
    }


def _first(told: dict[str, Any], *names: str) -> int | None:
    counts = [as_count(told.get(name)) for name in names]
    return next((count for count in counts if count is not None), None)
