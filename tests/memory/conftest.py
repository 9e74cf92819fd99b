"""Stores of every kind, each empty, and a Postgres that runs for the whole session."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from postgres_server import run_server

from turnout.memory import InMemoryStore, PostgresStore, SQLiteStore, Store

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with run_server() as url:
        if url is None:
            pytest.skip("no Postgres server: neither PATH nor /usr/lib/postgresql has `postgres` and `initdb`")
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of a schema that nobody has used."""
    schema = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")  # pyright: ignore
    return f"{postgres_server}&options=-csearch_path%3D{schema}"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    kind = request.param
    if kind == "memory":
        made: Store = InMemoryStore()
    elif kind == "sqlite":
        made = SQLiteStore(tmp_path / "threads.db")
    else:
        made = PostgresStore(request.getfixturevalue("postgres_url"))
    yield made
    await made.close()
