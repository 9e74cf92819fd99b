"""How the output guards of an agent meet a stream: filtered as it comes, or held until it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.guards.guard import OutputGuard, StreamGuard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.guards.guard import Guard, GuardContext, StreamFilter


class Gate:
    """The output guards at one text of a stream (the answer, or the reasoning), in their order.

    `holds` is true where one of them can only judge the whole: then nothing is to be shown before `check_output` has
    seen the message of the step, and `feed` and `flush` are not to be called.
    """

    def __init__(self, filters: Sequence[StreamFilter], *, holds: bool = False) -> None:
        self.holds = holds
        self._filters = filters

    def feed(self, text: str) -> str:
        """Take the next piece; return what may be shown now. Raises `BlockedError`."""
        for part in self._filters:
            text = part.feed(text)
        return text

    def flush(self) -> str:
        """Return what was held back: the text is complete. Raises `BlockedError`."""
        text = ""
        for part in self._filters:
            text = (part.feed(text) if text else "") + part.flush()
        return text


def open_gate(guards: Sequence[Guard], context: GuardContext) -> Gate | None:
    """Return the gate for one text of a stream; `None` where no guard looks at the output.

    What guards with filters have let out needs no second look: `check_output` then is for the others alone, and there
    are none.
    """
    watching = [guard for guard in guards if isinstance(guard, OutputGuard)]
    if not watching:
        return None
    streaming = [guard for guard in watching if isinstance(guard, StreamGuard)]
    if len(streaming) < len(watching):
        return Gate((), holds=True)
    return Gate([guard.open_filter(context) for guard in streaming])
