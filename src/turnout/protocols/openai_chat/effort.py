"""How much a model is asked to think: an effort, fitted to what the catalog says that the model can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.efforts import RANKS, clamped, find_nearest
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.catalog.types import ReasoningOption
    from turnout.requests import ReasoningEffort
    from turnout.routing.route import Route


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
                warnings.append(clamped(effort, "reasoning turned on, for this model knows no degrees of it"))
            return switched
    nearest = find_nearest(effort, efforts) or _find_other(efforts)
    if nearest is None:
        warnings.append(Warning("dropped_setting", f"`reasoning_effort` was left out: {_explain(options)}"))
        return {}
    warnings.append(clamped(effort, f'"{nearest}"'))
    return {"reasoning_effort": nearest}


def _find_other(efforts: list[str | None]) -> str | None:
    """Return what a model is told whose `efforts` cannot be ranked, such as Groq's pair of "none" and "default"."""
    words = [value for value in efforts if value]
    return next((word for word in words if word not in RANKS), None) or next(iter(words), None)


def _switch(is_on: bool, route: Route) -> dict[str, Any]:
    """Return the field that turns the reasoning on or off; empty where the provider's is not known."""
    field = route.quirks.thinking_field
    if field == "enable_thinking":
        return {field: is_on}
    if field == "thinking":
        return {field: {"type": "enabled" if is_on else "disabled"}}
    return {field: {"enabled": is_on}} if field == "reasoning" else {}


def _explain(options: tuple[ReasoningOption, ...]) -> str:
    if not options:
        return "the model's reasoning cannot be steered"
    ways = " and ".join(
        {"toggle": "an on/off switch", "budget_tokens": "a budget of tokens"}.get(o.type, o.type) for o in options
    )
    return f"the model's reasoning is steered by {ways}: pass the provider's own field in provider_options="
