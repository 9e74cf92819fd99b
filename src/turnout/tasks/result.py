"""What every call of a task gives back beside its own."""

from __future__ import annotations

from msgspec import Struct

from turnout.responses import Attempt, Timing, Warning
from turnout.usage import Cost, Usage


class TaskResult(Struct, kw_only=True):
    """How a call of a task was made: who answered, what it took, and each try.

    `model` is the model as the provider names it (as it was asked for where it tells none). What the provider does not
    tell of `usage` (tokens) is `None`, and so is the `cost` (USD) that the catalog's prices cannot tell exactly. `raw`
    is the JSON of the answer, with all that has no field here; empty where the answer is none (sound).
    """

    model: str
    provider: str
    usage: Usage = Usage()
    cost: Cost = Cost()
    warnings: list[Warning] = []
    attempts: list[Attempt] = []
    timing: Timing = Timing()
    request_id: str | None = None
    raw: bytes = b""
