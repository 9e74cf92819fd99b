"""An answer as it grows: each piece makes chunks at once, and the parts of the message at the end.

A whole answer is one big piece, so that `generate` and `stream` cannot disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.chunks import (
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RefusalDelta,
    ServerToolChunk,
    TextDelta,
    TextEnd,
    TextStart,
)
from turnout.messages import Image, Message, Part, Reasoning, Refusal, ServerTool, Text
from turnout.protocols.broken_answers import warn_of_unread
from turnout.protocols.json_reading import as_text, is_array, is_object, objects, write_again
from turnout.protocols.openai_chat.calls import CallTracker, PendingCall
from turnout.protocols.openai_chat.sounds import Sound
from turnout.protocols.openai_chat.thinking import DetailLog, ThinkSplitter, read_reasoning, read_thinking_part
from turnout.protocols.openai_chat.wire import Call

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.protocols.openai_chat.wire import Delta
    from turnout.responses import Warning

_TEXT_PARTS = frozenset({"text", "output_text"})
_THINKING_PARTS = frozenset({"thinking", "reasoning"})


class _Block:
    """Text or reasoning that is being written."""

    __slots__ = ("is_reasoning", "pieces", "sound")

    def __init__(self, *, is_reasoning: bool, sound: Sound | None) -> None:
        self.is_reasoning = is_reasoning
        self.sound = sound
        self.pieces: list[str] = []


class _RunTool:
    """The record of a tool that the provider ran itself; a later piece completes it."""

    __slots__ = ("record",)

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record

    @property
    def name(self) -> str:
        return as_text(self.record.get("type") or self.record.get("name")) or "tool"


class Answer:
    """The message of one choice while it comes. `chunks` holds what was made since it was last emptied."""

    __slots__ = (
        "_blocks", "_calls", "_citations", "_details", "_open", "_placed_calls", "_provider", "_run_tools", "_sound",
        "_splitter", "_unread", "_urls", "chunks", "refusals",
    )  # fmt: skip

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._blocks: list[_Block | _RunTool | PendingCall | Image | Sound] = []
        self._open: _Block | None = None
        self._splitter: ThinkSplitter | None = ThinkSplitter()
        self._calls = CallTracker()
        self._placed_calls = 0
        self._run_tools: dict[str, _RunTool] = {}
        self._sound: Sound | None = None
        self._citations: dict[str | None, dict[str, Any]] = {}  # by their JSON: some servers tell one again and again
        self._urls: dict[str, None] = {}
        self._details = DetailLog()
        self._unread: dict[str, None] = {}
        self.refusals: list[str] = []
        self.chunks: list[Chunk] = []

    @property
    def text(self) -> str:
        """The text so far."""
        texts = [block for block in self._blocks if isinstance(block, _Block) and not block.is_reasoning]
        return "".join(["".join(block.pieces) for block in texts])

    @property
    def has_calls(self) -> bool:
        """Whether the model has called a tool."""
        return bool(self._calls.calls)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all has come."""
        return not (self._blocks or self._details.build() or self.refusals or self.has_calls)

    @property
    def warnings(self) -> list[Warning]:
        """What could not be put into the message."""
        return warn_of_unread(self._unread)

    def add(self, delta: Delta) -> None:
        """Take in one piece of the answer, or the whole of it."""
        if delta.reasoning or delta.reasoning_content or delta.reasoning_details:
            self._stop_splitting()
            self._write(read_reasoning(delta), is_reasoning=True)
            self._add_details(delta.reasoning_details)
        content = delta.content
        if isinstance(content, str):
            self._add_content(content)
        elif content:
            self._add_parts(content)
        if delta.refusal:
            self.refusals.append(delta.refusal)
            self.chunks.append(RefusalDelta(delta.refusal))
        if delta.tool_calls:
            self._add_calls(delta.tool_calls)
        elif delta.function_call and (delta.function_call.name or delta.function_call.arguments):
            self._add_calls([Call(function=delta.function_call)])
        if delta.executed_tools:
            self._add_run_tools(delta.executed_tools)
        if delta.images:
            self._add_images(delta.images)
        if delta.annotations:
            self._citations |= {write_again(each): each for each in objects(delta.annotations)}
        if delta.audio and is_object(delta.audio):
            self._add_sound(delta.audio)

    def cite(self, results: object, urls: object) -> None:
        """Take in the sources that stand beside the choices, perhaps told again and again: records, or their URLs.

        Source: https://docs.perplexity.ai/api-reference/chat-completions-post; xAI tells the URLs alone.
        """
        self._citations |= {write_again(each): each for each in objects(results)}
        self._urls |= {url: None for url in (urls if is_array(urls) else ()) if isinstance(url, str)}

    def close(self) -> None:
        """End everything that is open."""
        self._stop_splitting()
        self._end_block()
        self._place_calls()
        if self._sound is not None:
            self._close_sounds()
        self.chunks += self._calls.finish(self._provider)

    def build(self) -> Message:
        """Return the message; `close` was called before."""
        built = [self._build_part(block) for block in self._blocks]
        parts = [part for part in built if part is not None]
        details = self._details.build()
        if details:
            _attach(details, self._provider, parts)
        sources = self._list_sources()
        if sources:
            _cite(sources, parts)
        if self.refusals:
            parts.append(Refusal("".join(self.refusals)))
        return Message("assistant", parts)

    def _build_part(self, block: _Block | _RunTool | PendingCall | Image | Sound) -> Part | None:
        if isinstance(block, _Block):
            text = "".join(block.pieces)
            if block.is_reasoning:
                return Reasoning(text)
            return Text(text) if block.sound is None else Text(text, block.sound.own(self._provider))
        if isinstance(block, (PendingCall, Sound)):
            return block.build(self._provider)
        return ServerTool(block.name, block.record) if isinstance(block, _RunTool) else block

    def _write(self, text: str, *, is_reasoning: bool, sound: Sound | None = None) -> None:
        if not text:
            return
        block = self._open
        if block is None or block.is_reasoning != is_reasoning or block.sound is not sound:
            self._end_block()
            block = self._open = _Block(is_reasoning=is_reasoning, sound=sound)
            self._blocks.append(block)
            self.chunks.append(ReasoningStart() if is_reasoning else TextStart())
        block.pieces.append(text)
        self.chunks.append(ReasoningDelta(text) if is_reasoning else TextDelta(text))

    def _end_block(self) -> None:
        if self._open is not None:
            is_reasoning = self._open.is_reasoning
            self.chunks.append(ReasoningEnd() if is_reasoning else TextEnd(tuple(self._list_sources())))
            self._open = None

    def _list_sources(self) -> list[dict[str, Any]]:
        """Return the citations so far, and after them the URLs that none of them names."""
        named = list(self._citations.values())
        if not self._urls:
            return named
        holders = [holder for each in named for holder in (each, each.get("url_citation")) if is_object(holder)]
        known = {as_text(holder.get("url")) for holder in holders}
        return named + [{"url": url} for url in self._urls if url not in known]

    def _add_content(self, text: str) -> None:
        splitter = self._splitter
        if splitter is None or not text:
            self._write(text, is_reasoning=False)
            return
        thought, rest = splitter.feed(text)
        if splitter.is_done:
            self._splitter = None
        self._write(thought, is_reasoning=True)
        self._write(rest, is_reasoning=False)

    def _stop_splitting(self) -> None:
        """Look for no tag any more: the provider has told the reasoning itself, or something else than text comes."""
        splitter, self._splitter = self._splitter, None
        if splitter is not None:
            thought, rest = splitter.flush()
            self._write(thought, is_reasoning=True)
            self._write(rest, is_reasoning=False)

    def _add_parts(self, parts: list[Any]) -> None:
        for part in parts:
            if isinstance(part, str):
                self._add_content(part)
            elif is_object(part):
                self._add_part(part)

    def _add_part(self, part: dict[str, Any]) -> None:
        kind = as_text(part.get("type"))
        text = as_text(part.get("text"))
        if kind in _THINKING_PARTS:
            self._stop_splitting()
            self._write(read_thinking_part(part), is_reasoning=True)
        elif kind == "image_url":
            self._add_images([part])
        elif kind == "refusal" and isinstance(part.get("refusal"), str):
            self.refusals.append(part["refusal"])
            self.chunks.append(RefusalDelta(part["refusal"]))
        elif text is not None and (kind is None or kind in _TEXT_PARTS):
            self._add_content(text)
        else:
            self._unread[kind or "unknown"] = None

    def _add_details(self, details: object) -> None:
        for detail in details if is_array(details) else []:
            self._details.add(detail)

    def _add_calls(self, pieces: list[Call]) -> None:
        self._stop_splitting()
        for piece in pieces:
            chunks = self._calls.add(piece)
            if chunks:
                self._end_block()
                self._place_calls()
                self.chunks += chunks

    def _place_calls(self) -> None:
        """Give every call its place among the parts, where it is first heard of."""
        self._blocks += self._calls.calls[self._placed_calls :]
        self._placed_calls = len(self._calls.calls)

    def _add_run_tools(self, records: object) -> None:
        for record in objects(records):
            index = as_text(record.get("index"))
            tool = self._run_tools.get(index) if index else None
            if tool is None:
                tool = self._begin_run_tool(record, index)
            else:  # Groq sends the call first and the output later, with one index
                tool.record = tool.record | record
            self.chunks.append(ServerToolChunk(tool.name, tool.record))

    def _begin_run_tool(self, record: dict[str, Any], index: str | None) -> _RunTool:
        self._stop_splitting()
        self._end_block()
        tool = _RunTool(record)
        self._blocks.append(tool)
        if index:
            self._run_tools[index] = tool
        return tool

    def _add_sound(self, piece: dict[str, Any]) -> None:
        """Take in sound and its words, which are text of the answer. OpenAI tells the id first, the end of it last."""
        sound, identity, words = self._sound, as_text(piece.get("id")), as_text(piece.get("transcript"))
        if sound is None or (identity and sound.id and identity != sound.id):
            if not (identity or words or piece.get("data")):
                return
            sound = self._sound = Sound()
            self._blocks.append(sound)
        sound.add(piece)
        if words:
            sound.has_words = True
            self._stop_splitting()
            self._write(words, is_reasoning=False, sound=sound)

    def _close_sounds(self) -> None:
        for block in self._blocks:
            if isinstance(block, Sound):
                block.close()
                if block.is_broken:
                    self._unread["audio"] = None

    def _add_images(self, images: object) -> None:
        for image in objects(images):
            holder = image.get("image_url")
            url = holder.get("url") if is_object(holder) else holder
            if isinstance(url, str) and url:
                self._stop_splitting()
                self._end_block()
                self._blocks.append(Image(url=url))


def _attach(details: list[Any], provider: str, parts: list[Part]) -> None:
    """Keep the provider's own record of the reasoning with the first reasoning part; encrypted ones make one."""
    for place, part in enumerate(parts):
        if isinstance(part, Reasoning):
            parts[place] = Reasoning(part.text, details, provider)
            return
    parts.insert(0, Reasoning("", details, provider))


def _cite(citations: list[dict[str, Any]], parts: list[Part]) -> None:
    """Keep the sources with the last text; their places count from the beginning of all that is said."""
    for place in range(len(parts) - 1, -1, -1):
        part = parts[place]
        if isinstance(part, Text):
            parts[place] = Text(part.text, part.provider_options, citations)
            return
