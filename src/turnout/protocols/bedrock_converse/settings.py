"""Settings as fields of the body: named as the wire has them, fitted to the model, nothing left out in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.bedrock_converse.thinking import write_effort
from turnout.protocols.setting_fields import drop_sampling, keep_taken, left_out
from turnout.requests import ModelSettings, merge_deep
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route

_NO_SETTINGS = ModelSettings()
NAMES = {"max_output_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP", "stop": "stopSequences"}
"""Settings of turnout and their fields in `inferenceConfig`."""

_ABSENT = ("top_k", "seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs")
_SAMPLING = ("temperature", "topP")
_TRANSLATED = frozenset({"topP", "stopSequences", "serviceTier", "outputConfig", "additionalModelRequestFields"})


def write_settings(
    body: dict[str, Any],
    request: ModelRequest,
    route: Route,
    refused: frozenset[str],
    warnings: list[Warning],
    *,
    has_own_thinking: bool,
) -> set[str]:
    """Write the settings that were given into `body`; whatever is left out or changed is told in `warnings`.

    Fields in `refused` are left out; `has_own_thinking` tells that `provider_options` say how the model is to think.
    Returns the fields that may go once the server says that it knows no such field. Raises `InvalidInputError` for a
    value that JSON lacks.
    """
    settings = request.settings
    if settings == _NO_SETTINGS:
        return set()
    config = keep_taken(_collect(settings, route, warnings), refused, warnings)
    if config:
        body["inferenceConfig"] = config
    top: dict[str, Any] = {}
    if settings.service_tier is not None:
        top["serviceTier"] = {"type": settings.service_tier}
    if settings.reasoning_effort is not None and not has_own_thinking:
        top = merge_deep(top, write_effort(settings.reasoning_effort, settings.max_output_tokens, route, warnings))
    body.update(keep_taken(top, refused, warnings))
    for name in _ABSENT:
        if getattr(settings, name) is not None:
            told = "this wire has no field for it: pass the model's own in additionalModelRequestFields"
            warnings.append(left_out(name, f"{told}, in provider_options="))
    if settings.parallel_tool_calls is False and request.tools:
        warnings.append(left_out("parallel_tool_calls", "this wire has no field for it"))
    return set(_TRANSLATED & (body.keys() | config.keys()))


def _collect(settings: ModelSettings, route: Route, warnings: list[Warning]) -> dict[str, Any]:
    given = {field: value for name, field in NAMES.items() if (value := getattr(settings, name)) is not None}
    drop_sampling(given, _SAMPLING, route, warnings)
    for name in _SAMPLING:
        if given.get(name, 0) > 1:
            warnings.append(Warning("clamped_setting", f"`{name}` {given[name]} was sent as 1, the most here"))
            given[name] = 1
    if "stopSequences" in given:
        kept = [stop for stop in given["stopSequences"] if stop]
        if len(kept) < len(given["stopSequences"]):
            warnings.append(left_out("stop", "this wire takes no stop that is empty; the others were sent"))
        given["stopSequences"] = kept
    return given
