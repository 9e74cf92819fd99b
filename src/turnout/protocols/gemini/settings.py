"""Settings as fields of `generationConfig`: named as the wire has them, nothing left out in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from turnout.protocols.gemini.place import is_vertex
from turnout.protocols.gemini.thinking import write_thinking
from turnout.protocols.json_reading import is_object
from turnout.protocols.setting_fields import drop_sampling, keep_taken, left_out
from turnout.requests import ModelSettings, read_options

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.responses import Warning
    from turnout.routing.route import Route

_NO_SETTINGS = ModelSettings()
NAMES = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_output_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
"""Settings of turnout and their fields in `generationConfig`."""

_SAMPLING = ("temperature", "topP")


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
    if settings.reasoning_effort is not None and _has_own_thinking(request, route):
        settings = structs.replace(settings, reasoning_effort=None)
    config = _collect(settings, route, warnings)
    top: dict[str, Any] = {}
    if settings.service_tier is not None:
        if is_vertex(route):
            told = "Vertex AI takes it as the header `X-Vertex-AI-LLM-Shared-Request-Type`: pass it in headers="
            warnings.append(left_out("service_tier", told))
        else:
            top["serviceTier"] = settings.service_tier
    if settings.parallel_tool_calls is False and request.tools:
        warnings.append(left_out("parallel_tool_calls", "this wire format has no field for it"))
    config, top = keep_taken(config, refused, warnings), keep_taken(top, refused, warnings)
    if config:
        body["generationConfig"] = config
    body.update(top)
    return {name for name in ("thinkingConfig", "serviceTier") if name in config or name in top}


def _has_own_thinking(request: ModelRequest, route: Route) -> bool:
    """Whether `provider_options` say themselves how much the model is to think: the API takes one way alone."""
    config = read_options(request, route.provider).get("generationConfig")
    thinking = config.get("thinkingConfig") if is_object(config) else None
    return is_object(thinking) and ("thinkingLevel" in thinking or "thinkingBudget" in thinking)


def _collect(settings: ModelSettings, route: Route, warnings: list[Warning]) -> dict[str, Any]:
    given = {field: value for name, field in NAMES.items() if (value := getattr(settings, name)) is not None}
    if settings.top_logprobs is not None:
        if settings.logprobs is False:
            del given["logprobs"]
        else:
            given["responseLogprobs"] = True
    drop_sampling(given, _SAMPLING, route, warnings)
    if settings.reasoning_effort is not None:
        thinking = write_thinking(settings.reasoning_effort, route, warnings)
        if thinking:
            given["thinkingConfig"] = thinking
    return given
