"""This wire format from the server's side: requests that come in, answers and streams that go out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from turnout.protocols.json_reading import is_object
from turnout.protocols.openai_chat.incoming import parse_messages
from turnout.protocols.openai_chat.rendering import StreamRenderer, render_error, render_response
from turnout.protocols.request_reading import read_body, take_list, take_object, take_text, wrong
from turnout.protocols.serving import ParsedRequest
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ReasoningEffort, ToolSpec, read_settings

if TYPE_CHECKING:
    from turnout.messages import Message

__all__ = ["StreamRenderer", "parse_request", "render_error", "render_response"]

_PLAIN = (
    *("temperature", "top_p", "top_k", "stop", "presence_penalty", "frequency_penalty", "service_tier"),
    *("parallel_tool_calls", "logprobs", "top_logprobs"),
)
_SPELLINGS = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "seed": "seed",
    "random_seed": "seed",
}
"""Fields that providers name differently: they go out as the provider's quirks have them."""

_READ = frozenset(
    {"model", "messages", "stream", "stream_options", "tools", "tool_choice", "response_format", "reasoning_effort"}
)
_CHOICES = frozenset({"auto", "required", "none"})
_EFFORTS = frozenset(get_args(ReasoningEffort))
_Dict = dict[str, Any]


def parse_request(body: bytes) -> ParsedRequest:
    """Return the request of a client in `body`.

    Fields that turnout has no word for are in ``provider_options["*"]``, those of a message or part in its own.
    Raises `InvalidInputError` that names the field.
    """
    value = {name: item for name, item in read_body(body).items() if item is not None}
    model = take_text(value, "model")
    extra = {
        name: item
        for name, item in value.items()
        if name not in _READ and name not in _PLAIN and name not in _SPELLINGS
    }
    tools = _parse_tools(value, extra)
    request = ModelRequest(
        messages=_parse_messages(value),
        tools=tools,
        tool_choice=_parse_choice(value, extra, has_tools=bool(tools)),
        output=_parse_format(value, extra),
        settings=_parse_settings(value, extra, has_tools=bool(tools)),
        stream=_parse_stream(value, extra),
        provider_options={"*": extra} if extra else {},
    )
    return ParsedRequest(model=model, request=request)


def asks_for_usage(body: bytes) -> bool:
    """Tell whether a client wants the usage at the end of its stream: ``"stream_options": {"include_usage": true}``."""
    options = read_body(body).get("stream_options")
    return is_object(options) and options.get("include_usage") is True


def _parse_messages(value: _Dict) -> list[Message]:
    items = take_list(value.get("messages"), "messages")
    if not items:
        raise wrong("messages", "is missing or empty", "give at least one message")
    return parse_messages([take_object(item, f"messages[{index}]") for index, item in enumerate(items)])


def _parse_stream(value: _Dict, extra: _Dict) -> bool:
    """Return whether a stream is asked for; its usage is always asked of the provider."""
    stream = value.get("stream", False)
    if not isinstance(stream, bool):
        raise wrong("stream", f"is a {type(stream).__name__}", "give true or false")
    options = take_object(value.get("stream_options", {}), "stream_options")
    rest = {name: item for name, item in options.items() if name != "include_usage"}
    if rest:
        extra["stream_options"] = rest
    return stream


def _parse_tools(value: _Dict, extra: _Dict) -> tuple[ToolSpec, ...]:
    """Return the functions; what a `ToolSpec` has no field for, and tools of other types, go into `extra`."""
    specs: list[ToolSpec] = []
    kept: list[_Dict] = []
    for index, item in enumerate(take_list(value.get("tools"), "tools")):
        where = f"tools[{index}]"
        tool = take_object(item, where)
        if tool.get("type", "function") != "function":
            kept.append(tool)
            continue
        function = take_object(tool.get("function"), f"{where}.function")
        name = take_text(function, "name", f"{where}.function")
        parameters, description = function.get("parameters"), function.get("description")
        specs.append(
            ToolSpec(
                name=name,
                description=description if isinstance(description, str) else "",
                parameters=parameters if is_object(parameters) else {"type": "object", "properties": {}},
            )
        )
        kept += _parse_own_fields(tool, function, name)
    if kept:
        extra["tools"] = kept
    return tuple(specs)


def _parse_own_fields(tool: _Dict, function: _Dict, name: str) -> list[_Dict]:
    """Return what is to be merged into the tool of this name on its way out: ``strict``, ``cache_control``."""
    known = ("name", "description", "parameters")
    inner = {key: item for key, item in function.items() if key not in known and item is not None}
    outer = {key: item for key, item in tool.items() if key not in ("type", "function") and item is not None}
    return [{"type": "function", **outer, "function": {"name": name, **inner}}] if inner or outer else []


def _parse_choice(value: _Dict, extra: _Dict, *, has_tools: bool) -> str | None:
    choice = value.get("tool_choice")
    if choice is None:
        return None
    if has_tools and isinstance(choice, str):
        if choice in _CHOICES:
            return choice
        if choice == "any":  # Mistral's word
            return "required"
    named = choice.get("function") if is_object(choice) and choice.get("type") == "function" else None
    if has_tools and is_object(named) and isinstance(named.get("name"), str):
        return named["name"]
    extra["tool_choice"] = choice
    return None


def _parse_format(value: _Dict, extra: _Dict) -> OutputSpec | None:
    """Return what the answer is held to; `extra` keeps the client's own words for it."""
    told = take_object(value.get("response_format", {}), "response_format")
    kind = told.get("type")
    if not told:
        return None
    extra["response_format"] = told
    if kind == "json_object":
        return OutputSpec(schema={"type": "object"}, mode="json_object")
    holder = told.get("json_schema")
    if kind != "json_schema" or not is_object(holder) or not is_object(holder.get("schema")):
        return None
    name, description = holder.get("name"), holder.get("description")
    return OutputSpec(
        schema=holder["schema"],
        name=name if isinstance(name, str) else "response",
        description=description if isinstance(description, str) else "",
    )


def _parse_settings(value: _Dict, extra: _Dict, *, has_tools: bool) -> ModelSettings:
    given: _Dict = {name: value[name] for name in _PLAIN if name in value}
    given |= {setting: value[name] for name, setting in _SPELLINGS.items() if name in value}
    if not has_tools and "parallel_tool_calls" in given:
        extra["parallel_tool_calls"] = given.pop("parallel_tool_calls")
    effort = value.get("reasoning_effort")
    if isinstance(effort, str) and effort in _EFFORTS:
        given["reasoning_effort"] = effort
    elif effort is not None:  # a word that only this provider knows
        extra["reasoning_effort"] = effort
    return read_settings(given)
