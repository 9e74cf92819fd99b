"""What a model is told in words where its wire has no field for it, and how a history with tools is spelled for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

from turnout.messages import Message, Part, Reasoning, Role, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.requests import OutputSpec, ToolSpec

_DEFINITIONS = ("$defs", "definitions")
_REFERENCE = re.compile(r"#(?:/(?:\$defs|definitions)/(.+))?")


def add_instruction(messages: Sequence[Message], instruction: str) -> list[Message]:
    """Return `messages` with `instruction` at the end of the first system message, or as one of its own."""
    if messages and messages[0].role == "system":
        first = messages[0]
        parts: list[Part] = [*first.content, Text(f"\n\n{instruction}")]
        return [msgspec.structs.replace(first, content=_join(parts)), *messages[1:]]
    return [Message.system(instruction), *messages]


def _join(parts: list[Part]) -> list[Part]:
    """Return `parts` as one text, unless one of them has options of its own."""
    if all(isinstance(part, Text) and not part.provider_options for part in parts):
        return [Text("".join([part.text for part in parts if isinstance(part, Text)]))]
    return parts


def call_instruction(choice: str | None) -> str:
    """Return what asks for a tool call where no `tool_choice` can."""
    which = "one of the tools" if choice == "required" else f"the tool `{choice}`"
    return f"Call {which} now; do not answer in words."


def output_instruction(output: OutputSpec) -> str:
    """Return what asks for JSON that fits the schema."""
    about = f" {output.description}" if output.description else ""
    return f"Answer with JSON and nothing else, no fences and no prose.{about} It must fit this schema:\n" + _json(
        output.schema
    )


def tool_instructions(
    tools: Sequence[ToolSpec], output: OutputSpec | None, *, is_forced: bool, is_json_only: bool
) -> str:
    """Return what explains the tools, and how one is called in JSON.

    `is_json_only`: the answer is held to JSON, so that plain text has to be wrapped as well.
    """
    lines = [
        "You can use these tools:",
        *(
            f"- {tool.name}: {tool.description or 'no description'} Arguments: {_json(tool.parameters)}"
            for tool in tools
        ),
    ]
    lines.append('To call a tool, answer with this JSON alone: {"tool": "<name>", "arguments": {…}}')
    if is_forced:
        lines.append("Call a tool now.")
    elif output is not None:
        lines.append('When you know the answer, reply with {"answer": …}, which must fit ' + _json(output.schema))
    elif is_json_only:
        lines.append('When you know the answer, reply with {"answer": "…"}')
    else:
        lines.append("When you need no tool, answer in plain text.")
    return "\n".join(lines)


def emulation_schema(tools: Sequence[ToolSpec], answer: dict[str, Any] | None, *, is_forced: bool) -> dict[str, Any]:
    """Return the schema of what a model may say: a call of one of `tools`, or the answer."""
    definitions: dict[str, Any] = {}
    said = [_call_schema(tool, definitions) for tool in tools]
    if not is_forced:
        inner = {"type": "string"} if answer is None else _lift_definitions(answer, "answer", definitions)
        said.append(_object(answer=inner))
    schema = said[0] if len(said) == 1 else {"anyOf": said}
    return {**schema, "$defs": definitions} if definitions else schema


def _call_schema(tool: ToolSpec, definitions: dict[str, Any]) -> dict[str, Any]:
    return _object(
        tool={"type": "string", "enum": [tool.name]},
        arguments=_lift_definitions(tool.parameters, tool.name, definitions),
    )


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def _lift_definitions(schema: dict[str, Any], prefix: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Move the definitions of `schema` to `definitions`, under names of their own, and point its references there."""
    own: dict[str, Any] = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    rest = {key: value for key, value in schema.items() if key not in _DEFINITIONS}
    pointed = _repoint(rest, prefix)
    definitions.update({f"{prefix}.{name}": _repoint(value, prefix) for name, value in own.items()})
    if f'"#/$defs/{prefix}"' in _json([pointed, own and definitions]):  # it refers to itself
        definitions[prefix] = pointed
    return pointed


def _repoint(value: Any, prefix: str) -> Any:
    if isinstance(value, list):
        return [_repoint(item, prefix) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    pointed: dict[str, Any] = {}
    for key, item in cast("dict[str, Any]", value).items():
        target = _REFERENCE.fullmatch(item) if key == "$ref" and isinstance(item, str) else None
        if target is not None:
            pointed[key] = f"#/$defs/{prefix}.{target[1]}" if target[1] else f"#/$defs/{prefix}"
        else:
            pointed[key] = _repoint(item, prefix)
    return pointed


def uses_tools(messages: Sequence[Message]) -> bool:
    """Tell whether a call or a result of a tool is among `messages`."""
    for message in messages:  # a plain loop: every call pays for it
        if message.role == "tool":
            return True
        if message.role == "assistant":
            for part in message.content:
                if type(part) is ToolCall:
                    return True
    return False


def spell_calls(messages: Sequence[Message]) -> list[Message]:
    """Return `messages` with calls in the JSON that `tool_instructions` asks for, and results as the user's words."""
    spelled: list[Message] = []
    results: list[str] = []
    for message in messages:
        found = [part for part in message.content if isinstance(part, ToolResult)]
        if results and not found:
            spelled.append(Message.user("\n".join(results)))
            results = []
        results += [_spell_result(part) for part in found]
        rest = [_spell_call(part) if isinstance(part, ToolCall) else part for part in message.content]
        rest = [part for part in rest if not isinstance(part, (ToolResult, Reasoning))]
        if rest:
            spelled.append(_with_content(message, rest, role="user" if message.role == "tool" else message.role))
    return [*spelled, Message.user("\n".join(results))] if results else spelled


def spell_reports(messages: Sequence[Message]) -> list[Message]:
    """Return `messages` with calls and results told in words, for a model that is offered no tools."""
    answers = {part.call_id: part for message in messages for part in message.content if isinstance(part, ToolResult)}
    told: list[Message] = []
    for message in messages:
        rest: list[Part] = []
        for part in message.content:
            if isinstance(part, ToolCall):
                rest.append(Text(_report(part, answers.pop(part.id, None))))
            elif isinstance(part, ToolResult):
                if part.call_id in answers:  # its call is not among the messages
                    rest.append(Text(_spell_result(answers.pop(part.call_id))))
            elif not isinstance(part, Reasoning):
                rest.append(part)
        if rest:
            told.append(_with_content(message, rest, role="user" if message.role == "tool" else message.role))
    if told and told[-1].role == "assistant":
        told.append(Message.user("Then what is the answer?"))
    return told


def _with_content(message: Message, content: Sequence[Part], role: Role) -> Message:
    if content == message.content and role == message.role:
        return message
    return msgspec.structs.replace(message, content=list(content), role=role)


def _report(call: ToolCall, result: ToolResult | None) -> str:
    if result is None:
        return f"I wanted to call {call.name}."
    how = "failed" if result.is_error else "answered"
    return f"I called {call.name} with {_json(call.arguments)}. It {how}: {result.content}\n"


def _spell_call(call: ToolCall) -> Text:
    if call.invalid_arguments is not None:
        return Text(call.invalid_arguments)
    return Text(_json({"tool": call.name, "arguments": call.arguments}))


def _spell_result(result: ToolResult) -> str:
    how = "failed" if result.is_error else "answered"
    return f"The tool {result.name or ''} {how}: {result.content}".replace("  ", " ", 1)


def answered_tools(messages: Sequence[Message]) -> set[str]:
    """Return the names of the tools that have answered since the user last spoke."""
    names: set[str] = set()
    for message in reversed(messages):
        results = [part for part in message.content if isinstance(part, ToolResult)]
        if message.role == "user" and not results:
            break
        names.update(part.name for part in results if part.name and not part.is_error)
    return names


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
