"""An answer as it grows: each event makes chunks at once, and the parts of the message at the end.

A whole answer is items that were done at once, so that `generate` and `stream` cannot disagree. What was told in
pieces stays; the whole that follows adds what was missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from turnout.chunks import (
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RefusalDelta,
    ServerToolChunk,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from turnout.messages import Message
from turnout.protocols.broken_answers import warn_of_unread
from turnout.protocols.json_reading import as_text, is_object, objects
from turnout.protocols.openai_chat.sounds import Sound
from turnout.protocols.openai_responses.output_items import (
    TEXT_PARTS,
    CallItem,
    Item,
    MessageItem,
    ReasoningItem,
    ToolItem,
    make_item,
)

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.protocols.openai_responses.output_items import Block
    from turnout.responses import TokenLogprob, Warning

_Kind = TypeVar("_Kind", bound=Item)
_BILLED = frozenset(
    (*("web_search_call", "x_search_call", "file_search_call", "code_interpreter_call", "image_generation_call"),)
)
"""Tools that cost more than their tokens: https://developers.openai.com/api/docs/pricing, 2026-11-25."""


class Answer:
    """The message of one answer while it comes. `chunks` holds what was made since it was last emptied."""

    __slots__ = (
        "_by_id",
        "_by_index",
        "_call_ids",
        "_items",
        "_latest",
        "_open",
        "_provider",
        "_unread",
        "_waiting",
        "chunks",
    )

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._items: list[Item] = []
        self._by_id: dict[str, Item] = {}
        self._by_index: dict[int, Item] = {}
        self._latest: dict[type[Item], Item] = {}
        self._waiting: dict[str, dict[int, Item]] = {}  # by type, in their order: those that are not whole yet
        self._call_ids: set[str] = set()
        self._open: Block | ReasoningItem | None = None
        self._unread: set[str] = set()
        self.chunks: list[Chunk] = []

    @property
    def text(self) -> str:
        """The text so far."""
        messages = [item for item in self._items if isinstance(item, MessageItem)]
        blocks = [block for item in messages for _, block in sorted(item.blocks.items())]
        return "".join([block.text for block in blocks if not block.is_refusal])

    @property
    def refusals(self) -> str:
        """All that was refused; the message's `Refusal` parts, joined."""
        blocks = [block for item in self._items if isinstance(item, MessageItem) for block in item.blocks.values()]
        return "".join([block.text for block in blocks if block.is_refusal])

    @property
    def has_calls(self) -> bool:
        """Whether the model has called a tool."""
        return any(isinstance(item, CallItem) for item in self._items)

    @property
    def warnings(self) -> list[Warning]:
        """What could not be put into the message."""
        return warn_of_unread(self._unread)

    def count_uses(self) -> dict[str, int]:
        """Return how often each tool that costs more than its tokens was used; of a search, opening a page is free."""
        used: dict[str, int] = {}
        for item in self._items:
            action = item.record.get("action")
            is_free = is_object(action) and as_text(action.get("type")) in ("open_page", "find_in_page")
            if item.kind in _BILLED and not is_free:
                used[item.kind] = used.get(item.kind, 0) + 1
        return used

    def logprobs(self) -> list[TokenLogprob]:
        """Return the tokens of the text with their log probabilities, where they were asked for."""
        return [token for item in self._items if isinstance(item, MessageItem) for token in item.logprobs()]

    def begin(self, record: dict[str, Any], index: int | None) -> None:
        """Take in an item that is about to come."""
        identity = as_text(record.get("id"))
        known = self._by_id.get(identity) if identity else None
        if known is None or known.is_done or known.kind != (as_text(record.get("type")) or "message"):
            self._add(make_item(record), index)

    def end(self, record: dict[str, Any], index: int | None) -> None:
        """Take in an item that is there as a whole."""
        item = self._match(record, index)
        if item is None:
            item = make_item(record)
            self._add(item, index)
        self._complete(item, record)

    def end_all(self, records: list[dict[str, Any]]) -> None:
        """Take in all items of the answer as the last word on it."""
        rest: dict[str, dict[int, Item]] = {}
        for item in self._items:
            rest.setdefault(item.kind, {})[id(item)] = item
        for record in records:
            kind, identity = as_text(record.get("type")) or "message", as_text(record.get("id"))
            same = rest.get(kind, {})
            named = self._by_id.get(identity) if identity else None
            item = named if named is not None and id(named) in same else next(iter(same.values()), None)
            if item is None:
                item = make_item(record)
                self._add(item, None)
            else:
                del same[id(item)]
            self._complete(item, record)

    def add_text(self, piece: str, identity: str | None, index: int | None, place: int, *, is_refusal: bool) -> None:
        """Take in a piece of the text, or of a refusal, at `place` of a message's content."""
        item = self._find(MessageItem, identity, index, "message")
        self._write_block(item.find(place, is_refusal=is_refusal), piece)

    def add_reasoning(self, piece: str, identity: str | None, index: int | None, section: tuple[str, int]) -> None:
        """Take in a piece of the reasoning."""
        self._write_reasoning(self._find(ReasoningItem, identity, index, "reasoning"), section, piece)

    def add_arguments(self, piece: str, identity: str | None, index: int | None, kind: str) -> None:
        """Take in a piece of a call's arguments, or of a custom tool's input."""
        self._write_arguments(self._find(CallItem, identity, index, kind), piece)

    def add_part(self, part: dict[str, Any], identity: str | None, index: int | None, place: int) -> None:
        """Take in a part of a message's content as a whole."""
        if as_text(part.get("type")) not in ("reasoning_text", "summary_text"):
            self._complete_part(self._find(MessageItem, identity, index, "message"), part, place)

    def add_sound(self, piece: str, identity: str | None, index: int | None) -> None:
        """Take in a piece of a message's sound, in base64."""
        item = self._find(MessageItem, identity, index, "message")
        if item.sound is None:
            item.sound = Sound()
        item.sound.add({"data": piece})

    def close(self) -> None:
        """End everything that is open."""
        self._end_block()
        for item in self._items:
            if not item.is_done:
                self._finish(item)
            if isinstance(item, MessageItem) and item.sound is not None:
                item.sound.close()
                if item.sound.is_broken:
                    self._unread.add("audio")

    def build(self, *, is_stored: bool) -> Message:
        """Return the message; `close` was called before."""
        parts = [part for item in self._items for part in item.build(self._provider, is_stored=is_stored)]
        return Message("assistant", parts)

    def _add(self, item: Item, index: int | None) -> None:
        self._items.append(item)
        self._latest[type(item)] = item
        self._waiting.setdefault(item.kind, {})[id(item)] = item
        if item.id:
            self._by_id[item.id] = item
        if index is not None:
            self._by_index[index] = item
        if isinstance(item, CallItem) and item.name:
            self._start_call(item)

    def _find(self, cls: type[_Kind], identity: str | None, index: int | None, kind: str) -> _Kind:
        """Return the item that a piece belongs to: by its id, then its place, then the latest of its class."""
        known = self._by_id.get(identity) if identity else None
        if known is None and index is not None:
            known = self._by_index.get(index)
        if isinstance(known, cls):
            return known
        latest = self._latest.get(cls)
        if isinstance(latest, cls) and identity is None and index is None:
            return latest
        made = make_item({"type": kind, "id": identity} if identity else {"type": kind})
        assert isinstance(made, cls)  # noqa: S101 - for the type checker
        self._add(made, index)
        return made

    def _match(self, record: dict[str, Any], index: int | None) -> Item | None:
        kind, identity = as_text(record.get("type")) or "message", as_text(record.get("id"))
        named = self._by_id.get(identity) if identity else None
        placed = self._by_index.get(index) if index is not None else None
        waiting = next(iter(self._waiting.get(kind, {}).values()), None)
        for item in (named, placed, waiting):
            if item is not None and item.kind == kind and not item.is_done:
                return item
        return named if named is not None and named.kind == kind else None

    def _complete(self, item: Item, record: dict[str, Any]) -> None:
        was_done, item.is_done = item.is_done, True
        self._waiting.get(item.kind, {}).pop(id(item), None)
        begun = {name: value for name, value in item.record.items() if name != "status"}  # it is in progress no more
        item.record = begun | record
        if isinstance(item, MessageItem):
            self._complete_message(item)
        elif isinstance(item, ReasoningItem):
            self._complete_reasoning(item)
        elif isinstance(item, CallItem) and not was_done:
            self._complete_arguments(item)
        if not was_done:
            self._finish(item)

    def _finish(self, item: Item) -> None:
        """Tell that an item is whole, or that nothing more comes of it."""
        if isinstance(item, CallItem):
            self._start_call(item)
            self.chunks.append(ToolCallEnd(item.build_call(self._provider)))
        elif isinstance(item, ToolItem):
            self._end_block()
            self.chunks.append(ServerToolChunk(item.kind, item.record))
        else:
            self._end_block()

    def _complete_message(self, item: MessageItem) -> None:
        content = item.record.get("content")
        parts = [{"type": "output_text", "text": content}] if isinstance(content, str) else objects(content)
        for place, part in enumerate(parts):
            self._complete_part(item, part, place)

    def _complete_part(self, item: MessageItem, part: dict[str, Any], place: int) -> None:
        kind, refusal = as_text(part.get("type")), part.get("refusal")
        text = part.get("text")
        if kind == "refusal" and isinstance(refusal, str):
            block = item.find(place, is_refusal=True)
            self._write_block(block, block.missing(refusal))
        elif kind in TEXT_PARTS and isinstance(text, str):
            block = item.find(place)
            block.citations = objects(part.get("annotations")) or block.citations
            block.logprobs = part.get("logprobs") or block.logprobs
            self._write_block(block, block.missing(text))
        elif kind == "output_audio":
            block = item.find(place)
            self._write_block(block, block.missing(as_text(part.get("transcript")) or ""))
            if part.get("data"):  # the whole of it, also where its pieces came
                item.sound = Sound()
                item.sound.add(part)
        else:
            self._unread.add(kind or "unknown")

    def _complete_reasoning(self, item: ReasoningItem) -> None:
        for section, text in item.told_sections():
            told = item.sections.get(section)
            self._write_reasoning(item, section, text if told is None else told.missing(text))

    def _complete_arguments(self, item: CallItem) -> None:
        self._start_call(item)
        self._write_arguments(item, item.arguments.missing(item.told_arguments()))

    def _start_call(self, item: CallItem) -> None:
        if item.is_started:
            return
        self._end_block()
        item.start(self._call_ids)
        self.chunks.append(ToolCallStart(item.call_id, item.name))
        if item.arguments.pieces:
            self.chunks.append(ToolCallDelta(item.call_id, item.arguments.text))

    def _write_block(self, block: Block, text: str) -> None:
        if not text:
            return
        if block.is_refusal:
            self._end_block()
            self.chunks.append(RefusalDelta(text))
        else:
            self._open_block(block)
            self.chunks.append(TextDelta(text))
        block.pieces.append(text)

    def _write_reasoning(self, item: ReasoningItem, section: tuple[str, int], text: str) -> None:
        if text:
            self._open_block(item)
            self.chunks.append(ReasoningDelta(item.write(section, text)))

    def _write_arguments(self, item: CallItem, text: str) -> None:
        if text:
            item.arguments.pieces.append(text)
            if item.is_started:
                self.chunks.append(ToolCallDelta(item.call_id, text))

    def _open_block(self, block: Block | ReasoningItem) -> None:
        if self._open is not block:
            self._end_block()
            self._open = block
            self.chunks.append(ReasoningStart() if isinstance(block, ReasoningItem) else TextStart())

    def _end_block(self) -> None:
        block, self._open = self._open, None
        if isinstance(block, ReasoningItem):
            self.chunks.append(ReasoningEnd())
        elif block is not None:
            self.chunks.append(TextEnd(tuple(block.citations)))
