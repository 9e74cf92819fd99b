"""Contents of a Gemini client, read as messages."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error as BinasciiError
from typing import Any

import msgspec

from turnout.errors import InvalidInputError
from turnout.messages import Message, Part, Reasoning, Role, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.gemini.answer import RECORDS
from turnout.protocols.gemini.json_schema import camel_keys
from turnout.protocols.gemini.media_parts import read_blob, read_file
from turnout.protocols.gemini.own import OWN
from turnout.protocols.json_reading import is_array, is_object, objects, read_object
from turnout.protocols.sealing import unseal
from turnout.protocols.tool_calls import make_call_id

_Dict = dict[str, Any]
_OF_RESULT = frozenset({"id", "name", "response", "parts"})
_ROLES: dict[str, Role] = {"user": "user", "function": "user", "model": "assistant"}


class MessageReader:
    """Reads one content after the other, and remembers the calls, whose results may name them by nothing but name."""

    def __init__(self, provider: str | None) -> None:
        self._provider = provider
        self._unanswered: dict[str, list[str]] = {}

    def read(self, content: object, where: str, *, role: Role | None = None) -> Message:
        """Return one content as a message. Raises `InvalidInputError`, which begins with `where`."""
        if not is_object(content):
            raise _wrong(where, f"is a {type(content).__name__}", "give an object with `role` and `parts`")
        written = content.get("parts")
        role = role or _ROLES.get(str(content.get("role") or "user"))
        if role is None:
            raise _wrong(f"{where}.role", f"is {content.get('role')!r}", "use user or model")
        if written is not None and not is_array(written):
            raise _wrong(f"{where}.parts", f"is a {type(written).__name__}", "give a list of parts")
        parts: list[Part] = []
        for index, part in enumerate(written or []):
            if not is_object(part):
                raise _wrong(f"{where}.parts[{index}]", f"is a {type(part).__name__}", "give an object")
            parts += self._read_part(camel_keys(part), f"{where}.parts[{index}]")
        if role == "user" and parts and all(isinstance(part, ToolResult) for part in parts):
            role = "tool"
        extra = {name: value for name, value in content.items() if name not in ("role", "parts")}
        return Message(role, parts, provider_options=self._own(extra))

    def _own(self, extra: _Dict) -> dict[str, _Dict]:
        return OWN.keep(extra, self._provider)

    def _read_part(self, part: _Dict, where: str) -> list[Part]:
        if is_object(part.get("functionCall")):
            return [self._read_call(part, where)]
        if is_object(part.get("functionResponse")):
            return self._read_result(part, where)
        for kind, reader in (("inlineData", read_blob), ("fileData", read_file)):
            if is_object(part.get(kind)):
                extra = {name: value for name, value in part.items() if name != kind}
                media = reader(camel_keys(part[kind]), self._own(extra))
                if media is None:
                    raise _wrong(f"{where}.{kind}", "holds nothing that can be read", "give base64, or a URI")
                return [media]
        if part.get("text") is not None and not isinstance(part["text"], str):
            raise _wrong(f"{where}.text", f"is a {type(part['text']).__name__}", "give text")
        if isinstance(part.get("text"), str) or ("thoughtSignature" in part and not any(map(part.get, RECORDS))):
            return [self._read_text(part)]
        kind = next((name for name in part if is_object(part[name])), None)
        if kind is None:
            raise _wrong(where, "holds nothing that turnout knows", "give `text`, `inlineData` or another kind of part")
        return [ServerTool(kind, part)]

    def _read_text(self, part: _Dict) -> Part:
        text = part.get("text") or ""
        extra = {name: value for name, value in part.items() if name not in ("text", "thought")}
        if part.get("thought") is True:
            found = _unseal(text, extra.get("thoughtSignature"))
            return found or Reasoning(text, [{"thought": True, **extra}], self._provider)
        if not text and "thoughtSignature" in extra:
            return Reasoning("", [extra], self._provider)
        return Text(text, self._own(extra))

    def _read_call(self, part: _Dict, where: str) -> ToolCall:
        call = camel_keys(part["functionCall"])
        name, arguments = call.get("name"), call.get("args")
        if not isinstance(name, str) or not name:
            raise _wrong(f"{where}.functionCall.name", "is missing or no text", "give the name of the function")
        if arguments is not None and not is_object(arguments):
            raise _wrong(f"{where}.functionCall.args", f"is a {type(arguments).__name__}", "give an object")
        identity = call.get("id")
        identity = identity if isinstance(identity, str) and identity else make_call_id()
        self._unanswered.setdefault(name, []).append(identity)
        extra = {key: value for key, value in part.items() if key != "functionCall"}
        return ToolCall(identity, name, arguments or {}, provider_options=self._own(extra))

    def _read_result(self, part: _Dict, where: str) -> list[Part]:
        result = camel_keys(part["functionResponse"])
        extra = {key: value for key, value in part.items() if key != "functionResponse"}
        inner = {key: value for key, value in result.items() if key not in _OF_RESULT}
        if inner:
            extra["functionResponse"] = inner
        name, answered = result.get("name"), result.get("response")
        if not isinstance(name, str) or not name:
            raise _wrong(f"{where}.functionResponse.name", "is missing or no text", "give the name of the function")
        identity = result.get("id")
        if not isinstance(identity, str) or not identity:
            waiting = self._unanswered.get(name)
            identity = waiting[0] if waiting else make_call_id()
        if identity in self._unanswered.get(name, []):
            self._unanswered[name].remove(identity)
        content, is_error = _read_response(answered if is_object(answered) else {})
        parts: list[Part] = [ToolResult(identity, content, name, is_error, self._own(extra))]
        for index, each in enumerate(objects(result.get("parts"))):
            parts += self._read_part(camel_keys(each), f"{where}.functionResponse.parts[{index}]")
        return parts


def _read_response(response: _Dict) -> tuple[str, bool]:
    """Return what a tool answered as text, and whether it failed; the reverse of `outgoing.write_response`."""
    error, output = response.get("error"), response.get("output")
    if len(response) == 1 and isinstance(error, str):
        return error, True
    if len(response) == 1 and isinstance(output, str) and read_object(output) is None:
        return output, False
    return msgspec.json.encode(response).decode(), False


def _unseal(text: str, signature: object) -> Reasoning | None:
    """Return another provider's record of its reasoning, which went out as a signature."""
    if not isinstance(signature, str):
        return None
    try:
        return unseal(text, urlsafe_b64decode(signature.replace("+", "-").replace("/", "_")).decode())
    except (BinasciiError, ValueError):
        return None


def _wrong(where: str, what: str, cure: str) -> InvalidInputError:
    return InvalidInputError(f"{where} {what}: {cure}")
