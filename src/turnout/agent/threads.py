"""Coroutines from sync code: on an event loop of the calling thread's own, or beside a loop that already runs there."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import weakref
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

_T = TypeVar("_T")


class OwnLoop:
    """An event loop that belongs to one thread and closes with it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._process = os.getpid()
        self._thread = threading.get_ident()
        self._close = weakref.finalize(self, _close_loop, self._loop, self._process)

    @property
    def is_usable(self) -> bool:
        """Whether the loop is open and of this process (a fork inherits it and must not use it)."""
        return self._process == os.getpid() and not self._loop.is_closed()

    @property
    def is_idle(self) -> bool:
        """Whether the calling thread may run it now: it is this thread's, and no loop is running here."""
        if not self.is_usable or self._thread != threading.get_ident():
            return False
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return True
        return False

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run `coroutine` to its end; an interrupt (Ctrl-C) cancels it first, so that its connection is closed."""
        task = self._loop.create_task(self._run_and_stop(coroutine))
        try:
            self._run_until_done(task)
        except BaseException:
            task.cancel()
            self._run_until_done(task)
            raise
        return task.result()

    async def _run_and_stop(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Stop the loop in the step that ends the task: `run_until_complete` needs two more things to run for that."""
        try:
            return await coroutine
        finally:
            self._loop.stop()

    def _run_until_done(self, task: asyncio.Task[Any]) -> None:
        while not task.done():  # somebody else may stop the loop
            self._loop.run_forever()


def _close_loop(loop: asyncio.AbstractEventLoop, process: int) -> None:
    """Close a loop whose thread has ended, or drops it; another loop may be running in the thread that does this."""
    if loop.is_closed() or loop.is_running() or process != os.getpid():
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    else:
        closer = threading.Thread(target=_close_loop, args=(loop, process))
        closer.start()
        closer.join()


class BackgroundLoop:
    """An event loop in a thread of its own, for callers in whose thread a loop is already running.

    A call that is made on such a loop (a model function that asks another agent) needs a further one, as the first
    waits for it: they are kept by depth.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.process = os.getpid()
        self._thread = threading.Thread(target=self._loop.run_forever, name="turnout-loop", daemon=True)
        self._thread.start()
        atexit.register(self._stop)

    is_idle = False
    """Whether it has to be run for what is on it to go on: it runs by itself."""

    def is_loop(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether `loop` is this one."""
        return self._loop is loop

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run `coroutine` there and wait for it; an interrupt cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _stop(self) -> None:
        if self.process != os.getpid():
            return
        with contextlib.suppress(TimeoutError):  # a call that never ends does not keep the program from ending
            asyncio.run_coroutine_threadsafe(self._loop.shutdown_asyncgens(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()


class _Loops(threading.local):
    """The loop of each thread, and the one background loop of the process."""

    own: OwnLoop | None = None


_loops = _Loops()
_background: list[BackgroundLoop] = []
_background_lock = threading.Lock()


def find_loop() -> OwnLoop | BackgroundLoop:
    """Return the loop on which sync code of this thread runs its coroutines."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        own = _loops.own
        if own is None or not own.is_usable:
            own = _loops.own = OwnLoop()
        return own
    with _background_lock:
        if _background and _background[0].process != os.getpid():
            _background.clear()
        depth = next((number for number, other in enumerate(_background, 1) if other.is_loop(running)), 0)
        if depth == len(_background):
            _background.append(BackgroundLoop())
        return _background[depth]
