"""One connection to the file of threads: making the file, its tables, transactions, and errors that say the cure."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from turnout.errors import ThreadStoreError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

APPLICATION_ID = 0x7475726E  # "turn": tells the file from those of other programs
SCHEMA_VERSION = 1

_SCHEMA = (
    """
    CREATE TABLE threads (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        agent_id TEXT NOT NULL,
        thread TEXT NOT NULL,
        length INTEGER NOT NULL,
        updated_at REAL NOT NULL,
        summary TEXT,
        summary_upto INTEGER NOT NULL DEFAULT 0,
        UNIQUE (agent_id, thread)
    )
    """,
    """
    CREATE TABLE messages (
        thread_id INTEGER NOT NULL REFERENCES threads (id),
        position INTEGER NOT NULL,
        format INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (thread_id, position)
    )
    """,
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
_making = cache(threading.Lock)  # the lock is made when the first file is; C all the way, so that threads get one
_PAUSE_S = 0.02


class Session:
    """An open file of threads, for one thread at a time; used by `transaction` alone.

    Every method raises `ThreadStoreError`.
    """

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    @contextlib.contextmanager
    def transaction(self, how: str) -> Generator[sqlite3.Connection]:
        """Hold a transaction (``"IMMEDIATE"`` to write, ``"DEFERRED"`` to read) for the length of a `with` block."""
        try:
            connection = self._find_connection()
            connection.execute(f"BEGIN {how}")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back already
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError, OverflowError) as error:
            raise_for(error, self._path)

    def forget_log(self) -> None:
        """Move what the write-ahead log holds into the file and empty it, unless somebody is reading."""
        with contextlib.suppress(sqlite3.Error):  # then the next checkpoint does it
            if self._connection is not None:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _find_connection(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity != _identify(self._path):
            self.close()  # the file was removed or replaced: what is written to the old one is lost
        if self._connection is None:
            self._connection = self._open()
            self._identity = _identify(self._path)
        return self._connection

    def _open(self) -> sqlite3.Connection:
        make_file(self._path)
        connection = sqlite3.connect(
            self._path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        _use_log(connection, time.monotonic() + self._busy_timeout_s)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        if _read_version(connection, self._path) == SCHEMA_VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _read_version(connection, self._path) == 0:  # else another process was first
                for statement in _SCHEMA:
                    connection.execute(statement)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def make_file(path: Path) -> None:
    """Make an empty file, and its folder, that only the user can read; leave those that are there as they are."""
    with _making():  # closing a file drops every lock that this process has on it, SQLite's among them
        if path.exists():
            return
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another process was first
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _identify(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _use_log(connection: sqlite3.Connection, deadline: float) -> None:
    """Turn on WAL mode; SQLite does not wait by itself where another process does the same just now."""
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _read_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the tables, 0 for an empty file. Raises `ThreadStoreError` for a file that is not ours."""
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if owner != APPLICATION_ID and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise ThreadStoreError(f"{path} is the database of another program: name another file, SQLiteStore(path=…)")
    if version > SCHEMA_VERSION:
        raise ThreadStoreError(
            f"{path} was written by a later turnout (schema {version}, this one reads {SCHEMA_VERSION}): "
            "update with `pip install -U turnout`, or name another file, SQLiteStore(path=…)"
        )
    return version


def _primary_code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bytes tell the kinds of one error apart


def raise_for(error: Exception, path: Path) -> NoReturn:
    """Raise the `ThreadStoreError` for what went wrong with the file `path`; it ends with the cure."""
    code = _primary_code(error)
    elsewhere = "name another file, SQLiteStore(path=…)"
    if code == sqlite3.SQLITE_FULL:
        cure = f"the disk is full: free some room, or {elsewhere}"
    elif code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        cure = "another process holds its lock: try again, or raise SQLiteStore(busy_timeout_s=…)"
    elif code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        cure = f"it is damaged, or no SQLite database: restore it or move it away, or {elsewhere}"
    elif code == sqlite3.SQLITE_TOOBIG:
        cure = "a message is over SQLite's limit of a gigabyte: give its parts by URL"
    elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM) or isinstance(error, OSError):
        cure = f"make the folder and the file writable, set XDG_DATA_HOME, or {elsewhere}"
    else:
        cure = f"check the disk and the quota, or {elsewhere}"
    made = ThreadStoreError(f"the threads in {path} cannot be read or written ({error}): {cure}")
    made.is_retryable = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    raise made from error
