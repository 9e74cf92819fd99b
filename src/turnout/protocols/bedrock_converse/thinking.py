"""How much a model is asked to think: an effort in the field that the maker of the model has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.anthropic_messages.effort import write_effort as write_thinking
from turnout.protocols.efforts import clamped, find_nearest
from turnout.protocols.json_reading import is_object, objects
from turnout.protocols.setting_fields import left_out

if TYPE_CHECKING:
    from turnout.requests import ReasoningEffort
    from turnout.responses import Warning
    from turnout.routing.route import Route

_NO_LIMIT = 1 << 31
_LEAST_TOP_P = 0.95  # with thinking: https://platform.claude.com/docs/en/build-with-claude/extended-thinking
_MORE = "additionalModelRequestFields"


def write_effort(
    effort: ReasoningEffort, limit: int | None, route: Route, warnings: list[Warning]
) -> dict[str, dict[str, Any]]:
    """Return the fields of the body that ask for `effort`; what the model cannot be told is told in `warnings`.

    The quirk `thinking_field` says which field the model has; without one, models are asked as Claude is, and those
    that the catalog does not know by ``outputConfig.effort``, the only field that this wire has of its own. `limit` is
    the most tokens that the answer may have, where it is set.
    """
    field, facts = route.quirks.thinking_field, route.facts
    options = None if facts is None else facts.reasoning_options
    if facts is not None and facts.supports_reasoning is False:
        return {} if effort == "none" else _leave_out("the model does not reason", warnings)
    if field in ("reasoningConfig", "reasoning_config", "reasoning_effort", "reasoning"):
        return _write_own(effort, field, route, warnings)
    if options is None:
        return _write_plain(effort, warnings)
    told = write_thinking(effort, limit or (facts and facts.max_output) or _NO_LIMIT, route, warnings)
    fields: dict[str, dict[str, Any]] = {}
    if "thinking" in told:
        fields[_MORE] = {"thinking": told["thinking"]}
    if "output_config" in told:
        fields["outputConfig"] = told["output_config"]
    return fields


def _write_plain(effort: ReasoningEffort, warnings: list[Warning]) -> dict[str, dict[str, Any]]:
    if effort == "none":
        return _leave_out(
            f"how the model is told not to reason is not known: pass {_MORE} in provider_options=", warnings
        )
    if effort == "minimal":
        warnings.append(clamped(effort, '"low"'))
    return {"outputConfig": {"effort": "low" if effort == "minimal" else effort}}


def _write_own(effort: ReasoningEffort, field: str, route: Route, warnings: list[Warning]) -> dict[str, dict[str, Any]]:
    options = None if route.facts is None else route.facts.reasoning_options
    if options == ():
        return _leave_out("the model's reasoning cannot be steered", warnings)
    known = [value for option in options or () if option.type == "effort" for value in option.values]
    if effort == "none" and "none" not in known:
        if field == "reasoningConfig":
            return {_MORE: {field: {"type": "disabled"}}}
        if field != "reasoning" and any(option.type == "toggle" for option in options or ()):
            return {}  # these think only where they are told to
        return _leave_out("the model cannot be told not to reason", warnings)
    nearest = effort if effort in known else find_nearest(effort, known) or "high"
    if nearest != effort:
        warnings.append(clamped(effort, f'"{nearest}"'))
    return {_MORE: {field: _write_degree(field, nearest)}}


def _write_degree(field: str, effort: str) -> str | dict[str, str]:
    if field == "reasoningConfig":
        return {"type": "enabled", "maxReasoningEffort": effort}
    return {"effort": effort} if field == "reasoning" else effort


def settle_thinking(body: dict[str, Any], warnings: list[Warning]) -> None:
    """Take out of `body` what cannot go together with Claude's thinking.

    That is thinking itself where a tool is forced, or where a turn with tools goes on whose thoughts are not there
    (another model began it); and sampling that is refused beside it.
    https://platform.claude.com/docs/en/build-with-claude/extended-thinking#feature-compatibility
    """
    more = body.get(_MORE)
    thinking = more.get("thinking") if is_object(more) else None
    kind = thinking.get("type") if is_object(thinking) else None
    if not is_object(more) or kind not in ("enabled", "adaptive"):
        return
    tools = body.get("toolConfig")
    choice = tools.get("toolChoice") if is_object(tools) else None
    if is_object(choice) and ("any" in choice or "tool" in choice):
        _drop(body, more, "the model cannot think where it is made to call a tool", warnings)
    elif kind == "enabled" and _goes_on_without_thoughts(objects(body["messages"])):
        _drop(body, more, "the turn that goes on here was begun without it", warnings)
    else:
        _settle_sampling(body, more, warnings)


def _drop(body: dict[str, Any], more: dict[str, Any], why: str, warnings: list[Warning]) -> None:
    rest = {name: value for name, value in more.items() if name != "thinking"}
    body.pop(_MORE)
    if rest:
        body[_MORE] = rest
    warnings.append(left_out("thinking", why))


def _settle_sampling(body: dict[str, Any], more: dict[str, Any], warnings: list[Warning]) -> None:
    more = body[_MORE] = dict(more)  # it may be the caller's own
    config = body.get("inferenceConfig")
    if is_object(config):
        config = body["inferenceConfig"] = dict(config)
    refused: list[tuple[dict[str, Any], str]] = []
    if is_object(config) and config.get("temperature", 1) != 1:
        refused.append((config, "temperature"))
    top_p = config.get("topP") if is_object(config) else None
    if is_object(config) and isinstance(top_p, (int, float)) and top_p < _LEAST_TOP_P:
        refused.append((config, "topP"))
    if "top_k" in more:
        refused.append((more, "top_k"))
    for holder, name in refused:
        del holder[name]
        warnings.append(left_out(name, "a model that thinks does not take it"))
    if config == {}:
        del body["inferenceConfig"]


def _goes_on_without_thoughts(messages: list[dict[str, Any]]) -> bool:
    """Whether the last message answers tool calls of an assistant's message that does not begin with thoughts."""
    if len(messages) < 2 or messages[-1].get("role") != "user" or messages[-2].get("role") != "assistant":
        return False
    last, before = objects(messages[-1].get("content")), objects(messages[-2].get("content"))
    has_results = any("toolResult" in block for block in last)
    return has_results and bool(before) and "reasoningContent" not in before[0]


def _leave_out(why: str, warnings: list[Warning]) -> dict[str, dict[str, Any]]:
    warnings.append(left_out("reasoning_effort", why))
    return {}
