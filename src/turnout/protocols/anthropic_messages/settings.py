"""Settings as fields of the body: named as the wire has them, fitted to the model, nothing left out in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.anthropic_messages.effort import write_effort
from turnout.protocols.anthropic_messages.own import OWN
from turnout.protocols.json_reading import is_object, objects
from turnout.protocols.setting_fields import drop_sampling, keep_taken, left_out
from turnout.requests import ModelSettings
from turnout.responses import Warning
from turnout.tokens import estimate_tokens

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route

_NO_SETTINGS = ModelSettings()
_SAMPLING = ("temperature", "top_p", "top_k")
_ABSENT = ("seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs")
_USUAL_LIMIT = 4096
_LEAST_LIMIT = 1024
_LEAST_TOP_P = 0.95  # with thinking: https://platform.claude.com/docs/en/build-with-claude/extended-thinking


def find_limit(request: ModelRequest, route: Route) -> int:
    """Return `max_tokens`, which this wire must have: the one that was set, else the most that the model can answer.

    Of a long prompt the answer gets what the context has left, by estimate. 4096 where the catalog knows no limit.
    """
    if request.settings.max_output_tokens is not None:
        return request.settings.max_output_tokens
    facts = route.facts
    if facts is None or facts.max_output is None:
        return _USUAL_LIMIT
    if facts.context is None:
        return facts.max_output
    left = facts.context - estimate_tokens(request.messages)
    return min(facts.max_output, max(left, _LEAST_LIMIT))


def write_settings(
    body: dict[str, Any], request: ModelRequest, route: Route, refused: frozenset[str], warnings: list[Warning]
) -> set[str]:
    """Write the settings that were given into `body`, which has its `max_tokens`; tell in `warnings` what is not sent.

    Returns the fields that may go once the server says that it knows no such field. Raises `InvalidInputError` for a
    value that JSON lacks.
    """
    settings = request.settings
    if settings == _NO_SETTINGS:
        return set()
    given: dict[str, Any] = _collect_sampling(settings, route, warnings)
    if settings.stop is not None:
        given["stop_sequences"] = _fit_stops(settings.stop, warnings)
    if settings.service_tier is not None:
        given["service_tier"] = settings.service_tier
    if settings.reasoning_effort is not None and not _has_own_thinking(request, route):
        given |= write_effort(settings.reasoning_effort, body["max_tokens"], route, warnings)
    absent = [name for name in _ABSENT if getattr(settings, name) is not None]
    warnings += [left_out(name, "Anthropic's wire format has no field for it") for name in absent]
    written = keep_taken(given, refused, warnings)
    body.update(written)
    return set(written)


def _collect_sampling(settings: ModelSettings, route: Route, warnings: list[Warning]) -> dict[str, Any]:
    given: dict[str, Any] = {name: value for name in _SAMPLING if (value := getattr(settings, name)) is not None}
    drop_sampling(given, _SAMPLING, route, warnings)
    if given.get("temperature", 0) > 1:
        warnings.append(
            Warning("clamped_setting", f"`temperature` {given['temperature']} was sent as 1, the most here")
        )
        given["temperature"] = 1
    return given


def _fit_stops(stops: list[str], warnings: list[Warning]) -> list[str]:
    """Leave out stops of blanks alone, which the API refuses."""
    kept = [stop for stop in stops if stop.strip()]
    if len(kept) < len(stops):
        warnings.append(left_out("stop", "Anthropic takes no stop that is empty or blank; the others were sent"))
    return kept


def _has_own_thinking(request: ModelRequest, route: Route) -> bool:
    """Whether `provider_options` say themselves how the model is to think."""
    options = OWN.read(request, route.maker)
    config = options.get("output_config")
    return "thinking" in options or (is_object(config) and "effort" in config)


def settle_thinking(body: dict[str, Any], warnings: list[Warning]) -> None:
    """Take out of `body` what cannot go together with thinking.

    That is thinking by a budget where a tool is forced, or where a turn with tools goes on whose thoughts are not there
    (another model began it); and sampling that the API refuses beside thinking of any kind.
    https://platform.claude.com/docs/en/build-with-claude/extended-thinking#feature-compatibility
    """
    thinking = body.get("thinking")
    kind = thinking.get("type") if is_object(thinking) else None
    if kind not in ("enabled", "adaptive"):
        return
    choice = body.get("tool_choice")
    if kind == "enabled" and is_object(choice) and choice.get("type") in ("any", "tool"):
        del body["thinking"]
        warnings.append(left_out("thinking", "the model cannot think by a budget where it is made to call a tool"))
        return
    if kind == "enabled" and _goes_on_without_thoughts(objects(body["messages"])):
        del body["thinking"]
        warnings.append(left_out("thinking", "the turn that goes on here was begun without it"))
        return
    if body.get("temperature", 1) != 1:
        del body["temperature"]
        warnings.append(left_out("temperature", "a model that thinks takes none"))
    if "top_k" in body:
        del body["top_k"]
        warnings.append(left_out("top_k", "a model that thinks takes none"))
    top_p = body.get("top_p")
    if isinstance(top_p, (int, float)) and top_p < _LEAST_TOP_P:
        del body["top_p"]
        warnings.append(left_out("top_p", f"a model that thinks takes none below {_LEAST_TOP_P}"))


def _goes_on_without_thoughts(messages: list[dict[str, Any]]) -> bool:
    """Whether the last message answers tool calls of an assistant's message that does not begin with thoughts."""
    if len(messages) < 2 or messages[-1].get("role") != "user" or messages[-2].get("role") != "assistant":
        return False
    last, before = objects(messages[-1].get("content")), objects(messages[-2].get("content"))
    has_results = bool(last) and last[0].get("type") == "tool_result"
    return has_results and bool(before) and before[0].get("type") not in ("thinking", "redacted_thinking")
