"""The items of a client's `input` as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from turnout.messages import (
    File,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    ServerTool,
    Text,
    ToolCall,
    ToolResult,
)
from turnout.protocols.json_reading import as_text, objects
from turnout.protocols.openai_responses.own import OWN
from turnout.protocols.openai_responses.rendering import is_made_here
from turnout.protocols.request_reading import take_list, take_object, take_text, wrong
from turnout.protocols.sealing import unseal
from turnout.protocols.tool_calls import read_call

if TYPE_CHECKING:
    from collections.abc import Callable

_Dict = dict[str, Any]
_ROLES: dict[str, Role] = {"user": "user", "system": "system", "developer": "system", "assistant": "assistant"}


def parse_items(items: list[Any]) -> list[Message]:
    """Return the items of `input` as messages; what the model made in a row is one message.

    Raises `InvalidInputError` that names the item and the field.
    """
    messages: list[Message] = []
    made: list[Part] = []
    for index, given in enumerate(items):
        where = f"input[{index}]"
        item = take_object(given, where)
        parts = _parse_made(item, where)
        if parts is None:
            messages += [*_close(made), _parse_given(item, where)]
            made = []
            continue
        if made and parts and _is_plain(made[-1]) and _is_plain(parts[0]):  # they would become one
            messages += _close(made)
            made = []
        made += parts
    return messages + _close(made)


def _close(made: list[Part]) -> list[Message]:
    return [Message("assistant", made)] if made else []


def _is_plain(part: Part) -> bool:
    return isinstance(part, Refusal) or (isinstance(part, Text) and not part.provider_options)


def _parse_made(item: _Dict, where: str) -> list[Part] | None:
    """Return what the model made; `None` for an item that the client made."""
    kind = as_text(item.get("type")) or "message"
    if kind == "message":
        return _parse_said(item, where) if item.get("role") == "assistant" else None
    if kind in ("function_call_output", "custom_tool_call_output") and _result_text(item) is not None:
        return None
    reader = _MADE.get(kind)
    return [reader(item, where)] if reader is not None else [ServerTool(kind, item)]


def _parse_said(item: _Dict, where: str) -> list[Part]:
    own = _extra(item, "type", "role", "content")
    options = OWN.keep(own)
    content = item.get("content")
    if isinstance(content, str):
        return [Text(content, options)]
    parts: list[Part] = []
    for place, given in enumerate(take_list(content, f"{where}.content")):
        part = take_object(given, f"{where}.content[{place}]")
        if part.get("type") == "refusal":
            parts.append(Refusal(take_text(part, "refusal", f"{where}.content[{place}]")))
        else:
            text = take_text(part, "text", f"{where}.content[{place}]")
            parts.append(Text(text, options, objects(part.get("annotations"))))
    return parts or [Text("", options)]


def _parse_reasoning(item: _Dict, _: str) -> Part:
    sections = [*objects(item.get("summary")), *objects(item.get("content"))]
    text = "\n\n".join([section["text"] for section in sections if isinstance(section.get("text"), str)])
    sealed = item.get("encrypted_content")
    found = unseal(text, sealed) if isinstance(sealed, str) else None
    if found is not None:
        return found
    return Reasoning(text) if is_made_here(item) else Reasoning(text, [item])


def _parse_call(item: _Dict, where: str) -> Part:
    identity, name = take_text(item, "call_id", where), take_text(item, "name", where)
    own = _extra(item, "type", "call_id", "name", "arguments", "input")
    if item["type"] == "custom_tool_call":
        call = ToolCall(identity, name, {"input": take_text(item, "input", where)})
        own["type"] = item["type"]
    else:
        call = read_call(identity, name, take_text(item, "arguments", where))
    return structs.replace(call, provider_options=OWN.keep(own))


_MADE: dict[str, Callable[[_Dict, str], Part]] = {
    "reasoning": _parse_reasoning,
    "function_call": _parse_call,
    "custom_tool_call": _parse_call,
}


def _parse_given(item: _Dict, where: str) -> Message:
    """Return what the client said, or what its tool answered."""
    text = _result_text(item) if as_text(item.get("type")) not in (None, "message") else None
    if text is not None:
        own = _extra(item, "type", "call_id", "output")
        options = OWN.keep(own)
        return Message("tool", [ToolResult(take_text(item, "call_id", where), text, provider_options=options)])
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise wrong(f"{where}.role", f"is {item.get('role')!r}", f"use one of {', '.join(_ROLES)}")
    own = _extra(item, "type", "role", "content")
    parts = _parse_content(item.get("content"), f"{where}.content")
    return Message(role, parts, provider_options=OWN.keep(own))


def _result_text(item: _Dict) -> str | None:
    """Return what a tool answered, as text; `None` where it answered with more than that."""
    output = item.get("output")
    if isinstance(output, str):
        return output
    parts = objects(output)
    if not parts or any(part.get("type") != "input_text" or not isinstance(part.get("text"), str) for part in parts):
        return None
    return "".join([part["text"] for part in parts])


def _parse_content(content: object, where: str) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)]
    parts = take_list(content, where)
    if not parts:
        raise wrong(where, "is missing", "give text or a list of parts")
    return [
        _parse_part(take_object(part, f"{where}[{index}]"), f"{where}[{index}]") for index, part in enumerate(parts)
    ]


def _parse_part(part: _Dict, where: str) -> Part:
    """Return a part of what the user says; one that only this wire has (a file by its id) stays as it is."""
    kind = take_text(part, "type", where)
    if kind == "input_text":
        own = _extra(part, "type", "text")
        return Text(take_text(part, "text", where), OWN.keep(own))
    url, name = part.get("image_url"), part.get("filename")
    if kind == "input_image" and isinstance(url, str) and url:
        own = {key: value for key, value in _extra(part, "type", "image_url").items() if (key, value) != _DETAIL}
        return Image(url=url, provider_options=OWN.keep(own))
    data = part.get("file_data") or part.get("file_url")
    is_url = isinstance(data, str) and (":" in data[:10])
    if kind == "input_file" and isinstance(data, str) and is_url and not part.get("file_id"):
        own = _extra(part, "type", "file_data", "file_url", "filename")
        return File(url=data, name=name if isinstance(name, str) else None, provider_options=OWN.keep(own))
    return ServerTool(kind, part)


_DETAIL = ("detail", "auto")


def _extra(item: _Dict, *known: str) -> _Dict:
    """Return the fields beside `known` ones; an id that was made here means nothing to a provider."""
    extra = {key: value for key, value in item.items() if key not in known and value is not None}
    if is_made_here(item):
        extra.pop("id", None)
        extra.pop("status", None)
    return extra
