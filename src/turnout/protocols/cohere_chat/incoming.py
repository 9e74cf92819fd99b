"""A request of a Cohere client, read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.messages import Image, Message, Part, Reasoning, Role, Text, ToolCall, ToolResult
from turnout.protocols.cohere_chat.encode import CHOICES
from turnout.protocols.cohere_chat.outgoing import PLAN, THINKING
from turnout.protocols.cohere_chat.settings import NAMES
from turnout.protocols.json_reading import is_object, objects
from turnout.protocols.request_reading import read_body, take_list, take_object, take_text, wrong
from turnout.protocols.serving import ParsedRequest
from turnout.protocols.tool_calls import read_call
from turnout.requests import ModelRequest, OutputSpec, ToolSpec, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

_Dict = dict[str, Any]
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_CHOICES = {word: choice for choice, word in CHOICES.items()}


def parse_request(body: bytes, *, provider: str | None = None) -> ParsedRequest:
    """Return the request in `body`.

    Fields that turnout has no word for (`documents`, `safety_mode`) are kept in `provider_options`, of the request and
    of its parts, for `provider` or for all (``"*"``). Raises `InvalidInputError` that names the field.
    """
    fields = read_body(body)
    key = provider or "*"
    messages = [
        _read_message(take_object(item, f"messages[{index}]"), f"messages[{index}]", key)
        for index, item in enumerate(take_list(fields.pop("messages", None), "messages"))
    ]
    if not messages:
        raise wrong("messages", "is missing or empty", "give at least one message")
    model = take_text(fields, "model")
    del fields["model"]
    tools = tuple(
        _read_tool(take_object(item, f"tools[{index}]"), f"tools[{index}]")
        for index, item in enumerate(take_list(fields.pop("tools", None), "tools"))
    )
    choice = _CHOICES.get(str(fields.get("tool_choice"))) if tools else None
    if choice is not None:
        del fields["tool_choice"]
    settings = {name: fields.pop(field) for name, field in NAMES.items() if field in fields}
    if fields.get("thinking") == {"type": "disabled"}:
        del fields["thinking"]
        settings["reasoning_effort"] = "none"
    output = _read_output(fields)
    stream = fields.pop("stream", None) is True
    request = ModelRequest(
        messages=messages,
        tools=tools,
        tool_choice=choice,
        output=output,
        settings=read_settings(settings),
        stream=stream,
        provider_options={key: fields} if fields else {},
    )
    return ParsedRequest(model=model, request=request)


def _read_message(item: _Dict, where: str, key: str) -> Message:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise wrong(f"{where}.role", f"is {item.get('role')!r}", f"use one of {', '.join(_ROLES)}")
    if role == "tool":
        return Message("tool", [_read_result(item, where, key)])
    parts = _read_content(item.get("content"), f"{where}.content", key)
    known = {"role", "content"}
    if role == "assistant":
        known |= {"tool_plan", "tool_calls", "citations"}
        _cite(parts, objects(item.get("citations")))
        if item.get("tool_plan"):
            parts.append(Reasoning(take_text(item, "tool_plan", where), [dict(PLAN)]))
        calls = take_list(item.get("tool_calls"), f"{where}.tool_calls")
        parts += [
            _read_call(take_object(call, f"{where}.tool_calls[{index}]"), f"{where}.tool_calls[{index}]")
            for index, call in enumerate(calls)
        ]
    extra = _rest(item, known)
    return Message(role, parts, provider_options={key: extra} if extra else {})


def _read_content(content: object, where: str, key: str) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)]
    return [
        Text(part)
        if isinstance(part, str)
        else _read_part(take_object(part, f"{where}[{index}]"), f"{where}[{index}]", key)
        for index, part in enumerate(take_list(content, where))
    ]


def _read_part(part: _Dict, where: str, key: str) -> Part:
    kind = part.get("type")
    if kind == "text":
        extra = _rest(part, ("type", "text"))
        return Text(take_text(part, "text", where), {key: extra} if extra else {})
    if kind == "thinking":
        extra = _rest(part, ("type", "thinking"))
        return Reasoning(take_text(part, "thinking", where), [{**THINKING, **extra}])
    if kind == "image_url":
        holder = take_object(part.get("image_url"), f"{where}.image_url")
        extra = _rest(holder, ("url",))
        return Image(
            url=take_text(holder, "url", f"{where}.image_url"),
            provider_options={key: {"image_url": extra}} if extra else {},
        )
    raise wrong(f"{where}.type", f"is {kind!r}", "use text, image_url or thinking")


def _read_result(item: _Dict, where: str, key: str) -> ToolResult:
    """Read what a tool answered: text, and documents in the fields that go back to the same wire format."""
    content = item.get("content")
    extra = _rest(item, ("role", "content", "tool_call_id"))
    if isinstance(content, str):
        text = content
    else:
        parts = [take_object(part, f"{where}.content") for part in take_list(content, f"{where}.content")]
        text = "\n".join(_texts(parts))
        if parts:
            extra["content"] = parts
    identity = take_text(item, "tool_call_id", where)
    return ToolResult(identity, text, provider_options={key: extra} if extra else {})


def _texts(parts: Iterable[_Dict]) -> Iterable[str]:
    for part in parts:
        document = part.get("document")
        data = document.get("data") if is_object(document) else None
        if isinstance(part.get("text"), str):
            yield part["text"]
        elif is_object(data):
            yield "\n".join([f"{name}: {value}" for name, value in data.items()])


def _cite(parts: list[Part], citations: list[_Dict]) -> None:
    """Give each citation to the text that it names, or else to the last; without any text there is nothing cited."""
    texts = {place: part for place, part in enumerate(parts) if isinstance(part, Text)}
    if not texts:
        return
    last = texts[max(texts)]
    for citation in citations:
        index = citation.get("content_index")
        text = texts.get(index) if isinstance(index, int) else None
        (text or last).citations.append(citation)


def _read_call(call: _Dict, where: str) -> ToolCall:
    function = take_object(call.get("function"), f"{where}.function")
    written = function.get("arguments") or ""
    if not isinstance(written, str):
        raise wrong(f"{where}.function.arguments", f"is a {type(written).__name__}", "give JSON text")
    return read_call(take_text(call, "id", where), take_text(function, "name", f"{where}.function"), written)


def _read_tool(tool: _Dict, where: str) -> ToolSpec:
    function = take_object(tool.get("function"), f"{where}.function")
    description = function.get("description") or ""
    if not isinstance(description, str):
        raise wrong(f"{where}.function.description", f"is a {type(description).__name__}", "give text")
    name = take_text(function, "name", f"{where}.function")
    if not is_object(function.get("parameters")):
        return ToolSpec(name=name, description=description)
    return ToolSpec(name=name, description=description, parameters=function["parameters"])


def _read_output(fields: _Dict) -> OutputSpec | None:
    held = fields.get("response_format")
    if not is_object(held) or held.get("type") != "json_object":
        return None
    del fields["response_format"]
    schema = held.get("json_schema", held.get("schema"))  # `schema` is the older name
    if is_object(schema):
        return OutputSpec(schema=schema, mode="json_schema")
    return OutputSpec(schema={"type": "object"}, mode="json_object")


def _rest(item: _Dict, known: Iterable[str]) -> _Dict:
    return {name: value for name, value in item.items() if name not in frozenset(known) and value is not None}
