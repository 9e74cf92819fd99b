"""Threads in Postgres, for many machines (extra `postgres`)."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from turnout.errors import ConfigurationError
from turnout.memory.records import FORMAT, encode_message, make_history
from turnout.memory.store import History, Summary, ThreadInfo, check_last, check_thread
from turnout.memory.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.memory.postgres_session import Session
    from turnout.messages import Message

_ADD_TO_THREAD = """
INSERT INTO turnout_threads AS t (agent_id, thread, length, updated_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (agent_id, thread) DO UPDATE SET length = t.length + excluded.length, updated_at = excluded.updated_at
RETURNING id, length
"""
_ADD_MESSAGE = "INSERT INTO turnout_messages (thread_id, position, format, body) VALUES (%s, %s, %s, %s)"
_FIND = "SELECT id, length, summary, summary_upto FROM turnout_threads WHERE agent_id = %s AND thread = %s"
_NEWEST = """
SELECT format, body FROM turnout_messages WHERE thread_id = %s AND position > %s ORDER BY position DESC LIMIT %s
"""
_SUMMARIZE = """
UPDATE turnout_threads SET summary = %s, summary_upto = %s
WHERE id = %s AND agent_id = %s AND thread = %s AND summary_upto < %s AND length >= %s
"""
_DELETE = "DELETE FROM turnout_threads WHERE agent_id = %s AND thread = %s"
_LIST = """
SELECT agent_id, thread, length, updated_at FROM turnout_threads
WHERE agent_id = coalesce(%s, agent_id) ORDER BY updated_at DESC, agent_id, thread
"""


class PostgresStore:
    """A `Store` in Postgres: ``PostgresStore("postgresql://user:password@host:5432/database")``.

    Needs psycopg 3: ``pip install "turnout[postgres]"``. The tables `turnout_threads` and `turnout_messages` are made
    in the user's first schema when they are missing. A batch is one transaction, and the row of its thread is locked
    while it runs, so batches of one thread wait for each other and those of others do not. Up to `max_connections` are
    open at once, each in a thread of its own, so the store serves any number of event loops; idle ones close after
    half a minute, a lost one is made anew. What the URL leaves out comes from libpq's variables (`PGPASSWORD`, …).
    Raises `ConfigurationError` where psycopg is missing.
    """

    def __init__(self, url: str, *, max_connections: int = 4) -> None:
        try:
            from turnout.memory.postgres_session import Session
        except ImportError as error:
            raise ConfigurationError(
                'PostgresStore needs the package psycopg: pip install "turnout[postgres]"'
            ) from error
        self._workers: Workers[Session] = Workers(partial(Session, url), size=max(1, max_connections))

    def __repr__(self) -> str:
        return "PostgresStore(…)"  # the URL may hold a password

    async def append(self, agent_id: str, thread: str, messages: Sequence[Message]) -> int:
        """Add `messages`, as `Store.append`."""
        check_thread(agent_id, thread)
        return await self._workers.run(partial(_append, agent_id, thread, tuple(messages)))

    async def load(
        self, agent_id: str, thread: str, *, last: int | None = None, after_summary: bool = False
    ) -> History:
        """Return the `last` messages, as `Store.load`."""
        check_thread(agent_id, thread)
        check_last(last)
        return await self._workers.run(partial(_load, agent_id, thread, last, after_summary))

    async def save_summary(self, agent_id: str, thread: str, summary: Summary) -> bool:
        """Keep `summary`, as `Store.save_summary`."""
        check_thread(agent_id, thread)
        return await self._workers.run(partial(_save_summary, agent_id, thread, summary))

    async def delete(self, agent_id: str, thread: str) -> bool:
        """Remove a thread, as `Store.delete`."""
        check_thread(agent_id, thread)
        return await self._workers.run(partial(_delete, agent_id, thread))

    async def list_threads(self, agent_id: str | None = None) -> list[ThreadInfo]:
        """Return the threads, as `Store.list_threads`."""
        return await self._workers.run(partial(_list_threads, agent_id))

    async def close(self) -> None:
        """Close the connections; the next use opens one again."""
        await self._workers.close()


def _append(agent_id: str, thread: str, messages: tuple[Message, ...], session: Session) -> int:
    bodies = [encode_message(message) for message in messages]
    with session.transaction() as cursor:
        if not bodies:
            row = cursor.execute(_FIND, (agent_id, thread)).fetchone()
            return row[1] if row else 0
        row = cursor.execute(_ADD_TO_THREAD, (agent_id, thread, len(bodies), time.time())).fetchone()
        thread_id, length = row or (0, 0)
        first = length - len(bodies) + 1
        rows = [(thread_id, position, FORMAT, body) for position, body in enumerate(bodies, first)]
        cursor.executemany(_ADD_MESSAGE, rows)
    return length


def _load(agent_id: str, thread: str, last: int | None, after_summary: bool, session: Session) -> History:
    with session.transaction(is_read_only=True) as cursor:
        row = cursor.execute(_FIND, (agent_id, thread)).fetchone()
        if row is None:
            return History()
        thread_id, _, _, upto = row
        rows = cursor.execute(_NEWEST, (thread_id, upto if after_summary else 0, last), binary=True).fetchall()
    return make_history(row, rows)


def _save_summary(agent_id: str, thread: str, summary: Summary, session: Session) -> bool:
    upto = summary.upto
    values = (summary.text.replace("\0", ""), upto, summary.thread_id, agent_id, thread, upto, upto)
    with session.transaction() as cursor:
        return cursor.execute(_SUMMARIZE, values).rowcount == 1


def _delete(agent_id: str, thread: str, session: Session) -> bool:
    with session.transaction() as cursor:
        return cursor.execute(_DELETE, (agent_id, thread)).rowcount == 1


def _list_threads(agent_id: str | None, session: Session) -> list[ThreadInfo]:
    with session.transaction(is_read_only=True) as cursor:
        rows = cursor.execute(_LIST, (agent_id,)).fetchall()
    return [ThreadInfo(agent_id=row[0], thread=row[1], length=row[2], updated_at=row[3]) for row in rows]
