"""Tool calls put together from their pieces, however a provider numbers and names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from turnout.chunks import ToolCallDelta, ToolCallEnd, ToolCallStart
from turnout.messages import ToolCall
from turnout.protocols.json_reading import is_object, read_object
from turnout.protocols.openai_chat.own import EXTRA, OWN
from turnout.protocols.tool_calls import make_call_id, read_call

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.protocols.openai_chat.wire import Call


_MARKS = re.compile(r'\\.?|["{}]', re.DOTALL)


class PendingCall:
    """One tool call while its pieces come. Of a custom tool's call the pieces are its input, which is any text."""

    __slots__ = (
        "_braces",
        "_is_whole",
        "extra",
        "id",
        "index",
        "is_custom",
        "is_started",
        "name",
        "pieces",
        "told_id",
    )

    def __init__(self, index: int | None) -> None:
        self._braces = _BraceCounter()
        self._is_whole: bool | None = None
        self.extra: dict[str, Any] = {}
        self.id = ""
        self.told_id = ""  # as the provider wrote it, also where another call has it
        self.name = ""
        self.index = index
        self.is_custom = False
        self.pieces: list[str] = []
        self.is_started = False

    def is_whole(self) -> bool:
        """Tell whether the arguments so far are a JSON object already.

        Text that is none where its braces are closed can never become one, so one look at the whole is enough.
        """
        if self._is_whole is None and self._braces.are_closed(self.pieces):
            self._is_whole = read_object("".join(self.pieces)) is not None
        return self._is_whole is True

    def build(self, provider: str) -> ToolCall:
        """Return the call, as `provider` made it; arguments that are no JSON object are kept as they were written.

        The text that a custom tool gets becomes the argument `input`.
        """
        written = "".join(self.pieces)
        if self.is_custom:
            call = ToolCall(self.id, self.name, {"input": written})
        else:
            call = read_call(self.id, self.name, written)
        return replace(call, provider_options=OWN.keep({EXTRA: self.extra}, provider)) if self.extra else call


class _BraceCounter:
    """Counts the braces of JSON text that comes in pieces, so that each piece is read once however often one asks."""

    __slots__ = ("_begun_escape", "_depth", "_is_in_string", "_is_opened", "_pieces_read")

    def __init__(self) -> None:
        self._begun_escape = ""
        self._depth = 0
        self._is_in_string = False
        self._is_opened = False
        self._pieces_read = 0

    def are_closed(self, pieces: list[str]) -> bool:
        """Tell whether there are braces in `pieces`, the same list each time, and all of them are closed."""
        self._read("".join(pieces[self._pieces_read :]))
        self._pieces_read = len(pieces)
        return self._is_opened and self._depth <= 0

    def _read(self, text: str) -> None:
        marks: list[str] = _MARKS.findall(self._begun_escape + text)
        for mark in marks:
            if mark == '"':
                self._is_in_string = not self._is_in_string
            elif mark == "{" and not self._is_in_string:
                self._is_opened = True
                self._depth += 1
            elif mark == "}" and not self._is_in_string:
                self._depth -= 1
        self._begun_escape = "\\" if marks and marks[-1] == "\\" else ""


class CallTracker:
    """Finds the call that each piece belongs to: by its id, then its index, then the latest call.

    The order matters: some gateways number every call 0, Google's sends neither index nor id, and others repeat the
    id, or the name, in each piece.
    """

    __slots__ = ("_by_id", "_by_index", "calls")

    def __init__(self) -> None:
        self.calls: list[PendingCall] = []
        self._by_id: dict[str, PendingCall] = {}
        self._by_index: dict[int | None, PendingCall] = {}  # the latest call of each index

    def add(self, piece: Call) -> list[Chunk]:
        """Take in one piece and return the chunks that it makes; a call starts once its name is known."""
        name, text = _read_piece(piece)
        call = self._find(piece, name, text)
        if call is None:
            call = self._by_index[piece.index] = PendingCall(piece.index)
            self.calls.append(call)
        if not call.is_started:
            call.name = call.name or name
            call.is_custom = call.is_custom or _is_custom(piece)
            if piece.id and not call.told_id:
                call.told_id = piece.id
                if piece.id not in self._by_id:  # else one is made up: two calls with one id cannot be answered
                    call.id = piece.id
                    self._by_id[call.id] = call
        if is_object(piece.extra_content):
            call.extra = call.extra | piece.extra_content
        if text:
            call.pieces.append(text)
        if not call.is_started and call.name:
            return start(call)
        return [ToolCallDelta(call.id, text)] if text and call.is_started else []

    def finish(self, provider: str) -> list[Chunk]:
        """Return the chunks that end every call; `provider` made them."""
        chunks: list[Chunk] = []
        for call in self.calls:
            if not call.is_started:
                chunks += start(call)
            chunks.append(ToolCallEnd(call.build(provider)))
        return chunks

    def _find(self, piece: Call, name: str, text: str) -> PendingCall | None:
        if piece.id:
            known = self._find_by_id(piece, name, text)
            return self._find_unnamed(piece, name, text) if known is None else known
        call = self._latest() if piece.index is None else self._by_index.get(piece.index)
        if call is None or not name or not call.name:
            return call
        return None if name != call.name or call.is_whole() else call

    def _find_by_id(self, piece: Call, name: str, text: str) -> PendingCall | None:
        """Find the call with the piece's id.

        Of another index, it is another call all the same if it has another name, or if the one before is whole.
        """
        placed = self._by_index.get(piece.index)
        if placed is not None and placed.told_id == piece.id:
            return placed
        known = self._by_id.get(piece.id or "")
        if known is None or None in (piece.index, known.index) or piece.index == known.index:
            return known
        return None if name and known.name and (name != known.name or (text and known.is_whole())) else known

    def _find_unnamed(self, piece: Call, name: str, text: str) -> PendingCall | None:
        """Find the call that a piece with a new id goes on with: one without an id, or any when it brings no name."""
        call = self._by_index.get(piece.index)
        if call is None or (call.is_started and name):
            return None
        return None if call.told_id and (name or not text) else call

    def _latest(self) -> PendingCall | None:
        return self.calls[-1] if self.calls else None


def start(call: PendingCall) -> list[Chunk]:
    """Return the chunks that begin `call`, with the arguments that came before its name; a missing id is made up."""
    call.is_started = True
    if not call.id:
        call.id = make_call_id()
    begun: list[Chunk] = [ToolCallStart(call.id, call.name)]
    return [*begun, ToolCallDelta(call.id, "".join(call.pieces))] if call.pieces else begun


def separate_calls(calls: list[Call]) -> None:
    """Number the calls of a whole message, and let none share an id: each is a call of its own, and no piece."""
    seen: set[str] = set()
    for index, call in enumerate(calls):
        call.index = index
        if call.id in seen:
            call.id = None
        elif call.id:
            seen.add(call.id)


def _is_custom(piece: Call) -> bool:
    return piece.custom is not None and bool(piece.custom.name or piece.custom.input)


def _read_piece(piece: Call) -> tuple[str, str]:
    """Return the name and the text of the arguments, or of a custom tool's input."""
    if piece.custom is not None and _is_custom(piece):
        return piece.custom.name or "", piece.custom.input or ""
    if piece.function is not None:
        return piece.function.name or "", piece.function.arguments or ""
    return "", ""
