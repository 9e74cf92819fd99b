"""The connections of one event loop: kept for reuse, closed when idle for long, when asked, and with the loop."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable

    from turnout.transport.connection import Connection


class Pool:
    """Connections by key (server and proxy), for the loop's own thread.

    While a limit is set, every connection (connecting, in use or idle) holds a slot of its key. Requests wait for one
    only while none is idle, and what comes free goes to the longest waiting, so that their order holds.
    """

    __slots__ = ("_forget", "_guard", "_idle", "_idle_s", "_limit", "_loop", "_open", "_timer", "_used", "_waiters")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, idle_s: float, limit: int | None, forget: Callable[[], object]
    ) -> None:
        self._loop = loop
        self._idle_s = idle_s
        self._limit = limit
        self._forget = forget
        self._idle: dict[str, list[Connection]] = {}  # the most recently used last
        self._open: set[Connection] = set()  # idle or in use
        self._used: dict[str, int] = {}  # slots taken, while a limit is set: connecting, in use and idle
        self._waiters: dict[str, deque[asyncio.Future[Connection | None]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._guard: AsyncGenerator[None] | None = None

    async def start_guard(self) -> None:
        """Have the pool closed when the loop ends: `asyncio.run` finishes every asynchronous generator first."""
        self._guard = _close_with_loop(self)
        await anext(self._guard)

    def take(self, key: str) -> Connection | None:
        """Return an idle connection, the most recently used first; `None` where there is none."""
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            if connection.idle_since + self._idle_s > monotonic():
                connection.is_reused = True
                return connection
            connection.abort()
        return None

    def reserve(self, key: str) -> asyncio.Future[Connection | None] | None:
        """Take a slot for a new connection; a future to wait on where none is free.

        The future gives a connection that another request has finished with, or `None`: the slot is then taken.
        """
        if self._limit is None:
            return None
        used = self._used.get(key, 0)
        if used < self._limit:
            self._used[key] = used + 1
            return None
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiters.setdefault(key, deque()).append(waiter)
        return waiter

    async def wait_turn(
        self, key: str, waiter: asyncio.Future[Connection | None], *, is_fresh: bool
    ) -> tuple[Connection | None, float]:
        """Wait for `waiter` of `reserve`: a connection or, for a slot, `None`; and the seconds that it took.

        With `is_fresh` a connection is closed and gives its slot.
        """
        start = monotonic()
        connection = await self._wait(key, waiter)
        while connection is not None and connection.is_closed:  # lost between the hand-over and now
            again = self.reserve(key)
            connection = None if again is None else await self._wait(key, again)
        if connection is not None and is_fresh:
            connection.holds_slot = False  # closing it gives its slot to nobody else
            connection.abort()
            connection = None
        return connection, max(monotonic() - start, 1e-9)

    async def _wait(self, key: str, waiter: asyncio.Future[Connection | None]) -> Connection | None:
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():  # given in the moment of the cancellation: to the next
                connection = waiter.result()
                if connection is None:
                    self.free_slot(key)
                elif not connection.is_closed:
                    self.release(connection)
            waiter.cancel()
            raise

    def free_slot(self, key: str) -> None:
        """Give back a slot whose connection was not opened, or is closed; the longest waiting request gets it."""
        if self._limit is None:
            return
        waiter = self._next_waiter(key)
        if waiter is not None:
            waiter.set_result(None)
            return
        used = self._used.get(key, 0) - 1
        if used > 0:
            self._used[key] = used
        else:
            self._used.pop(key, None)

    def add(self, connection: Connection) -> None:
        """Count `connection` among those that close with the loop."""
        self._open.add(connection)

    def release(self, connection: Connection) -> None:
        """Keep a connection whose exchange is over, or give it to the longest waiting request."""
        waiter = self._next_waiter(connection.key) if self._waiters else None
        if waiter is not None:
            connection.is_reused = True
            waiter.set_result(connection)
            return
        connection.idle_since = monotonic()
        key = connection.key
        idle = self._idle.get(key)
        if idle is None:
            self._idle[key] = [connection]
        else:
            idle.append(connection)
        if self._timer is None:
            self._timer = self._loop.call_later(self._idle_s, self._expire)

    def discard(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._open.discard(connection)
        idle = self._idle.get(connection.key)
        if idle is not None and connection in idle:
            idle.remove(connection)
        if connection.holds_slot:
            self.free_slot(connection.key)

    @property
    def is_abandoned(self) -> bool:
        """Whether nothing was used for so long that the loop must have stood still."""
        limit = monotonic() - 2 * self._idle_s
        idle = sum(map(len, self._idle.values()))
        return idle == len(self._open) and all(connection.idle_since < limit for connection in list(self._open))

    def close(self) -> None:
        """Close every connection, those in use too, and let the transport forget this pool."""
        guard, self._guard = self._guard, None
        if guard is not None:
            with suppress(StopIteration):  # the generator never waits, so that it can be finished here
                guard.aclose().send(None)

    def close_connections(self) -> None:
        """What `close` and the end of the loop have in common."""
        self._forget()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in list(self._open):
            connection.abort()

    def _next_waiter(self, key: str) -> asyncio.Future[Connection | None] | None:
        waiters = self._waiters.get(key)
        while waiters:
            waiter = waiters.popleft()
            if not waiters:
                del self._waiters[key]
            if not waiter.done():
                return waiter
        return None

    def _expire(self) -> None:
        """Close what has been idle too long, and look again when the next one will be."""
        self._timer = None
        oldest = now = monotonic()
        limit = now - self._idle_s
        for key, idle in list(self._idle.items()):
            while idle and idle[0].idle_since <= limit:
                idle[0].abort()  # which takes it out of the list
            if idle:
                oldest = min(oldest, idle[0].idle_since)
            else:
                del self._idle[key]
        if self._idle:
            self._timer = self._loop.call_later(oldest + self._idle_s - now, self._expire)


async def _close_with_loop(pool: Pool) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        pool.close_connections()
