"""How much a model is asked to think: an effort as a level or as a budget of tokens, whichever the model knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.efforts import SHARES, clamped, find_nearest
from turnout.protocols.setting_fields import left_out

if TYPE_CHECKING:
    from turnout.catalog.types import ReasoningOption
    from turnout.requests import ReasoningEffort
    from turnout.responses import Warning
    from turnout.routing.route import Route

_LEVELS: tuple[str, ...] = ("minimal", "low", "medium", "high")
"""The levels of the wire (`thinkingLevel`), as Google's discovery document lists them."""


def thinks_in_levels(route: Route) -> bool:
    """Tell whether the catalog says that the model of `route` is steered by levels: those models check signatures."""
    return _find_option(route, "effort") is not None


def write_thinking(effort: ReasoningEffort, route: Route, warnings: list[Warning]) -> dict[str, Any]:
    """Return the `thinkingConfig` that asks for `effort`, thoughts told; what cannot be told is told in `warnings`.

    A level that the model lacks becomes the nearest that it has. Where the catalog does not say how the model is
    steered, a level is sent, and a budget of 0 for "none".
    """
    facts = route.facts
    if facts is not None and facts.supports_reasoning is False:
        if effort != "none":
            warnings.append(_left_out("the model does not reason"))
        return {}
    levels, budget = _find_option(route, "effort"), _find_option(route, "budget_tokens")
    if levels is not None:
        return _write_level(effort, list(levels.values), warnings)
    if budget is not None:
        return _write_budget(effort, budget, has_switch=_find_option(route, "toggle") is not None, warnings=warnings)
    if _find_option(route, "toggle") is not None:
        return _write_level(effort, ["minimal", "high"], warnings)
    if facts is not None and facts.reasoning_options is not None:
        warnings.append(_left_out("the model's reasoning cannot be steered"))
        return {}
    return {"thinkingBudget": 0} if effort == "none" else _write_level(effort, list(_LEVELS), warnings)


def _find_option(route: Route, kind: str) -> ReasoningOption | None:
    options = None if route.facts is None else route.facts.reasoning_options
    return next((option for option in options or () if option.type == kind), None)


def _write_level(effort: str, levels: list[str | None], warnings: list[Warning]) -> dict[str, Any]:
    nearest = find_nearest(effort, [level for level in levels if level in _LEVELS])
    if nearest is None:
        warnings.append(_left_out("none of the model's efforts is a level of this wire format"))
        return {}
    if nearest != effort:
        warnings.append(clamped(effort, f'"{nearest}"'))
    told = {} if effort == "none" else {"includeThoughts": True}
    return {"thinkingLevel": nearest.upper(), **told}


def _write_budget(effort: str, option: ReasoningOption, *, has_switch: bool, warnings: list[Warning]) -> dict[str, Any]:
    least, most = option.min or 0, option.max
    if effort == "none":
        if has_switch or not least:
            return {"thinkingBudget": 0}
        warnings.append(clamped(effort, f"the least that the model thinks, {least} tokens"))
        return {"thinkingBudget": least}
    if most is None:
        warnings.append(clamped(effort, "a budget that the model chooses, for its largest is not known"))
        return {"thinkingBudget": -1, "includeThoughts": True}
    return {"thinkingBudget": max(least, 1, int(most * SHARES[effort])), "includeThoughts": True}


def _left_out(why: str) -> Warning:
    return left_out("reasoning_effort", why)
