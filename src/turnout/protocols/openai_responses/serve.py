"""This wire format from the server's side: requests that come in, answers and streams that go out."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from turnout.errors import InvalidInputError
from turnout.messages import Message
from turnout.protocols.json_reading import is_array, is_object
from turnout.protocols.openai_responses.incoming import parse_items
from turnout.protocols.openai_responses.rendering import render_error, render_response
from turnout.protocols.openai_responses.stream_rendering import StreamRenderer
from turnout.protocols.request_reading import read_body, take_list, take_object, take_text, wrong
from turnout.protocols.serving import ParsedRequest
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ToolSpec, read_settings

__all__ = ["StreamRenderer", "parse_request", "render_error", "render_response"]

_PLAIN = ("temperature", "top_p", "max_output_tokens", "service_tier", "parallel_tool_calls", "top_logprobs")
_CHOICES = frozenset({"auto", "required", "none"})
_LOGPROBS = "message.output_text.logprobs"
_READ = frozenset({"model", "input", "instructions", "stream", "tools", "tool_choice", "text", "reasoning", "include"})
_Dict = dict[str, Any]


def parse_request(body: bytes) -> ParsedRequest:
    """Return the request of a client in `body`.

    Fields that turnout has no word for are in ``provider_options["*"]``, those of an item or part in that of its
    message or part, under ``"openai_responses"``. Items and parts that only this wire has become `ServerTool` parts.
    Raises `InvalidInputError` that names the field.
    """
    value = {name: item for name, item in read_body(body).items() if item is not None}
    model = take_text(value, "model")
    extra = {name: item for name, item in value.items() if name not in _READ and name not in _PLAIN}
    tools = _parse_tools(value, extra)
    request = ModelRequest(
        messages=_parse_messages(value),
        tools=tools,
        tool_choice=_parse_choice(value, extra, has_tools=bool(tools)),
        output=_parse_text(value, extra),
        settings=_parse_settings(value, extra, has_tools=bool(tools)),
        stream=_parse_stream(value),
        provider_options={"*": extra} if extra else {},
    )
    return ParsedRequest(model=model, request=request)


def _parse_stream(value: _Dict) -> bool:
    stream = value.get("stream", False)
    if not isinstance(stream, bool):
        raise wrong("stream", f"is a {type(stream).__name__}", "give true or false")
    return stream


def _parse_messages(value: _Dict) -> list[Message]:
    messages: list[Message] = []
    if "instructions" in value:
        messages.append(Message.system(take_text(value, "instructions")))
    given = value.get("input")
    if isinstance(given, str):
        return [*messages, Message.user(given)]
    if not is_array(given):
        raise wrong("input", "is missing or of another type", "give text or a list of items")
    return messages + parse_items(given)


def _parse_tools(value: _Dict, extra: _Dict) -> tuple[ToolSpec, ...]:
    """Return the functions; what a `ToolSpec` has no field for, and tools of the provider's own, go into `extra`."""
    specs: list[ToolSpec] = []
    kept: list[_Dict] = []
    for index, item in enumerate(take_list(value.get("tools"), "tools")):
        where = f"tools[{index}]"
        tool = take_object(item, where)
        if tool.get("type") != "function":
            kept.append(tool)
            continue
        name = take_text(tool, "name", where)
        parameters = tool.get("parameters")
        description = tool.get("description")
        specs.append(
            ToolSpec(
                name=name,
                description=description if isinstance(description, str) else "",
                parameters=parameters if is_object(parameters) else {"type": "object", "properties": {}},
            )
        )
        known = ("type", "name", "description", "parameters")
        own = {key: each for key, each in tool.items() if key not in known and each not in (None, False)}
        kept += [{"type": "function", "name": name, **own}] if own else []
    if kept:
        extra["tools"] = kept
    return tuple(specs)


def _parse_choice(value: _Dict, extra: _Dict, *, has_tools: bool) -> str | None:
    choice = value.get("tool_choice")
    if choice is None:
        return None
    if has_tools and isinstance(choice, str) and choice in _CHOICES:
        return choice
    if has_tools and is_object(choice) and choice.get("type") == "function" and isinstance(choice.get("name"), str):
        return choice["name"]
    extra["tool_choice"] = choice
    return None


def _parse_text(value: _Dict, extra: _Dict) -> OutputSpec | None:
    """Return what the answer is held to; `extra` keeps the client's own words for it."""
    text = take_object(value.get("text", {}), "text")
    if text:
        extra["text"] = text
    told = text.get("format")
    if not is_object(told) or told.get("type") == "text":
        return None
    if told.get("type") == "json_object":
        return OutputSpec(schema={"type": "object"}, mode="json_object")
    schema, name, description = told.get("schema"), told.get("name"), told.get("description")
    return OutputSpec(
        schema=schema if is_object(schema) else {},
        name=name if isinstance(name, str) else "response",
        description=description if isinstance(description, str) else "",
    )


def _parse_settings(value: _Dict, extra: _Dict, *, has_tools: bool) -> ModelSettings:
    given: _Dict = {name: value[name] for name in _PLAIN if name in value}
    if not has_tools and "parallel_tool_calls" in given:  # they are those of the provider
        extra["parallel_tool_calls"] = given.pop("parallel_tool_calls")
    reasoning = dict(take_object(value.get("reasoning", {}), "reasoning"))
    effort = reasoning.pop("effort", None)
    if reasoning:
        extra["reasoning"] = reasoning
    include = take_list(value.get("include"), "include")
    if _LOGPROBS in include:
        given["logprobs"] = True
    if rest := [name for name in include if name != _LOGPROBS]:
        extra["include"] = rest
    settings = read_settings(given)
    if effort is None:
        return settings
    try:
        return structs.replace(settings, reasoning_effort=read_settings({"reasoning_effort": effort}).reasoning_effort)
    except InvalidInputError:  # a word that only this provider knows
        extra["reasoning"] = reasoning | {"effort": effort}
        return settings
