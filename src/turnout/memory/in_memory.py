"""Threads in the memory of the process, for tests."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

from turnout.memory.records import FORMAT, decode_message, encode_message
from turnout.memory.store import History, Summary, ThreadInfo, check_last, check_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.messages import Message


class _Thread:
    def __init__(self, thread_id: int) -> None:
        self.thread_id = thread_id
        self.messages: list[bytes] = []
        self.summary: Summary | None = None
        self.updated_at = 0.0


class InMemoryStore:
    """A `Store` that ends with the process: ``Agent(model=…, memory=Memory(InMemoryStore()))``.

    Messages are kept as the JSON that the other stores write, so that a test meets the same limits.
    """

    def __init__(self) -> None:
        self._threads: dict[tuple[str, str], _Thread] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()  # agents may run on the loops of several threads

    async def append(self, agent_id: str, thread: str, messages: Sequence[Message]) -> int:
        """Add `messages`, as `Store.append`."""
        check_thread(agent_id, thread)
        bodies = [encode_message(message) for message in messages]
        with self._lock:
            kept = self._threads.get((agent_id, thread))
            if kept is None:
                if not bodies:
                    return 0
                kept = self._threads[agent_id, thread] = _Thread(next(self._ids))
            if bodies:
                kept.messages += bodies
                kept.updated_at = time.time()
            return len(kept.messages)

    async def load(
        self, agent_id: str, thread: str, *, last: int | None = None, after_summary: bool = False
    ) -> History:
        """Return the `last` messages, as `Store.load`."""
        check_thread(agent_id, thread)
        check_last(last)
        with self._lock:
            kept = self._threads.get((agent_id, thread))
            if kept is None:
                return History()
            length, summary = len(kept.messages), kept.summary
            start = summary.upto if after_summary and summary else 0
            bodies = kept.messages[start if last is None else max(start, length - last) :]
        messages = [decode_message(FORMAT, body) for body in bodies]
        return History(messages=messages, length=length, summary=summary, thread_id=kept.thread_id)

    async def save_summary(self, agent_id: str, thread: str, summary: Summary) -> bool:
        """Keep `summary`, as `Store.save_summary`."""
        check_thread(agent_id, thread)
        with self._lock:
            kept = self._threads.get((agent_id, thread))
            if kept is None or kept.thread_id != summary.thread_id:
                return False
            before = kept.summary.upto if kept.summary else 0
            if not before < summary.upto <= len(kept.messages):
                return False
            kept.summary = summary
            return True

    async def delete(self, agent_id: str, thread: str) -> bool:
        """Remove a thread, as `Store.delete`."""
        check_thread(agent_id, thread)
        with self._lock:
            return self._threads.pop((agent_id, thread), None) is not None

    async def list_threads(self, agent_id: str | None = None) -> list[ThreadInfo]:
        """Return the threads, as `Store.list_threads`."""
        with self._lock:
            infos = [
                ThreadInfo(agent_id=owner, thread=name, length=len(kept.messages), updated_at=kept.updated_at)
                for (owner, name), kept in self._threads.items()
                if agent_id in (None, owner)
            ]
        return sorted(infos, key=lambda info: (-info.updated_at, info.agent_id, info.thread))

    async def close(self) -> None:
        """Do nothing: the threads stay as long as the store."""
