"""What a fault is, and how each kind of call is to end under it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from fault_answers import Right
from fault_site import Play, Wire

Trouble = Callable[[Wire, Right, random.Random], Awaitable[None]]
"""Answers one request wrongly. On a bare connection there is no right answer to begin with."""

STALL_S = 2.0
TIMEOUTS: dict[str, Any] = {"connect_s": STALL_S, "first_chunk_s": STALL_S, "idle_s": STALL_S, "total_s": STALL_S}
CONNECT_TIMEOUTS: dict[str, Any] = {**TIMEOUTS, "connect_s": STALL_S / 2}
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Fault:
    """One fault, and how calls end under it.

    `whole` and `stream` are how a call of the one or the other kind ends: ``answer``, or the name of an error. `tries`
    is how often it is sent before the error is raised (`stream_tries` in a stream, where that differs). `emits`: in a
    stream, text has come before. `stage` is ``connect`` where no request is ever read. `is_lost_unanswered`: the
    connection ends before one byte, so that on a kept one the request is sent once more by the transport itself.
    `warm` is how a request before this one is answered, on the same connection.
    """

    name: str
    group: str
    play: Trouble
    whole: str
    stream: str
    tries: int = 3
    stream_tries: int | None = None
    emits: bool = False
    stage: Literal["refuse", "connect", "answer"] = "answer"
    is_lost_unanswered: bool = False
    tls: str = ""
    client_tls: bool = False
    timeouts: dict[str, Any] | None = None
    has_total: bool = False
    warm: Play | None = None
    most_sent: int = 8 * MEGABYTE
    limits: dict[str, Any] = field(default_factory=dict)

    @property
    def is_refused(self) -> bool:
        return self.stage == "refuse"

    @property
    def is_on_connect(self) -> bool:
        return self.stage == "connect"

    @property
    def is_before_all(self) -> bool:
        """Whether even the first request of a call has no answer."""
        return self.stage != "answer"

    @property
    def scheme(self) -> str:
        return "https" if self.tls or self.client_tls else "http"

    def expect(self, kind: str) -> str:
        """Return how a call of `kind` ends."""
        is_stream = "stream" in kind
        ending = self.stream if is_stream else self.whole
        if "fallback" in kind and ending != "answer" and not (is_stream and self.emits):
            return "backup"
        return ending

    def tries_of(self, kind: str) -> int:
        """Return how often the request is sent in a call of `kind`."""
        if self.expect(kind) == "answer":
            return 1 + ("tools" in kind)
        if "stream" not in kind:
            return self.tries
        return 1 if self.emits else (self.stream_tries or self.tries)

    def most_requests(self, kind: str) -> int:
        """Return the most requests that the faulty server may see in a call of `kind`."""
        if self.is_before_all:
            return 0
        most = self.tries_of(kind)
        if "tools" in kind and self.expect(kind) != "answer":
            most += 1  # the first step
        if self.is_lost_unanswered and ("tools" in kind or self.warm is not None):
            most += 1  # the kept connection was lost: sent again on a fresh one
        return most
