"""Messages as the wire has them: contents, and the instruction of the system apart from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from turnout.errors import InvalidInputError
from turnout.messages import Media, Message, Reasoning, Refusal, Role, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.gemini.media_parts import write_media
from turnout.protocols.gemini.own import OWN
from turnout.protocols.gemini.place import is_vertex, takes_call_ids
from turnout.protocols.gemini.thinking import thinks_in_levels
from turnout.protocols.json_reading import is_array, is_object, read_object
from turnout.protocols.json_values import check_value
from turnout.protocols.tool_calls import is_made_call_id
from turnout.requests import merge_deep
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.messages import Part
    from turnout.routing.route import Route

_Wire = dict[str, Any]
_ROLES = frozenset(get_args(Role))
_OF_ASSISTANT = (Reasoning, ToolCall, Refusal)

METADATA = frozenset({"groundingMetadata", "urlContextMetadata"})
"""Records that stand beside an answer: no part of a message, so they do not go back."""

SKIP_SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""``skip_thought_signature_validator`` in base64: for calls that the model did not make itself, such as those of
another model before it. Source: https://ai.google.dev/gemini-api/docs/thought-signatures; seen in recorded traffic."""


def write_messages(messages: list[Message], route: Route, warnings: list[Warning]) -> _Wire:
    """Return `contents` and `systemInstruction` for `messages`; what had to be left out is told in `warnings`.

    All messages of the system become one instruction, results of tools that follow each other one content. Raises
    `InvalidInputError` for a part that this wire cannot carry.
    """
    if not messages:
        raise InvalidInputError("messages is empty: give at least one message, such as a string")
    writer = _Writer(route, warnings)
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if message.role not in _ROLES:
            raise InvalidInputError(f"{where}.role is {message.role!r}: use one of {', '.join(get_args(Role))}")
        writer.add(message, where)
    body: _Wire = {"contents": writer.contents or [{"role": "user", "parts": [{"text": ""}]}]}  # one is required
    if writer.instructions:
        body["systemInstruction"] = {**writer.instruction_options, "parts": writer.instructions}
    return body


class _Writer:
    """Writes one message after the other, and remembers which tool each call was of."""

    def __init__(self, route: Route, warnings: list[Warning]) -> None:
        self.contents: list[_Wire] = []
        self.instructions: list[_Wire] = []
        self.instruction_options: _Wire = {}
        self._route = route
        self._warnings = warnings
        self._names: dict[str, str] = {}
        self._has_ids = takes_call_ids(route)
        self._is_after_result = False

    def add(self, message: Message, where: str) -> None:
        """Add one message."""
        options = self._options_of(message, where)
        if message.name:
            told = f"{where}: the name of the speaker was left out: gemini has no field for it"
            self._warnings.append(Warning("dropped_part", told))
        if message.role == "system":
            self.instructions += self._write_system(message, where)
            self.instruction_options = merge_deep(self.instruction_options, options)
            return
        parts = self._write_parts(message, where)
        if not parts and message.role == "assistant":
            return
        is_result = message.role == "tool"
        said = self.contents[-1]["parts"] if is_result and self._is_after_result else None
        if is_array(said):
            content = self.contents[-1] = {**self.contents[-1], "parts": [*said, *parts]}
        else:
            content = {"role": "model" if message.role == "assistant" else "user", "parts": parts or [{"text": ""}]}
            self.contents.append(content)
        if options:
            self.contents[-1] = merge_deep(content, options)
        self._is_after_result = is_result

    def _options_of(self, part: Message | Media | Text | ToolCall | ToolResult, where: str) -> _Wire:
        options = OWN.read(part, self._route.maker)
        if options:
            check_value(options, f"{where}.provider_options[{self._route.provider!r}]")
        return options

    def _write_system(self, message: Message, where: str) -> list[_Wire]:
        texts = [part for part in message.content if isinstance(part, Text)]
        if len(texts) != len(message.content):
            raise InvalidInputError(f"{where}: a system message holds text only: put other parts into a user message")
        return [{"text": part.text, **self._options_of(part, where)} for part in texts]

    def _write_parts(self, message: Message, where: str) -> list[_Wire]:
        has_results = any(isinstance(part, ToolResult) for part in message.content)
        if message.role == "tool" and not (
            has_results and all(isinstance(part, ToolResult) for part in message.content)
        ):
            raise InvalidInputError(
                f"{where}: a tool message holds ToolResult parts and no others: use `Message.tool(…)`"
            )
        if has_results and message.role == "assistant":
            raise InvalidInputError(f"{where}: a ToolResult in a message of the assistant: use `Message.tool(…)`")
        parts: list[_Wire] = []
        for index, part in enumerate(message.content):
            place = f"{where}.content[{index}]"
            if message.role != "assistant" and isinstance(part, _OF_ASSISTANT):
                raise InvalidInputError(
                    f"{place}: a {type(part).__name__} cannot be part of this message: put it into"
                    " `Message.assistant(…)`"
                )
            written = self._write_part(part, place)
            if written is not None:
                parts.append(written)
        self._sign_calls(parts)
        return parts

    def _write_part(self, part: Part, where: str) -> _Wire | None:
        if isinstance(part, Text):
            return merge_deep({"text": part.text}, self._options_of(part, where))
        if isinstance(part, Media):
            written = write_media(part, where, is_vertex=is_vertex(self._route))
            return merge_deep(written, self._options_of(part, where))
        if isinstance(part, ToolCall):
            return self._write_call(part, where)
        if isinstance(part, ToolResult):
            return self._write_result(part, where)
        if isinstance(part, Refusal):
            return {"text": part.text}
        return self._write_reasoning(part, where) if isinstance(part, Reasoning) else self._write_record(part, where)

    def _write_reasoning(self, part: Reasoning, where: str) -> _Wire | None:
        """Return a thought as its provider wrote it; `None` for what is not this provider's."""
        detail = part.details[0] if part.details and len(part.details) == 1 else None
        if part.provider not in (None, self._route.maker) or not is_object(detail):
            return None
        if not ("thought" in detail or "thoughtSignature" in detail):
            return None
        check_value(detail, f"{where}.details")
        return {"text": part.text, **detail}

    def _write_record(self, part: ServerTool, where: str) -> _Wire | None:
        if part.name in METADATA:
            return None
        if part.name in part.data:
            check_value(part.data, f"{where}.data")
            return part.data
        told = f"{where}: the ServerTool `{part.name}` was left out: it is no part that gemini knows"
        self._warnings.append(Warning("dropped_part", told))
        return None

    def _write_call(self, call: ToolCall, where: str) -> _Wire:
        self._names[call.id] = call.name
        arguments = call.arguments
        if call.invalid_arguments is not None:  # the wire has objects only
            arguments = {"invalid_arguments": call.invalid_arguments}
        check_value(arguments, f"{where}: arguments of `{call.name}`")
        written: _Wire = {"functionCall": {**self._write_id(call.id), "name": call.name, "args": arguments}}
        return merge_deep(written, self._options_of(call, where))

    def _write_result(self, part: ToolResult, where: str) -> _Wire:
        name = part.name or self._names.get(part.call_id)
        if name is None:
            raise InvalidInputError(
                f"{where}: no call before has the id {part.call_id!r}: give the tool's name, `Message.tool(…, name=…)`"
            )
        answered = {**self._write_id(part.call_id), "name": name, "response": write_response(part)}
        return merge_deep({"functionResponse": answered}, self._options_of(part, where))

    def _write_id(self, identity: str) -> _Wire:
        return {"id": identity} if self._has_ids and identity and not is_made_call_id(identity) else {}

    def _sign_calls(self, parts: list[_Wire]) -> None:
        """Mark the first call of a step that has no signature: models that check them refuse it otherwise."""
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None and "thoughtSignature" not in first and thinks_in_levels(self._route):
            first["thoughtSignature"] = SKIP_SIGNATURE


def write_response(part: ToolResult) -> _Wire:
    """Return what a tool answered as the object that the wire wants: its own, or `output` or `error` around the text.

    Source: `FunctionResponse.response` in Google's discovery document.
    """
    if part.is_error:
        return {"error": part.content}
    held = read_object(part.content) if part.content.lstrip()[:1] == "{" else None
    return {"output": part.content} if held is None else held
