"""Tool calls put together from their pieces, however a provider numbers and names them."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING

from turnout.chunks import ToolCallDelta, ToolCallEnd, ToolCallStart
from turnout.messages import ToolCall
from turnout.protocols.openai_chat.wire import read_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.chunks import Chunk
    from turnout.protocols.openai_chat.wire import Call


class PendingCall:
    """One tool call while its pieces come."""

    __slots__ = ("id", "index", "is_id_made_up", "is_started", "name", "pieces")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []
        self.is_started = False
        self.is_id_made_up = False

    @property
    def is_whole(self) -> bool:
        """Whether the arguments so far are a JSON object already."""
        return bool(self.pieces) and self.pieces[-1].rstrip().endswith("}") and self.build().invalid_arguments is None

    def build(self) -> ToolCall:
        """Return the call; arguments that are no JSON object are kept as they were written."""
        written = "".join(self.pieces)
        if not written.strip() or written == "null":
            return ToolCall(self.id, self.name, {})
        arguments = read_object(written)
        if arguments is None:
            return ToolCall(self.id, self.name, {}, invalid_arguments=written)
        return ToolCall(self.id, self.name, arguments)


class CallTracker:
    """Finds the call that each piece belongs to: by its id, then its index, then the latest call.

    The order matters: some gateways number every call 0, Google's sends neither index nor id, and others repeat the
    id, or the name, in each piece.
    """

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls: list[PendingCall] = []

    def add(self, piece: Call) -> list[Chunk]:
        """Take in one piece and return the chunks that it makes; a call starts once its name is known."""
        name = (piece.function and piece.function.name) or ""
        text = (piece.function and piece.function.arguments) or ""
        call = self._find(piece, name, text)
        if call is None:
            call = PendingCall(piece.index)
            self.calls.append(call)
        if not call.is_started:
            call.id = call.id or piece.id or ""
            call.name = call.name or name
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
            known = self._latest(lambda call: call.id == piece.id)
            return known or self._find_unnamed(piece, name, text)
        call = self._latest(lambda call: call.index == piece.index) if piece.index is not None else self._latest()
        if call is None or not name or not call.name:
            return call
        return None if name != call.name or call.is_whole else call

    def _find_unnamed(self, piece: Call, name: str, text: str) -> PendingCall | None:
        """Find the call that a piece with a new id goes on with: one without an id, or any when it brings no name."""
        call = self._latest(lambda call: call.index == piece.index)
        if call is None or (call.is_started and name):
            return None
        has_id = bool(call.id) and not call.is_id_made_up
        return None if has_id and (name or not text) else call

    def _latest(self, is_it: Callable[[PendingCall], bool] = lambda call: True) -> PendingCall | None:
        return next((call for call in reversed(self.calls) if is_it(call)), None)


def start(call: PendingCall) -> list[Chunk]:
    """Return the chunks that begin `call`, with the arguments that came before its name; a missing id is made up."""
    call.is_started = True
    if not call.id:
        call.id, call.is_id_made_up = f"call_{urandom(12).hex()}", True
    begun: list[Chunk] = [ToolCallStart(call.id, call.name)]
    return [*begun, ToolCallDelta(call.id, "".join(call.pieces))] if call.pieces else begun
