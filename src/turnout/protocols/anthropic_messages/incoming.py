"""Messages of a client of this wire format, read into messages of turnout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from turnout.messages import File, Image, Message, Part, Reasoning, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.anthropic_messages.own import OWN
from turnout.protocols.json_reading import as_text, is_array, is_object, objects
from turnout.protocols.request_reading import take_list, take_object, take_text, wrong
from turnout.protocols.sealing import unseal

if TYPE_CHECKING:
    from collections.abc import Sequence

_Dict = dict[str, Any]
_READ_OF_TEXT = frozenset({"type", "text"})
_READ_OF_CALL = frozenset({"type", "id", "name", "input"})
_READ_OF_RESULT = frozenset({"type", "tool_use_id", "content", "is_error"})


def parse_system(value: object) -> list[Message]:
    """Return the system prompt, text or a list of texts, as messages: one or none."""
    if value is None or value in ("", []):
        return []
    if isinstance(value, str):
        return [Message.system(value)]
    parts: list[Part] = []
    for index, item in enumerate(take_list(value, "system")):
        block = take_object(item, f"system[{index}]")
        parts.append(_parse_text(block, f"system[{index}]"))
    return [Message("system", parts)]


def parse_messages(value: object) -> list[Message]:
    """Return the messages of a request. Raises `InvalidInputError` that names the place.

    Results of tools become messages of their own. Blocks that only this wire has become `ServerTool` parts, which go
    out on it unchanged, and fields of a block that turnout has no word for are in the part's `provider_options`.
    """
    parsed: list[Message] = []
    names: dict[str, str] = {}
    for index, item in enumerate(take_list(value, "messages")):
        where = f"messages[{index}]"
        message = take_object(item, where)
        role = take_text(message, "role", where)
        content = message.get("content")
        blocks = (
            [{"type": "text", "text": content}] if isinstance(content, str) else take_list(content, f"{where}.content")
        )
        if role == "assistant":
            parts = _parse_assistant(blocks, where)
            names |= {part.id: part.name for part in parts if isinstance(part, ToolCall)}
            parsed.append(Message("assistant", parts))
        elif role == "user":
            parsed += _split([_parse_block(block, f"{where}.content[{at}]", names) for at, block in enumerate(blocks)])
        elif role == "system":  # in its place, as the newest models take it
            parts = [_parse_block(block, f"{where}.content[{at}]", names) for at, block in enumerate(blocks)]
            parsed.append(Message("system", parts, provider_options=OWN.keep({"role": "system"})))
        else:
            raise wrong(f"{where}.role", f"is {role!r}", "use user or assistant")
    return parsed


def _split(parts: list[Part]) -> list[Message]:
    """Return a message of the user as the results of tools in it, and the rest."""
    results: list[Part] = [part for part in parts if isinstance(part, ToolResult)]
    rest: list[Part] = [part for part in parts if not isinstance(part, ToolResult)]
    told = [Message("tool", results)] if results else []
    return [*told, Message("user", rest)] if rest or not results else told


def _parse_block(value: object, where: str, names: dict[str, str]) -> Part:
    block = take_object(value, where)
    kind = take_text(block, "type", where)
    if kind == "text":
        return _parse_text(block, where)
    if kind == "tool_result":
        return _parse_result(block, where, names)
    if kind in ("image", "document"):
        return _parse_media(block, where) or ServerTool(kind, block)
    return ServerTool(kind, block)


def _parse_text(block: _Dict, where: str) -> Text:
    return Text(take_text(block, "text", where), OWN.keep(_find_extra(block, _READ_OF_TEXT)))


def _find_extra(block: _Dict, read: frozenset[str]) -> _Dict:
    return {name: item for name, item in block.items() if name not in read and item is not None}


def _parse_result(block: _Dict, where: str, names: dict[str, str]) -> ToolResult:
    identity = take_text(block, "tool_use_id", where)
    content = block.get("content")
    extra = _find_extra(block, _READ_OF_RESULT)
    if is_array(content):
        text = _describe(content)
        if content != [{"type": "text", "text": text}]:
            extra["content"] = content
    else:
        text = "" if content is None else take_text(block, "content", where)
    return ToolResult(identity, text, names.get(identity), block.get("is_error") is True, OWN.keep(extra))


def _describe(blocks: list[Any]) -> str:
    """Return the text of a result; what is none is told by its kind, for models behind other wires."""
    return "\n".join(
        [
            as_text(block.get("text")) or "" if block.get("type") == "text" else f"[{block.get('type')}]"
            for block in objects(blocks)
        ]
    )


def _parse_media(block: _Dict, where: str) -> Image | File | None:
    """Return an image or a document; `None` where only this wire knows what it is (a file's id, a list of blocks)."""
    source = take_object(block.get("source"), f"{where}.source")
    title = as_text(block.get("title"))
    extra = OWN.keep(_find_extra(block, frozenset({"type", "source", "title"})))
    kind, is_image = source.get("type"), block["type"] == "image"
    if kind == "text" and not is_image:
        data = take_text(source, "data", f"{where}.source").encode("utf-8", "replace")
        return File(data=data, media_type="text/plain", name=title, provider_options=extra) if data else None
    if kind == "url":
        url = take_text(source, "url", f"{where}.source")
    elif kind == "base64":
        media_type = take_text(source, "media_type", f"{where}.source")
        url = f"data:{media_type};base64,{take_text(source, 'data', f'{where}.source')}"
    else:
        return None
    if is_image:
        return Image(url=url, provider_options=extra)
    return File(url=url, name=title, provider_options=extra)


def _parse_assistant(blocks: Sequence[object], where: str) -> list[Part]:
    parts: list[Part] = []
    for at, value in enumerate(blocks):
        place = f"{where}.content[{at}]"
        block = take_object(value, place)
        kind = take_text(block, "type", place)
        if kind == "text":
            told = _parse_text({name: item for name, item in block.items() if name != "citations"}, place)
            parts.append(structs.replace(told, citations=objects(block.get("citations"))))
        elif kind == "tool_use":
            parts.append(_parse_call(block, place))
        elif kind in ("thinking", "redacted_thinking"):
            _add_thoughts(parts, block)
        else:
            name = as_text(block.get("name")) if kind.endswith("_tool_use") else None
            parts.append(ServerTool(name or kind, block))
    return parts


def _parse_call(block: _Dict, where: str) -> ToolCall:
    given = block.get("input", {})
    arguments = given if is_object(given) else {}
    written = given if isinstance(given, str) and given else None
    identity, name = take_text(block, "id", where), take_text(block, "name", where)
    return ToolCall(identity, name, arguments, written, OWN.keep(_find_extra(block, _READ_OF_CALL)))


def _add_thoughts(parts: list[Part], block: _Dict) -> None:
    """Add what the model thought, with its provider's record: the block itself, or the one that is sealed in it.

    A stream tells sealed records at its end (`StreamRenderer`): one without text completes the first thoughts that have
    none, and one that never had any comes before these.
    """
    text = as_text(block.get("thinking")) or ""
    told = as_text(block.get("signature")) or as_text(block.get("data")) or ""
    found = unseal(text, told)
    if found is None:
        parts.append(Reasoning(text, [block]) if told else Reasoning(text))
        return
    bare = [at for at, part in enumerate(parts) if isinstance(part, Reasoning) and part.details is None]
    if text or not bare:
        parts.append(found)
    elif block["type"] == "redacted_thinking":
        parts.insert(bare[0], found)
    else:
        first = parts[bare[0]]
        parts[bare[0]] = structs.replace(found, text=first.text if isinstance(first, Reasoning) else "")
