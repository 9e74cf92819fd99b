"""Threads in one SQLite file, the store that is used where no other is named."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import InvalidInputError
from turnout.memory.records import FORMAT, encode_message, make_history
from turnout.memory.sqlite_session import Session
from turnout.memory.store import History, Summary, ThreadInfo, check_last, check_thread
from turnout.memory.workers import Workers
from turnout.paths import data_dir

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from sqlite3 import Connection

    from turnout.messages import Message

_ADD_TO_THREAD = """
INSERT INTO threads (agent_id, thread, length, updated_at) VALUES (?, ?, ?, ?)
ON CONFLICT (agent_id, thread) DO UPDATE SET length = length + excluded.length, updated_at = excluded.updated_at
"""
_ADD_MESSAGE = "INSERT INTO messages (thread_id, position, format, body) VALUES (?, ?, ?, ?)"
_FIND = "SELECT id, length, summary, summary_upto FROM threads WHERE agent_id = ? AND thread = ?"
_NEWEST = "SELECT format, body FROM messages WHERE thread_id = ? AND position > ? ORDER BY position DESC LIMIT ?"
_SUMMARIZE = """
UPDATE threads SET summary = ?, summary_upto = ?
WHERE id = ? AND agent_id = ? AND thread = ? AND summary_upto < ? AND length >= ?
"""
_LIST = "SELECT agent_id, thread, length, updated_at FROM threads"
_ORDER = " ORDER BY updated_at DESC, agent_id, thread"


class SQLiteStore:
    """A `Store` in one file: ``SQLiteStore()``, or ``SQLiteStore("threads.db")``; made when it is first used.

    Without `path` the file is ``threads.db`` in the user's data folder (`XDG_DATA_HOME`, ``~/.local/share/turnout``,
    macOS ``~/Library/Application Support/turnout``, Windows ``%LOCALAPPDATA%\\turnout``). A folder that is made for it
    is the user's alone (0700), as is the file (0600).

    Any number of processes may share the file: it is in WAL mode, and each batch is one transaction that takes the
    lock of writers at its beginning and waits for it up to `busy_timeout_s` seconds. `PRAGMA synchronous` is FULL, so
    a batch that was acknowledged is on the disk: neither ``kill -9`` nor a power cut takes it away
    (https://www.sqlite.org/pragma.html#pragma_synchronous). WAL needs a disk of the machine itself, no network share
    (https://www.sqlite.org/wal.html). What is deleted is overwritten.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, busy_timeout_s: float = 30.0) -> None:
        if path is not None and str(path) in ("", ":memory:"):
            raise InvalidInputError(f"SQLiteStore keeps a file, and {str(path)!r} is none: use InMemoryStore()")
        self._path = None if path is None else Path(path).expanduser().absolute()
        self._busy_timeout_s = busy_timeout_s
        self._workers: Workers[Session] | None = None
        self._opened: Path | None = None

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._path)!r})" if self._path else "SQLiteStore()"

    @property
    def path(self) -> Path:
        """The file. Raises `ConfigurationError` where none is named and no home folder is known."""
        return self._path or data_dir() / "threads.db"

    async def append(self, agent_id: str, thread: str, messages: Sequence[Message]) -> int:
        """Add `messages`, as `Store.append`."""
        check_thread(agent_id, thread)
        return await self._find_workers().run(partial(_append, agent_id, thread, tuple(messages)))

    async def load(
        self, agent_id: str, thread: str, *, last: int | None = None, after_summary: bool = False
    ) -> History:
        """Return the `last` messages, as `Store.load`; what it costs depends on their number alone."""
        check_thread(agent_id, thread)
        check_last(last)
        return await self._find_workers().run(partial(_load, agent_id, thread, last, after_summary))

    async def save_summary(self, agent_id: str, thread: str, summary: Summary) -> bool:
        """Keep `summary`, as `Store.save_summary`."""
        check_thread(agent_id, thread)
        return await self._find_workers().run(partial(_save_summary, agent_id, thread, summary))

    async def delete(self, agent_id: str, thread: str) -> bool:
        """Remove a thread, as `Store.delete`."""
        check_thread(agent_id, thread)
        return await self._find_workers().run(partial(_delete, agent_id, thread))

    async def list_threads(self, agent_id: str | None = None) -> list[ThreadInfo]:
        """Return the threads, as `Store.list_threads`."""
        return await self._find_workers().run(partial(_list_threads, agent_id))

    async def close(self) -> None:
        """Close the file; the next use opens it again."""
        workers, self._workers = self._workers, None
        if workers is not None:
            await workers.close()

    def _find_workers(self) -> Workers[Session]:
        path, workers = self.path, self._workers
        if workers is None or self._opened != path:  # `XDG_DATA_HOME` has changed
            workers = self._workers = Workers(partial(Session, path, self._busy_timeout_s))
            self._opened = path
        return workers


def _append(agent_id: str, thread: str, messages: tuple[Message, ...], session: Session) -> int:
    bodies = [encode_message(message) for message in messages]
    with session.transaction("IMMEDIATE") as connection:
        if bodies:
            connection.execute(_ADD_TO_THREAD, (agent_id, thread, len(bodies), time.time()))
        row = connection.execute(_FIND, (agent_id, thread)).fetchone()
        if row is None:
            return 0
        thread_id, length = row[:2]
        first = length - len(bodies) + 1
        rows = [(thread_id, position, FORMAT, body) for position, body in enumerate(bodies, first)]
        connection.executemany(_ADD_MESSAGE, rows)
    return length


def _load(agent_id: str, thread: str, last: int | None, after_summary: bool, session: Session) -> History:
    with session.transaction("DEFERRED") as connection:
        row = connection.execute(_FIND, (agent_id, thread)).fetchone()
        if row is None:
            return History()
        thread_id, _, _, upto = row
        start = upto if after_summary else 0
        rows = connection.execute(_NEWEST, (thread_id, start, -1 if last is None else last)).fetchall()
    return make_history(row, rows)


def _save_summary(agent_id: str, thread: str, summary: Summary, session: Session) -> bool:
    upto = summary.upto
    values = (summary.text, upto, summary.thread_id, agent_id, thread, upto, upto)
    with session.transaction("IMMEDIATE") as connection:
        return connection.execute(_SUMMARIZE, values).rowcount == 1


def _delete(agent_id: str, thread: str, session: Session) -> bool:
    with session.transaction("IMMEDIATE") as connection:
        row = connection.execute(_FIND, (agent_id, thread)).fetchone()
        if row is None:
            return False
        connection.execute("DELETE FROM messages WHERE thread_id = ?", row[:1])
        connection.execute("DELETE FROM threads WHERE id = ?", row[:1])
    session.forget_log()
    return True


def _list_threads(agent_id: str | None, session: Session) -> list[ThreadInfo]:
    with session.transaction("DEFERRED") as connection:
        rows = _select_threads(connection, agent_id)
    return [ThreadInfo(agent_id=row[0], thread=row[1], length=row[2], updated_at=row[3]) for row in rows]


def _select_threads(connection: Connection, agent_id: str | None) -> list[tuple[str, str, int, float]]:
    if agent_id is None:
        return connection.execute(_LIST + _ORDER).fetchall()
    return connection.execute(f"{_LIST} WHERE agent_id = ?{_ORDER}", (agent_id,)).fetchall()
