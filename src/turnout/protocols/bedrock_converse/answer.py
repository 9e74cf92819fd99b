"""An answer as it grows: each piece makes chunks at once, and the parts of the message at the end.

A whole answer is told block by block, so that `generate` and `stream` cannot disagree.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

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
from turnout.errors import InvalidInputError
from turnout.messages import Message, Reasoning, ServerTool, Text
from turnout.protocols.bedrock_converse.media_parts import KINDS, read_media
from turnout.protocols.broken_answers import warn_of_unread
from turnout.protocols.json_reading import as_text, is_object, objects, read_object, write_again
from turnout.protocols.media_bytes import tidy_base64
from turnout.protocols.tool_calls import claim_call_id, read_call

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.messages import Part, ToolCall
    from turnout.responses import Warning

_Dict = dict[str, Any]
_SERVER_TOOL = "server_tool_use"


class _Said:
    """A block of text, with the sources that are named for it."""

    kind = "text"

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.citations: list[_Dict] = []

    def add(self, delta: _Dict, chunks: list[Chunk]) -> None:
        """Take in a piece."""
        citation = delta.get("citation")
        if is_object(citation):
            self.citations.append(citation)
        piece = as_text(delta.get("text"))
        if piece:
            if not self.pieces:
                chunks.append(TextStart())
            self.pieces.append(piece)
            chunks.append(TextDelta(piece))

    def end(self, chunks: list[Chunk]) -> None:
        """End the block."""
        if self.pieces:
            chunks.append(TextEnd(tuple(self.citations)))

    def build(self, _: str) -> Part | None:
        """Return the part; `None` where nothing was said."""
        text = "".join(self.pieces)
        return Text(text, citations=self.citations) if text or self.citations else None


class _Thought:
    """A block of reasoning: what it says, and what must go back with it."""

    kind = "reasoningContent"

    def __init__(self, chunks: list[Chunk]) -> None:
        chunks.append(ReasoningStart())
        self.pieces: list[str] = []
        self._signature: list[str] = []
        self._redacted: list[str] = []

    def add(self, delta: _Dict, chunks: list[Chunk]) -> None:
        """Take in a piece."""
        told = delta.get("reasoningContent")
        if not is_object(told):
            return
        piece = as_text(told.get("text"))
        if piece:
            self.pieces.append(piece)
            chunks.append(ReasoningDelta(piece))
        for name, kept in (("signature", self._signature), ("redactedContent", self._redacted)):
            value = as_text(told.get(name))
            if value:
                kept.append(value)

    def end(self, chunks: list[Chunk]) -> None:
        """End the block."""
        chunks.append(ReasoningEnd())

    def build(self, provider: str) -> Part | None:
        """Return the part. What nobody signed need not go back, and some models refuse it."""
        text = "".join(self.pieces)
        details: list[Any] = []
        if self._signature:
            details.append({"reasoningText": {"text": text, "signature": "".join(self._signature)}})
        if self._redacted:
            details.append({"redactedContent": join_base64(self._redacted)})
        if details:
            return Reasoning(text, details, provider)
        return Reasoning(text) if text else None


class _Call:
    """A call of a tool: of the client's, or of one that the provider runs itself."""

    kind = "toolUse"

    def __init__(self, start: _Dict, chunks: list[Chunk], taken: set[str]) -> None:
        self.name = as_text(start.get("name")) or ""
        self.is_own = start.get("type") == _SERVER_TOOL
        self.id = claim_call_id(as_text(start.get("toolUseId")), set() if self.is_own else taken)
        self._pieces: list[str] = []
        self._built: ToolCall | None = None
        if not self.is_own:
            chunks.append(ToolCallStart(self.id, self.name))

    def add(self, delta: _Dict, chunks: list[Chunk]) -> None:
        """Take in a piece; the input of a whole answer is an object, of which the JSON is written."""
        told = delta.get("toolUse")
        given = told.get("input") if is_object(told) else None
        piece = given if given is None or isinstance(given, str) else write_again(given) or "{}"
        if piece:
            self._pieces.append(piece)
            if not self.is_own:
                chunks.append(ToolCallDelta(self.id, piece))

    def end(self, chunks: list[Chunk]) -> None:
        """End the block."""
        if self.is_own:
            chunks.append(ServerToolChunk(self.name, self._record()))
            return
        self._built = read_call(self.id, self.name, "".join(self._pieces))
        chunks.append(ToolCallEnd(self._built))

    def build(self, _: str) -> Part | None:
        """Return the part; `end` was called before."""
        return ServerTool(self.name, self._record()) if self._built is None else self._built

    def _record(self) -> _Dict:
        written = "".join(self._pieces)
        read = read_object(written)
        given: Any = read if read is not None else written or {}
        return {"toolUse": {"toolUseId": self.id, "name": self.name, "input": given, "type": _SERVER_TOOL}}


class _Result:
    """What a tool that the provider ran itself gave."""

    kind = "toolResult"

    def __init__(self, start: _Dict, name: str) -> None:
        self.name = name
        self._start = {key: value for key, value in start.items() if key != "content"}
        self._content: list[Any] = []
        self._texts: list[str] = []

    def add(self, delta: _Dict, _: list[Chunk]) -> None:
        """Take in a piece: texts that follow each other are one."""
        for each in objects(delta.get("toolResult")):
            text = each.get("text")
            if isinstance(text, str) and len(each) == 1:
                self._texts.append(text)
            else:
                self._join()
                self._content.append(each)

    def end(self, chunks: list[Chunk]) -> None:
        """End the block."""
        self._join()
        chunks.append(ServerToolChunk(self.name, self._record()))

    def build(self, _: str) -> Part | None:
        """Return the part."""
        return ServerTool(self.name, self._record())

    def _join(self) -> None:
        if self._texts:
            self._content.append({"text": "".join(self._texts)})
            self._texts = []

    def _record(self) -> _Dict:
        return {"toolResult": {**self._start, "content": self._content}}


class _Picture:
    """A picture that the model makes, in pieces of base64; or media that came whole."""

    kind = "image"

    def __init__(self, name: str, start: _Dict) -> None:
        self.name = name
        self._start = start
        self._pieces: list[str] = []
        self._place: _Dict | None = None

    def add(self, delta: _Dict, _: list[Chunk]) -> None:
        """Take in a piece."""
        told = delta.get(self.name)
        source = told.get("source") if is_object(told) else None
        if is_object(source):
            piece = as_text(source.get("bytes"))
            if piece:
                self._pieces.append(piece)
            else:
                self._place = source

    def end(self, chunks: list[Chunk]) -> None:
        """End the block, of which no chunk tells."""

    def build(self, _: str) -> Part | None:
        """Return the part; `None` where it cannot be read."""
        source = {"bytes": join_base64(self._pieces)} if self._pieces else self._place
        return read_media(self.name, {**self._start, "source": source}, {})


_Block = _Said | _Thought | _Call | _Result | _Picture


class Answer:
    """The message while it comes. `chunks` holds what was made since it was last emptied."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._blocks: list[_Block] = []
        self._open: dict[int, _Block] = {}
        self._call_ids: set[str] = set()
        self._names: dict[str, str] = {}  # of the provider's own tools, by call
        self._unread: set[str] = set()
        self.has_calls = False
        self.used: dict[str, int] = {}
        """How often each of the provider's own tools was called."""
        self.chunks: list[Chunk] = []

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(["".join(block.pieces) for block in self._blocks if isinstance(block, _Said)])

    @property
    def warnings(self) -> list[Warning]:
        """What could not be put into the message; `build` was called before."""
        return warn_of_unread(self._unread)

    def start(self, index: int, start: _Dict) -> None:
        """Begin the block `index`; one of text or reasoning begins with its first piece."""
        name = next((name for name in ("toolUse", "toolResult", *KINDS) if is_object(start.get(name))), None)
        if name is None:
            self._unread.update(start.keys() - {"text", "reasoningContent"})
            return
        told = start[name]
        if name == "toolUse":
            call = _Call(told, self.chunks, self._call_ids)
            self.has_calls = self.has_calls or not call.is_own
            self._names[call.id] = call.name
            if call.is_own:
                self.used[call.name] = self.used.get(call.name, 0) + 1
            self._place(index, call)
        elif name == "toolResult":
            made_by = self._names.get(as_text(told.get("toolUseId")) or "")
            self._place(index, _Result(told, made_by or as_text(told.get("type")) or name))
        else:
            self._place(index, _Picture(name, told))

    def add(self, index: int, delta: _Dict) -> None:
        """Add a piece to the block `index`."""
        name = next((name for name in delta if name in _KINDS), None)
        if name is None:
            self._unread.update(delta)
            return
        kind = _KINDS[name]
        block = self._open.get(index)
        if block is None or block.kind != kind:
            if kind not in ("text", "reasoningContent"):
                self._unread.add(name)  # a piece of something whose beginning did not come
                return
            self.stop(index)
            block = _Said() if kind == "text" else _Thought(self.chunks)
            self._place(index, block)
        block.add(delta, self.chunks)

    def stop(self, index: int) -> None:
        """End the block `index`."""
        block = self._open.pop(index, None)
        if block is not None:
            block.end(self.chunks)

    def close(self) -> None:
        """End everything that is open."""
        for index in list(self._open):
            self.stop(index)

    def read_whole(self, content: object) -> None:
        """Take in the content of a whole answer."""
        for index, block in enumerate(objects(content)):
            for name, value in block.items():
                self._read_block(index, name, value)
            self.stop(index)

    def build(self) -> Message:
        """Return the message; `close` was called before."""
        parts: list[Part] = []
        for block in self._blocks:
            part = block.build(self._provider)
            if part is not None:
                parts.append(part)
            elif isinstance(block, _Picture):
                self._unread.add(block.name)
        return Message("assistant", parts)

    def _place(self, index: int, block: _Block) -> None:
        self.stop(index)
        self._open[index] = block
        self._blocks.append(block)

    def _read_block(self, index: int, name: str, value: Any) -> None:
        if name == "text":
            self.add(index, {"text": value})
        elif not is_object(value):
            self._unread.add(name)
        elif name == "reasoningContent":
            told = value.get("reasoningText")
            self.add(index, {name: {**value, **told} if is_object(told) else value})
        elif name == "citationsContent":
            texts = [each.get("text") for each in objects(value.get("content"))]
            self.add(index, {"text": "".join([text for text in texts if isinstance(text, str)])})
            for citation in objects(value.get("citations")):
                self.add(index, {"citation": citation})
        else:
            self.start(index, {name: value})
            if index in self._open:
                self.add(index, {name: value.get("content") if name == "toolResult" else value})


_KINDS = {
    **dict.fromkeys(("text", "citation"), "text"),
    "reasoningContent": "reasoningContent",
    "toolUse": "toolUse",
    "toolResult": "toolResult",
    **dict.fromkeys(KINDS, "image"),
}
"""The names of pieces, and the kinds of blocks that they belong to."""


def join_base64(pieces: list[str]) -> str:
    """Return pieces of base64, each encoded by itself, as one; what is no base64 is joined as it is."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return b64encode(b"".join([b64decode(tidy_base64(piece, "")) for piece in pieces])).decode()
    except InvalidInputError:
        return "".join(pieces)
