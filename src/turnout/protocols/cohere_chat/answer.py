"""An answer as it grows: each piece makes chunks at once, and the parts of the message at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.chunks import (
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from turnout.messages import Message, Reasoning, Text
from turnout.protocols.broken_answers import warn_of_unread
from turnout.protocols.cohere_chat.outgoing import PLAN, THINKING
from turnout.protocols.json_reading import as_count, as_text, is_object
from turnout.protocols.tool_calls import claim_call_id, read_call

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.messages import Part
    from turnout.responses import Warning

_TEXT = "text"


class _Block:
    """Text, thoughts or a plan that is being written."""

    __slots__ = ("citations", "kind", "pieces")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self.citations: list[dict[str, Any]] = []


class _Call:
    """A tool call while its pieces come."""

    __slots__ = ("id", "name", "pieces")

    def __init__(self, identity: str, name: str) -> None:
        self.id = identity
        self.name = name
        self.pieces: list[str] = []


class Answer:
    """The message while it comes. `chunks` holds what was made since it was last emptied."""

    __slots__ = ("_blocks", "_by_index", "_call", "_call_ids", "_open", "_provider", "_unread", "chunks", "has_calls")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._blocks: list[_Block | _Call] = []
        self._by_index: dict[int, _Block] = {}
        self._open: _Block | None = None
        self._call: _Call | None = None
        self._call_ids: set[str] = set()
        self._unread: set[str] = set()
        self.has_calls = False
        self.chunks: list[Chunk] = []

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(["".join(block.pieces) for block in self._blocks if _is_text(block)])

    @property
    def warnings(self) -> list[Warning]:
        """What could not be put into the message."""
        return warn_of_unread(self._unread)

    def add_content(self, index: int | None, part: object) -> None:
        """Take in one item of the content, or a piece of it; `index` is its place among the items."""
        if not is_object(part):
            return
        for name, kind in (("text", _TEXT), ("thinking", "thinking")):
            written = part.get(name)
            if isinstance(written, str):
                block = self._write(kind, written, begins=self._begins(index))
                if block is not None and index is not None:
                    self._by_index[index] = block
                return
        kind = as_text(part.get("type"))
        if kind not in (None, _TEXT, "thinking"):
            self._unread.add(kind or "unknown")

    def add_plan(self, text: object) -> None:
        """Take in the plan for the tools, or a piece of it."""
        if isinstance(text, str):
            self._write("tool_plan", text, begins=False)

    def start_call(self, call: object) -> None:
        """Begin a tool call; a whole one has all of its arguments."""
        self.end()
        fields = call if is_object(call) else {}
        function = fields.get("function")
        function = function if is_object(function) else {}
        begun = _Call(claim_call_id(as_text(fields.get("id")), self._call_ids), as_text(function.get("name")) or "")
        self._call = begun
        self._blocks.append(begun)
        self.has_calls = True
        self.chunks.append(ToolCallStart(begun.id, begun.name))
        self.add_arguments(call)

    def add_arguments(self, call: object) -> None:
        """Take in a piece of the arguments of the call that is open."""
        function = call.get("function") if is_object(call) else None
        written = function.get("arguments") if is_object(function) else None
        if self._call is not None and isinstance(written, str) and written:
            self._call.pieces.append(written)
            self.chunks.append(ToolCallDelta(self._call.id, written))

    def cite(self, citation: object) -> None:
        """Take in one citation: it belongs to the text that it names, or else to the last."""
        if not is_object(citation):
            return
        index = as_count(citation.get("content_index"))
        block = None if index is None else self._by_index.get(index)
        if block is None or block.kind != _TEXT:
            block = next((each for each in reversed(self._blocks) if isinstance(each, _Block) and _is_text(each)), None)
        if block is None:
            self._unread.add("citation")
        else:
            block.citations.append(citation)

    def end(self) -> None:
        """End the text or the call that is open."""
        block, self._open = self._open, None
        if block is not None:
            self.chunks.append(TextEnd(tuple(block.citations)) if block.kind == _TEXT else ReasoningEnd())
        call, self._call = self._call, None
        if call is not None:
            self.chunks.append(ToolCallEnd(read_call(call.id, call.name, "".join(call.pieces))))

    def build(self) -> Message:
        """Return the message; `end` was called before."""
        return Message("assistant", [self._build_part(block) for block in self._blocks])

    def _build_part(self, block: _Block | _Call) -> Part:
        text = "".join(block.pieces)
        if isinstance(block, _Call):
            return read_call(block.id, block.name, text)
        if block.kind == _TEXT:
            return Text(text, citations=block.citations)
        return Reasoning(text, [dict(PLAN if block.kind == "tool_plan" else THINKING)], self._provider)

    def _begins(self, index: int | None) -> bool:
        """Tell whether the item at `index` is another than the one that is open."""
        return index is not None and (self._open is None or self._by_index.get(index) is not self._open)

    def _write(self, kind: str, text: str, *, begins: bool) -> _Block | None:
        """Add `text` to the open block of this kind, or to a new one; an empty piece begins none."""
        block = self._open
        if block is None or block.kind != kind or begins:
            if not text:
                return None
            self.end()
            block = self._open = _Block(kind)
            self._blocks.append(block)
            self.chunks.append(TextStart() if kind == _TEXT else ReasoningStart())
        if text:
            block.pieces.append(text)
            self.chunks.append(TextDelta(text) if kind == _TEXT else ReasoningDelta(text))
        return block


def _is_text(block: _Block | _Call) -> bool:
    return isinstance(block, _Block) and block.kind == _TEXT
