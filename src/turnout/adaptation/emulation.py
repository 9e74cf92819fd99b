"""Tools for a model that has none: what it says in JSON, read as tool calls and text."""

from __future__ import annotations

import json
import re
from os import urandom
from typing import TYPE_CHECKING, Any, cast

import msgspec

from turnout.chunks import TextDelta, TextEnd, TextStart, ToolCallDelta, ToolCallEnd, ToolCallStart
from turnout.messages import Message, Part, Text, ToolCall

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.responses import ModelResponse

_ANSWER = re.compile(r'\s*\{\s*"answer"\s*:\s*"')
_BEGUN_CALL = re.compile(r'\{\s*"tool"\s*:\s*"([^"\\]*)"')
_WHOLE = re.compile(
    r'(?:[^"\\]|\\[^u]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[0-9a-fA-F]{4}|(?=[^\\]|\\[^u])))*+",
    re.DOTALL,
)
"""The characters and whole escapes of a JSON string; the two halves of a surrogate pair are one."""

_MOST_OBJECTS = 20
"""How many opening braces of a text are tried: text full of braces is no place to look for calls for ever."""


class Said:
    """What a text says: prose before, then a call or the rest of the text."""

    __slots__ = ("call", "text")

    def __init__(self, text: str, call: ToolCall | None = None) -> None:
        self.text = text
        self.call = call


def read_said(text: str, names: frozenset[str]) -> Said:
    """Read what the model said: ``{"tool": …}``, ``{"answer": …}``, or plain text; prose may stand before a call.

    A call whose JSON breaks off is a call with `invalid_arguments`, and an answer that breaks off ends there.
    """
    start = -1
    for _ in range(_MOST_OBJECTS):
        start = text.find("{", start + 1)
        if start < 0:
            break
        prose = _strip_fence(text[:start])
        value = _read_object(text[start:])
        if value is None:
            begun = _BEGUN_CALL.match(text, start)
            if begun is not None and begun[1] in names:
                return Said(prose, ToolCall(_make_id(), begun[1], {}, invalid_arguments=text[start:]))
            continue
        if value.get("tool") in names:
            return Said(prose, _make_call(value))
        if "answer" in value and len(value) == 1 and not prose:
            answer = value["answer"]
            return Said(answer if isinstance(answer, str) else _write_json(answer))
    begun = _ANSWER.match(text)
    return Said(text if begun is None else _AnswerText().feed(text[begun.end() :]))


def _read_object(text: str) -> dict[str, Any] | None:
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", _mend(value)) if isinstance(value, dict) else None


def _mend(value: Any) -> Any:
    """Replace lone surrogates, which no UTF-8 can hold, in every text of `value`."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in cast("dict[str, Any]", value).items()}
    return value


def _make_call(value: dict[str, Any]) -> ToolCall:
    arguments = value.get("arguments")
    if arguments is None or isinstance(arguments, dict):
        return ToolCall(_make_id(), value["tool"], cast("dict[str, Any]", arguments or {}))
    return ToolCall(_make_id(), value["tool"], {}, invalid_arguments=_write_json(arguments))


def _make_id() -> str:
    return f"call_{urandom(12).hex()}"


def _write_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _strip_fence(prose: str) -> str:
    prose = re.sub(r"```(?:json)?\s*$", "", prose)
    return prose if prose.strip() else ""


class EmulationRewriter:
    """Turns the text of a model that was told of tools into tool calls and text.

    Plain text goes on at once, and so does the text of ``{"answer": "…"}``; from the first brace or fence of anything
    else the text is held until it is whole.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._held = ""
        self._emitted: list[str] = []
        self._is_prose = True
        self._answer: _AnswerText | None = None
        self._is_open = False

    @property
    def text(self) -> str:
        """The text so far, as the caller sees it."""
        return "".join(self._emitted)

    def rewrite(self, response: ModelResponse) -> ModelResponse:
        """Return a whole answer with the calls and the text that its text spells."""
        return self._rebuild(response, read_said(response.text, self._names))

    def feed(self, chunks: list[Chunk]) -> list[Chunk]:
        """Return the chunks that can be told already."""
        seen: list[Chunk] = []
        for chunk in chunks:
            if isinstance(chunk, TextDelta):
                seen += self._read(chunk.text)
            elif not isinstance(chunk, (TextStart, TextEnd)):
                seen.append(chunk)
        return seen

    def finish(self, chunks: list[Chunk], response: ModelResponse) -> tuple[list[Chunk], ModelResponse]:
        """Return the last chunks and the whole answer."""
        last = self.feed(chunks)
        said = read_said(response.text, self._names)
        ending = self._emit(said.text.removeprefix(self.text))
        if self._is_open:
            ending.append(TextEnd())
        if said.call is not None:
            ending += _spell_chunks(said.call)
        response = self._rebuild(response, said)
        place = next((place for place, chunk in enumerate(last) if chunk.type == "usage"), len(last))
        return [*last[:place], *ending, *last[place:]], response

    def _rebuild(self, response: ModelResponse, said: Said) -> ModelResponse:
        rest: list[Part] = [part for part in response.message.content if not isinstance(part, Text)]
        if said.text:
            rest.append(Text(said.text))
        if said.call is not None:
            rest.append(said.call)
            response.finish_reason = "tool_calls"
        response.message = Message("assistant", rest)
        return response

    def _read(self, text: str) -> list[Chunk]:
        if self._answer is not None:
            return self._emit(self._answer.feed(text))
        self._held += text
        if not self._is_prose:
            return self._try_answer()
        place = next((place for place, char in enumerate(self._held) if char in "{`"), -1)
        if place < 0:
            return self._emit_prose(self._held)
        self._is_prose = False
        prose, rest = self._held[:place], self._held[place:]
        told = self._emit_prose(prose)
        self._held = rest if told else self._held
        return [*told, *self._try_answer()]

    def _emit_prose(self, text: str) -> list[Chunk]:
        """Tell prose; blanks at the beginning wait for the first word."""
        if not self._emitted and not text.strip():
            return []
        self._held = ""
        return self._emit(text)

    def _try_answer(self) -> list[Chunk]:
        """Begin to tell the answer of ``{"answer": "…"}`` once its quote is open, when nothing was told before."""
        begun = None if self._emitted else _ANSWER.match(self._held)
        if begun is None:
            return []
        self._answer = _AnswerText()
        return self._emit(self._answer.feed(self._held[begun.end() :]))

    def _emit(self, text: str) -> list[Chunk]:
        if not text:
            return []
        self._emitted.append(text)
        if self._is_open:
            return [TextDelta(text)]
        self._is_open = True
        return [TextStart(), TextDelta(text)]


class _AnswerText:
    """The text of a JSON string that comes in pieces, its escapes read."""

    def __init__(self) -> None:
        self._raw = ""
        self._is_closed = False

    def feed(self, raw: str) -> str:
        """Return the text that `raw`, with what was held of the pieces before, stands for."""
        if self._is_closed:
            return ""
        self._raw += raw
        whole = _WHOLE.match(self._raw)
        end = whole.end() if whole else 0
        ready, self._raw = self._raw[:end], self._raw[end:]
        self._is_closed = self._raw.startswith('"')
        return _mend(json.loads(f'"{ready}"', strict=False)) if ready else ""


def _spell_chunks(call: ToolCall) -> list[Chunk]:
    written = call.invalid_arguments or _write_json(call.arguments)
    return [ToolCallStart(call.id, call.name), ToolCallDelta(call.id, written), ToolCallEnd(call)]
