"""Tool calls put together from their pieces, however a provider numbers and names them."""

from __future__ import annotations

import re
from os import urandom
from typing import TYPE_CHECKING

from turnout.chunks import ToolCallDelta, ToolCallEnd, ToolCallStart
from turnout.messages import ToolCall
from turnout.protocols.openai_chat.wire import read_object

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.protocols.openai_chat.wire import Call


_MARKS = re.compile(r'\\.?|["{}]', re.DOTALL)


class PendingCall:
    """One tool call while its pieces come."""

    __slots__ = ("_braces", "_is_whole", "id", "is_id_made_up", "is_started", "name", "pieces")

    def __init__(self) -> None:
        self._braces = _BraceCounter()
        self._is_whole: bool | None = None
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []
        self.is_started = False
        self.is_id_made_up = False

    def is_whole(self) -> bool:
        """Tell whether the arguments so far are a JSON object already.

        Text that is none where its braces are closed can never become one, so one look at the whole is enough.
        """
        if self._is_whole is None and self._braces.are_closed(self.pieces):
            self._is_whole = read_object("".join(self.pieces)) is not None
        return self._is_whole is True

    def build(self) -> ToolCall:
        """Return the call; arguments that are no JSON object are kept as they were written."""
        written = "".join(self.pieces)
        if not written.strip() or written == "null":
            return ToolCall(self.id, self.name, {})
        arguments = read_object(written)
        if arguments is None:
            return ToolCall(self.id, self.name, {}, invalid_arguments=written)
        return ToolCall(self.id, self.name, arguments)


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
        name = (piece.function and piece.function.name) or ""
        text = (piece.function and piece.function.arguments) or ""
        call = self._find(piece, name, text)
        if call is None:
            call = self._by_index[piece.index] = PendingCall()
            self.calls.append(call)
        if not call.is_started:
            call.name = call.name or name
            if piece.id and not call.id:
                call.id = piece.id
                self._by_id[call.id] = call
        if text:
            call.pieces.append(text)
        if not call.is_started and call.name:
            return start(call)
        return [ToolCallDelta(call.id, text)] if text and call.is_started else []

    def finish(self) -> list[Chunk]:
        """Return the chunks that end every call."""
        chunks: list[Chunk] = []
        for call in self.calls:
            if not call.is_started:
                chunks += start(call)
            chunks.append(ToolCallEnd(call.build()))
        return chunks

    def _find(self, piece: Call, name: str, text: str) -> PendingCall | None:
        if piece.id:
            return self._by_id.get(piece.id) or self._find_unnamed(piece, name, text)
        call = self._latest() if piece.index is None else self._by_index.get(piece.index)
        if call is None or not name or not call.name:
            return call
        return None if name != call.name or call.is_whole() else call

    def _find_unnamed(self, piece: Call, name: str, text: str) -> PendingCall | None:
        """Find the call that a piece with a new id goes on with: one without an id, or any when it brings no name."""
        call = self._by_index.get(piece.index)
        if call is None or (call.is_started and name):
            return None
        has_id = bool(call.id) and not call.is_id_made_up
        return None if has_id and (name or not text) else call

    def _latest(self) -> PendingCall | None:
        return self.calls[-1] if self.calls else None


def start(call: PendingCall) -> list[Chunk]:
    """Return the chunks that begin `call`, with the arguments that came before its name; a missing id is made up."""
    call.is_started = True
    if not call.id:
        call.id, call.is_id_made_up = f"call_{urandom(12).hex()}", True
    begun: list[Chunk] = [ToolCallStart(call.id, call.name)]
    return [*begun, ToolCallDelta(call.id, "".join(call.pieces))] if call.pieces else begun
