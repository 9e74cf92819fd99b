"""This wire format from the server's side: requests that come in, answers and streams that go out."""

from __future__ import annotations

from typing import Any

from turnout.protocols.anthropic_messages.incoming import parse_messages, parse_system
from turnout.protocols.anthropic_messages.own import OWN
from turnout.protocols.anthropic_messages.rendering import render_error, render_response
from turnout.protocols.anthropic_messages.stream_rendering import StreamRenderer
from turnout.protocols.json_reading import as_count, is_object
from turnout.protocols.request_reading import read_body, take_list, take_object, take_text, wrong
from turnout.protocols.serving import ParsedRequest
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ToolSpec, read_settings

__all__ = ["StreamRenderer", "parse_request", "render_error", "render_response"]

_Dict = dict[str, Any]
_SETTINGS = {
    "max_tokens": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop_sequences": "stop",
    "service_tier": "service_tier",
}
_READ = frozenset({"model", "messages", "system", "stream", "tools", "tool_choice", "anthropic_version", *_SETTINGS})
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_LOW_BUDGET, _MEDIUM_BUDGET = 4096, 16384


def parse_request(body: bytes) -> ParsedRequest:
    """Return the request of a client in `body`; `model` is empty where the URL names it (as on Vertex and Bedrock).

    Fields that turnout has no word for are in ``provider_options["anthropic_messages"]``, those of a block in that of
    its part: they go out on this wire, and on no other. How the model is to think is read as `reasoning_effort` too,
    for models behind other wires. Raises `InvalidInputError` that names the field.
    """
    value = {name: item for name, item in read_body(body).items() if item is not None}
    model = "" if "anthropic_version" in value and "model" not in value else take_text(value, "model")
    extra = {name: item for name, item in value.items() if name not in _READ}
    tools = _parse_tools(value, extra)
    choice, parallel = _parse_choice(value, extra, has_tools=bool(tools))
    stream = value.get("stream", False)
    if not isinstance(stream, bool):
        raise wrong("stream", f"is a {type(stream).__name__}", "give true or false")
    request = ModelRequest(
        messages=[*parse_system(value.get("system")), *parse_messages(value.get("messages"))],
        tools=tools,
        tool_choice=choice,
        output=_parse_output(extra),
        settings=_parse_settings(value, extra, parallel),
        stream=stream,
        provider_options=OWN.keep(extra),
    )
    return ParsedRequest(model=model, request=request)


def _parse_settings(value: _Dict, extra: _Dict, parallel: bool | None) -> ModelSettings:
    given: _Dict = {theirs: value[mine] for mine, theirs in _SETTINGS.items() if mine in value}
    effort = _read_effort(extra)
    return read_settings({**given, "reasoning_effort": effort, "parallel_tool_calls": parallel})


def _read_effort(extra: _Dict) -> str | None:
    """Return the effort that `thinking` and `output_config` stand for; they stay in `extra` as they are."""
    config, thinking = extra.get("output_config"), extra.get("thinking")
    effort = config.get("effort") if is_object(config) else None
    kind = thinking.get("type") if is_object(thinking) else None
    if kind == "disabled":
        return "none"
    if isinstance(effort, str) and effort in _EFFORTS:
        return effort
    if not is_object(thinking) or kind not in ("enabled", "adaptive"):
        return None
    budget = as_count(thinking.get("budget_tokens"))
    if budget is None:
        return "high"  # the API's own default
    return "low" if budget < _LOW_BUDGET else "medium" if budget < _MEDIUM_BUDGET else "high"


def _parse_output(extra: _Dict) -> OutputSpec | None:
    """Take what the answer is held to out of `extra`: `output_config.format`, or `output_format` as it was before."""
    config = extra.get("output_config")
    told = config.get("format") if is_object(config) else None
    if is_object(told) and is_object(config):
        rest = {name: item for name, item in config.items() if name != "format"}
        extra.pop("output_config")
        if rest:
            extra["output_config"] = rest
    elif is_object(extra.get("output_format")):
        told = extra.pop("output_format")
    if not is_object(told):
        return None
    return OutputSpec(schema=take_object(told.get("schema"), "output_config.format.schema"))


def _parse_tools(value: _Dict, extra: _Dict) -> tuple[ToolSpec, ...]:
    """Return the client's tools; what a `ToolSpec` has no field for, and tools of the provider, go into `extra`."""
    specs: list[ToolSpec] = []
    kept: list[_Dict] = []
    for index, item in enumerate(take_list(value.get("tools"), "tools")):
        where = f"tools[{index}]"
        tool = take_object(item, where)
        if tool.get("type") not in (None, "custom"):
            kept.append(tool)
            continue
        name = take_text(tool, "name", where)
        schema = take_object(tool.get("input_schema"), f"{where}.input_schema")
        description = tool.get("description")
        about = description if isinstance(description, str) else ""
        specs.append(ToolSpec(name=name, description=about, parameters=schema))
        known = ("type", "name", "description", "input_schema")
        own = {key: each for key, each in tool.items() if key not in known and each is not None}
        kept += [{"name": name, **own}] if own else []
    if kept:
        extra["tools"] = kept
    return tuple(specs)


def _parse_choice(value: _Dict, extra: _Dict, *, has_tools: bool) -> tuple[str | None, bool | None]:
    """Return the tool choice, and whether the model may call several tools at once."""
    choice = value.get("tool_choice")
    if choice is None:
        return None, None
    told = take_object(choice, "tool_choice")
    name = told.get("name") if told.get("type") == "tool" else _CHOICES.get(str(told.get("type")))
    if not has_tools or not isinstance(name, str):
        extra["tool_choice"] = told
        return None, None
    return name, False if told.get("disable_parallel_tool_use") is True else None
