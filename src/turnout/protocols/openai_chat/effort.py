"""How much a model is asked to think: an effort, fitted to what the catalog says that the model can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from turnout.requests import ReasoningEffort
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.catalog.types import ReasoningOption
    from turnout.routing.route import Route

_RANKS = {name: rank for rank, name in enumerate(get_args(ReasoningEffort))}


def write_effort(effort: ReasoningEffort, route: Route, warnings: list[Warning]) -> dict[str, Any]:
    """Return the fields of the body that ask for `effort`; what the model cannot be told is told in `warnings`.

    An effort that the model lacks becomes the nearest that it has (of two, the greater; "none" only where it has no
    other). A model that only turns its reasoning on and off is told so in the field of its quirk `thinking_field`.
    Where the catalog does not say how the model is steered, the effort is sent as it is.
    """
    facts = route.facts
    options = None if facts is None else facts.reasoning_options
    if options is None:
        return {"reasoning_effort": effort}
    efforts = [value for option in options if option.type == "effort" for value in option.values]
    if effort in efforts:
        return {"reasoning_effort": effort}
    if effort == "none" and (None in efforts or (not options and facts is not None and not facts.supports_reasoning)):
        return {}  # it does not reason where it is not told to
    if (not efforts or effort == "none") and any(option.type == "toggle" for option in options):
        switched = _switch(effort != "none", route)
        if switched:
            if effort != "none":
                warnings.append(_clamped(effort, "reasoning turned on, for this model knows no degrees of it"))
            return switched
    nearest = _find_nearest(effort, efforts)
    if nearest is None:
        warnings.append(Warning("dropped_setting", f"`reasoning_effort` was left out: {_explain(options)}"))
        return {}
    warnings.append(_clamped(effort, f'"{nearest}"'))
    return {"reasoning_effort": nearest}


def _find_nearest(effort: str, efforts: list[str | None]) -> str | None:
    """Return the effort of `efforts` that is nearest to `effort`; `None` where there is none that can be ranked."""
    rank = _RANKS[effort]
    known = [value for value in efforts if value in _RANKS]
    active = [value for value in known if value != "none"]
    if not active:  # such as Groq's pair of "none" and "default"
        return next((value for value in efforts if value and value not in _RANKS), None) or next(iter(known), None)
    return min(active, key=lambda value: (abs(_RANKS[value] - rank), -_RANKS[value]))


def _switch(is_on: bool, route: Route) -> dict[str, Any]:
    """Return the field that turns the reasoning on or off; empty where the provider's is not known."""
    field = route.quirks.thinking_field
    if field == "enable_thinking":
        return {field: is_on}
    if field == "thinking":
        return {field: {"type": "enabled" if is_on else "disabled"}}
    return {field: {"enabled": is_on}} if field == "reasoning" else {}


def _clamped(effort: str, sent: str) -> Warning:
    return Warning("clamped_setting", f'the model has no reasoning effort "{effort}": it was sent as {sent}')


def _explain(options: tuple[ReasoningOption, ...]) -> str:
    if not options:
        return "the model's reasoning cannot be steered"
    ways = " and ".join(
        {"toggle": "an on/off switch", "budget_tokens": "a budget of tokens"}.get(o.type, o.type) for o in options
    )
    return f"the model's reasoning is steered by {ways}: pass the provider's own field in provider_options="
