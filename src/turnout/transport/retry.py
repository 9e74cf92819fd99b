"""When to try again, how long to wait before, and what time a server has: no clock and no sleep of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from turnout.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from turnout.transport.seam import Headers

_MAX_DOUBLINGS = 60  # 2.0 ** 60 is far above any cap, and far below the overflow of a float


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often to retry and how long to wait: exponential back-off with full jitter, Retry-After obeyed.

    `max_retries` counts the tries after the first. The n-th retry waits between 0 and
    ``min(cap_s, base_s * 2 ** (n - 1))`` seconds. A server that asks for more than `max_retry_after_s` is not retried.
    Raises `InvalidInputError` for a negative or infinite number.
    """

    max_retries: int = 2
    base_s: float = 0.5
    cap_s: float = 8.0
    max_retry_after_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("max_retries", "base_s", "cap_s", "max_retry_after_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InvalidInputError(f"{name}={value!r} is no retry setting: pass a number of 0 or more")

    def delay_s(self, attempt: int, retry_after_s: float | None, random: Callable[[], float]) -> float | None:
        """Return the seconds to wait before the next try, or `None` when there shall be none.

        `attempt` is the number of tries that have failed, from 1. `retry_after_s` is what the server asked for: the
        wait is never shorter. `random` returns a float in [0, 1), such as `random.random`.
        """
        if attempt > self.max_retries:
            return None
        backoff = min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)) * random()
        if retry_after_s is None:
            return backoff
        if retry_after_s > self.max_retry_after_s:
            return None
        return max(retry_after_s, backoff)


def parse_retry_after(headers: Headers, now: float) -> float | None:
    """Return the seconds that the server asks to wait, never below 0; `None` where it does not say, or not readably.

    Reads ``retry-after-ms`` (milliseconds; sent by OpenAI and Azure), then ``retry-after`` in seconds or as an HTTP
    date (RFC 9110, section 10.2.3). `now` is the Unix time against which a date is measured.
    """
    milliseconds = _parse_number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _parse_number(text)
    if seconds is not None or text is None:
        return seconds
    return _parse_date(text, now)


def read_server_time(headers: Mapping[str, str]) -> float | None:
    """Return the Unix time by the server's own clock, its header ``date``; `None` where it tells none readably."""
    from email.utils import parsedate_to_datetime  # here, as below

    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _parse_number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _parse_date(text: str, now: float) -> float | None:
    from email.utils import mktime_tz, parsedate_tz  # here: dates are rare, and the import is not cheap

    try:
        parts = parsedate_tz(text)
        return None if parts is None else max(0.0, mktime_tz(parts) - now)
    except (ValueError, OverflowError):  # a date out of the calendar's range
        return None
