"""An answer as it grows, block by block: each piece makes chunks at once, and the parts of the message at the end.

A whole answer is a row of blocks that come in one piece each, so that `generate` and `stream` cannot disagree.
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
from turnout.messages import Message, Part, Reasoning, ServerTool, Text, ToolCall
from turnout.protocols.anthropic_messages.outgoing import CONTAINER
from turnout.protocols.anthropic_messages.own import OWN
from turnout.protocols.json_reading import as_text, is_object, objects, read_object, write_again
from turnout.protocols.tool_calls import claim_call_id, read_call

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.protocols.anthropic_messages.wire import Delta

_THOUGHTS = ("thinking", "redacted_thinking")
_WRITTEN = ("text", *_THOUGHTS)
_KINDS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "tool_use", "citations_delta": "text"}
_READ_OF_CALL = frozenset(("type", "id", "name", "input", "cache_control"))
_DIRECT_CALLER = {"type": "direct"}


class Block:
    """One block of the content while it comes. `record` is the block as the provider began it."""

    __slots__ = ("call", "citations", "id", "is_open", "is_shown", "kind", "pieces", "record", "signature")

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.kind = as_text(record.get("type")) or "unknown"
        self.pieces: list[str] = []
        self.citations: list[dict[str, Any]] = objects(record.get("citations"))
        self.signature: str | None = None
        self.id = ""
        self.call: ToolCall | None = None
        self.is_open = True
        self.is_shown = False  # whether its start was told

    @property
    def text(self) -> str:
        """What has come of its text, its thoughts, or the JSON of its input."""
        return "".join(self.pieces)


class Answer:
    """The message while it comes. `chunks` holds what was made since it was last emptied."""

    __slots__ = ("_blocks", "_by_index", "_call_ids", "_open", "_provider", "chunks", "container", "unread")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._blocks: list[Block] = []
        self._by_index: dict[int, Block] = {}
        self._call_ids: set[str] = set()
        self._open: list[Block] = []  # and those that were ended since it was last looked at
        self.container: dict[str, Any] | None = None
        self.unread: set[str] = set()
        self.chunks: list[Chunk] = []

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join([block.text for block in self._blocks if block.kind == "text"])

    @property
    def has_calls(self) -> bool:
        """Whether the model has called a tool of ours."""
        return any(block.kind == "tool_use" for block in self._blocks)

    def start(self, record: Any, index: int | None = None) -> None:
        """Begin a block; what it holds already is taken in."""
        if not is_object(record):
            self.unread.add("unknown")
            return
        self._make_room(index)
        block = Block(record)
        self._blocks.append(block)
        self._open = [other for other in self._open if other.is_open]
        self._open.append(block)
        self._by_index[len(self._blocks) - 1 if index is None else index] = block
        if block.kind == "text":
            self._write_text(block, as_text(record.get("text")))
        elif block.kind == "thinking":
            self._write_thought(block, as_text(record.get("thinking")))
        elif block.kind == "tool_use":
            block.id = claim_call_id(as_text(record.get("id")), self._call_ids)
            self.chunks.append(ToolCallStart(block.id, as_text(record.get("name")) or ""))

    def add(self, delta: Delta, index: int | None) -> None:
        """Take in a piece of the block `index`, or of the latest one."""
        block = self._find(delta, index)
        if block is None:
            self.unread.add(delta.type or "unknown")
        elif delta.type == "text_delta" and block.kind == "text":
            self._write_text(block, delta.text)
        elif delta.type == "thinking_delta" and block.kind == "thinking":
            self._write_thought(block, delta.thinking)
        elif delta.type == "input_json_delta" and delta.partial_json is not None and block.kind not in _WRITTEN:
            self._write_input(block, delta.partial_json)
        elif delta.type == "signature_delta" and block.kind == "thinking":
            block.signature = delta.signature
        elif delta.type == "citations_delta" and is_object(delta.citation):
            block.citations.append(delta.citation)
        else:
            self.unread.add(delta.type or "unknown")

    def stop(self, index: int | None = None) -> None:
        """End the block `index`, or all that are open."""
        if index is None:
            for block in self._open:
                self._end(block)
            self._open = []
        elif index in self._by_index:
            self._end(self._by_index[index])

    def build(self) -> Message:
        """Return the message; every block was ended before."""
        parts = [part for block in self._blocks if (part := self._build_part(block)) is not None]
        if self.container is not None:
            parts.append(ServerTool(CONTAINER, self.container))
        return Message("assistant", parts)

    def _find(self, delta: Delta, index: int | None) -> Block | None:
        """Return the block that a piece belongs to; one that was never begun is begun by its first piece."""
        if index is None:
            block = self._blocks[-1] if self._blocks and self._blocks[-1].is_open else None
        else:
            block = self._by_index.get(index)
        if block is None and delta.type in _KINDS:
            self.start({"type": _KINDS[delta.type]}, index)
            block = self._blocks[-1]
        return block if block is None or block.is_open else None

    def _write_text(self, block: Block, text: str | None) -> None:
        if text:
            if not block.is_shown:
                block.is_shown = True
                self.chunks.append(TextStart())
            block.pieces.append(text)
            self.chunks.append(TextDelta(text))

    def _write_thought(self, block: Block, text: str | None) -> None:
        if text:
            if not block.is_shown:
                block.is_shown = True
                self.chunks.append(ReasoningStart())
            block.pieces.append(text)
            self.chunks.append(ReasoningDelta(text))

    def _write_input(self, block: Block, text: str) -> None:
        block.pieces.append(text)
        if block.kind == "tool_use" and text:
            self.chunks.append(ToolCallDelta(block.id, text))

    def _make_room(self, index: int | None) -> None:
        """End what cannot go on beside a new block: text and thoughts; of one that has no index, all."""
        if index is None or index in self._by_index:
            self.stop()
        elif self._blocks and self._blocks[-1].kind in _WRITTEN:
            self._end(self._blocks[-1])

    def _end(self, block: Block) -> None:
        if not block.is_open:
            return
        block.is_open = False
        if block.kind == "tool_use":
            block.call = self._build_call(block)
            self.chunks.append(ToolCallEnd(block.call))
        elif block.is_shown:
            self.chunks.append(TextEnd(tuple(block.citations)) if block.kind == "text" else ReasoningEnd())
        elif block.kind not in _WRITTEN:
            if block.pieces:
                block.record = {**block.record, "input": _read_input(block.text)}
            self.chunks.append(ServerToolChunk(_name(block), block.record))

    def _build_call(self, block: Block) -> ToolCall:
        record = block.record
        name = as_text(record.get("name")) or ""
        given = record.get("input")
        extra = {key: value for key, value in record.items() if key not in _READ_OF_CALL and value is not None}
        if extra.get("caller") == _DIRECT_CALLER:
            del extra["caller"]  # the model itself, as ever
        written = block.text
        if not written and is_object(given):
            if given and (told := write_again(given)):
                self.chunks.append(ToolCallDelta(block.id, told))
            call = ToolCall(block.id, name, given)
        else:
            call = read_call(block.id, name, written or as_text(given) or "")
        return msgspec.structs.replace(call, provider_options=OWN.keep(extra, self._provider)) if extra else call

    def _build_part(self, block: Block) -> Part | None:
        if block.kind == "text":
            return Text(block.text, citations=block.citations) if block.pieces or block.citations else None
        if block.kind in _THOUGHTS:
            return Reasoning(block.text, [_restore_thought(block)], self._provider)
        return block.call if block.kind == "tool_use" else ServerTool(_name(block), block.record)


def _restore_thought(block: Block) -> dict[str, Any]:
    """Return the block of thoughts as a whole answer would have had it: it goes back unchanged."""
    record = block.record
    if block.kind == "thinking":
        record = {**record, "thinking": block.text}
        if block.signature is not None:
            record["signature"] = block.signature
    return record


def _name(block: Block) -> str:
    """Return the name of a tool that the provider ran: its own for a call, the block's type for a result."""
    return (as_text(block.record.get("name")) if block.kind.endswith("_use") else None) or block.kind


def _read_input(written: str) -> Any:
    read = read_object(written)
    return written if read is None else read
