"""Settings as fields of the body: named as the wire has them, fitted to the model, nothing left out in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.json_values import check_value
from turnout.protocols.openai_chat.effort import write_effort
from turnout.protocols.setting_fields import drop_sampling
from turnout.requests import ModelSettings
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route

_NO_SETTINGS = ModelSettings()
_PLAIN = ("temperature", "top_p", "top_k", "stop", "presence_penalty", "frequency_penalty", "service_tier")
_LIMITS = ("max_tokens", "max_completion_tokens")
_SAMPLING = ("temperature", "top_p")
_TRANSLATED = frozenset(("reasoning_effort", "thinking", "enable_thinking", "reasoning", "service_tier", "random_seed"))


def write_settings(
    body: dict[str, Any], request: ModelRequest, route: Route, refused: frozenset[str], warnings: list[Warning]
) -> tuple[set[str], set[str]]:
    """Write the settings that were given into `body`; whatever is left out or changed is told in `warnings`.

    Fields in `refused` are left out; a limit on tokens is then sent under its other name. Returns the fields that may
    go once the server refuses them (the first of the pair wherever a 400 names them, the second only where it knows
    no such field); see `turnout.protocols.EncodedRequest`. Raises `InvalidInputError` for a value that JSON lacks.
    """
    settings = request.settings
    if settings == _NO_SETTINGS:
        return set(), set()
    given = _collect(settings, route, warnings, has_tools=bool(request.tools) or "tools" in body)
    limit = settings.max_output_tokens
    added: set[str] = set()
    translated: set[str] = set()
    if limit is not None:
        name = _name_limit(route.quirks.max_tokens_field, refused, warnings)
        given[name] = limit
        translated.add(name)
    for name, value in given.items():
        if name in refused:
            warnings.append(
                Warning(
                    "dropped_setting",
                    f"`{name}` was left out, because the provider refuses it: the model answers without it",
                )
            )
            continue
        check_value(value, f"settings.{name}")
        body[name] = value
        if name == "parallel_tool_calls":
            added.add(name)
        elif name in _TRANSLATED:
            translated.add(name)
    return added, translated & body.keys()


def _collect(settings: ModelSettings, route: Route, warnings: list[Warning], *, has_tools: bool) -> dict[str, Any]:
    """Return the fields for the settings that were given and that the model takes, but for the limit of tokens."""
    given: dict[str, Any] = {name: value for name in _PLAIN if (value := getattr(settings, name)) is not None}
    drop_sampling(given, _SAMPLING, route, warnings)
    if settings.seed is not None:
        given[route.quirks.seed_field] = settings.seed
    if settings.reasoning_effort is not None:
        given |= write_effort(settings.reasoning_effort, route, warnings)
    if settings.parallel_tool_calls is not None and has_tools:  # OpenAI refuses it where there are no tools
        given["parallel_tool_calls"] = settings.parallel_tool_calls
    if settings.top_logprobs is not None and settings.logprobs is not False:
        given["logprobs"] = True
        given["top_logprobs"] = settings.top_logprobs
    elif settings.logprobs is not None:
        given["logprobs"] = settings.logprobs
    return given


def _name_limit(usual: str, refused: frozenset[str], warnings: list[Warning]) -> str:
    """Return the field for the limit of tokens: the other spelling where the usual one is refused."""
    other = next(name for name in _LIMITS if name != usual)
    if usual not in refused or other in refused:
        return usual
    warnings.append(Warning("renamed_setting", f"`{usual}` is refused here: the limit was sent as `{other}`"))
    return other
