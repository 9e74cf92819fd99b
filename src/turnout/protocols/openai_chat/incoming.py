"""OpenAI-style dicts read into messages: the door for callers who have them already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from turnout.errors import InvalidInputError
from turnout.messages import (
    Audio,
    File,
    Image,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from turnout.protocols.json_reading import is_array, is_object, objects, read_object
from turnout.protocols.media_bytes import tidy_base64
from turnout.protocols.openai_chat.media_parts import audio_type
from turnout.protocols.openai_chat.own import EXTRA, OWN
from turnout.protocols.openai_chat.sounds import parse_sound
from turnout.protocols.openai_chat.thinking import read_details, read_thinking_part
from turnout.protocols.sealing import unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_KNOWN = frozenset(
    [
        "role",
        "content",
        "name",
        "tool_calls",
        "tool_call_id",
        "refusal",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
    ]
)
_ANSWER_ONLY = frozenset({"annotations", "executed_tools", "images"})
"""Fields of an answer that no request takes."""

_HOLDERS = frozenset({"image_url", "video_url", "document_url", "input_audio", "file"})
_READ = frozenset({"type", "text", "url", "data", "format", "file_data", "filename"})
_UNSENT = frozenset({"annotations"})
"""Fields of a part that only answers have."""

_Dict = dict[str, Any]


def parse_messages(items: Sequence[Mapping[str, Any] | Message], *, provider: str | None = None) -> list[Message]:
    """Return OpenAI-style message dicts as messages; `Message` objects among them stay as they are.

    Fields of a message that turnout does not know (Mistral's ``prefix``) are kept in the message's `provider_options`:
    for `provider`, or for all (``"*"``); those of a part (``detail``, ``cache_control``) in the
    part's, in the same way.
    `reasoning_details` can go back to `provider` only. Raises `InvalidInputError` naming the index and the field.
    """
    return [
        item if isinstance(item, Message) else _parse_message(dict(item), f"messages[{index}]", provider)
        for index, item in enumerate(_check_mappings(items))
    ]


def _check_mappings(items: Sequence[Mapping[str, Any] | Message]) -> Sequence[Mapping[str, Any] | Message]:
    for index, item in enumerate(items):
        if not (isinstance(item, Message) or hasattr(item, "keys")):
            kind = type(item).__name__
            raise _wrong(
                f"messages[{index}]", f"is a {kind}", "give dicts with `role` and `content`, or Message objects"
            )
    return items


def _parse_message(item: _Dict, where: str, provider: str | None) -> Message:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise _wrong(f"{where}.role", f"is {item.get('role')!r}", f"use one of {', '.join(_ROLES)}")
    content = item.get("content")
    parts = _parse_tool_result(item, where) if role == "tool" else _parse_content(content, where, provider)
    options: dict[str, _Dict] = {}
    if role == "assistant":
        parts, options = _parse_sound(item, parts, provider, where)
        parts = [*_parse_reasoning(item, provider), *parts, *_parse_refusal(item), *_parse_calls(item, where)]
    elif item.get("content") is None:
        raise _wrong(f"{where}.content", "is missing", "give text or a list of parts")
    name = item.get("name")
    if name is not None and not isinstance(name, str):
        raise _wrong(f"{where}.name", f"is a {type(name).__name__}", "give text")
    if item.get("function_call") is not None:
        raise _wrong(f"{where}.function_call", "is the old form of a call", "give `tool_calls`, and tool messages")
    known = _KNOWN | _ANSWER_ONLY | frozenset({"audio"} if role == "assistant" else ())
    extra = {key: value for key, value in item.items() if key not in known and value is not None}
    return Message(role, parts, name, {**options, **({provider or "*": extra} if extra else {})})


def _parse_tool_result(item: _Dict, where: str) -> list[Part]:
    call_id = item.get("tool_call_id")
    if not isinstance(call_id, str):
        raise _wrong(f"{where}.tool_call_id", "is missing or no text", "give the `id` of the call that is answered")
    parts = _parse_content(item.get("content"), where, None)
    if any(not isinstance(part, Text) for part in parts):
        raise _wrong(f"{where}.content", "holds more than text", "give the tool's result as text")
    text = "".join([part.text for part in parts if isinstance(part, Text)])
    name = item.get("name")
    return [ToolResult(call_id, text, name if isinstance(name, str) else None)]


def _parse_content(content: object, where: str, provider: str | None) -> list[Part]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)]
    if not is_array(content):
        raise _wrong(f"{where}.content", f"is a {type(content).__name__}", "give text or a list of parts")
    return [_parse_part(part, f"{where}.content[{index}]", provider) for index, part in enumerate(content)]


def _parse_part(part: object, where: str, provider: str | None) -> Part:
    if isinstance(part, str):
        return Text(part)
    if not is_object(part):
        raise _wrong(where, f"is a {type(part).__name__}", "give a dict with `type`")
    reader = _READERS.get(str(part.get("type")))
    if reader is None:
        raise _wrong(f"{where}.type", f"is {part.get('type')!r}", f"use one of {', '.join(sorted(_READERS))}")
    read = reader(part, where)
    if isinstance(read, (Text, Media)) and (extra := _find_extra(part)):
        return structs.replace(read, provider_options={provider or "*": extra})
    return read


def _find_extra(part: _Dict) -> _Dict:
    """Return the fields of a part that no reader reads, where the wire has them: ``detail`` is beside the URL."""
    extra: _Dict = {}
    for key, value in part.items():
        if key in _HOLDERS and is_object(value):
            inner = {name: item for name, item in value.items() if name not in _READ and item is not None}
            if inner:
                extra[key] = inner
        elif key not in _READ | _HOLDERS | _UNSENT and value is not None:
            extra[key] = value
    if part["type"] == "input_image" and "detail" in extra:
        extra["image_url"] = {"detail": extra.pop("detail")}
    return extra


def _parse_text(part: _Dict, where: str) -> Part:
    return Text(_text_of(part, "text", where))


def _parse_refusal_part(part: _Dict, where: str) -> Part:
    return Refusal(_text_of(part, "refusal", where))


def _parse_thinking(part: _Dict, _: str) -> Part:
    return Reasoning(read_thinking_part(part))


def _parse_image(part: _Dict, where: str) -> Part:
    return Image(url=_url_of(part, "image_url", where))


def _parse_video(part: _Dict, where: str) -> Part:
    return Video(url=_url_of(part, "video_url", where))


def _parse_document(part: _Dict, where: str) -> Part:
    return File(url=_url_of(part, "document_url", where))


def _parse_audio(part: _Dict, where: str) -> Part:
    holder = _object_of(part, "input_audio", where)
    data = tidy_base64(_text_of(holder, "data", f"{where}.input_audio"), f"{where}.input_audio.data")
    return Audio(url=f"data:{audio_type(_text_of(holder, 'format', f'{where}.input_audio'))};base64,{data}")


def _parse_file(part: _Dict, where: str) -> Part:
    holder = part if part["type"] == "input_file" else _object_of(part, "file", where)
    name = holder.get("filename")
    return File(url=_text_of(holder, "file_data", f"{where}.file"), name=name if isinstance(name, str) else None)


_READERS: dict[str, Callable[[_Dict, str], Part]] = {
    "text": _parse_text,
    "input_text": _parse_text,
    "output_text": _parse_text,
    "refusal": _parse_refusal_part,
    "thinking": _parse_thinking,
    "image_url": _parse_image,
    "input_image": _parse_image,
    "video_url": _parse_video,
    "document_url": _parse_document,
    "input_audio": _parse_audio,
    "file": _parse_file,
    "input_file": _parse_file,
}


def _parse_reasoning(item: _Dict, provider: str | None) -> list[Part]:
    details = item.get("reasoning_details")
    text = item.get("reasoning") or item.get("reasoning_content")
    if not isinstance(text, str):
        text = read_details(details)
    if is_array(details) and details:
        sealed = [detail.get("data") for detail in objects(details)]
        found = [unseal("", data) for data in sealed if isinstance(data, str)]
        kept = [part for part in found if part is not None]
        if kept:  # a gateway gave it out, and says whose it is
            return [Reasoning(text, kept[0].details, kept[0].provider), *kept[1:]]
        return [Reasoning(text, details, provider)]
    return [Reasoning(text)] if text else []


def _parse_sound(
    item: _Dict, said: list[Part], provider: str | None, where: str
) -> tuple[list[Part], dict[str, _Dict]]:
    """Return the parts with the words of the sound that the message names; an id without words is its own option."""
    if item.get("audio") is None:
        return said, {}
    words = parse_sound(_object_of(item, "audio", where), provider)
    if not words.text:
        return said, words.provider_options
    told_again = "".join([part.text for part in said if isinstance(part, Text)]) == words.text
    rest = [part for part in said if not isinstance(part, Text)] if told_again else said
    return [words, *rest], {}


def _parse_refusal(item: _Dict) -> list[Part]:
    refusal = item.get("refusal")
    return [Refusal(refusal)] if isinstance(refusal, str) and refusal else []


def _parse_calls(item: _Dict, where: str) -> list[Part]:
    calls = item.get("tool_calls")
    if calls is not None and not is_array(calls):
        raise _wrong(f"{where}.tool_calls", f"is a {type(calls).__name__}", "give a list of calls")
    return [_parse_call(call, f"{where}.tool_calls[{index}]") for index, call in enumerate(calls or [])]


def _parse_call(call: object, where: str) -> ToolCall:
    if not is_object(call):
        raise _wrong(where, f"is a {type(call).__name__}", "give a dict with `id` and `function`")
    if call.get("type") == "custom":
        return _parse_custom_call(call, where)
    function = _object_of(call, "function", where)
    identity, name = _text_of(call, "id", where), _text_of(function, "name", f"{where}.function")
    arguments = function.get("arguments")
    extra = call.get(EXTRA)
    own = OWN.keep({EXTRA: extra}) if is_object(extra) and extra else {}
    if is_object(arguments):
        return ToolCall(identity, name, arguments, provider_options=own)
    if arguments is None or arguments == "":
        return ToolCall(identity, name, {}, provider_options=own)
    if not isinstance(arguments, str):
        raise _wrong(f"{where}.function.arguments", f"is a {type(arguments).__name__}", "give JSON text or a dict")
    read = read_object(arguments)
    if read is None:
        return ToolCall(identity, name, {}, arguments, provider_options=own)
    return ToolCall(identity, name, read, provider_options=own)


def _parse_custom_call(call: _Dict, where: str) -> ToolCall:
    custom = _object_of(call, "custom", where)
    name, written = _text_of(custom, "name", f"{where}.custom"), _text_of(custom, "input", f"{where}.custom")
    return ToolCall(_text_of(call, "id", where), name, {"input": written})


def _text_of(holder: _Dict, field: str, where: str) -> str:
    value = holder.get(field)
    if not isinstance(value, str):
        raise _wrong(f"{where}.{field}", "is missing" if value is None else f"is a {type(value).__name__}", "give text")
    return value


def _object_of(holder: _Dict, field: str, where: str) -> _Dict:
    value = holder.get(field)
    if not is_object(value):
        raise _wrong(
            f"{where}.{field}", "is missing" if value is None else f"is a {type(value).__name__}", "give a dict"
        )
    return value


def _url_of(part: _Dict, field: str, where: str) -> str:
    holder = part.get(field if field != "image_url" or "image_url" in part else "url")
    url = holder.get("url") if is_object(holder) else holder
    if not isinstance(url, str) or not url:
        raise _wrong(f"{where}.{field}", "holds no URL", 'give {"url": "https://…"} or a data URL')
    return url


def _wrong(where: str, what: str, cure: str) -> InvalidInputError:
    return InvalidInputError(f"{where} {what}: {cure}")
