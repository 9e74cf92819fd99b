"""Pacing: a request waits here until the provider's rate limit has room for it, rather than be refused there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from functools import partial
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct

from turnout.call.rate_limits import read_rate_limits
from turnout.errors import RateLimitError
from turnout.routing.route import is_secret_header

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from turnout.routing.route import Route

_WINDOW_S = 60.0
_MARGIN_S = 0.25
"""Added to each window: requests do not take equally long to get there."""

_LEAST_RESET_S = 1.0
_MOST_LANES = 1024


class Slot(Struct):
    """The leave to send one request. `waited_s` is how long it took, `reason` the limit that it was for."""

    lane: Lane
    waited_s: float = 0.0
    reason: str = ""
    is_open: bool = True

    def close(self, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Say that the head of the answer is there, or, without a status, that none will come. Safe to repeat."""
        if self.is_open:
            self.is_open = False
            self.lane.note(status, headers or {})


class _Ticket:
    """A request that waits, and how it is woken."""

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] | None = None

    def wake(self) -> None:
        future = self.future
        if future is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(_finish, future)


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Lane:
    """The requests of one key to one model at one URL: first come, first served, over all tasks and threads.

    `per_minute` requests go in any 60 seconds (`None`: the catalog knows no limit). What the answers' headers tell of
    the server's own count holds as well.
    """

    def __init__(self, per_minute: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._lock = Lock()
        self._waiting: deque[_Ticket] = deque()
        self._sent: deque[float] = deque(maxlen=per_minute)
        self._under_way = 0
        self._left: int | None = None
        self._limit: int | None = None
        self._reset_at = 0.0
        self._reset_s = _LEAST_RESET_S
        self._blocked_until = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether it can be forgotten: nothing waits or is under way, and no limit holds."""
        now = self._clock()
        return not self._waiting and not self._under_way and self._delay(now, self._most - 1) <= 0

    @property
    def _most(self) -> int:
        return self.per_minute or 1

    async def wait(self, limit_s: float | None = None, tell: Callable[[float], object] | None = None) -> float:
        """Wait for the turn of one request; return the seconds that it took.

        `tell` is called before a wait, with the seconds that it will take as far as is known. Raises `TimeoutError`
        with the seconds needed, at once, where it would take longer than `limit_s`. Cancelling gives the turn to the
        next in line.
        """
        started = self._clock()
        with self._lock:
            self._drop_dead()
            delay_s = self._delay(started, len(self._waiting))
            if delay_s <= 0 and not self._waiting:
                self._take(started)
                return 0.0
            if limit_s is not None and delay_s > limit_s:
                raise TimeoutError(delay_s)
            ticket = _Ticket()
            self._waiting.append(ticket)
        try:
            if tell is not None:
                tell(delay_s)
            return await self._wait_turn(ticket, started, limit_s)
        finally:
            self._leave(ticket)

    async def _wait_turn(self, ticket: _Ticket, started: float, limit_s: float | None) -> float:
        while True:
            with self._lock:
                now = self._clock()
                self._drop_dead()
                is_first = self._waiting[0] is ticket
                delay_s = self._delay(now, 0 if is_first else self._waiting.index(ticket))
                if is_first and delay_s <= 0:
                    self._take(now)
                    return now - started
                ticket.future = ticket.loop.create_future()
            left_s = None if limit_s is None else limit_s - (now - started)
            if left_s is not None and left_s <= 0:
                raise TimeoutError(delay_s)
            pause_s = max(delay_s, 0.001) if is_first else delay_s + _LEAST_RESET_S
            await asyncio.wait([ticket.future], timeout=pause_s if left_s is None else min(pause_s, left_s))

    def note(self, status: int | None, headers: Mapping[str, str]) -> None:
        """Learn from the head of an answer; `status` is `None` where none came."""
        with self._lock:
            self._under_way = max(self._under_way - 1, 0)
            if status is not None:
                self._learn(status, headers)
            if self._waiting:
                self._waiting[0].wake()

    def _learn(self, status: int, headers: Mapping[str, str]) -> None:
        now = self._clock()
        told = read_rate_limits(headers, time.time())
        if told.retry_after_s is not None and status in (429, 503):
            self._blocked_until = max(self._blocked_until, now + told.retry_after_s)
        if told.tokens_left is not None and told.tokens_left <= 0 and told.tokens_reset_s is not None:
            self._blocked_until = max(self._blocked_until, now + told.tokens_reset_s)
        if told.requests_left is not None and told.requests_reset_s is not None:
            self._left = max(told.requests_left - self._under_way, 0)  # those under way may not be counted there yet
            self._limit = told.requests_limit
            self._reset_s = max(told.requests_reset_s, _LEAST_RESET_S)
            self._reset_at = now + told.requests_reset_s

    def _delay(self, now: float, position: int) -> float:
        """Return the seconds until the request at `position` in the line may go, as far as is known now."""
        ready = max(now, self._blocked_until)
        if self._left is not None and now < self._reset_at and position >= self._left:
            ready = max(ready, self._reset_at)
        if self.per_minute:
            rounds, place = divmod(position, self.per_minute)
            back = len(self._sent) + place - self.per_minute
            if back >= 0:
                ready = max(ready, self._sent[back] + _WINDOW_S + _MARGIN_S)
            ready += rounds * (_WINDOW_S + _MARGIN_S)
        return ready - now

    def _take(self, now: float) -> None:
        if self.per_minute:
            self._sent.append(now)
        self._under_way += 1
        if self._left is not None:
            if now >= self._reset_at:  # a new window, of which only its limit may be known
                self._left = self._limit or 1
                self._reset_at = now + self._reset_s
            self._left -= 1

    def _leave(self, ticket: _Ticket) -> None:
        """Take `ticket` out of the line and wake who is first now."""
        with self._lock:
            if ticket not in self._waiting:  # dropped: its event loop is gone
                return
            was_first = self._waiting[0] is ticket
            self._waiting.remove(ticket)
            if was_first and self._waiting:
                self._waiting[0].wake()

    def _drop_dead(self) -> None:
        """Drop those at the head of the line whose event loop ended without cancelling them."""
        while self._waiting and self._waiting[0].loop.is_closed():
            self._waiting.popleft()


class Pacer:
    """The lanes of one runtime."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._lanes: dict[tuple[str, str, bytes], Lane] = {}

    async def wait(self, route: Route, limit_s: float | None, limit_name: str) -> Slot:
        """Wait until a request to `route` may be sent; a line of the log ``turnout`` says so before it does.

        Raises `RateLimitError`, which is not retried, where that would take longer than `limit_s`.
        """
        lane = self.find_lane(route)
        reason = f"{lane.per_minute} requests a minute" if lane.per_minute else "what its headers told"
        try:
            return Slot(lane, await lane.wait(limit_s, partial(_tell_wait, route, reason)), reason)
        except TimeoutError as error:
            wait_s = float(error.args[0])
            failure = RateLimitError(
                f"the rate limit of `{route.provider}` ({reason}) has room for this call in {wait_s:.1f} s, and"
                f" `{limit_name}` allows {limit_s:.3g} s: raise it in timeouts=, call later, or name a fallback",
                code="paced",
                retry_after_s=wait_s,
            )
            failure.is_retryable = False
            raise failure from None

    def find_lane(self, route: Route) -> Lane:
        """Return the lane of `route`; the key in it is known by its hash alone."""
        credentials = "\n".join(f"{name}:{value}" for name, value in route.headers.items() if is_secret_header(name))
        if grant := route.grant:  # its tokens change, and the limits stay
            credentials = "\n".join((grant.secret, grant.client_id, grant.file))
        key = (route.url, route.model, blake2b(credentials.encode(), digest_size=16).digest())
        with self._lock:
            lane = self._lanes.get(key)
            if lane is None:
                if len(self._lanes) >= _MOST_LANES:
                    self._lanes = {key: kept for key, kept in self._lanes.items() if not kept.is_idle}
                quirks = route.quirks
                has_key = bool(route.secrets)
                per_minute = quirks.requests_per_minute if has_key else quirks.anonymous_requests_per_minute
                lane = self._lanes[key] = Lane(per_minute, self._clock)
            return lane


def _tell_wait(route: Route, reason: str, delay_s: float) -> None:
    """Say that a call is held back, while it is: the result tells it only afterwards."""
    told = "%s waits %.1f s for the rate limit of %s (%s)"
    logging.getLogger("turnout").info(told, route.asked, delay_s, route.provider, reason)
