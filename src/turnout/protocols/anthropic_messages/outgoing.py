"""Messages as the wire has them: the system prompt apart, tool results in messages of the user."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args

from msgspec import Struct

from turnout.errors import InvalidInputError
from turnout.messages import Media, Message, Reasoning, Refusal, Role, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.anthropic_messages.media_parts import write_media
from turnout.protocols.anthropic_messages.own import OWN
from turnout.protocols.json_reading import is_array, is_object, objects
from turnout.protocols.json_values import check_value
from turnout.requests import merge_deep
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.messages import Part
    from turnout.routing.route import Route

_Wire = dict[str, Any]
_ROLES = frozenset(get_args(Role))
_ID = re.compile(r"[a-zA-Z0-9_-]{1,200}")
_FOREIGN_RECORD = re.compile(r".*_call(_output)?|mcp_list_tools|mcp_approval_\w+|search|browser|code_interpreter")
CONTAINER = "container"
"""The name of the `ServerTool` that keeps the container in which the provider ran code."""


class Conversation(Struct, kw_only=True):
    """What the messages of a request come to: `system` is the prompt, `container` the one that the turn goes on in."""

    system: str | list[_Wire] | None = None
    messages: list[_Wire] = []
    container: str | None = None


class _Writer:
    """Writes the messages of one request."""

    def __init__(self, route: Route, warnings: list[Warning]) -> None:
        self._provider = route.maker
        self._warnings = warnings
        self.system: list[_Wire] = []
        self.messages: list[_Wire] = []
        self.container: str | None = None
        self._is_after_results = False

    def add(self, message: Message, where: str) -> None:
        if message.role not in _ROLES:
            raise InvalidInputError(f"{where}.role is {message.role!r}: use one of {', '.join(get_args(Role))}")
        options = OWN.read(message, self._provider)
        check_value(options, f"{where}.provider_options")
        if message.name:
            self._warn("dropped_part", f"{where}: the name of who speaks was left out: anthropic_messages has no names")
        if message.role == "system" and options.get("role") != "system":
            self._add_system(message, options, where)
            return
        blocks = self._write_assistant(message, where) if message.role == "assistant" else self._write(message, where)
        said = self.messages[-1]["content"] if self._is_after_results else None
        if is_array(said) and not options and message.role in ("tool", "user"):
            self.messages[-1]["content"] = [*said, *blocks]  # the API reads them as one message, and others demand it
            self._is_after_results = message.role == "tool"
            return
        cache = options.pop("cache_control", None)
        if cache is not None and blocks:
            blocks[-1] = {**blocks[-1], "cache_control": cache}
        if not blocks and "content" not in options:
            if message.role == "assistant":
                return  # it said nothing, and the API takes no empty message
            raise InvalidInputError(f"{where}: the message is empty: give it text, or leave it out")
        role = "user" if message.role == "tool" else message.role
        self.messages.append({"role": role, "content": blocks, **options})
        self._is_after_results = message.role == "tool"

    def _add_system(self, message: Message, options: _Wire, where: str) -> None:
        if any(not isinstance(part, Text) for part in message.content):
            raise InvalidInputError(f"{where}: a system message holds text only: put other parts into a user message")
        if self.messages:
            told = "has one system prompt, before all messages: this instruction was moved into it"
            self._warn("moved_message", f"{where}: anthropic_messages {told}")
        blocks = self._write(message, where)
        if blocks and "cache_control" in options:
            blocks[-1]["cache_control"] = options["cache_control"]
        self.system += blocks

    def _write(self, message: Message, where: str) -> list[_Wire]:
        """Return the blocks of a message of the user, of a tool, or of the system in its place."""
        if message.role == "tool" and not all(isinstance(part, ToolResult) for part in message.content):
            raise InvalidInputError(
                f"{where}: a tool message holds ToolResult parts and no others: use `Message.tool(…)`"
            )
        return [
            self._write_part(part, f"{where}.content[{index}]")
            for index, part in enumerate(message.content)
            if not (isinstance(part, Text) and not part.text.strip())
        ]

    def _write_part(self, part: Part, where: str) -> _Wire:
        if isinstance(part, Text):
            written: _Wire = {"type": "text", "text": part.text}
        elif isinstance(part, Media):
            written = write_media(part, where)
        elif isinstance(part, ToolResult):
            written = {"type": "tool_result", "tool_use_id": fit_id(part.call_id), "content": part.content}
            if part.is_error:
                written["is_error"] = True
        elif isinstance(part, ServerTool) and isinstance(part.data.get("type"), str):
            check_value(part.data, where)
            return part.data
        else:
            raise InvalidInputError(
                f"{where}: a {type(part).__name__} cannot be part of this message: put it into `Message.assistant(…)`"
            )
        return self._complete(written, part, where)

    def _complete(self, written: _Wire, part: Text | Media | ToolResult | ToolCall, where: str) -> _Wire:
        if not part.provider_options:
            return written
        options = OWN.read(part, self._provider)
        check_value(options, f"{where}.provider_options")
        return merge_deep(written, options)

    def _write_assistant(self, message: Message, where: str) -> list[_Wire]:
        self.container = None
        is_own = message.provider in (None, self._provider)
        blocks: list[_Wire] = []
        left_out: set[str] = set()
        for index, part in enumerate(message.content):
            place = f"{where}.content[{index}]"
            if isinstance(part, Reasoning):
                blocks += self._write_thoughts(part, place)
            elif isinstance(part, ToolCall):
                blocks.append(self._write_call(part, place))
            elif isinstance(part, (Text, Refusal)):
                blocks += self._write_text(part, place, is_own=is_own)
            elif isinstance(part, ServerTool) and part.name == CONTAINER and is_object(part.data):
                identity = part.data.get("id")
                self.container = identity if isinstance(identity, str) else None
            elif isinstance(part, ServerTool) and _is_block(part.data):
                check_value(part.data, place)
                blocks.append(part.data)
            elif isinstance(part, ToolResult):
                raise InvalidInputError(f"{where}: a ToolResult in a message of the assistant: use `Message.tool(…)`")
            else:
                left_out.add(type(part).__name__)
        for name in sorted(left_out):
            self._warn("dropped_part", f"{where}: the {name} of the assistant was left out: it cannot be sent back")
        return blocks

    def _write_thoughts(self, part: Reasoning, where: str) -> list[_Wire]:
        """Return the provider's own record of its thoughts; without one, or to another provider, they do not go."""
        if part.details is None or part.provider not in (None, self._provider):
            return []
        kinds = ("thinking", "redacted_thinking")
        blocks = [detail for detail in objects(part.details) if detail.get("type") in kinds]
        check_value(blocks, where)
        return blocks

    def _write_text(self, part: Text | Refusal, where: str, *, is_own: bool) -> list[_Wire]:
        if not part.text.strip():
            return []  # the API refuses text that is blank
        written: _Wire = {"type": "text", "text": part.text}
        if isinstance(part, Refusal):
            return [written]
        citations = [cited for cited in part.citations if str(cited.get("type")).endswith("_location")]
        if citations and is_own:
            check_value(citations, where)
            written["citations"] = citations
        return [self._complete(written, part, where)]

    def _write_call(self, part: ToolCall, where: str) -> _Wire:
        arguments: _Wire = part.arguments
        if part.invalid_arguments is not None:
            # https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming
            arguments = {"INVALID_JSON": part.invalid_arguments}
        check_value(arguments, f"{where}: arguments of `{part.name}`")
        written: _Wire = {"type": "tool_use", "id": fit_id(part.id), "name": part.name, "input": arguments}
        return self._complete(written, part, where)

    def _warn(self, code: str, message: str) -> None:
        self._warnings.append(Warning(code, message))


def write_conversation(messages: list[Message], route: Route, warnings: list[Warning]) -> Conversation:
    """Return `messages` as the wire has them; what had to be left out or moved is told in `warnings`.

    Messages of the system become the system prompt, one block each; one with ``"role": "system"`` in its
    `provider_options` stays where it is (the newest models take that). Results of tools that follow each other, and
    what the user says after them, become one message. Raises `InvalidInputError` for a part that this wire cannot
    carry.
    """
    writer = _Writer(route, warnings)
    for index, message in enumerate(messages):
        writer.add(message, f"messages[{index}]")
    if not writer.messages:
        raise InvalidInputError("messages hold nothing but instructions: give at least one message of the user")
    last = writer.messages[-1]
    if last["role"] == "assistant":
        _trim_end(last["content"])
    is_going_on = last["role"] == "assistant" or _is_results(last["content"])
    system = writer.system
    return Conversation(
        system=(system[0]["text"] if len(system) == 1 and len(system[0]) == 2 else system) or None,
        messages=[_shorten(message) for message in writer.messages],
        container=writer.container if is_going_on else None,
    )


def fit_id(identity: str) -> str:
    """Return the id of a call as the wire takes it (letters, digits, ``_`` and ``-``); the same for the same id."""
    if _ID.fullmatch(identity):
        return identity
    digest = sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return f"call_{digest[:24]}"


def _is_block(data: _Wire) -> bool:
    """Whether the record of a tool that the provider ran is a block of this wire, and of no other's."""
    kind = data.get("type")
    return isinstance(kind, str) and not _FOREIGN_RECORD.fullmatch(kind)


def _is_results(blocks: Any) -> bool:
    return any(block.get("type") == "tool_result" for block in objects(blocks))


def _trim_end(blocks: Any) -> None:
    """Take blanks off the end of an answer that the model is to go on with: the API refuses them."""
    last = blocks[-1] if is_array(blocks) and blocks else None
    if is_object(last) and last.get("type") == "text" and isinstance(last.get("text"), str):
        blocks[-1] = {**last, "text": last["text"].rstrip()}


def _shorten(message: _Wire) -> _Wire:
    """Write a message of one plain text as that text."""
    blocks = message["content"]
    if is_array(blocks) and len(blocks) == 1 and is_object(blocks[0]) and blocks[0].keys() == {"type", "text"}:
        return {**message, "content": blocks[0]["text"]}
    return message
