"""What of a thread goes with the next call: all, the newest, or a summary and the newest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from turnout.errors import InvalidInputError, ThreadStoreError
from turnout.memory import History, InMemoryStore, Memory, SQLiteStore
from turnout.memory.summaries import PIECE_TOKENS, write_transcript
from turnout.messages import File, Image, Message, Reasoning, Refusal, ServerTool, Text, ToolCall
from turnout.tokens import estimate_tokens


class CountingStore(InMemoryStore):
    """Counts the messages that were loaded."""

    loaded = 0

    async def load(
        self, agent_id: str, thread: str, *, last: int | None = None, after_summary: bool = False
    ) -> History:
        history = await super().load(agent_id, thread, last=last, after_summary=after_summary)
        self.loaded += len(history.messages)
        return history


def turns(first: int, last: int) -> list[Message]:
    return [
        message
        for number in range(first, last + 1)
        for message in (Message.user(f"question {number}"), Message.assistant(f"answer {number}"))
    ]


def texts(messages: Sequence[Message]) -> list[str]:
    return [message.text for message in messages]


async def fill(memory: Memory, count: int) -> None:
    await memory.remember("agent", "thread", turns(1, count))


async def test_without_limits_all_comes_back() -> None:
    memory = Memory(InMemoryStore())
    await fill(memory, 300)

    recalled = await memory.recall("agent", "thread")

    assert recalled.messages == turns(1, 300)
    assert recalled.warnings == []
    assert (await memory.recall("agent", "another")).messages == []


async def test_without_a_store_the_file_of_the_user_is_used() -> None:
    memory = Memory()
    await memory.remember("agent", "thread", [Message.user("Hi")])

    assert texts((await Memory().recall("agent", "thread")).messages) == ["Hi"]
    assert isinstance(memory.store, SQLiteStore)
    assert memory.store.path.exists()
    assert [info.thread for info in await memory.list_threads("agent")] == ["thread"]
    assert await memory.forget("agent", "thread") is True
    assert await memory.list_threads() == []
    await memory.store.close()


async def test_instructions_are_not_kept() -> None:
    store = InMemoryStore()
    memory = Memory(store)
    await memory.remember("agent", "thread", [Message.system("Be brief."), Message.user("Hi")])
    await memory.remember("agent", "silent", [Message.system("Be brief.")])

    assert texts((await memory.recall("agent", "thread")).messages) == ["Hi"]
    assert len(await store.list_threads()) == 1


async def test_what_the_assistant_said_is_signed_by_its_provider() -> None:
    memory = Memory(InMemoryStore())
    signed = Message("assistant", [Text("c")], provider="first")
    await memory.remember("agent", "thread", [Message.user("a"), Message.assistant("b"), signed], provider="second")
    await memory.remember("agent", "thread", [Message.assistant("d")])

    recalled = await memory.recall("agent", "thread")

    assert [message.provider for message in recalled.messages] == [None, "second", "first", None]


async def test_the_last_messages_begin_with_the_user() -> None:
    memory = Memory(InMemoryStore(), last_messages=5)
    await fill(memory, 10)

    recalled = await memory.recall("agent", "thread")

    assert texts(recalled.messages) == ["question 9", "answer 9", "question 10", "answer 10"]
    assert recalled.warnings == []


async def test_the_newest_within_a_token_budget_are_kept() -> None:
    memory = Memory(InMemoryStore(), max_tokens=50)
    await fill(memory, 100)

    recalled = await memory.recall("agent", "thread")

    assert 0 < estimate_tokens(recalled.messages) <= 50 < estimate_tokens(turns(97, 100))
    assert recalled.messages == turns(98, 100)


async def test_of_a_long_thread_only_the_end_is_read() -> None:
    store = CountingStore()
    await fill(Memory(store), 5_000)

    await Memory(store, last_messages=20).recall("agent", "thread")
    await Memory(store, max_tokens=500).recall("agent", "thread")

    assert store.loaded < 500


async def test_a_budget_that_the_first_page_does_not_fill_reads_on() -> None:
    memory = Memory(InMemoryStore(), max_tokens=100_000)
    await fill(memory, 400)

    assert (await memory.recall("agent", "thread")).messages == turns(1, 400)


async def test_a_long_turn_is_read_back_to_its_question() -> None:
    memory = Memory(InMemoryStore(), last_messages=5)
    steps: list[Message] = []
    for number in range(200):
        steps += [Message("assistant", [ToolCall(f"{number}", "f", {})]), Message.tool(f"{number}", "found")]
    await memory.remember("agent", "thread", [*turns(1, 3), Message.user("Go"), *steps])

    recalled = await memory.recall("agent", "thread")

    assert recalled.messages == [Message.user("Go"), *steps[-4:]]


async def test_a_message_that_alone_is_over_the_limit_is_left_out_and_told() -> None:
    memory = Memory(InMemoryStore(), max_tokens=100)
    await memory.remember("agent", "thread", [Message.user("x" * 10_000), Message.assistant("ok")])

    recalled = await memory.recall("agent", "thread")

    assert recalled.messages == []
    assert [warning.code for warning in recalled.warnings] == ["trimmed_history"]
    assert "of 2 messages of the thread none was sent" in recalled.warnings[0].message
    assert "over 100 tokens" in recalled.warnings[0].message
    few = Memory(memory.store, last_messages=1)
    assert "over 1 messages" in (await few.recall("agent", "thread")).warnings[0].message


async def test_unanswered_calls_are_kept_and_not_sent() -> None:
    store = InMemoryStore()
    memory = Memory(store, last_messages=10)
    await memory.remember("agent", "thread", [Message.user("Go"), Message("assistant", [ToolCall("1", "f", {})])])

    assert texts((await memory.recall("agent", "thread")).messages) == ["Go"]
    await memory.remember("agent", "thread", [Message.tool("1", "found"), Message.assistant("Done.")])
    assert len((await memory.recall("agent", "thread")).messages) == 4
    await memory.remember("agent", "lost", [Message.tool("1", "found")])
    assert await memory.recall("agent", "lost") == await memory.recall("agent", "none")


@pytest.mark.parametrize(
    "wrong", [{"last_messages": 0}, {"max_tokens": -1}, {"last_messages": True}, {"max_tokens": 1.5}, {"summary": 7}]
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"give a number|takes an Agent"):
        Memory(InMemoryStore(), **wrong)


class Summarizer:
    """Summarises by naming what it was given; fails or answers as it is told."""

    def __init__(self) -> None:
        self.given: list[list[str]] = []
        self.answer: str | None = None
        self.error: Exception | None = None

    async def __call__(self, messages: list[Message]) -> str:
        self.given.append(texts(messages))
        if self.error is not None:
            raise self.error
        return self.answer if self.answer is not None else f"summary {len(self.given)}"


async def test_a_summary_stands_for_what_is_over_the_limit_and_grows() -> None:
    summarize = Summarizer()
    memory = Memory(InMemoryStore(), last_messages=6, summary=summarize)
    await fill(memory, 3)
    assert (await memory.recall("agent", "thread")).messages == turns(1, 3)
    assert summarize.given == []

    await memory.remember("agent", "thread", turns(4, 4))
    recalled = await memory.recall("agent", "thread")

    assert summarize.given == [[*texts(turns(1, 2)), "question 3"]]
    assert recalled.messages[0].role == "user"
    assert texts(recalled.messages) == [
        "Summary of the conversation so far:\n\nsummary 1",
        "answer 3",
        *texts(turns(4, 4)),
    ]
    assert await memory.recall("agent", "thread") == recalled
    assert len(summarize.given) == 1

    await memory.remember("agent", "thread", turns(5, 6))
    recalled = await memory.recall("agent", "thread")
    assert summarize.given[1][0] == "Summary of the conversation so far:\n\nsummary 1"
    assert summarize.given[1][1:] == ["answer 3", *texts(turns(4, 5))[:3]]
    assert texts(recalled.messages) == [
        "Summary of the conversation so far:\n\nsummary 2",
        "answer 5",
        *texts(turns(6, 6)),
    ]
    assert (await memory.store.load("agent", "thread")).length == 12


async def test_a_summary_within_a_token_budget_leaves_room_for_the_newest() -> None:
    summarize = Summarizer()
    memory = Memory(InMemoryStore(), max_tokens=100, summary=summarize)
    await fill(memory, 30)

    recalled = await memory.recall("agent", "thread")

    assert recalled.messages[0].text.endswith("summary 1")
    assert recalled.messages[-1].text == "answer 30"
    assert len(recalled.messages) > 3
    assert estimate_tokens(recalled.messages) <= 100


async def test_a_long_history_is_summarised_piece_by_piece() -> None:
    summarize = Summarizer()
    memory = Memory(InMemoryStore(), summary=summarize)
    await memory.remember("agent", "thread", [Message.user("x" * 400) for _ in range(200)])

    recalled = await memory.recall("agent", "thread")

    assert len(summarize.given) == 4
    assert all(len("".join(given)) // 4 < PIECE_TOKENS for given in summarize.given)
    assert sum(len(given) for given in summarize.given) == 180 + 3
    assert len(recalled.messages) == 21


@pytest.mark.parametrize(
    ("error", "answer", "said"),
    [
        (RuntimeError("no model"), None, "RuntimeError: no model"),
        (None, " \n", "the summary is empty"),
        (None, "x" * 1_000, "more than half of max_tokens"),
        (None, "\ud800", "surrogates"),
    ],
)
async def test_a_summary_that_fails_costs_no_turn(error: Exception | None, answer: str | None, said: str) -> None:
    summarize = Summarizer()
    summarize.error, summarize.answer = error, answer
    memory = Memory(InMemoryStore(), last_messages=4, max_tokens=300, summary=summarize)
    await fill(memory, 10)

    recalled = await memory.recall("agent", "thread")

    assert recalled.messages == turns(9, 10)
    assert [warning.code for warning in recalled.warnings] == ["summary_failed"]
    assert said in recalled.warnings[0].message
    assert (await memory.store.load("agent", "thread")).summary is None

    summarize.error, summarize.answer = None, "well"
    assert (await memory.recall("agent", "thread")).messages[0].text.endswith("well")


async def test_a_summary_that_fails_half_way_keeps_what_it_has() -> None:
    calls = 0

    async def summarize(messages: list[Message]) -> str:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("busy")
        return f"part {calls}"

    memory = Memory(InMemoryStore(), last_messages=10, summary=summarize)
    await memory.remember("agent", "thread", [Message.user("x" * 400) for _ in range(200)])

    recalled = await memory.recall("agent", "thread")

    assert recalled.messages[0].text.endswith("part 1")
    assert len(recalled.messages) == 11
    assert [warning.code for warning in recalled.warnings] == ["summary_failed"]
    again = await memory.recall("agent", "thread")
    assert (again.warnings, len(again.messages), calls) == ([], 6, 5)


async def test_a_cancelled_summary_is_cancelled() -> None:
    started = asyncio.Event()

    async def summarize(messages: list[Message]) -> str:
        started.set()
        await asyncio.Event().wait()
        return ""

    memory = Memory(InMemoryStore(), last_messages=2, summary=summarize)
    await fill(memory, 4)
    task = asyncio.create_task(memory.recall("agent", "thread"))
    await started.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_last_turn_stays_whole_where_half_of_the_limit_is_too_little() -> None:
    summarize = Summarizer()
    memory = Memory(InMemoryStore(), last_messages=4, summary=summarize)
    call = Message("assistant", [ToolCall("1", "f", {}), ToolCall("2", "f", {})])
    step = [call, Message.tool("1", "one"), Message.tool("2", "two")]
    await memory.remember("agent", "thread", [*turns(1, 2), Message.user("Go"), *step])

    recalled = await memory.recall("agent", "thread")

    assert recalled.messages[1:] == [Message.user("Go"), *step]
    assert summarize.given == [texts(turns(1, 2))]


async def test_the_summary_of_a_thread_that_is_deleted_meanwhile_is_not_kept() -> None:
    store = InMemoryStore()

    async def summarize(messages: list[Message]) -> str:
        await store.delete("agent", "thread")
        await store.append("agent", "thread", turns(7, 12))
        return "what was deleted"

    memory = Memory(store, last_messages=2, summary=summarize)
    await fill(memory, 6)
    await memory.recall("agent", "thread")

    assert (await store.load("agent", "thread")).summary is None


async def test_an_agent_summarises_a_transcript() -> None:
    prompts: list[str] = []

    async def generate(prompt: str) -> SimpleNamespace:
        prompts.append(prompt)
        return SimpleNamespace(text="They met.")

    memory = Memory(InMemoryStore(), last_messages=2, summary=SimpleNamespace(generate=generate))
    await fill(memory, 3)

    recalled = await memory.recall("agent", "thread")

    assert recalled.messages[0].text == "Summary of the conversation so far:\n\nThey met."
    assert "user: question 1\n\nassistant: answer 1\n\nuser: question 2" in prompts[0]


def test_a_transcript_says_who_said_what_and_cuts_what_is_long() -> None:
    written = write_transcript(
        [
            Message("user", [Text("Look"), Image(data=b"png"), File(data=b"pdf", name="a.pdf")], name="Ann"),
            Message("assistant", [Reasoning("hm"), ToolCall("1", "look", {"at": "é"}), ToolCall("2", "f", {}, "{")]),
            Message.tool("1", "x" * 10_000),
            Message.tool("2", "found"),
            Message("assistant", [Refusal("No."), ServerTool("search", {}), Text("")]),
        ]
    )

    lines = written.split("\n\n")
    assert lines[:5] == [
        "Ann: Look",
        "Ann: (image)",
        "Ann: (file a.pdf)",
        'assistant: (calls look with {"at":"é"})',
        "assistant: (calls f with {)",
    ]
    assert lines[5].startswith("tool: xxx")
    assert "(… 6,000 characters left out …)" in lines[5]
    assert lines[6:] == ["tool: found", "assistant: No."]


async def test_what_goes_wrong_in_the_store_is_raised(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    path.write_text("no database" * 100)
    memory = Memory(SQLiteStore(path))

    with pytest.raises(ThreadStoreError):
        await memory.recall("agent", "thread")
    with pytest.raises(ThreadStoreError):
        await memory.remember("agent", "thread", [Message.user("x")])


async def test_two_runs_at_once_on_one_thread_are_both_kept_whole() -> None:
    memory = Memory(InMemoryStore())

    async def run(name: str) -> None:
        for step in range(20):
            calls = Message("assistant", [ToolCall("0", "f", {"run": name})])
            await memory.remember("agent", "thread", [calls, Message.tool("0", f"{name} {step}")])
            await asyncio.sleep(0)

    await asyncio.gather(run("a"), run("b"))

    messages = (await memory.recall("agent", "thread")).messages
    assert len(messages) == 80
    for call, result in zip(messages[::2], messages[1::2], strict=True):
        (asked,), (answered,) = call.content, result.content
        assert answered.content.startswith(asked.arguments["run"])  # pyright: ignore


def test_the_databases_are_imported_when_they_are_used() -> None:
    import subprocess
    import sys

    code = (
        "import sys; old = set(sys.modules)\nimport turnout.memory as m; m.Memory()\n"
        "assert not {'sqlite3', 'psycopg', 'asyncio'} & (set(sys.modules) - old)\n"
        "m.SQLiteStore; assert 'sqlite3' in sys.modules and 'psycopg' not in set(sys.modules) - old\n"
        "try: m.Nothing\n"
        "except AttributeError as e: print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == "module 'turnout.memory' has no attribute 'Nothing'\n"
