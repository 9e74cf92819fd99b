"""Reasoning efforts: their order, which one of a model's is nearest, and what share of a budget each stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from turnout.requests import ReasoningEffort
from turnout.responses import Warning

if TYPE_CHECKING:
    from collections.abc import Iterable

RANKS: dict[str | None, int] = {name: rank for rank, name in enumerate(get_args(ReasoningEffort))}
"""Every effort and its place, the least first."""

SHARES = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 1.0}
"""The share of the largest budget that an effort stands for: https://openrouter.ai/docs/use-cases/reasoning-tokens."""


def find_nearest(effort: str, values: Iterable[str | None]) -> str | None:
    """Return the effort of `values` that is nearest to `effort`, of two the greater; `None` where there is none.

    "none" is not near to any other, and words that are no efforts are not looked at.
    """
    known = [value for value in values if value in RANKS and value not in (None, "none")]
    return min(known, key=lambda value: (abs(RANKS[value] - RANKS[effort]), -RANKS[value]), default=None)


def clamped(effort: str, sent: str) -> Warning:
    """Return the warning that a model has no such effort, and was sent another."""
    return Warning("clamped_setting", f'the model has no reasoning effort "{effort}": it was sent as {sent}')
