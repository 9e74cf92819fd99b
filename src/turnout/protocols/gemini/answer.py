"""An answer as it grows: each piece makes chunks at once, and the parts of the message at the end.

A whole answer is one big piece, so that `generate` and `stream` cannot disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from turnout.chunks import (
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ServerToolChunk,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from turnout.messages import Audio, Message, Reasoning, ServerTool, Text, ToolCall
from turnout.protocols.broken_answers import warn_of_unread
from turnout.protocols.gemini.media_parts import read_blob, read_file
from turnout.protocols.gemini.own import OWN
from turnout.protocols.gemini.sources import Sources
from turnout.protocols.json_reading import as_text, is_object, objects, write_again
from turnout.protocols.tool_calls import claim_call_id

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.messages import Part
    from turnout.responses import Warning

RECORDS = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
"""Parts that tell what a tool of the provider's own did."""

_MEDIA = ("inlineData", "fileData")
_PLAIN = frozenset({"text", "thought"})
_SAMPLES = ("audio/l16", "audio/pcm")
"""Types of sound without a head, of which a stream brings piece after piece: ``audio/L16;codec=pcm;rate=24000``.

Source: https://ai.google.dev/gemini-api/docs/speech-generation.
"""


class _Block:
    """Text or thoughts that are being written, with the fields that stood beside them."""

    __slots__ = ("extra", "is_reasoning", "pieces")

    def __init__(self, *, is_reasoning: bool) -> None:
        self.is_reasoning = is_reasoning
        self.pieces: list[str] = []
        self.extra: dict[str, Any] = {}


class _Samples:
    """Sound without a head while it comes: its pieces joined are one sound."""

    __slots__ = ("media_type", "pieces")

    def __init__(self, media_type: str) -> None:
        self.media_type = media_type
        self.pieces: list[bytes] = []


class Answer:
    """The message of one candidate while it comes. `chunks` holds what was made since it was last emptied."""

    __slots__ = ("_blocks", "_call_ids", "_open", "_provider", "_unread", "chunks", "has_calls", "sources")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._blocks: list[_Block | _Samples | Part] = []
        self._call_ids: set[str] = set()
        self._open: _Block | None = None
        self._unread: set[str] = set()
        self.sources = Sources()
        self.has_calls = False
        self.chunks: list[Chunk] = []

    @property
    def text(self) -> str:
        """The text so far."""
        texts = [block for block in self._blocks if isinstance(block, _Block) and not block.is_reasoning]
        return "".join(["".join(block.pieces) for block in texts])

    @property
    def warnings(self) -> list[Warning]:
        """What could not be put into the message."""
        return warn_of_unread(self._unread)

    def add(self, content: object) -> None:
        """Take in the `content` of a candidate, whole or a piece of it."""
        if is_object(content):
            for part in objects(content.get("parts")):
                self._add_part(part)

    def close(self) -> None:
        """End everything that is open."""
        self._end_block(tuple(self.sources.read_citations()))
        for name, record in self.sources.records.items():
            self._add_record(name, {name: record})

    def build(self) -> Message:
        """Return the message; `close` was called before."""
        parts = [self._build_part(block) for block in self._blocks]
        last = next((place for place in range(len(parts) - 1, -1, -1) if isinstance(parts[place], Text)), None)
        citations = self.sources.read_citations()
        if citations and last is not None:
            parts[last] = msgspec.structs.replace(parts[last], citations=citations)
        return Message("assistant", parts)

    def _build_part(self, block: _Block | _Samples | Part) -> Part:
        if isinstance(block, _Samples):
            return Audio(data=b"".join(block.pieces), media_type=block.media_type)
        if not isinstance(block, _Block):
            return block
        text = "".join(block.pieces)
        if block.is_reasoning:
            return Reasoning(text, [{"thought": True, **block.extra}], self._provider)
        if not text:
            return Reasoning("", [block.extra], self._provider)  # a signature alone; others must not see empty text
        return Text(text, self._own(block.extra))

    def _own(self, extra: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return fields as options of a part that go back on this wire, to this provider alone."""
        return OWN.keep(extra, self._provider)

    def _add_part(self, part: dict[str, Any]) -> None:
        kind = next((name for name, value in part.items() if is_object(value) and name in _READERS), None)
        if kind is not None:
            self._end_block()
            _READERS[kind](self, kind, part)
        elif isinstance(part.get("text"), str) or "thoughtSignature" in part:
            extra = {name: value for name, value in part.items() if name not in _PLAIN}
            self._write(as_text(part.get("text")) or "", extra, is_reasoning=part.get("thought") is True)
        elif part:
            self._end_block()
            name = next((name for name, value in part.items() if is_object(value)), next(iter(part)))
            self._unread.add(name)
            self._add_record(name, part)

    def _write(self, text: str, extra: dict[str, Any], *, is_reasoning: bool) -> None:
        """Add to the open block; what is signed stays apart, for it goes back as it came."""
        if not text and not extra:
            return
        block = self._open
        joins = is_reasoning or not extra
        if block is None or block.is_reasoning != is_reasoning or not joins:
            self._end_block()
            block = self._open = _Block(is_reasoning=is_reasoning)
            self._blocks.append(block)
            if text or is_reasoning:
                self.chunks.append(ReasoningStart() if is_reasoning else TextStart())
        if text:
            block.pieces.append(text)
            self.chunks.append(ReasoningDelta(text) if is_reasoning else TextDelta(text))
        if extra:
            block.extra |= extra
            self._end_block()

    def _end_block(self, citations: tuple[dict[str, Any], ...] = ()) -> None:
        block, self._open = self._open, None
        if block is not None and (block.pieces or block.is_reasoning):
            self.chunks.append(ReasoningEnd() if block.is_reasoning else TextEnd(citations))

    def _add_call(self, kind: str, part: dict[str, Any]) -> None:
        told = part[kind]
        arguments = told.get("args")
        if told.get("partialArgs") or told.get("willContinue"):
            self._unread.add("functionCall.partialArgs")
        written: str | None = None
        if arguments is not None and not is_object(arguments):
            written = write_again(arguments) or "{}"
        call = ToolCall(
            claim_call_id(as_text(told.get("id")), self._call_ids),
            as_text(told.get("name")) or "",
            arguments if is_object(arguments) else {},
            written,
            self._own({name: value for name, value in part.items() if name != kind}),
        )
        self.has_calls = True
        self._blocks.append(call)
        delta = ToolCallDelta(call.id, written or write_again(call.arguments) or "{}")
        self.chunks += [ToolCallStart(call.id, call.name), delta, ToolCallEnd(call)]

    def _add_media(self, kind: str, part: dict[str, Any]) -> None:
        if part.get("thought") is True:  # a picture on the way to the one that is the answer
            self._add_record(kind, part)
            return
        options = self._own({name: value for name, value in part.items() if name != kind})
        media = read_blob(part[kind], options) if kind == "inlineData" else read_file(part[kind], options)
        if media is None:
            self._unread.add(kind)
        elif isinstance(media, Audio) and media.data and not options:
            self._add_sound(media, media.data)
        else:
            self._blocks.append(media)

    def _add_sound(self, sound: Audio, data: bytes) -> None:
        kind = sound.media_type or ""
        if not kind.lower().startswith(_SAMPLES):
            self._blocks.append(sound)
            return
        last = self._blocks[-1] if self._blocks else None
        if not isinstance(last, _Samples) or last.media_type != kind:
            last = _Samples(kind)
            self._blocks.append(last)
        last.pieces.append(data)

    def _add_record(self, kind: str, part: dict[str, Any]) -> None:
        self._blocks.append(ServerTool(kind, part))
        self.chunks.append(ServerToolChunk(kind, part))


_READERS = {
    "functionCall": Answer._add_call,  # pyright: ignore[reportPrivateUsage]
    **dict.fromkeys(_MEDIA, Answer._add_media),  # pyright: ignore[reportPrivateUsage]
    **dict.fromkeys(RECORDS, Answer._add_record),  # pyright: ignore[reportPrivateUsage]
}
