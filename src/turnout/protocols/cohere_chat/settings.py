"""Settings as fields of the body: named as the wire has them, nothing left out in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.efforts import SHARES
from turnout.protocols.setting_fields import drop_sampling, keep_taken, left_out
from turnout.requests import ModelSettings
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.catalog.types import ReasoningOption
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route

_NO_SETTINGS = ModelSettings()
NAMES = {
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "max_output_tokens": "max_tokens",
    "stop": "stop_sequences",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "logprobs": "logprobs",
}
"""Settings of turnout and their fields."""

_SAMPLING = ("temperature", "p")


def write_settings(
    body: dict[str, Any], request: ModelRequest, route: Route, refused: frozenset[str], warnings: list[Warning]
) -> set[str]:
    """Write the settings that were given into `body`; whatever is left out or changed is told in `warnings`.

    Fields in `refused` are left out. Returns the fields that were made of a setting of another name, see
    `turnout.protocols.EncodedRequest`. Raises `InvalidInputError` for a value that JSON lacks.
    """
    settings = request.settings
    if settings == _NO_SETTINGS:
        return set()
    given: dict[str, Any] = {
        field: value for name, field in NAMES.items() if (value := getattr(settings, name)) is not None
    }
    if settings.top_logprobs is not None and settings.logprobs is not False:
        given["logprobs"] = True
        warnings.append(left_out("top_logprobs", "this wire format tells the chosen tokens alone"))
    if settings.service_tier is not None:
        warnings.append(left_out("service_tier", "this wire format has `priority`: pass it in provider_options="))
    if settings.parallel_tool_calls is False and request.tools:
        warnings.append(left_out("parallel_tool_calls", "this wire format has no field for it"))
    drop_sampling(given, _SAMPLING, route, warnings)
    if settings.reasoning_effort is not None:
        given |= _write_thinking(settings.reasoning_effort, route, warnings)
    body.update(keep_taken(given, refused, warnings))
    return {"thinking"} & body.keys()


def _write_thinking(effort: str, route: Route, warnings: list[Warning]) -> dict[str, Any]:
    """Return the field that turns thinking on or off; a budget goes with it where the catalog knows its size."""
    facts = route.facts
    if facts is not None and facts.supports_reasoning is False:
        if effort != "none":
            warnings.append(left_out("reasoning_effort", "the model does not reason"))
        return {}
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    options: tuple[ReasoningOption, ...] = () if facts is None else facts.reasoning_options or ()
    budget = next((option for option in options if option.type == "budget_tokens"), None)
    most = None if budget is None else budget.max or (facts and facts.max_output)
    if budget is None or most is None:
        told = f'the model has no reasoning effort "{effort}": reasoning was turned on'
        warnings.append(Warning("clamped_setting", told))
        return {"thinking": {"type": "enabled"}}
    tokens = max(budget.min or 1, int(most * SHARES[effort]))
    return {"thinking": {"type": "enabled", "token_budget": tokens}}
