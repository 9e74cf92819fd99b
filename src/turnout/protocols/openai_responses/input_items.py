"""Messages as the items of `input`."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from turnout.errors import InvalidInputError
from turnout.messages import Media, Message, Reasoning, Refusal, Role, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.json_reading import objects
from turnout.protocols.json_values import check_value
from turnout.protocols.openai_chat.outgoing import merge_system_messages
from turnout.protocols.openai_responses.media_parts import write_media
from turnout.protocols.openai_responses.own import OWN
from turnout.requests import merge_deep, read_options
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.messages import Part
    from turnout.routing.route import Route

_Wire = dict[str, Any]
_NOTHING: _Wire = {}
_ROLES = frozenset(get_args(Role))
_FOREIGN = "_tool_result"
"""How the types of Anthropic's records end: a provider that speaks both takes them on its other wire alone."""

_LONGEST_ID = 64


def write_input(messages: list[Message], route: Route, warnings: list[Warning]) -> tuple[str | None, list[_Wire]]:
    """Return `instructions` and the items of `input`; what had to be left out is told in `warnings`.

    System messages at the start are the instructions, later ones are items. A `ToolResult` goes as its content, for
    this wire has no field for `is_error`. Reasoning goes back to its provider alone, as the items that it sent. Raises
    `InvalidInputError` for a part that this wire cannot carry.
    """
    if not messages:
        raise InvalidInputError("messages is empty: give at least one message, such as a string")
    if route.quirks.single_system_message:
        messages = merge_system_messages(messages, route.provider)
    writer = _Writer(route, warnings)
    leading = _count_instructions(messages, route)
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if message.role not in _ROLES:
            raise InvalidInputError(f"{where}.role is {message.role!r}: use one of {', '.join(get_args(Role))}")
        writer.check_name(message, where)
        if index >= leading:
            writer.add(message, where)
    texts = [_system_text(message, f"messages[{index}]") for index, message in enumerate(messages[:leading])]
    return "\n\n".join(texts) if texts else None, writer.items


def _count_instructions(messages: list[Message], route: Route) -> int:
    """Return how many messages at the start go as instructions: those of the system without fields of their own."""
    count = 0
    for message in messages:
        carriers = [message, *(part for part in message.content if isinstance(part, Text))]
        name = route.provider
        if message.role != "system" or any(
            read_options(each, name) or OWN.read_kept(each, route.maker) for each in carriers
        ):
            break
        count += 1
    return count


def _system_text(message: Message, where: str) -> str:
    if any(not isinstance(part, Text) for part in message.content):
        raise InvalidInputError(f"{where}: a system message holds text only: put other parts into a user message")
    return message.text


class _Writer:
    """Writes one message after the other; it knows which calls were those of custom tools."""

    def __init__(self, route: Route, warnings: list[Warning]) -> None:
        self._route = route
        self._warnings = warnings
        self._custom_calls: set[str] = set()
        self.items: list[_Wire] = []

    def check_name(self, message: Message, where: str) -> None:
        """Tell that the speaker's name is lost."""
        if message.name:
            told = f"{where}: the name {message.name!r} was left out: openai_responses has no field for it"
            self._warnings.append(Warning("dropped_part", told))

    def add(self, message: Message, where: str) -> None:
        """Write one message as the items that it is."""
        if message.role == "assistant":
            written = self._write_assistant(message, where)
        elif message.role == "system":
            _system_text(message, where)
            written = [{"role": "system", "content": self._write_content(message.content, where)}]
        else:
            written = self._write_said(message, where)
        own, options = OWN.read_kept(message, self._route.maker), read_options(message, self._route.provider)
        if own or options:
            fields = merge_deep(own, options)
            check_value(fields, f"{where}.provider_options[{self._route.provider!r}]")
            written = [merge_deep(each, fields) for each in written]
        self.items += written

    def _write_said(self, message: Message, where: str) -> list[_Wire]:
        """Write a message of the user, or one with the results of tools."""
        results = [part for part in message.content if isinstance(part, ToolResult)]
        others: list[Part] = [part for part in message.content if not isinstance(part, ToolResult)]
        written = [self._write_result(part, where) for part in results]
        if message.role == "tool":
            records = [self._write_record(part, where) for part in others if isinstance(part, ServerTool)]
            if len(records) < len(others) or not message.content:
                raise InvalidInputError(
                    f"{where}: a tool message holds ToolResult parts and no others: use `Message.tool(…)`"
                )
            return written + records
        if others or not results:
            written.append({"role": "user", "content": self._write_content(others, where)})
        return written

    def _write_result(self, part: ToolResult, where: str) -> _Wire:
        kind = "custom_tool_call_output" if part.call_id in self._custom_calls else "function_call_output"
        wire = {"type": kind, "call_id": _fit_id(part.call_id), "output": part.content}
        return self._with_fields(wire, part, where)

    def _write_content(self, parts: list[Part], where: str) -> str | list[_Wire]:
        if not parts:
            return ""
        only = parts[0] if len(parts) == 1 else None
        if isinstance(only, Text) and not (self._own(only) or read_options(only, self._route.provider)):
            return only.text
        return [self._write_part(part, f"{where}.content[{index}]") for index, part in enumerate(parts)]

    def _write_part(self, part: Part, where: str) -> _Wire:
        if isinstance(part, ServerTool):
            return self._write_record(part, where)
        if not isinstance(part, (Text, Media)):
            raise InvalidInputError(
                f"{where}: a {type(part).__name__} cannot be part of this message: put it into `Message.assistant(…)`"
            )
        written = {"type": "input_text", "text": part.text} if isinstance(part, Text) else write_media(part, where)
        return self._with_fields(written, part, where)

    def _with_fields(self, written: _Wire, part: Text | Media | ToolCall | ToolResult, where: str) -> _Wire:
        """Return `written` with the fields that this wire put beside the part, and over them the caller's own."""
        own = OWN.read_kept(part, self._route.maker)
        check_value(own, f"{where}: fields of this wire")
        return self._with_options(merge_deep(written, own) if own else written, part, where)

    def _with_options(self, written: _Wire, part: Text | Media | ToolCall | ToolResult, where: str) -> _Wire:
        options = read_options(part, self._route.provider)
        if not options:
            return written
        check_value(options, f"{where}.provider_options[{self._route.provider!r}]")
        return merge_deep(written, options)

    def _write_assistant(self, message: Message, where: str) -> list[_Wire]:
        items: list[_Wire] = []
        said: list[Text | Refusal] = []
        for part in message.content:
            if isinstance(part, (Text, Refusal)):
                if said and self._own(said[0]) != self._own(part) and isinstance(part, Text):
                    items.append(self._write_message(said, where))
                    said = []
                said.append(part)
                continue
            if said:
                items.append(self._write_message(said, where))
                said = []
            items += self._write_made(part, message, where)
        if said or not message.content:
            items.append(self._write_message(said, where))
        return items

    def _write_made(self, part: Part, message: Message, where: str) -> list[_Wire]:
        """Write a part of the assistant's that is no text."""
        if isinstance(part, Reasoning):
            return self._write_reasoning(part, where)
        if isinstance(part, ToolCall):
            return [self._write_call(part, where)]
        if isinstance(part, ServerTool) and part.data.get("type") == part.name and not part.name.endswith(_FOREIGN):
            return [self._write_record(part, where)]
        if isinstance(part, ToolResult):
            raise InvalidInputError(f"{where}: a ToolResult in a message of the assistant: use `Message.tool(…)`")
        if not _is_in_record(message):
            told = f"{where}: the {type(part).__name__} of the assistant was left out: openai_responses cannot send it"
            self._warnings.append(Warning("dropped_part", f"{told} back"))
        return []

    def _own(self, part: Text | Media | Refusal) -> _Wire:
        return {} if isinstance(part, Refusal) else OWN.read_kept(part, self._route.maker)

    def _write_message(self, said: list[Text | Refusal], where: str) -> _Wire:
        """Write what the assistant said: in the short form, or as the item that it was."""
        own = next((own for part in said if (own := self._own(part))), _NOTHING)
        options = any(read_options(part, self._route.provider) for part in said if isinstance(part, Text))
        is_plain = "id" not in own and not options and all(isinstance(part, Text) for part in said)
        if is_plain:
            return {"role": "assistant", "content": "".join([part.text for part in said]), **own}
        content = [self._write_said_part(part, where, has_citations="id" in own) for part in said]
        frame = {"type": "message", "role": "assistant", "content": content}
        return {**frame, "status": "completed", **own} if "id" in own else {**frame, **own}

    def _write_said_part(self, part: Text | Refusal, where: str, *, has_citations: bool) -> _Wire:
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text}
        citations = part.citations if has_citations else []
        check_value(citations, f"{where}: citations")
        return self._with_options({"type": "output_text", "text": part.text, "annotations": citations}, part, where)

    def _write_reasoning(self, part: Reasoning, where: str) -> list[_Wire]:
        """Return the items of this wire that the reasoning was made of; thoughts without any do not go back."""
        if part.provider not in (None, self._route.maker):
            return []
        details = [detail for detail in objects(part.details) if detail.get("type") == "reasoning"]
        check_value(details, f"{where}: details of the reasoning")
        return details

    def _write_call(self, call: ToolCall, where: str) -> _Wire:
        wire: _Wire = {"type": "function_call", "call_id": _fit_id(call.id), "name": call.name}
        if OWN.read_kept(call, self._route.maker).get("type") == "custom_tool_call":
            self._custom_calls.add(call.id)
            given = call.arguments.get("input")
            return self._with_fields(wire | {"input": given if isinstance(given, str) else ""}, call, where)
        written = call.invalid_arguments
        if written is None:
            check_value(call.arguments, f"{where}: arguments of `{call.name}`")
            written = msgspec.json.encode(call.arguments).decode()
        return self._with_fields(wire | {"arguments": written}, call, where)

    def _write_record(self, part: ServerTool, where: str) -> _Wire:
        """Return the record of a tool that the provider ran itself, or any other item that only this wire has."""
        if part.data.get("type") != part.name:
            raise InvalidInputError(
                f"{where}: the record of the tool {part.name!r} is not of this wire format: leave it out of the history"
            )
        check_value(part.data, f"{where}: the record of {part.name!r}")
        return part.data


def _fit_id(identity: str) -> str:
    """Return the id of a call as OpenAI describes the wire (64 letters at most); the same for the same one."""
    if len(identity) <= _LONGEST_ID:
        return identity
    return f"call_{sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def _is_in_record(message: Message) -> bool:
    """Tell whether the message holds the record that its picture was made from, which goes back in its place."""
    return any(isinstance(part, ServerTool) and part.name == "image_generation_call" for part in message.content)
