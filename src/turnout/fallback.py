"""Which candidate is tried next: the order of a fallback list, and a rest for candidates that keep failing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from turnout.errors import (
    AllCandidatesFailedError,
    APIConnectionError,
    APITimeoutError,
    RateLimitError,
    ResponseError,
    ServerError,
    StreamError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnout.errors import TurnoutError
    from turnout.responses import Attempt
    from turnout.routing.model import Candidate

FAILURES_BEFORE_REST = 3
"""A candidate rests after so many calls in a row that failed on it."""

REST_S = 30.0
"""How long a candidate rests, in seconds; then one call tries it again, and one more failure sends it back to rest."""


_ITS_OWN_FAULTS = (ServerError, RateLimitError, APIConnectionError, APITimeoutError, ResponseError, StreamError)

_MOST_KEPT = 256


class Cooldowns:
    """Which candidates keep failing. A resting candidate is tried after all others, and never left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}

    def order(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return `candidates` with those that rest moved to the end, the order kept otherwise."""
        if len(candidates) == 1 or not self._failures:
            return list(candidates)
        return sorted(candidates, key=self.is_resting)

    def is_resting(self, candidate: Candidate) -> bool:
        """Whether `candidate` failed so often that others go first."""
        count, rests_until = self._failures.get(_key(candidate), (0, 0.0))
        return count >= FAILURES_BEFORE_REST and self._clock() < rests_until

    def note_failure(self, candidate: Candidate, error: TurnoutError) -> None:
        """Count a call that failed on `candidate` by a fault of its own; a wrong key, say, is the caller's."""
        if not isinstance(error, _ITS_OWN_FAULTS) or (isinstance(error, APITimeoutError) and error.kind == "total"):
            return
        now = self._clock()
        if len(self._failures) >= _MOST_KEPT:
            self._failures = {key: kept for key, kept in self._failures.items() if kept[1] > now}
        count = self._failures.get(_key(candidate), (0, 0.0))[0]
        self._failures[_key(candidate)] = (count + 1, now + REST_S)

    def note_success(self, candidate: Candidate) -> None:
        """Forget the failures of `candidate`."""
        if self._failures:
            self._failures.pop(_key(candidate), None)


def _key(candidate: Candidate) -> str:
    if isinstance(candidate.model, str):
        return candidate.model
    return f"{candidate.model.url} {candidate.model.provider} {candidate.model.id}"


def summarise_failures(errors: Sequence[tuple[Candidate, TurnoutError]], attempts: Sequence[Attempt]) -> TurnoutError:
    """Return the error to raise when no candidate is left: the one error, or one that holds them all."""
    last = errors[-1][1]
    if len(errors) == 1:
        last.attempts = tuple(attempts)
        return last
    lines = "".join(f"\n  {candidate.label}: {error.message}" for candidate, error in errors)
    reached = next((error for _, error in reversed(errors) if error.status is not None), last)
    failure = AllCandidatesFailedError(
        f"all {len(errors)} candidates failed; mend one of them:{lines}",
        provider=reached.provider, model=reached.model, url=reached.url, status=reached.status, body=reached.body,
        request_id=reached.request_id, attempts=attempts,
    )  # fmt: skip
    failure.is_retryable = any(error.is_retryable for _, error in errors)
    return failure
