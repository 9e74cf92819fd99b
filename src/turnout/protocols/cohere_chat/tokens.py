"""The `usage` of an answer as a `Usage`, and back."""

from __future__ import annotations

from typing import Any

from turnout.protocols.json_reading import as_count, is_object
from turnout.usage import Usage


def read_usage(told: object) -> Usage | None:
    """Return the tokens that a `usage` tells; `None` where it tells none.

    `billed_units` are those that are paid for; they count. `tokens` are those that the model read and wrote, the
    provider's own prompts included: https://docs.cohere.com/v2/docs/how-does-cohere-pricing-work, 2026-11-25.
    `cached_tokens` are among the latter (recorded traffic shows it), so that nobody knows how many of the billed ones
    they are where the two differ.
    """
    if not is_object(told):
        return None
    holders = [holder for name in ("billed_units", "tokens") if is_object(holder := told.get(name))]
    given, answered = _first(holders, "input_tokens"), _first(holders, "output_tokens")
    if given is None and answered is None:
        return None
    total = None if given is None or answered is None else given + answered
    cached = as_count(told.get("cached_tokens"))
    if cached and any(as_count(holder.get("input_tokens")) not in (given, None) for holder in holders):
        cached = None
    return Usage(input_tokens=given, output_tokens=answered, total_tokens=total, cached_input_tokens=cached)


def count_uses(told: object) -> dict[str, int]:
    """Return what is billed beside the tokens: how much of each unit, such as searches."""
    billed = told.get("billed_units") if is_object(told) else None
    units = billed if is_object(billed) else {}
    return {name: as_count(count) or 0 for name, count in units.items() if not name.endswith("_tokens")}


def write_usage(usage: Usage) -> dict[str, Any]:
    """Return `usage` as the wire has it."""
    counts = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    tokens = {name: count for name, count in counts.items() if count is not None}
    cached = {} if usage.cached_input_tokens is None else {"cached_tokens": usage.cached_input_tokens}
    return {"billed_units": tokens, "tokens": tokens, **cached}


def _first(holders: list[dict[str, Any]], name: str) -> int | None:
    return next((count for holder in holders if (count := as_count(holder.get(name))) is not None), None)
