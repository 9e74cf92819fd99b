"""A run that waits for somebody to approve its tool calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import urandom
from typing import Any, cast

import msgspec
from msgspec import Struct, field, structs

from turnout.agent.result import Step
from turnout.errors import InvalidInputError
from turnout.messages import Message, ToolCall, ToolResult

_VERSION = 1


class PendingRun(Struct, kw_only=True, frozen=True):
    """A run that ended with ``finish_reason="approval"``: ``result.pending``. It goes on with `Agent.resume`.

    `calls` are those that wait for a decision; `results` those of the other calls of the same step, which were run.
    ``pending.to_json()`` and ``PendingRun.from_json(data)`` take it to another process; the headers, raw bodies,
    attempts and nested results of the steps before stay behind (what nested agents took is kept in the sums). What
    `prepare_step` and `on_step` changed is not kept: they are asked again. Approved tools run when it is resumed, so
    keep the JSON where only those who may decide can write.
    """

    calls: list[ToolCall]
    messages: list[Message]
    steps: list[Step]
    agent: str
    results: list[ToolResult] = []
    thread: str | None = None
    new_messages: int = 0
    id: str = field(default_factory=lambda: urandom(16).hex())
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

    def check(self) -> None:
        """Raise `InvalidInputError` where the parts do not belong together: somebody else may have written them."""
        last = self.messages[-1] if self.messages else Message("user", [])
        called = [part for part in last.content if isinstance(part, ToolCall)]
        answered = [result.call_id for result in self.results]
        told = sorted([call.id for call in self.calls] + answered)
        if (
            last.role != "assistant"
            or not (self.steps and self.calls)
            or any(call not in called for call in self.calls)
            or told != sorted(call.id for call in called)
            or not 0 <= self.new_messages <= len(self.messages)
        ):
            raise InvalidInputError("the pending run was changed, and does not fit together: give what `to_json` wrote")

    def decide(self, approve: object, deny: object) -> dict[str, str | None]:
        """Return the decision for each call that waits: `None` is approved, a text the reason of a denial.

        Raises `InvalidInputError` when a decision is missing, unknown or of the wrong type.
        """
        approve, deny = _read_ids(approve), _read_reasons(deny)
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


def _read_ids(value: object) -> list[str]:
    is_list = isinstance(value, Iterable) and not isinstance(value, str)
    items: list[Any] = list(cast("Iterable[Any]", value)) if is_list else [None]
    if not all(isinstance(item, str) for item in items):
        kind = type(cast("object", value)).__name__
        raise InvalidInputError(f"approve= is a {kind}: give a list of the ids of calls")
    return items


def _read_reasons(value: object) -> dict[str, str]:
    if value is not None and not isinstance(value, Mapping):
        raise InvalidInputError(f"deny= is a {type(value).__name__}: give a mapping of ids to reasons")
    reasons = dict(cast("Mapping[Any, Any]", value or {}))
    for identity, reason in reasons.items():
        if not isinstance(identity, str) or not isinstance(reason, str):
            what = type(reason).__name__
            raise InvalidInputError(f"deny= gives {identity!r} a {what}: give the reason, a text that may be empty")
    return reasons


def _strip(step: Step) -> Step:
    response = structs.replace(step.response, raw=b"", headers={})
    return structs.replace(step, response=response, attempts=[], nested=[])


def _refuse(kind: type, value: Any) -> Any:
    """Attempts hold errors, which are not written; anything there was not written by `to_json`."""
    raise NotImplementedError(f"{kind.__name__} is not read")


def _join(ids: Iterable[str]) -> str:
    return ", ".join(sorted(f"`{identity}`" for identity in ids))
