"""The file of threads: where it is, who may read it, and what it survives."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from turnout.errors import ConfigurationError, InvalidInputError, ThreadStoreError
from turnout.memory import SQLiteStore, workers
from turnout.memory.memory import default_store
from turnout.memory.sqlite_session import APPLICATION_ID, raise_for
from turnout.messages import Message

PROGRAM = str(Path(__file__).with_name("writer_program.py"))
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="permissions, limits and forks are those of Unix")


def run_program(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> list[str]:
    out, problem = process.communicate(timeout=120)
    assert problem == ""
    return out.splitlines()


def succeeds(*command: object) -> bool:
    return subprocess.run(list(map(str, command)), capture_output=True).returncode == 0


def files_of(path: Path) -> list[Path]:
    return list(path.parent.glob(f"{path.name}*"))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def read_texts(path: Path) -> list[str]:
    store = SQLiteStore(path)
    messages = (await store.load("agent", "thread")).messages
    await store.close()
    return [message.text for message in messages]


async def test_the_file_is_in_the_data_folder_and_the_users_alone(tmp_path: Path) -> None:
    store = SQLiteStore()
    folder = Path(os.environ["XDG_DATA_HOME"]) / "turnout"
    assert not folder.exists()

    await store.append("agent", "thread", [Message.user("Hi")])

    assert store.path == folder / "threads.db"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    await store.close()
    assert [file.name for file in folder.iterdir()] == ["threads.db"]


async def test_the_data_folder_may_change_while_the_store_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = default_store()
    await store.append("agent", "thread", [Message.user("Hi")])
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another"))

    assert (await store.load("agent", "thread")).length == 0
    assert (tmp_path / "another" / "turnout" / "threads.db").exists()
    await store.close()


async def test_no_home_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    from turnout import paths

    paths._join.cache_clear()  # pyright: ignore
    with pytest.raises(ConfigurationError, match="XDG_DATA_HOME"):
        await SQLiteStore().load("agent", "thread")
    paths._join.cache_clear()  # pyright: ignore


async def test_a_relative_path_is_that_of_the_folder_where_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SQLiteStore("mine.db")
    place = Path.cwd()
    monkeypatch.chdir(tmp_path)
    await store.append("agent", "thread", [Message.user("Hi")])
    await store.close()

    assert (place / "mine.db").exists()
    assert repr(store) == f"SQLiteStore('{place}/mine.db')"
    assert repr(SQLiteStore()) == "SQLiteStore()"


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_path_that_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(InvalidInputError, match="InMemoryStore"):
        SQLiteStore(path)


async def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    acknowledged: list[str] = []
    for number in range(12):
        process = run_program("write", path, f"w{number}", 100_000, 2_000)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(random.randint(1, 12))]
        await asyncio.sleep(random.random() * 0.02)
        process.kill()
        with process, process.stdout as out:
            rest = out.read()  # `communicate` would pass over what `readline` has read ahead
        acknowledged += "".join([*lines, rest]).split()

    told = [text.rstrip("x") for text in await read_texts(path)]

    batches = [told[start : start + 3] for start in range(0, len(told), 3)]
    assert all(batch == [f"{batch[0][:-2]}.{part}" for part in range(3)] for batch in batches)
    kept = [batch[0][:-2] for batch in batches]
    assert [name for name in kept if name in set(acknowledged)] == acknowledged
    assert len(kept) - len(acknowledged) <= 12  # the last batch of each may have been written and not told
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


async def test_several_processes_begin_and_append_at_once(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    processes = [run_program("write", path, f"p{number}", 40, 10) for number in range(6)]
    for process in processes:
        assert len(finish(process)) == 40

    told = [text.rstrip("x") for text in await read_texts(path)]

    assert len(told) == 6 * 40 * 3
    for number in range(6):
        own = [text for text in told if text.startswith(f"p{number}.")]
        assert own == [f"p{number}.{batch}.{part}" for batch in range(40) for part in range(3)]
    batches = [told[start : start + 3] for start in range(0, len(told), 3)]
    assert all(batch == [f"{batch[0][:-2]}.{part}" for part in range(3)] for batch in batches)


async def test_a_file_that_may_not_grow_keeps_what_it_has_and_goes_on_later(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    lines = finish(run_program("fail", path, 400_000))

    done, _, said = lines[0].partition(" ")
    assert int(done) > 3
    assert "free some room" in said or "check the disk and the quota" in said
    assert lines[1] == str(2 * int(done) + 1)
    texts = await read_texts(path)
    assert [len(text) for text in texts] == [20_000, 3] * int(done) + [5]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
async def test_a_full_disk_keeps_what_it_has_and_says_so(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not succeeds("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk):
        pytest.skip("no small disk can be mounted here")
    try:
        store = SQLiteStore(disk / "threads.db")
        done = 0
        with pytest.raises(ThreadStoreError, match="the disk is full: free some room"):
            while True:
                await store.append("agent", "thread", [Message.user("x" * 20_000), Message.user("end")])
                done += 1
        assert done > 3
        assert succeeds("mount", "-o", "remount,size=4m", disk)
        assert await store.append("agent", "thread", [Message.user("after")]) == 2 * done + 1
        assert len((await store.load("agent", "thread")).messages) == 2 * done + 1
        await store.close()
    finally:
        assert succeeds("umount", disk)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes a user who may not write")
@pytest.mark.parametrize("does_exist", [True, False])
async def test_a_folder_that_may_not_be_written_is_told(does_exist: bool) -> None:
    folder = Path("/tmp") / f"turnout-test-{os.getpid()}-{does_exist}"  # others may enter it
    folder.mkdir(mode=0o755)
    try:
        path = folder / "threads.db"
        if does_exist:
            store = SQLiteStore(path)
            await store.append("agent", "thread", [Message.user("x")])
            await store.close()
            path.chmod(0o644)
        lines = finish(run_program("drop", path))
    finally:
        shutil.rmtree(folder)

    assert len(lines) == 2
    assert all(str(path) in line and line.endswith("name another file, SQLiteStore(path=…)") for line in lines)
    assert all("make the folder and the file writable" in line for line in lines)


async def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ThreadStoreError, match="make the folder and the file writable"):
        await SQLiteStore(tmp_path / "file" / "threads.db").load("agent", "thread")


async def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    path.write_text("my diary, " * 1000)
    store = SQLiteStore(path)

    with pytest.raises(ThreadStoreError, match="restore it or move it away"):
        await store.append("agent", "thread", [Message.user("x")])
    assert path.read_text() == "my diary, " * 1000

    path.unlink()
    assert await store.append("agent", "thread", [Message.user("x")]) == 1
    await store.close()


async def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    store = SQLiteStore(path)
    await store.append("agent", "thread", [Message.user("x" * 500)] * 100)
    await store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 8)

    with pytest.raises(ThreadStoreError, match="restore it or move it away"):
        await store.load("agent", "thread")
    await store.close()


async def test_a_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE threads (x)")
    connection.commit()
    connection.close()

    with pytest.raises(ThreadStoreError, match="another program: name another file"):
        await SQLiteStore(path).append("agent", "thread", [Message.user("x")])

    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("threads",)]
    connection.close()


@pytest.mark.parametrize(
    "statement", ["PRAGMA user_version = 2", "UPDATE messages SET format = 2", "UPDATE messages SET body = '{'"]
)
async def test_what_a_later_version_wrote_is_told(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "threads.db"
    store = SQLiteStore(path)
    await store.append("agent", "thread", [Message.user("x")])
    await store.close()
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()

    with pytest.raises(ThreadStoreError, match="update"):
        await store.load("agent", "thread")
    await store.close()


async def test_a_lock_that_is_held_too_long_is_told_and_may_be_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    store = SQLiteStore(path, busy_timeout_s=0.05)
    await store.append("agent", "thread", [Message.user("1")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(ThreadStoreError, match="another process holds its lock") as caught:
        await store.append("agent", "thread", [Message.user("2")])
    assert caught.value.is_retryable
    assert (await store.load("agent", "thread")).length == 1  # readers do not wait

    other.execute("COMMIT")
    other.close()
    assert await store.append("agent", "thread", [Message.user("2")]) == 2
    await store.close()


async def test_a_file_that_is_just_made_by_another_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    store = SQLiteStore(path)
    waiting = asyncio.create_task(store.append("agent", "thread", [Message.user("1")]))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()

    assert await waiting == 1
    await store.close()

    other = sqlite3.connect(tmp_path / "never.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ThreadStoreError, match="another process holds its lock"):
        await SQLiteStore(tmp_path / "never.db", busy_timeout_s=0.05).load("agent", "thread")
    other.close()


async def test_a_file_that_was_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    store = SQLiteStore(path)
    await store.append("agent", "thread", [Message.user("1")])
    for file in files_of(path):
        file.unlink()

    assert await store.append("agent", "thread", [Message.user("2")]) == 1
    await store.close()
    assert await read_texts(path) == ["2"]


async def test_what_was_deleted_is_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    store = SQLiteStore(path)
    await store.append("agent", "thread", [Message.user("my secret" * 400)])
    await store.delete("agent", "thread")

    assert all(b"my secret" not in file.read_bytes() for file in files_of(path))
    await store.close()


async def test_the_newest_of_a_long_thread_are_found_by_the_index(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    store = SQLiteStore(path)
    await store.append("agent", "thread", [Message.user(str(number)) for number in range(10_000)])
    history = await store.load("agent", "thread", last=50)
    assert [message.text for message in history.messages] == [str(number) for number in range(9_950, 10_000)]
    await store.close()

    from turnout.memory.sqlite import _NEWEST  # pyright: ignore

    connection = sqlite3.connect(path)
    steps = connection.execute(f"EXPLAIN QUERY PLAN {_NEWEST}", (1, 0, 50)).fetchall()
    connection.close()
    assert [step[3] for step in steps] == [
        "SEARCH messages USING INDEX sqlite_autoindex_messages_1 (thread_id=? AND position>?)"
    ]


def fork(work: object) -> int:
    context = multiprocessing.get_context("fork")
    child = context.Process(target=work)  # pyright: ignore
    child.start()
    child.join(60)
    return child.exitcode if child.exitcode is not None else -1


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_and_its_parent_both_go_on(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    store = SQLiteStore(path)
    asyncio.run(store.append("agent", "thread", [Message.user("before")]))

    def work() -> None:
        asyncio.run(store.append("agent", "thread", [Message.user("child")]))
        asyncio.run(store.close())

    assert fork(work) == 0
    assert asyncio.run(store.append("agent", "thread", [Message.user("parent")])) == 3
    asyncio.run(store.close())


def is_busy(store: SQLiteStore) -> bool:
    workers = store._workers  # pyright: ignore
    crew = workers._crew if workers is not None else None  # pyright: ignore
    return crew is not None and any(member.busy.locked() for member in crew.members)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_does_not_wait_for_ever_for_a_busy_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_PATIENCE_S", 0.05)
    path = tmp_path / "threads.db"
    store = SQLiteStore(path)
    asyncio.run(store.append("agent", "thread", [Message.user("before")]))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer = threading.Thread(target=lambda: asyncio.run(store.append("agent", "thread", [Message.user("late")])))
    writer.start()
    wait_until(lambda: is_busy(store))

    def work() -> None:
        assert asyncio.run(store.load("agent", "thread")).length == 1
        asyncio.run(store.close())

    assert fork(work) == 0
    other.execute("COMMIT")
    other.close()
    writer.join()
    assert asyncio.run(store.load("agent", "thread")).length == 2
    asyncio.run(store.close())


def count_threads() -> int:
    return sum(thread.name == "turnout-threads" for thread in threading.enumerate())


async def test_an_idle_store_holds_neither_file_nor_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IDLE_S", 0.05)
    before = count_threads()
    store = SQLiteStore(tmp_path / "threads.db")
    await store.append("agent", "thread", [Message.user("1")])
    wait_until(lambda: count_threads() <= before and not (tmp_path / "threads.db-wal").exists())

    assert await store.append("agent", "thread", [Message.user("2")]) == 2
    await store.close()


async def test_a_forgotten_store_closes_its_file(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "threads.db")
    await store.append("agent", "thread", [Message.user("1")])
    assert (tmp_path / "threads.db-wal").exists()
    del store
    gc.collect()
    wait_until(lambda: not (tmp_path / "threads.db-wal").exists())


def test_the_end_of_the_process_closes_the_file_and_warns_of_nothing(tmp_path: Path) -> None:
    code = (
        "import asyncio; from turnout.memory import SQLiteStore; from turnout.messages import Message\n"
        "store = SQLiteStore('threads.db')\n"
        "asyncio.run(store.append('a', 't', [Message.user('x')]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [file.name for file in tmp_path.glob("threads.db*")] == ["threads.db"]


async def test_no_thread_to_be_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    store = SQLiteStore(tmp_path / "threads.db")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(ThreadStoreError, match="no thread can be started"):
            await store.load("agent", "thread")

    assert (await store.load("agent", "thread")).length == 0
    await store.close()


@pytest.mark.parametrize(
    ("code", "cure", "is_retryable"),
    [
        (sqlite3.SQLITE_TOOBIG, "give its parts by URL", False),
        (sqlite3.SQLITE_IOERR_FSYNC, "check the disk and the quota", False),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "try again", True),
    ],
)
def test_rare_errors_have_their_cure(code: int, cure: str, is_retryable: bool) -> None:
    error = sqlite3.OperationalError("rare")
    error.sqlite_errorcode = code  # pyright: ignore

    with pytest.raises(ThreadStoreError, match=cure) as caught:
        raise_for(error, Path("threads.db"))
    assert caught.value.is_retryable is is_retryable


async def test_a_file_that_cannot_be_set_up_is_left_without_tables(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE messages (x)")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.commit()
    connection.close()

    with pytest.raises(ThreadStoreError, match="already exists"):
        await SQLiteStore(path).load("agent", "thread")

    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("messages",)]
    connection.close()


def test_nothing_is_made_before_a_store_works(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from turnout.memory import SQLiteStore, workers, sqlite_session
made = lambda: (workers._kept.cache_info().currsize, sqlite_session._making.cache_info().currsize)
store = SQLiteStore(sys.argv[1])
print(made())
asyncio.run(store.load("agent", "thread"))
print(made())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "t.db")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["(0, 0)", "(1, 1)"]
