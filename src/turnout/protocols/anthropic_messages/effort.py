"""How much a model is asked to think: an effort as the fields `thinking` and `output_config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.efforts import RANKS, clamped, find_nearest
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.catalog.types import ReasoningOption
    from turnout.requests import ReasoningEffort
    from turnout.routing.route import Route

_BUDGETS: dict[str, int] = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 32768,
    "max": 65536,
}
"""Tokens of thought for an effort, where a model is steered by a budget. The numbers are turnout's own."""

_LEAST_BUDGET = 1024  # the OpenAPI description says so
_OFF: dict[str, Any] = {"thinking": {"type": "disabled"}}


def write_effort(effort: ReasoningEffort, limit: int, route: Route, warnings: list[Warning]) -> dict[str, Any]:
    """Return the fields of the body that ask for `effort`; what the model cannot be told is told in `warnings`.

    `limit` is the most tokens that the answer may have, thoughts included: a budget has to leave room in it. Models
    with efforts get the nearest of theirs and think adaptively, or by a budget where they take one as well; the others
    get a budget. Where the catalog does not say how the model is steered, it is asked as the newest models are.
    """
    facts = route.facts
    options = None if facts is None else facts.reasoning_options
    if options is None:
        if facts is not None and facts.supports_reasoning is False:
            return _unsteered(effort, "it does not reason", warnings)
        return dict(_OFF) if effort == "none" else {**_adaptive(), "output_config": {"effort": _name(effort)}}
    if effort == "none":
        return _turn_off(options, warnings)
    if not options:
        return _unsteered(effort, "its reasoning cannot be steered", warnings)
    nearest = find_nearest(effort, _list_efforts(options))
    written: dict[str, Any] = {}
    if nearest is not None:
        if nearest != effort:
            warnings.append(clamped(effort, f'"{nearest}"'))
        written["output_config"] = {"effort": nearest}
    budget = next((option for option in options if option.type == "budget_tokens"), None)
    if written and budget is None:
        return {**_adaptive(), **written}
    if budget is None:
        warnings.append(clamped(effort, "reasoning turned on, for this model knows no degrees of it"))
    return {**_write_budget(effort, limit, budget, warnings), **written}


def _name(effort: ReasoningEffort) -> str:
    return "low" if effort == "minimal" else effort


def _adaptive() -> dict[str, Any]:
    return {"thinking": {"type": "adaptive"}}


def _unsteered(effort: str, why: str, warnings: list[Warning]) -> dict[str, Any]:
    if effort != "none":
        warnings.append(Warning("dropped_setting", f"`reasoning_effort` was left out: {why}"))
    return {}


def _list_efforts(options: tuple[ReasoningOption, ...]) -> list[str]:
    values = [value for option in options if option.type == "effort" for value in option.values]
    return [value for value in values if value is not None and value in RANKS]


def _turn_off(options: tuple[ReasoningOption, ...], warnings: list[Warning]) -> dict[str, Any]:
    """Return the fields that turn reasoning off; a model that thinks only when told to needs none."""
    kinds = {option.type for option in options}
    if "toggle" in kinds:
        return dict(_OFF)
    efforts = _list_efforts(options)
    if not efforts or "budget_tokens" in kinds:
        return {}
    least = min(efforts, key=lambda value: RANKS[value])
    warnings.append(clamped("none", f'"{least}", without thinking where the model can do without'))
    return {"output_config": {"effort": least}}


def _write_budget(
    effort: ReasoningEffort, limit: int, option: ReasoningOption | None, warnings: list[Warning]
) -> dict[str, Any]:
    wanted = _BUDGETS[effort]
    least = max((option and option.min) or 0, _LEAST_BUDGET)
    most = (option and option.max) or wanted
    budget = max(least, min(wanted, most))
    if budget < limit - limit // 8:
        return {"thinking": {"type": "enabled", "budget_tokens": budget}}
    budget = limit - max(limit // 4, 1)
    if budget < least:
        told = f"`reasoning_effort` was left out: thinking takes {least} tokens at least, and the answer has {limit}"
        warnings.append(Warning("dropped_setting", f"{told}: raise `max_output_tokens`"))
        return {}
    told = f"a budget of {budget} tokens, to leave room for the answer: raise `max_output_tokens` for more"
    warnings.append(clamped(effort, told))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}
