"""Messages as the wire has them."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from turnout.errors import InvalidInputError
from turnout.messages import Audio, Media, Message, Refusal, Role, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.json_values import check_value
from turnout.protocols.openai_chat.media_parts import write_media
from turnout.protocols.openai_chat.own import OWN
from turnout.protocols.openai_chat.sounds import find_sound
from turnout.protocols.openai_chat.thoughts import write_thoughts
from turnout.requests import merge_deep, read_options
from turnout.responses import Warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.messages import Part
    from turnout.routing.route import Route

_Wire = dict[str, Any]
_ROLES = frozenset(get_args(Role))
_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")
_SAYING = _ROLES - {"tool"}


def write_messages(messages: list[Message], route: Route, warnings: list[Warning]) -> list[_Wire]:
    """Return `messages` as the wire has them; what had to be left out is told in `warnings`.

    A `ToolResult` goes as its content, for this wire has no field for `is_error`. Raises `InvalidInputError` for a part
    that this wire cannot carry.
    """
    if not messages:
        raise InvalidInputError("messages is empty: give at least one message, such as a string")
    if route.quirks.single_system_message:
        messages = merge_system_messages(messages, route.provider)
    wire: list[_Wire] = []
    for index, message in enumerate(messages):
        plain = _write_plain(message)
        if plain is not None:
            wire.append(plain)
            continue
        where = f"messages[{index}]"
        if message.role not in _ROLES:
            raise InvalidInputError(f"{where}.role is {message.role!r}: use one of {', '.join(get_args(Role))}")
        options = read_options(message, route.provider)
        written = _write(message, where, route, warnings)
        if options:
            check_value(options, f"{where}.provider_options[{route.provider!r}]")
            written = [merge_deep(each, options) for each in written]
        wire += written
    return wire


def _write_plain(message: Message) -> _Wire | None:
    """Return a message that is one text and no more, as nearly all are; `None` for any other."""
    content, role = message.content, message.role
    if len(content) != 1 or role not in _SAYING or message.provider_options or message.name:
        return None
    part = content[0]
    return None if type(part) is not Text or part.provider_options else {"role": role, "content": part.text}


def merge_system_messages(messages: list[Message], provider: str) -> list[Message]:
    """Return `messages` with all that instruct the model made one, at the start, an empty line between their texts."""
    system = [message for message in messages if message.role == "system"]
    if not system:
        return messages
    rest = [message for message in messages if message.role != "system"]
    if len(system) == 1 and messages[0].role == "system":
        return messages
    options: _Wire = {}
    for message in system:
        options = merge_deep(options, read_options(message, provider))
    texts = [_system_text(message, "messages") for message in system]
    last = system[-1].content[-1:]
    own = last[0].provider_options if last and isinstance(last[0], Text) else {}
    return [Message("system", [Text("\n\n".join(texts), own)], provider_options={provider: options}), *rest]


def _write(message: Message, where: str, route: Route, warnings: list[Warning]) -> list[_Wire]:
    first = message.content[0] if message.role != "tool" and len(message.content) == 1 else None
    if isinstance(first, Text) and (
        message.role != "assistant" or not (first.provider_options or message.provider_options)
    ):
        return [_frame(message, {"content": _write_parts(message.content, where, route)})]  # nearly all are one text
    results = [part for part in message.content if isinstance(part, ToolResult)]
    others: list[Part] = [part for part in message.content if not isinstance(part, ToolResult)]
    if results and message.role not in ("tool", "user"):
        raise InvalidInputError(f"{where}: a ToolResult in a message of the {message.role}: use `Message.tool(…)`")
    written = [
        {"role": "tool", "tool_call_id": fit_id(part.call_id, route), "content": part.content} for part in results
    ]
    if message.role == "tool":
        if others or not results:
            raise InvalidInputError(
                f"{where}: a tool message holds ToolResult parts and no others: use `Message.tool(…)`"
            )
        return written
    if results and not others:
        return written
    if message.role == "assistant":
        return [_frame(message, _write_assistant(message, where, route, warnings))]
    if message.role == "system":
        _system_text(message, where)
    return [*written, _frame(message, {"content": _write_parts(others, where, route)})]


def _frame(message: Message, said: _Wire) -> _Wire:
    named = {"name": message.name} if message.name else {}
    return {"role": message.role, **named, **said}


def _system_text(message: Message, where: str) -> str:
    if any(not isinstance(part, Text) for part in message.content):
        raise InvalidInputError(f"{where}: a system message holds text only: put other parts into a user message")
    return message.text


def _write_parts(parts: Sequence[Part], where: str, route: Route) -> str | list[_Wire]:
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], Text) and not read_options(parts[0], route.provider):
        return parts[0].text
    return [_write_part(part, f"{where}.content[{index}]", route) for index, part in enumerate(parts)]


def _write_part(part: Part, where: str, route: Route) -> _Wire:
    if isinstance(part, (Text, Media)):
        if isinstance(part, Text):
            written = {"type": "text", "text": part.text}
        else:
            written = write_media(part, where, audio_as_url=route.quirks.audio_as_url)
        options = read_options(part, route.provider)
        if options:
            check_value(options, f"{where}.provider_options[{route.provider!r}]")
            written = merge_deep(written, options)
        return written
    raise InvalidInputError(
        f"{where}: a {type(part).__name__} cannot be part of this message: put it into `Message.assistant(…)`"
    )


def _write_assistant(message: Message, where: str, route: Route, warnings: list[Warning]) -> _Wire:
    parts = message.content
    texts = [part for part in parts if isinstance(part, Text)]
    sounds = [part for part in parts if isinstance(part, Audio)]
    sound = find_sound([*texts, *([] if texts else sounds), message], route.maker)
    identity = None if sound is None else sound[1]
    if sound is not None and identity is not None:  # the sound goes in place of its words
        texts = [part for part in texts if part is not sound[0]]
    calls = [_write_call(part, where, route) for part in parts if isinstance(part, ToolCall)]
    joined: str | list[_Wire] = "".join([part.text for part in texts])
    if any(read_options(part, route.provider) for part in texts):
        joined = _write_parts(texts, where, route)
    wire: _Wire = {"content": joined if texts or not (calls or identity) else None}
    if identity is not None:
        wire["audio"] = {"id": identity}
    refusals = [part.text for part in parts if isinstance(part, Refusal)]
    if refusals:
        wire["refusal"] = "".join(refusals)
    if calls:
        wire["tool_calls"] = calls
    wire |= write_thoughts(parts, where, route)
    left_out = {type(part).__name__ for part in parts if isinstance(part, (ServerTool, Media))}
    if identity is not None or (texts and find_sound([*texts, *sounds], route.maker)):  # its id or its words say it
        left_out.discard("Audio")
    warnings += [
        Warning("dropped_part", f"{where}: the {name} of the assistant was left out: openai_chat cannot send it back")
        for name in sorted(left_out)
    ]
    return wire


def fit_id(identity: str, route: Route) -> str:
    """Return the id of a call as the provider of `route` takes it; the same for the same one."""
    if not route.quirks.short_call_ids or _SHORT_ID.fullmatch(identity):
        return identity
    return sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:9]


def _write_call(call: ToolCall, where: str, route: Route) -> _Wire:
    if call.invalid_arguments is None:
        check_value(call.arguments, f"{where}: arguments of `{call.name}`")
        arguments = msgspec.json.encode(call.arguments).decode()
    else:
        arguments = call.invalid_arguments
    wire = {"id": fit_id(call.id, route), "type": "function", "function": {"name": call.name, "arguments": arguments}}
    own = OWN.read(call, route.maker)
    check_value(own, f"{where}: fields beside the call of `{call.name}`")
    return merge_deep(wire, own) if own else wire
