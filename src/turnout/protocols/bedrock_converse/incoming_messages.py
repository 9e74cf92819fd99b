"""The messages of a client of this wire format, read."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

import msgspec

from turnout.errors import InvalidInputError
from turnout.messages import Message, Part, Reasoning, Refusal, Role, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.bedrock_converse.media_parts import KINDS, read_media
from turnout.protocols.bedrock_converse.own import OWN
from turnout.protocols.json_reading import as_text, is_object, objects
from turnout.protocols.media_bytes import tidy_base64
from turnout.protocols.request_reading import take_list, take_object, take_text, wrong
from turnout.protocols.sealing import unseal

if TYPE_CHECKING:
    from collections.abc import Callable

_Dict = dict[str, Any]
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_OF_MEDIA = frozenset({"format", "source", "name", "error"})


def parse_system(blocks: list[Any]) -> list[Message]:
    """Return the system prompt as a message; none where there is none."""
    parts = _parse_blocks(blocks, "system")
    return [Message("system", parts)] if parts else []


def parse_messages(items: list[Any]) -> list[Message]:
    """Return the messages. Raises `InvalidInputError` that names the message and the field."""
    return [_parse_message(take_object(item, f"messages[{i}]"), f"messages[{i}]") for i, item in enumerate(items)]


def _parse_message(item: _Dict, where: str) -> Message:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise wrong(f"{where}.role", f"is {item.get('role')!r}", f"use one of {', '.join(_ROLES)}")
    parts = _parse_blocks(take_list(item.get("content"), f"{where}.content"), f"{where}.content")
    extra = {name: value for name, value in item.items() if name not in ("role", "content") and value is not None}
    if role == "system":  # in its place, and not before all messages
        extra["role"] = "system"
    if role == "user" and parts and all(isinstance(part, ToolResult) for part in parts):
        role = "tool"
    return Message(role, parts, provider_options=OWN.keep(extra))


def _parse_blocks(blocks: list[Any], where: str) -> list[Part]:
    parts: list[Part] = []
    for index, given in enumerate(blocks):
        place = f"{where}[{index}]"
        block = {name: value for name, value in take_object(given, place).items() if value is not None}
        if len(block) != 1:
            raise wrong(place, f"has {len(block)} fields", "give a block of one kind")
        if "cachePoint" in block and parts and _hold_point(parts, block):
            continue
        parts.append(_parse_block(block, place))
    return parts


def _hold_point(parts: list[Part], block: _Dict) -> bool:
    """Put a cache point into the options of the part before it, where that can carry one, so others can ignore it."""
    last = parts[-1]
    if isinstance(last, (Reasoning, Refusal, ServerTool)):
        return False
    own = last.provider_options.get(OWN.wire, {})
    if "cachePoint" in own:
        return False
    parts[-1] = msgspec.structs.replace(last, provider_options=OWN.keep({**own, **block}))
    return True


def _parse_block(block: _Dict, where: str) -> Part:
    kind, value = next(iter(block.items()))
    if kind == "text":
        return Text(take_text(block, "text", where))
    reader = _READERS.get(kind)
    holder = take_object(value, f"{where}.{kind}")
    part = reader(holder, f"{where}.{kind}") if reader is not None else None
    if kind in KINDS:
        extra = {name: item for name, item in holder.items() if name not in _OF_MEDIA and item is not None}
        source = holder.get("source")
        place = source.get("s3Location") if is_object(source) else None
        owner = {key: item for key, item in place.items() if key != "uri"} if is_object(place) else {}
        if owner:
            extra["source"] = {"s3Location": owner}
        part = read_media(kind, holder, OWN.keep({kind: extra} if extra else {}))
    return ServerTool(kind, block) if part is None else part


def _parse_guarded(holder: _Dict, _: str) -> Part | None:
    """Return a text that guardrails look at; a picture stays as it is."""
    held = holder.get("text")
    if not is_object(held) or not isinstance(held.get("text"), str):
        return None
    rest = {name: value for name, value in held.items() if name != "text"}
    return Text(held["text"], OWN.keep({"guardContent": {"text": rest}}))


def _parse_thought(holder: _Dict, where: str) -> Part | None:
    told, redacted = holder.get("reasoningText"), as_text(holder.get("redactedContent"))
    if is_object(told):
        text = take_text(told, "text", f"{where}.reasoningText")
        signature = as_text(told.get("signature"))
        if signature is None:
            return Reasoning(text)
        return unseal(text, signature) or Reasoning(text, [holder])
    if redacted is None:
        return None
    try:
        sealed = b64decode(tidy_base64(redacted, where)).decode("ascii")
    except (InvalidInputError, UnicodeDecodeError):
        return Reasoning("", [holder])
    return unseal("", sealed) or Reasoning("", [holder])


def _parse_call(holder: _Dict, where: str) -> Part | None:
    if holder.get("type") == "server_tool_use":
        return None
    identity, name = take_text(holder, "toolUseId", where), take_text(holder, "name", where)
    given = holder.get("input")
    if given is not None and not is_object(given):
        raise wrong(f"{where}.input", f"is a {type(given).__name__}", "give an object")
    return ToolCall(identity, name, given or {})


def _parse_result(holder: _Dict, where: str) -> Part | None:
    """Return what a tool of the client answered; what is more than one text goes along for this wire."""
    if "type" in holder:
        return None
    content = take_list(holder.get("content"), f"{where}.content")
    texts = [_result_text(each) for each in objects(content)]
    extra = {name: value for name, value in holder.items() if name not in ("toolUseId", "content", "status")}
    if len(content) != 1 or not is_object(content[0]) or content[0].keys() != {"text"}:
        extra["content"] = content
    options = OWN.keep({"toolResult": extra} if extra else {})
    said = "\n".join([text for text in texts if text])
    identity = take_text(holder, "toolUseId", where)
    return ToolResult(identity, said, is_error=holder.get("status") == "error", provider_options=options)


def _result_text(block: _Dict) -> str:
    if "json" in block:
        return msgspec.json.encode(block["json"]).decode()
    return as_text(block.get("text")) or ""


def _parse_cited(holder: _Dict, _: str) -> Part | None:
    texts = [as_text(each.get("text")) or "" for each in objects(holder.get("content"))]
    return Text("".join(texts), citations=objects(holder.get("citations")))


_READERS: dict[str, Callable[[_Dict, str], Part | None]] = {
    "guardContent": _parse_guarded,
    "reasoningContent": _parse_thought,
    "toolUse": _parse_call,
    "toolResult": _parse_result,
    "citationsContent": _parse_cited,
}
