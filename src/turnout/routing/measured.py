"""How fast models have answered this process: a moving estimate for each model and place, that forgets with time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

HALF_LIFE_S = 300.0
"""After so many seconds a measurement counts half as much, in seconds."""

FORGOTTEN_WEIGHT = 1 / 16
"""Below this weight an estimate is none any more: one lone measurement lasts 20 minutes."""

MOST_WEIGHT = 8.0
"""What all earlier measurements count at most, against one for the new one: about the last eight make the estimate."""

LEAST_TOKENS = 16
"""An answer of fewer output tokens tells nothing of the throughput."""

_MOST_KEPT = 1024


class Average(Struct):
    """A weighted mean of measurements, recent ones first: each halves the older ones by their age."""

    value: float = 0.0
    weight: float = 0.0
    count: int = 0
    updated: float = 0.0

    def add(self, value: float, now: float) -> None:
        """Take in one measurement, made at `now` (seconds of the clock)."""
        weight = self.weight
        if weight:
            weight *= 0.5 ** ((now - self.updated) / HALF_LIFE_S)  # as in `weight_at`: every call pays for this
            weight = min(weight, MOST_WEIGHT)
        weight += 1.0
        self.value += (value - self.value) / weight
        self.weight = weight
        self.count += 1
        self.updated = now

    def weight_at(self, now: float) -> float:
        """Return how much the measurements still count at `now`."""
        return self.weight * 0.5 ** ((now - self.updated) / HALF_LIFE_S)

    def read(self, now: float) -> float | None:
        """Return the mean; `None` where nothing was measured, or too long ago."""
        return self.value if self.weight_at(now) >= FORGOTTEN_WEIGHT else None


class Pace(Struct):
    """What was measured of one model at one place."""

    first_chunk: Average
    cold_first_chunk: Average
    whole: Average
    throughput: Average


class Estimate(Struct, frozen=True, kw_only=True):
    """How fast a model answers, as far as this process knows. All of it is end to end, as the caller sees it.

    `first_chunk_s` is the wait for the first chunk of a stream over a connection that was open already,
    `cold_first_chunk_s` that over a new one (name look-up, TCP and TLS included); `total_s` the time of whole answers
    that were not streamed. `tokens_per_s` is output tokens (reasoning included) by the time of the whole call.
    `count` is the number of answers that were measured. `None`: not measured, or too long ago.
    """

    first_chunk_s: float | None = None
    cold_first_chunk_s: float | None = None
    total_s: float | None = None
    tokens_per_s: float | None = None
    count: int = 0

    @property
    def latency_s(self) -> float | None:
        """The wait for the first chunk: warm, else cold, else that for a whole answer, which is never less."""
        for seconds in (self.first_chunk_s, self.cold_first_chunk_s, self.total_s):
            if seconds is not None:
                return seconds
        return None


class Measured:
    """The measurements of one process, by model (with its provider) and base URL. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paces: dict[str, dict[str, Pace]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured yet."""
        return not self._paces

    def note(
        self,
        model_id: str,
        url: str,
        *,
        total_s: float,
        first_chunk_s: float | None = None,
        output_tokens: int | None = None,
        is_cold: bool = False,
    ) -> None:
        """Take in one answer of the model with this full id: the seconds of its try, without the wait for a connection.

        `first_chunk_s` is `None` for an answer that was not streamed, `is_cold` tells that its connection was new.
        """
        now = self._clock()
        places = self._paces.get(model_id)
        pace = None if places is None else places.get(url)
        if pace is None:
            pace = self._add_pace(model_id, url)
        if first_chunk_s is None:
            pace.whole.add(total_s, now)
        elif is_cold:
            pace.cold_first_chunk.add(first_chunk_s, now)
        else:
            pace.first_chunk.add(first_chunk_s, now)
        if output_tokens is not None and output_tokens >= LEAST_TOKENS and total_s > 0:
            pace.throughput.add(output_tokens / total_s, now)

    def find(self, model_id: str) -> Estimate | None:
        """Return what is known of a model, of the place where it was called last; `None` where nothing is."""
        places = self._paces.get(model_id)
        if not places:
            return None
        now = self._clock()
        pace = max(list(places.values()), key=_last_use)
        estimate = Estimate(
            first_chunk_s=pace.first_chunk.read(now),
            cold_first_chunk_s=pace.cold_first_chunk.read(now),
            total_s=pace.whole.read(now),
            tokens_per_s=pace.throughput.read(now),
            count=pace.first_chunk.count + pace.cold_first_chunk.count + pace.whole.count,
        )
        return None if estimate.latency_s is None and estimate.tokens_per_s is None else estimate

    def _add_pace(self, model_id: str, url: str) -> Pace:
        places = self._paces.get(model_id)
        if places is None:
            if len(self._paces) >= _MOST_KEPT:
                self._forget_oldest()
            places = self._paces.setdefault(model_id, {})
        if len(places) >= _MOST_KEPT:
            places.clear()
        return places.setdefault(url, Pace(Average(), Average(), Average(), Average()))

    def _forget_oldest(self) -> None:
        """Drop the half that was used least recently."""
        ages = sorted(self._paces.copy().items(), key=lambda item: max(map(_last_use, item[1].values()), default=0.0))
        for model_id, _ in ages[: _MOST_KEPT // 2]:
            self._paces.pop(model_id, None)


def _last_use(pace: Pace) -> float:
    return max(pace.first_chunk.updated, pace.cold_first_chunk.updated, pace.whole.updated)
