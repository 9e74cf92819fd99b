"""Tools for a model that has none: what it says in JSON, read as tool calls and text."""

from __future__ import annotations

import json
import re
from os import urandom
from typing import TYPE_CHECKING, Any, cast

import msgspec

from turnout.chunks import TextDelta, TextEnd, TextStart, ToolCallDelta, ToolCallEnd, ToolCallStart
from turnout.messages import Message, Part, Text, ToolCall
from turnout.protocols.json_reading import mend_surrogates

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.responses import ModelResponse

_ANSWER = re.compile(r'\s*\{\s*"answer"\s*:\s*"')
_BEGUN_CALL = re.compile(r'\{\s*"tool"\s*:\s*"([^"\\]*)"')
_HEX = "[0-9a-fA-F]"
_LOW = f"\\\\u[dD][c-fC-F]{_HEX}{{2}}"
_CUT_ESCAPE = rf"\\u{_HEX}{{0,3}}[^0-9a-fA-F]"
_WHOLE = re.compile(
    rf"""(?:[^"\\]|\\[^u]|\\u(?![dD][89abAB]){_HEX}{{4}}|\\u(?={_HEX}{{0,3}}[^0-9a-fA-F])"""
    rf"""|\\u[dD][89abAB]{_HEX}{{2}}(?:{_LOW}|(?=[^\\]|\\[^u]|{_CUT_ESCAPE}|\\u(?![dD][c-fC-F]){_HEX}{{4}})))*+""",
    re.DOTALL,
)
"""The characters and whole escapes of a JSON string, as far as what follows cannot change what they stand for: the two
halves of a surrogate pair are one, and escapes that JSON does not have are letters."""
_ESCAPE = re.compile(rf"""\\(?:u{_HEX}{{4}}|["\\/bfnrt])|\\""")
_MOST_HELD = 100
"""How many characters are looked at to see whether ``{"answer": "`` begins a text."""

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

    A call whose JSON breaks off is a call with `invalid_arguments`, and an answer that breaks off ends there. A text
    that begins with an answer is that and nothing else: in a stream it was told by then.
    """
    begun = _ANSWER.match(text)
    if begun is not None and (answer := _AnswerText().feed(text[begun.end() :])):
        return Said(answer)
    start = -1
    for _ in range(_MOST_OBJECTS):
        start = text.find("{", start + 1)
        if start < 0:
            break
        prose = _strip_fence(text[:start])
        value = _read_object(text[start:])
        if value is None:
            call = _BEGUN_CALL.match(text, start)
            if call is not None and call[1] in names:
                return Said(prose, ToolCall(_make_id(), call[1], {}, invalid_arguments=text[start:]))
            continue
        name = value.get("tool")
        if isinstance(name, str) and name in names:
            return Said(prose, _make_call(value))
        if "answer" in value and len(value) == 1 and not prose:
            answer = value["answer"]
            return Said(answer if isinstance(answer, str) else _write_json(answer))
    return Said(text if begun is None else "")


def _read_object(text: str) -> dict[str, Any] | None:
    try:
        value, _ = json.JSONDecoder(strict=False, parse_constant=_refuse).raw_decode(text)
        return cast("dict[str, Any]", mend_surrogates(value))
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


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
        self._blanks: list[str] = []
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
        """Return what of `text` can be told; `finish` tells the rest."""
        if self._answer is not None:
            return self._emit(self._answer.feed(text))
        if not self._is_prose:
            return self._look_for_answer(text)
        place = next((place for place, char in enumerate(text) if char in "{`"), -1)
        if place < 0:
            return self._emit_prose(text)
        self._is_prose = False
        return [*self._emit_prose(text[:place]), *self._look_for_answer(text[place:])]

    def _emit_prose(self, text: str) -> list[Chunk]:
        """Tell prose; blanks at the beginning wait for the first word."""
        if not self._emitted:
            self._blanks.append(text)
            if not text.strip():
                return []
            text = "".join(self._blanks)
        return self._emit(text)

    def _look_for_answer(self, text: str) -> list[Chunk]:
        """Begin to tell the answer of ``{"answer": "…"}`` once its quote is open, when nothing was told before."""
        if self._emitted or len(self._held) > _MOST_HELD:
            return []
        self._held += text
        begun = _ANSWER.match(self._held)
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
        return mend_surrogates(json.loads(f'"{_ESCAPE.sub(_keep_escape, ready)}"', strict=False)) if ready else ""


def _keep_escape(found: re.Match[str]) -> str:
    """Return an escape as it is, and make a letter of a backslash that begins none, such as in ``\\(x\\)``."""
    return found[0] if len(found[0]) > 1 else r"\\"


def _spell_chunks(call: ToolCall) -> list[Chunk]:
    written = call.invalid_arguments or _write_json(call.arguments)
    return [ToolCallStart(call.id, call.name), ToolCallDelta(call.id, written), ToolCallEnd(call)]
