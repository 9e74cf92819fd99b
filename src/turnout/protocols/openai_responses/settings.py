"""Settings as fields of the body: named as the wire has them, fitted to the model, nothing left out in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.openai_chat.effort import write_effort
from turnout.protocols.setting_fields import drop_sampling, keep_taken, left_out
from turnout.requests import ModelSettings

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.responses import Warning
    from turnout.routing.route import Route

_NO_SETTINGS = ModelSettings()
_PLAIN = ("temperature", "top_p", "max_output_tokens", "service_tier")
_SAMPLING = ("temperature", "top_p")
_UNKNOWN = ("top_k", "stop", "seed", "presence_penalty", "frequency_penalty")
"""Settings for which this wire has no field."""

_ADDED = frozenset({"parallel_tool_calls", "include"})
_TRANSLATED = frozenset({"reasoning", "thinking", "enable_thinking", "service_tier", "top_logprobs"})
_LOGPROBS = "message.output_text.logprobs"


def write_settings(
    body: dict[str, Any], request: ModelRequest, route: Route, refused: frozenset[str], warnings: list[Warning]
) -> tuple[set[str], set[str]]:
    """Write the settings that were given into `body`; whatever is left out or changed is told in `warnings`.

    Fields in `refused` are left out. Returns the fields that may go once the server refuses them (the first of the
    pair wherever a 400 names them, the second only where it knows no such field); see
    `turnout.protocols.EncodedRequest`. Raises `InvalidInputError` for a value that JSON lacks.
    """
    settings = request.settings
    if settings == _NO_SETTINGS:
        return set(), set()
    given = keep_taken(_collect(settings, route, warnings, has_tools=bool(request.tools)), refused, warnings)
    body.update(given)
    return set(_ADDED & given.keys()), set(_TRANSLATED & given.keys())


def _collect(settings: ModelSettings, route: Route, warnings: list[Warning], *, has_tools: bool) -> dict[str, Any]:
    """Return the fields for the settings that were given and that the model takes."""
    given: dict[str, Any] = {name: value for name in _PLAIN if (value := getattr(settings, name)) is not None}
    for name in _UNKNOWN:
        if getattr(settings, name) is not None:
            told = "this wire format has no such field: pass the provider's own in provider_options= if it has one"
            warnings.append(left_out(name, told))
    drop_sampling(given, _SAMPLING, route, warnings)
    if settings.reasoning_effort is not None:
        fields = write_effort(settings.reasoning_effort, route, warnings)
        effort = fields.pop("reasoning_effort", None)
        given |= fields if effort is None else {"reasoning": {"effort": effort}}
    if settings.parallel_tool_calls is not None and has_tools:
        given["parallel_tool_calls"] = settings.parallel_tool_calls
    if settings.top_logprobs is not None and settings.logprobs is not False:
        given["top_logprobs"] = settings.top_logprobs
    if settings.logprobs or "top_logprobs" in given:
        given["include"] = [_LOGPROBS]
    return given
