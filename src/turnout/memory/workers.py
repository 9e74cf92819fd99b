"""Threads that own connections and do the jobs of a queue: blocking work off the event loop, whichever loop it is.

A connection lives as long as there is work: it closes after `IDLE_S` seconds without, when its store is closed or
forgotten, when the process ends, and before the process forks. A child of a fork opens its own.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import threading
import time
import weakref
from concurrent.futures import Future
from functools import cache
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from turnout.errors import ThreadStoreError

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE_S = 30.0
"""Seconds without work after which a connection is closed and its thread ends."""

_PATIENCE_S = 5.0
"""How long the end of the process, or a fork, waits for a job that is running."""


class Closable(Protocol):
    """What a worker owns: a connection, under any name."""

    def close(self) -> None:
        """Let go of it."""
        ...


_T = TypeVar("_T")
_C = TypeVar("_C", bound=Closable)


class Workers(Generic[_C]):
    """Up to `size` threads, each with a connection made by `connect`: ``await workers.run(lambda connection: …)``.

    `connect` must not refer to whoever holds the workers, or they would never be forgotten.
    """

    def __init__(self, connect: Callable[[], _C], *, size: int = 1) -> None:
        self._connect = connect
        self._size = size
        self._crew: _Crew[_C] | None = None

    async def run(self, job: Callable[[_C], _T]) -> _T:
        """Run `job` with a connection in a thread and return what it returns.

        Cancelled before it has begun it never runs; later it runs to its end, and nobody learns of the outcome.
        """
        future: Future[_T] = Future()

        def work(connection: _C) -> Callable[[], None]:
            result = job(connection)
            return lambda: future.set_result(result)

        self._find_crew().submit(future, work)
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Finish the jobs that wait, then close every connection; the next job opens one again."""
        crew, self._crew = self._crew, None
        if crew is not None and crew.process == os.getpid():
            await asyncio.to_thread(crew.stop, wait_s=None)

    def _find_crew(self) -> _Crew[_C]:
        crew = self._crew
        if crew is not None and crew.process == os.getpid():
            return crew
        crews = _find_crews()
        with crews.lock:
            if self._crew is None or self._crew.process != os.getpid():
                crew = self._crew = _Crew(self._connect, self._size)
                weakref.finalize(self, crew.dismiss).atexit = False  # `_Crews` stops it then, and waits
                crews.add(crew)
            return self._crew


class _Member(Generic[_C]):
    """One thread of a crew. `busy` is held while it works, so that whoever holds it may close the connection."""

    def __init__(self) -> None:
        self.busy = threading.Lock()
        self.connection: _C | None = None
        self.thread: threading.Thread | None = None

    def close_connection(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class _Crew(Generic[_C]):
    """The threads of one process for one store, and the queue of their jobs."""

    def __init__(self, connect: Callable[[], _C], size: int) -> None:
        self.process = os.getpid()
        self.members: list[_Member[_C]] = []
        self._connect = connect
        self._size = size
        self._jobs: queue.SimpleQueue[tuple[Future[object], Callable[[_C], Callable[[], None]]] | None]
        self._jobs = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0

    def submit(self, future: Future[_T], work: Callable[[_C], Callable[[], None]]) -> None:
        """Queue a job, and hire a thread for it where none is free and one may be added."""
        with self._lock:
            if not self.members or (len(self.members) < self._size and self._waiting <= self._jobs.qsize()):
                self._hire()
            self._jobs.put((future, work))  # pyright: ignore[reportArgumentType]  # only its outcome is set

    def dismiss(self) -> None:
        """Let every thread end after the jobs that wait; safe wherever a garbage collection may run."""
        for _ in range(self._size):
            self._jobs.put(None)

    def stop(self, wait_s: float | None) -> None:
        """Dismiss all, and wait for them."""
        deadline = None if wait_s is None else time.monotonic() + wait_s
        self.dismiss()
        for member in list(self.members):
            if member.thread is not None:
                member.thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def _hire(self) -> None:
        member: _Member[_C] = _Member()
        member.thread = threading.Thread(target=self._serve, args=(member,), name="turnout-threads", daemon=True)
        try:
            member.thread.start()
        except RuntimeError as error:
            if not self.members:
                raise ThreadStoreError(f"no thread can be started for the store of threads: {error}") from error
            return
        self.members.append(member)

    def _serve(self, member: _Member[_C]) -> None:
        while True:
            self._waiting += 1
            try:
                job = self._jobs.get(timeout=IDLE_S)
            except queue.Empty:
                job = None
            self._waiting -= 1
            if job is not None:
                self._do(member, *job)
                del job  # a result may be large, and the next job far
                continue
            with member.busy:
                member.close_connection()
            with self._lock:
                if not self._jobs.empty() and len(self.members) == 1:
                    continue  # it came while the last thread was about to leave
                self.members.remove(member)
            return

    def _do(self, member: _Member[_C], future: Future[object], work: Callable[[_C], Callable[[], None]]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            with member.busy:
                finish = self._work(member, work)
        except BaseException as error:  # noqa: BLE001 # boundary: it belongs to whoever waits for the job
            future.set_exception(error)
        else:
            finish()

    def _work(self, member: _Member[_C], work: Callable[[_C], Callable[[], None]]) -> Callable[[], None]:
        try:
            if member.connection is None:
                member.connection = self._connect()
            return work(member.connection)
        except BaseException:
            member.close_connection()  # whatever state it is in, the next job begins with a new one
            raise


class _Crews:
    """Every crew of the process: they end before it does, and hold no connection while it forks."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._all: weakref.WeakSet[_Crew[Closable]] = weakref.WeakSet()
        self._held: list[_Member[Closable]] = []
        self._left_behind: list[object] = []
        self._is_hooked = False

    def add(self, crew: _Crew[_C]) -> None:
        """Watch over `crew`; called with `lock` held."""
        self._all.add(crew)  # pyright: ignore[reportArgumentType]  # it is only stopped
        if self._is_hooked:
            return
        self._is_hooked = True
        atexit.register(self._stop)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._hold, after_in_parent=self._release, after_in_child=self._leave_behind)

    def _stop(self) -> None:
        for crew in list(self._all):
            if crew.process == os.getpid():
                crew.stop(wait_s=_PATIENCE_S)

    def _hold(self) -> None:
        """Close every connection: neither SQLite nor Postgres may be used on both sides of a fork."""
        self.lock.acquire()
        deadline = time.monotonic() + _PATIENCE_S
        for crew in list(self._all):
            for member in list(crew.members):
                if member.busy.acquire(timeout=max(0.0, deadline - time.monotonic())):
                    self._held.append(member)
                    member.close_connection()

    def _release(self) -> None:
        for member in self._held:
            member.busy.release()
        self._held.clear()
        self.lock.release()

    def _leave_behind(self) -> None:
        self._left_behind += self._all  # a connection that was busy is neither used nor closed here
        self._all = weakref.WeakSet()
        self._held.clear()
        self.lock = threading.Lock()


_kept = cache(dict[str, _Crews])
"""Filled by the first store that works. Both steps are C all the way, so that two threads get one and the same."""


def _find_crews() -> _Crews:
    kept = _kept()
    return kept.get("crews") or kept.setdefault("crews", _Crews())
