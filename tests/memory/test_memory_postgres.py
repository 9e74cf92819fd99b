"""Threads in Postgres: what the contract does not ask of every store."""

from __future__ import annotations

import asyncio
import sys

import psycopg
import pytest

from turnout.errors import ConfigurationError, ThreadStoreError
from turnout.memory import PostgresStore
from turnout.messages import Message


def run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # pyright: ignore


async def test_many_begin_at_once_in_an_empty_schema(postgres_url: str) -> None:
    stores = [PostgresStore(postgres_url, max_connections=2) for _ in range(8)]

    lengths = await asyncio.gather(*[store.append("agent", "thread", [Message.user("x")]) for store in stores])

    assert sorted(lengths) == list(range(1, 9))
    await asyncio.gather(*[store.close() for store in stores])


async def test_a_lost_connection_is_made_anew(postgres_url: str) -> None:
    store = PostgresStore(postgres_url, max_connections=1)
    await store.append("agent", "thread", [Message.user("1")])
    run(
        postgres_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'turnout' AND pid <> pg_backend_pid()",
    )

    assert await store.append("agent", "thread", [Message.user("2")]) == 2
    await store.close()


async def test_a_connection_lost_in_the_middle_keeps_nothing_of_the_batch(postgres_url: str) -> None:
    store = PostgresStore(postgres_url, max_connections=2)
    await store.append("agent", "thread", [Message.user("1")])
    blocker = psycopg.connect(postgres_url)
    blocker.execute("SELECT * FROM turnout_threads FOR UPDATE")
    waiting = asyncio.create_task(store.append("agent", "thread", [Message.user("2"), Message.user("3")]))
    ended = 0
    while not ended:
        await asyncio.sleep(0.01)
        with psycopg.connect(postgres_url, autocommit=True) as other:
            ended = len(
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                ).fetchall()
            )
    with pytest.raises(ThreadStoreError, match="check that the server runs") as caught:
        await waiting
    assert caught.value.is_retryable
    blocker.close()

    assert (await store.load("agent", "thread")).length == 1
    assert await store.append("agent", "thread", [Message.user("2")]) == 2
    await store.close()


async def test_threads_of_other_names_do_not_wait(postgres_url: str) -> None:
    store = PostgresStore(postgres_url)
    await store.append("agent", "busy", [Message.user("1")])
    blocker = psycopg.connect(postgres_url)
    blocker.execute("SELECT * FROM turnout_threads FOR UPDATE")
    waiting = asyncio.create_task(store.append("agent", "busy", [Message.user("2")]))

    assert await store.append("agent", "free", [Message.user("1")]) == 1
    assert not waiting.done()
    blocker.rollback()
    blocker.close()
    assert await waiting == 2
    await store.close()


async def test_a_user_who_may_not_make_tables_is_told(postgres_server: str, postgres_url: str) -> None:
    run(postgres_server, "DROP ROLE IF EXISTS reader")
    run(postgres_server, "CREATE ROLE reader LOGIN")
    store = PostgresStore(postgres_server.replace("turnout@", "reader@"))

    with pytest.raises(ThreadStoreError, match="let the user create tables"):
        await store.append("agent", "thread", [Message.user("x")])
    await store.close()
    run(postgres_server, "DROP ROLE reader")


async def test_other_tables_of_these_names_are_told(postgres_url: str) -> None:
    run(postgres_url, "CREATE TABLE turnout_threads (x int); CREATE TABLE turnout_messages (x int)")
    store = PostgresStore(postgres_url)

    with pytest.raises(ThreadStoreError, match="check the tables"):
        await store.load("agent", "thread")
    await store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ann:hunter22@127.0.0.1:1/db?connect_timeout=2", "check that the server runs"),
        ("postgresql://ann:hunter22@127.0.0.1:1/db?sslmode=hunter22", "check that the server runs"),
        ("postgresql://ann:hunter22@127.0.0.1:port/db", "check that the server runs|the URL cannot be read"),
        ("postgresql://ann:hunter22@[::1/db", "the URL cannot be read"),
        ("host=127.0.0.1 password=hunter22 nonsense", "the URL cannot be read"),
    ],
)
async def test_a_server_that_cannot_be_reached_is_told_without_the_password(url: str, said: str) -> None:
    store = PostgresStore(url)
    with pytest.raises(ThreadStoreError, match=said) as caught:
        await store.load("agent", "thread")
    await store.close()

    seen: BaseException | None = caught.value
    while seen is not None:
        assert "hunter22" not in f"{seen!r} {seen}"
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    assert "hunter22" not in repr(store)


async def test_a_later_format_is_told(postgres_url: str) -> None:
    store = PostgresStore(postgres_url)
    await store.append("agent", "thread", [Message.user("x")])
    run(postgres_url, "UPDATE turnout_messages SET format = 2")

    with pytest.raises(ThreadStoreError, match="update with"):
        await store.load("agent", "thread")
    await store.close()


def test_a_missing_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "turnout.memory.postgres_session", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(ConfigurationError, match=r'pip install "turnout\[postgres\]"'):
        PostgresStore("postgresql://localhost/db")
