"""Messages as the wire has them: the system prompt apart, users and assistants in turn."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args

from turnout.errors import InvalidInputError
from turnout.messages import Media, Message, Reasoning, Refusal, Role, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.bedrock_converse.media_parts import write_media
from turnout.protocols.bedrock_converse.own import read_own
from turnout.protocols.json_reading import is_array, is_object, objects
from turnout.protocols.json_values import check_value
from turnout.requests import merge_deep
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.messages import Part
    from turnout.routing.route import Route

_Wire = dict[str, Any]
_ROLES = frozenset(get_args(Role))
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_EMPTY = "(empty)"  # where the API wants text, it takes no blank one
BLOCKS = frozenset(
    {
        "text", "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent", "cachePoint",
        "reasoningContent", "citationsContent", "searchResult", "toolAddition", "toolRemoval",
    }
)  # fmt: skip
"""The kinds of content blocks: `ContentBlock` of the service description."""


def write_conversation(messages: list[Message], route: Route, warnings: list[Warning]) -> dict[str, Any]:
    """Return `messages` and `system` as the wire has them; what had to be left out or moved is told in `warnings`.

    Messages of the system become the system prompt; one with ``"role": "system"`` in its `provider_options` stays where
    it is (the newest models take that). Messages of one role that follow each other become one, as the API wants them
    in turn. Raises `InvalidInputError` for a part that this wire cannot carry.
    """
    if not messages:
        raise InvalidInputError("messages is empty: give at least one message, such as a string")
    writer = _Writer(route, warnings)
    for index, message in enumerate(messages):
        writer.add(message, f"messages[{index}]")
    if not writer.messages:
        raise InvalidInputError("messages hold nothing but instructions: give at least one message of the user")
    last = writer.messages[-1]
    if last["role"] == "assistant":
        _trim_end(last["content"])
    body: _Wire = {"messages": writer.messages}
    return {**body, "system": writer.system} if writer.system else body


class _Writer:
    """Writes the messages of one request."""

    def __init__(self, route: Route, warnings: list[Warning]) -> None:
        self._provider = route.maker
        self._warnings = warnings
        self._documents: set[str] = set()
        self.system: list[_Wire] = []
        self.messages: list[_Wire] = []

    def add(self, message: Message, where: str) -> None:
        """Add one message."""
        if message.role not in _ROLES:
            raise InvalidInputError(f"{where}.role is {message.role!r}: use one of {', '.join(get_args(Role))}")
        options = read_own(message, self._provider, where)
        if message.name:
            self._warn("dropped_part", f"{where}: the name of who speaks was left out: bedrock_converse has no names")
        if message.role == "system" and options.get("role") != "system":
            self._add_system(message, options, where)
            return
        blocks = self._write_assistant(message, where) if message.role == "assistant" else self._write(message, where)
        if "cachePoint" in options:
            blocks.append({"cachePoint": options.pop("cachePoint")})
        if not blocks and "content" not in options:
            if message.role == "assistant":
                return  # it said nothing, and the API takes no empty message
            raise InvalidInputError(f"{where}: the message is empty: give it text, or leave it out")
        self._place("user" if message.role == "tool" else message.role, blocks, options)

    def _place(self, role: str, blocks: list[_Wire], options: _Wire) -> None:
        last = self.messages[-1] if self.messages else None
        said = last["content"] if last is not None and last.keys() == {"role", "content"} else None
        if last is not None and last["role"] == role and not options and is_array(said):
            last["content"] = [*said, *blocks]
        else:
            self.messages.append({"role": role, "content": blocks, **options})

    def _add_system(self, message: Message, options: _Wire, where: str) -> None:
        if self.messages:
            told = "has one system prompt, before all messages: this instruction was moved into it"
            self._warn("moved_message", f"{where}: bedrock_converse {told}")
        for index, part in enumerate(message.content):
            place = f"{where}.content[{index}]"
            if isinstance(part, Text) and not _is_blank(part):
                self.system += self._complete({"text": part.text}, part, place)
            elif isinstance(part, ServerTool) and _is_block(part.data):
                self.system.append(self._copy(part, place))
            elif not isinstance(part, Text):
                raise InvalidInputError(
                    f"{where}: a system message holds text only: put other parts into a user message"
                )
        if "cachePoint" in options:
            self.system.append({"cachePoint": options["cachePoint"]})

    def _write(self, message: Message, where: str) -> list[_Wire]:
        """Return the blocks of a message of the user, of a tool, or of the system in its place."""
        if message.role == "tool" and not all(isinstance(part, ToolResult) for part in message.content):
            raise InvalidInputError(
                f"{where}: a tool message holds ToolResult parts and no others: use `Message.tool(…)`"
            )
        blocks: list[_Wire] = []
        for index, part in enumerate(message.content):
            if not _is_blank(part):
                blocks += self._write_part(part, f"{where}.content[{index}]")
        return blocks

    def _write_part(self, part: Part, where: str) -> list[_Wire]:
        if isinstance(part, Text):
            return self._complete({"text": part.text}, part, where)
        if isinstance(part, Media):
            return self._complete(write_media(part, where, self._documents), part, where)
        if isinstance(part, ToolResult):
            said = part.content if part.content.strip() else _EMPTY
            result: _Wire = {"toolUseId": fit_id(part.call_id), "content": [{"text": said}]}
            if part.is_error:
                result["status"] = "error"
            return self._complete({"toolResult": result}, part, where)
        if isinstance(part, ServerTool) and _is_block(part.data):
            return [self._copy(part, where)]
        raise InvalidInputError(
            f"{where}: a {type(part).__name__} cannot be part of this message: put it into `Message.assistant(…)`"
        )

    def _complete(self, block: _Wire, part: Text | Media | ToolResult | ToolCall, where: str) -> list[_Wire]:
        """Return `block` with the fields that the part has for this wire, and a cache point after it where it has one.

        ``guardContent`` puts a text or picture into a block that guardrails look at.
        """
        options = read_own(part, self._provider, where)
        if not options:
            return [block]
        point = options.pop("cachePoint", None)
        guard = options.pop("guardContent", None)
        if is_object(guard):
            kind, held = next(iter(block.items()))
            inner = {"text": held} if kind == "text" else held
            block = merge_deep({"guardContent": {kind: inner}}, {"guardContent": guard})
        merged = merge_deep(block, options)
        return [merged] if point is None else [merged, {"cachePoint": point}]

    def _copy(self, part: ServerTool, where: str) -> _Wire:
        check_value(part.data, where)
        return part.data

    def _write_assistant(self, message: Message, where: str) -> list[_Wire]:
        is_own = message.provider in (None, self._provider)
        blocks: list[_Wire] = []
        left_out: set[str] = set()
        for index, part in enumerate(message.content):
            place = f"{where}.content[{index}]"
            if isinstance(part, Reasoning):
                blocks += self._write_thoughts(part, place)
            elif isinstance(part, ToolCall):
                blocks += self._write_call(part, place)
            elif isinstance(part, (Text, Refusal)):
                blocks += self._write_text(part, place, is_own=is_own)
            elif isinstance(part, ServerTool) and _is_block(part.data):
                blocks.append(self._copy(part, place))
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
        kept = [each for each in objects(part.details) if each.keys() & {"reasoningText", "redactedContent"}]
        check_value(kept, where)
        return [{"reasoningContent": each} for each in kept]

    def _write_text(self, part: Text | Refusal, where: str, *, is_own: bool) -> list[_Wire]:
        if not part.text.strip():
            return []
        if isinstance(part, Refusal):
            return [{"text": part.text}]
        citations = [each for each in part.citations if is_object(each.get("location")) or "sourceContent" in each]
        if not citations or not is_own:
            return self._complete({"text": part.text}, part, where)
        check_value(citations, where)
        cited: _Wire = {"content": [{"text": part.text}], "citations": citations}
        return self._complete({"citationsContent": cited}, part, where)

    def _write_call(self, part: ToolCall, where: str) -> list[_Wire]:
        arguments: _Wire = part.arguments
        if part.invalid_arguments is not None:  # the wire has objects only
            arguments = {"INVALID_JSON": part.invalid_arguments}
        check_value(arguments, f"{where}: arguments of `{part.name}`")
        call: _Wire = {"toolUseId": fit_id(part.id), "name": part.name, "input": arguments}
        return self._complete({"toolUse": call}, part, where)

    def _warn(self, code: str, message: str) -> None:
        self._warnings.append(Warning(code, message))


def fit_id(identity: str) -> str:
    """Return the id of a call as the wire takes it (64 letters, digits and ``_.:-`` at most); the same for the same."""
    if _ID.fullmatch(identity):
        return identity
    digest = sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return f"call_{digest[:24]}"


def _is_blank(part: Part) -> bool:
    """Whether a part says nothing, which most models refuse; one that carries fields, a cache point say, stays."""
    return isinstance(part, Text) and not part.text.strip() and not part.provider_options


def _is_block(data: _Wire) -> bool:
    """Whether the record of a tool that the provider ran is a block of this wire, and of no other's."""
    return len(data) == 1 and not BLOCKS.isdisjoint(data)


def _trim_end(blocks: Any) -> None:
    """Take blanks off the end of an answer that the model is to go on with: Claude refuses them."""
    last = blocks[-1] if is_array(blocks) and blocks else None
    if is_object(last) and isinstance(last.get("text"), str):
        blocks[-1] = {**last, "text": last["text"].rstrip()}
