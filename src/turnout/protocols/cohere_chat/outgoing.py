"""Messages as the wire has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import msgspec

from turnout.errors import InvalidInputError
from turnout.messages import Image, Media, Message, Reasoning, Refusal, Role, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.json_reading import is_object
from turnout.protocols.json_values import check_value
from turnout.protocols.media_bytes import encode_media
from turnout.requests import merge_deep, read_options
from turnout.responses import Warning
from turnout.routing.route import find_provider_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.messages import Part
    from turnout.requests import OptionsHolder

_Wire = dict[str, Any]
_ROLES = frozenset(get_args(Role))

THINKING = {"type": "thinking"}
PLAN = {"type": "tool_plan"}
"""The details of a `Reasoning`: thoughts before the answer, and what the model means to do with its tools."""


def write_messages(messages: list[Message], provider: str, warnings: list[Warning]) -> list[_Wire]:
    """Return `messages` as the wire has them; what had to be left out is told in `warnings`.

    A `ToolResult` goes as its content, for this wire has no field for `is_error`. Raises `InvalidInputError` for a part
    that this wire cannot carry.
    """
    if not messages:
        raise InvalidInputError("messages is empty: give at least one message, such as a string")
    wire: list[_Wire] = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if message.role not in _ROLES:
            raise InvalidInputError(f"{where}.role is {message.role!r}: use one of {', '.join(get_args(Role))}")
        if message.name:
            told = f"{where}: the name of the speaker was left out: cohere_chat has no field for it"
            warnings.append(Warning("dropped_part", told))
        written = _write(message, where, provider, warnings)
        options = _read_options(message, provider, where)
        wire += [merge_deep(each, options) for each in written] if options else written
    return wire


def _read_options(holder: OptionsHolder, provider: str, where: str) -> _Wire:
    """Return the fields that a message or part has for `provider`. Raises `InvalidInputError` for what is no JSON."""
    provider = find_provider_name(provider)
    options = read_options(holder, provider)
    if options:
        check_value(options, f"{where}.provider_options[{provider!r}]")
    return options


def _write(message: Message, where: str, provider: str, warnings: list[Warning]) -> list[_Wire]:
    results = [part for part in message.content if isinstance(part, ToolResult)]
    others: list[Part] = [part for part in message.content if not isinstance(part, ToolResult)]
    if results and message.role not in ("tool", "user"):
        raise InvalidInputError(f"{where}: a ToolResult in a message of the {message.role}: use `Message.tool(…)`")
    written = [_write_result(part, where, provider) for part in results]
    if message.role == "tool":
        if others or not results:
            raise InvalidInputError(
                f"{where}: a tool message holds ToolResult parts and no others: use `Message.tool(…)`"
            )
        return written
    if results and not others:
        return written
    if message.role == "assistant":
        return [_write_assistant(others, where, provider, warnings)]
    if message.role == "system" and any(not isinstance(part, Text) for part in others):
        raise InvalidInputError(f"{where}: a system message holds text only: put other parts into a user message")
    return [*written, {"role": message.role, "content": _write_parts(others, where, provider)}]


def _write_result(part: ToolResult, where: str, provider: str) -> _Wire:
    written = {"role": "tool", "tool_call_id": part.call_id, "content": part.content}
    return merge_deep(written, _read_options(part, provider, where))


def _write_parts(parts: Sequence[Part], where: str, provider: str) -> str | list[_Wire]:
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].provider_options:
        return parts[0].text
    return [_write_part(part, f"{where}.content[{index}]", provider) for index, part in enumerate(parts)]


def _write_part(part: Part, where: str, provider: str) -> _Wire:
    if isinstance(part, Text):
        return merge_deep({"type": "text", "text": part.text}, _read_options(part, provider, where))
    if isinstance(part, Image):
        written = {"type": "image_url", "image_url": {"url": _write_url(part, where)}}
        return merge_deep(written, _read_options(part, provider, where))
    if isinstance(part, Media):
        raise InvalidInputError(
            f"{where}: cohere_chat carries no {type(part).__name__}: send its text, or pass it as `documents` in"
            " provider_options="
        )
    raise InvalidInputError(
        f"{where}: a {type(part).__name__} cannot be part of this message: put it into `Message.assistant(…)`"
    )


def _write_url(part: Image, where: str) -> str:
    if part.path is not None:
        raise InvalidInputError(f"{where}: the file {part.path!r} was not read: call an Agent, or pass its bytes")
    if part.is_remote and part.url is not None:
        return part.url
    found, encoded, is_as_given = encode_media(part, where)
    return part.url if is_as_given and part.url is not None else f"data:{found};base64,{encoded}"


def _write_assistant(parts: list[Part], where: str, provider: str, warnings: list[Warning]) -> _Wire:
    content: list[_Wire] = []
    plans: list[str] = []
    calls: list[_Wire] = []
    citations: list[_Wire] = []
    for index, part in enumerate(parts):
        place = f"{where}.content[{index}]"
        if isinstance(part, (Text, Refusal)):
            options = _read_options(part, provider, place) if isinstance(part, Text) else {}
            content.append(merge_deep({"type": "text", "text": part.text}, options))
            citations += [each for each in part.citations if "sources" in each] if isinstance(part, Text) else []
        elif isinstance(part, Reasoning) and part.provider in (None, provider):
            detail = part.details[0] if part.details else None
            if detail == PLAN:
                plans.append(part.text)
            elif is_object(detail) and detail.get("type") == "thinking" and "signature" not in detail:
                content.append({**detail, "thinking": part.text})
        elif isinstance(part, ToolCall):
            calls.append(_write_call(part, place, provider))
    left_out = {type(part).__name__ for part in parts if isinstance(part, (ServerTool, Media))}
    warnings += [
        Warning("dropped_part", f"{where}: the {name} of the assistant was left out: cohere_chat cannot send it back")
        for name in sorted(left_out)
    ]
    check_value([content, citations], where)
    return _frame(content, plans, calls, citations)


def _frame(content: list[_Wire], plans: list[str], calls: list[_Wire], citations: list[_Wire]) -> _Wire:
    wire: _Wire = {"role": "assistant"}
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        wire["content"] = content[0]["text"]
    elif content:
        wire["content"] = content
    elif not calls:
        wire["content"] = ""
    if plans:
        wire["tool_plan"] = "".join(plans)
    if calls:
        wire["tool_calls"] = calls
    if citations:
        wire["citations"] = citations
    return wire


def _write_call(call: ToolCall, where: str, provider: str) -> _Wire:
    if call.invalid_arguments is None:
        check_value(call.arguments, f"{where}: arguments of `{call.name}`")
        arguments = msgspec.json.encode(call.arguments).decode()
    else:
        arguments = call.invalid_arguments
    written: _Wire = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
    return merge_deep(written, _read_options(call, provider, where))
