"""One connection to Postgres: its tables, transactions, a lost connection made anew, errors that say the cure."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict

from turnout.errors import ThreadStoreError, redact_text

if TYPE_CHECKING:
    from collections.abc import Generator

Cursor = psycopg.Cursor[tuple[Any, ...]]

_MAKING_LOCK = 0x7475726E6F7574  # "turnout": held while the tables are made
_HAS_TABLES = "SELECT to_regclass('turnout_messages') IS NOT NULL"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS turnout_threads (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id text NOT NULL,
    thread text NOT NULL,
    length bigint NOT NULL,
    updated_at double precision NOT NULL,
    summary text,
    summary_upto bigint NOT NULL DEFAULT 0,
    UNIQUE (agent_id, thread)
);
CREATE TABLE IF NOT EXISTS turnout_messages (
    thread_id bigint NOT NULL REFERENCES turnout_threads (id) ON DELETE CASCADE,
    position bigint NOT NULL,
    format integer NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (thread_id, position)
);
"""
_DEFAULTS = {"connect_timeout": "10", "tcp_user_timeout": "30000", "application_name": "turnout"}
_READ_ONLY = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Session:
    """A connection that is made when it is used, for one thread at a time; used by `transaction` alone.

    Every method raises `ThreadStoreError`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    @contextlib.contextmanager
    def transaction(self, *, is_read_only: bool = False) -> Generator[Cursor]:
        """Hold a transaction for the length of a `with` block; one that only reads sees a single moment."""
        try:
            with self._begin(_READ_ONLY if is_read_only else "SELECT 1") as connection, connection.cursor() as cursor:
                yield cursor
                connection.commit()
        except psycopg.Error as error:
            raise self._describe(error) from None  # the driver's own error may quote the URL, with its password

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextlib.contextmanager
    def _begin(self, statement: LiteralString) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
        connection = self._connection
        try:
            if connection is None:
                connection = self._connect()
            connection.execute(statement)  # it opens the transaction
        except psycopg.OperationalError:
            if self._connection is None:
                raise
            self.close()  # it was lost while it was idle, and nothing was asked of it: once more
            connection = self._connect()
            connection.execute(statement)
        try:
            yield connection
        except BaseException:
            with contextlib.suppress(psycopg.Error):  # a lost connection has rolled back already
                connection.rollback()
            raise

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        asked = conninfo_to_dict(self._url)
        added = {name: value for name, value in _DEFAULTS.items() if name not in asked}
        # nothing prepared on the server: PgBouncer may give each transaction another connection
        connection = psycopg.connect(self._url, prepare_threshold=None, **added)  # pyright: ignore[reportArgumentType]
        try:
            _make_tables(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _describe(self, error: psycopg.Error) -> ThreadStoreError:
        place, secrets = "Postgres", [self._url]
        with contextlib.suppress(psycopg.Error):
            asked = conninfo_to_dict(self._url)
            secrets += [str(asked[name]) for name in ("password", "sslpassword", "passfile") if asked.get(name)]
            place = f"Postgres at {asked.get('host') or 'the local socket'}"
        if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
            said, cure = "the URL cannot be read", 'give one such as "postgresql://user@host:5432/database"'
        else:
            said = redact_text(" ".join(str(error).split()), secrets)
            cure = _find_cure(error)
        made = ThreadStoreError(f"the threads in {place} cannot be read or written ({said}): {cure}")
        made.is_retryable = isinstance(error, psycopg.OperationalError)
        return made


def _make_tables(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    row = connection.execute(_HAS_TABLES).fetchone()
    if row is None or not row[0]:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING_LOCK,))  # IF NOT EXISTS alone is a race
        connection.execute(_SCHEMA)
    connection.commit()


def _find_cure(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "let the user create tables in the schema, or make `turnout_threads` and `turnout_messages` its own"
    if isinstance(error, (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory)):
        return "the server is out of room: free some"
    if isinstance(error, psycopg.OperationalError):
        return "check that the server runs, and the URL, the user and the password"
    return "check the tables `turnout_threads` and `turnout_messages`, and update turnout if a later version made them"
