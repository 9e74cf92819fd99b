"""What every store must do: the same tests for each."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from turnout.errors import InvalidInputError
from turnout.memory import Store, Summary
from turnout.memory.store import MAX_KEY_BYTES
from turnout.messages import Audio, File, Image, Message, Reasoning, Refusal, ServerTool, Text, ToolCall, Video

EVERYTHING = [
    Message("user", [Text("Grüße 🚆\0\u2028"), Image(data=bytes(range(256))), Image(url="https://example.com/a.png")]),
    Message("user", [Audio(data=b"RIFF"), Video(data=b"\0"), File(data=b"%PDF-", name="a.pdf")], name="Ann"),
    Message(
        "assistant",
        [
            Reasoning("hm", [{"signature": "c2ln", "index": 0}], "somebody"),
            Text("I look."),
            ToolCall("call_1", "look", {"where": ["here", None, 1.5, 2**53]}),
            ToolCall("call_2", "look", {}, '{"cut'),
            ServerTool("search", {"results": [{"url": "x"}]}),
        ],
        provider_options={"somebody": {"cache": True}},
        provider="somebody",
    ),
    Message.tool("call_1", "nothing", name="look", is_error=True),
    Message("assistant", [Refusal("No.")]),
]


def user(*texts: object) -> list[Message]:
    return [Message.user(str(text)) for text in texts]


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


async def test_what_was_appended_comes_back_part_by_part(store: Store) -> None:
    assert await store.append("agent", "thread", EVERYTHING[:2]) == 2
    assert await store.append("agent", "thread", EVERYTHING[2:]) == 5

    history = await store.load("agent", "thread")

    assert history.messages == EVERYTHING
    assert (history.length, history.before, history.summary) == (5, 0, None)


async def test_a_thread_that_nobody_wrote_is_empty(store: Store) -> None:
    history = await store.load("agent", "nobody")

    assert (history.messages, history.length, history.thread_id) == ([], 0, 0)
    assert await store.append("agent", "nobody", []) == 0
    assert await store.list_threads() == []
    assert await store.delete("agent", "nobody") is False


async def test_an_empty_batch_changes_nothing(store: Store) -> None:
    await store.append("agent", "thread", user(1, 2))
    before = await store.list_threads()

    assert await store.append("agent", "thread", []) == 2
    assert await store.list_threads() == before


@pytest.mark.parametrize(("last", "expected"), [(0, []), (1, ["9"]), (3, ["7", "8", "9"]), (50, list("0123456789"))])
async def test_the_newest_are_loaded_oldest_first(store: Store, last: int, expected: list[str]) -> None:
    await store.append("agent", "thread", user(*range(10)))

    history = await store.load("agent", "thread", last=last)

    assert texts(history.messages) == expected
    assert (history.length, history.before) == (10, 10 - len(expected))


async def test_threads_are_told_apart_by_agent_and_name(store: Store) -> None:
    for agent, thread in [("a", "1"), ("a", "2"), ("b", "1"), ("a1", ""[:0] + "x"), ("A", "1")]:
        await store.append(agent, thread, user(f"{agent}/{thread}"))

    assert texts((await store.load("a", "1")).messages) == ["a/1"]
    assert texts((await store.load("b", "1")).messages) == ["b/1"]
    assert texts((await store.load("A", "1")).messages) == ["A/1"]
    assert {(info.agent_id, info.thread) for info in await store.list_threads("a")} == {("a", "1"), ("a", "2")}
    assert len(await store.list_threads()) == 5


async def test_the_list_has_the_last_written_first(store: Store) -> None:
    for thread in ("old", "new", "old"):
        await store.append("agent", thread, user(thread))

    infos = await store.list_threads("agent")

    assert [(info.thread, info.length) for info in infos] == [("old", 2), ("new", 1)]
    assert infos[0].updated_at >= infos[1].updated_at > 1_700_000_000


async def test_a_deleted_thread_is_gone_and_may_begin_again(store: Store) -> None:
    await store.append("agent", "thread", user(1, 2))
    await store.append("agent", "other", user(3))
    first = await store.load("agent", "thread")

    assert await store.delete("agent", "thread") is True
    assert (await store.load("agent", "thread")).messages == []
    assert await store.append("agent", "thread", user(4)) == 1

    again = await store.load("agent", "thread")
    assert texts(again.messages) == ["4"]
    assert again.thread_id != first.thread_id
    assert texts((await store.load("agent", "other")).messages) == ["3"]


async def test_a_summary_stands_for_the_oldest_messages(store: Store) -> None:
    await store.append("agent", "thread", user(*range(6)))
    thread_id = (await store.load("agent", "thread")).thread_id
    summary = Summary(text="zero to three 🚆", upto=4, thread_id=thread_id)

    assert await store.save_summary("agent", "thread", summary) is True

    history = await store.load("agent", "thread", after_summary=True)
    assert texts(history.messages) == ["4", "5"]
    assert history.summary == summary
    assert history.before == 4
    assert len((await store.load("agent", "thread")).messages) == 6
    assert texts((await store.load("agent", "thread", last=1, after_summary=True)).messages) == ["5"]
    assert texts((await store.load("agent", "thread", last=5, after_summary=True)).messages) == ["4", "5"]


async def test_only_a_longer_summary_of_the_same_thread_replaces_another(store: Store) -> None:
    await store.append("agent", "thread", user(*range(6)))
    thread_id = (await store.load("agent", "thread")).thread_id

    async def save(text: str, upto: int, of: int = thread_id, thread: str = "thread") -> bool:
        return await store.save_summary("agent", thread, Summary(text=text, upto=upto, thread_id=of))

    assert await save("three", 3) is True
    assert [await save("two", 2), await save("again", 3), await save("too long", 7)] == [False, False, False]
    assert [await save("another", 5, of=thread_id + 1), await save("x", 5, thread="none")] == [False, False]
    assert await save("five", 5) is True
    await store.delete("agent", "thread")
    await store.append("agent", "thread", user(*range(6)))
    assert await save("of the deleted thread", 6) is False
    assert (await store.load("agent", "thread")).summary is None


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * (MAX_KEY_BYTES + 1), None, 7])
async def test_a_name_that_cannot_be_kept_is_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidInputError, match="give"):
        await store.append("agent", name, user(1))
    with pytest.raises(InvalidInputError, match="give"):
        await store.load(name, "thread")
    with pytest.raises(InvalidInputError, match="give"):
        await store.delete("agent", name)
    assert await store.list_threads() == []


async def test_odd_names_are_kept(store: Store) -> None:
    for name in ("é" * (MAX_KEY_BYTES // 2), "'; DROP TABLE threads; --", "../../etc", " ", "%s %d {}", "Ω\n"):
        await store.append(name, name, user(1))
        assert texts((await store.load(name, name)).messages) == ["1"]


@pytest.mark.parametrize("part", [Text("\ud800"), ToolCall("1", "f", {"x": object()}), Image(path="cat.png")])
async def test_a_batch_with_what_json_cannot_hold_is_refused_whole(store: Store, part: Text) -> None:
    with pytest.raises(InvalidInputError, match="cannot be stored"):
        await store.append("agent", "thread", [*user(1), Message("assistant", [part]), *user(2)])
    with pytest.raises(InvalidInputError, match="no message"):
        await store.append("agent", "thread", [*user(1), "text"])  # pyright: ignore

    assert (await store.load("agent", "thread")).length == 0
    assert await store.append("agent", "thread", user(3)) == 1


async def test_a_negative_number_of_messages_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInputError, match="last is -1"):
        await store.load("agent", "thread", last=-1)


async def test_a_thousand_appends_at_once_keep_every_batch_whole(store: Store) -> None:
    async def write(run: int) -> None:
        for step in range(10):
            await store.append("agent", "thread", user(*[f"{run}.{step}.{part}" for part in range(3)]))

    await asyncio.gather(*[write(run) for run in range(100)])

    told = texts((await store.load("agent", "thread")).messages)
    assert len(told) == 3000
    batches = [told[start : start + 3] for start in range(0, 3000, 3)]
    assert all(batch == [f"{batch[0][:-2]}.{part}" for part in range(3)] for batch in batches)
    for run in range(100):
        assert [batch[0] for batch in batches if batch[0].startswith(f"{run}.")] == [f"{run}.{n}.0" for n in range(10)]


async def test_a_cancelled_append_is_whole_or_nothing_and_leaves_no_lock(store: Store) -> None:
    whole = 0
    for delay in range(60):
        task = asyncio.create_task(store.append("agent", f"{delay}", user(*range(5))))
        for _ in range(delay % 6):
            await asyncio.sleep(0.0002 if delay > 30 else 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await store.append("agent", "after", user(1))

    for info in await store.list_threads("agent"):
        if info.thread != "after":
            assert info.length == 5
            assert len((await store.load("agent", info.thread)).messages) == 5
            whole += 1
    assert whole <= 60


def test_event_loops_of_several_threads_share_a_store(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    from turnout.memory import InMemoryStore, PostgresStore, SQLiteStore

    for store in (
        InMemoryStore(),
        SQLiteStore(tmp_path / "t.db"),
        PostgresStore(request.getfixturevalue("postgres_url")),
    ):

        def work(number: int, store: Store = store) -> None:
            async def write() -> None:
                for step in range(10):
                    await store.append("agent", "thread", user(f"{number}.{step}"))

            asyncio.run(write())

        workers = [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

        async def read(store: Store = store) -> list[str]:
            found = texts((await store.load("agent", "thread")).messages)
            await store.close()
            return found

        assert sorted(asyncio.run(read())) == sorted(f"{number}.{step}" for number in range(5) for step in range(10))


async def test_a_closed_store_opens_again(store: Store) -> None:
    await store.append("agent", "thread", user(1))
    await store.close()
    await store.close()

    assert await store.append("agent", "thread", user(2)) == 2
