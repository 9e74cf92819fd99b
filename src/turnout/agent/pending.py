"""A run that waits for somebody to approve its tool calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, structs

from turnout.agent.result import Step
from turnout.errors import InvalidInputError
from turnout.messages import Message, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_VERSION = 1


class PendingRun(Struct, kw_only=True, frozen=True):
    """A run that ended with ``finish_reason="approval"``: ``result.pending``. It goes on with `Agent.resume`.

    `calls` are those that wait for a decision; `results` those of the other calls of the same step, which were run.
    ``pending.to_json()`` and ``PendingRun.from_json(data)`` take it to another process; the headers, raw bodies and
    failed attempts of the steps before stay behind.
    """

    calls: list[ToolCall]
    messages: list[Message]
    steps: list[Step]
    agent: str
    results: list[ToolResult] = []
    thread: str | None = None
    new_messages: int = 0
    version: int = _VERSION

    def to_json(self) -> bytes:
        """Return the pending run as JSON."""
        kept = [_strip(step) for step in self.steps]
        return msgspec.json.encode(structs.replace(self, steps=kept))

    @classmethod
    def from_json(cls, data: bytes | str) -> PendingRun:
        """Read what `to_json` wrote. Raises `InvalidInputError` for anything else."""
        try:
            pending = msgspec.json.decode(data, type=cls, dec_hook=_refuse)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise InvalidInputError(f"this is no pending run: {error}: give what `to_json` wrote") from None
        if pending.version != _VERSION:
            raise InvalidInputError(
                f"the pending run is of version {pending.version}, and this turnout reads {_VERSION}: update turnout"
            )
        return pending

    def decide(self, approve: Iterable[str], deny: Mapping[str, str]) -> dict[str, str | None]:
        """Return the decision for each call that waits. Raises `InvalidInputError` when one is missing or unknown."""
        decisions: dict[str, str | None] = {**dict.fromkeys(approve), **deny}
        both = set(approve) & set(deny)
        waiting = {call.id for call in self.calls}
        if both:
            raise InvalidInputError(f"{_join(both)} is approved and denied at once: decide")
        if unknown := decisions.keys() - waiting:
            raise InvalidInputError(f"no call {_join(unknown)} waits for approval: the calls are {_join(waiting)}")
        if missing := [f"{call.id} ({call.name})" for call in self.calls if call.id not in decisions]:
            raise InvalidInputError(f"nothing is decided about {', '.join(missing)}: add it to approve= or deny=")
        return decisions


def _strip(step: Step) -> Step:
    response = structs.replace(step.response, raw=b"", headers={})
    return structs.replace(step, response=response, attempts=[])


def _refuse(kind: type, value: Any) -> Any:
    """Attempts hold errors, which are not written; anything there was not written by `to_json`."""
    raise NotImplementedError(f"{kind.__name__} is not read")


def _join(ids: Iterable[str]) -> str:
    return ", ".join(sorted(f"`{identity}`" for identity in ids))
