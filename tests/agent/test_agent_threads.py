"""Threads in runs: what is kept when, what goes to whom, and runs that wait or fail in a thread."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from provider import Provider, answer, error, reply, stream
from tool_replies import call, calls, streamed_calls, told
from turnout import Agent, Message, tool
from turnout.errors import InvalidInputError, ServerError
from turnout.memory import InMemoryStore, Memory
from turnout.messages import Reasoning, ToolCall
from turnout.testing import ScriptedModel

MODEL = "ovhcloud/gpt-oss-120b"


def get_weather(city: str) -> str:
    """Get the weather."""
    return f"sunny in {city}"


@tool(needs_approval=True)
def send(to: str) -> str:
    """Send it."""
    return f"sent to {to}"


async def roles(store: InMemoryStore, agent: str = "agent", thread: str = "t") -> list[str]:
    return [message.role for message in (await store.load(agent, thread)).messages]


def sent(provider: Provider, index: int) -> list[tuple[str, Any]]:
    return [(message["role"], message.get("content")) for message in provider.requests[index].json["messages"]]


async def test_a_thread_is_kept_in_the_users_data_folder_without_any_setting(
    provider: Provider, tmp_path: Path
) -> None:
    provider.script(reply(answer("Hello, Ada.")), reply(answer("Ada.")))
    await Agent(id="bot", model=MODEL, instructions="Be brief.").generate("I am Ada.", thread="user-42")
    result = await Agent(id="bot", model=MODEL, instructions="Be kind.").generate("Who am I?", thread="user-42")
    assert sent(provider, 1) == [
        ("system", "Be kind."),
        ("user", "I am Ada."),
        ("assistant", "Hello, Ada."),
        ("user", "Who am I?"),
    ]
    assert len(result.messages) == 4
    (file,) = (tmp_path / "data").rglob("threads.db")
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT agent_id, thread, length FROM threads").fetchall() == [("bot", "user-42", 4)]
    database.close()


@pytest.mark.parametrize("is_stream", [False, True])
async def test_each_step_is_kept_when_it_is_finished(provider: Provider, is_stream: bool) -> None:
    store = InMemoryStore()
    seen: list[list[str]] = []

    async def on_step(state: object) -> None:
        seen.append(await roles(store))

    wanted = call("get_weather", {"city": "Paris"})
    if is_stream:
        provider.script(streamed_calls(wanted), told("Sunny."))
    else:
        provider.script(calls(wanted), reply(answer("Sunny.")))
    agent = Agent(model=MODEL, tools=[get_weather], memory=Memory(store), on_step=on_step)
    await (agent.stream("Go", thread="t").result() if is_stream else agent.generate("Go", thread="t"))
    assert seen == [["user", "assistant", "tool"], ["user", "assistant", "tool", "assistant"]]


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_second_step_that_fails_loses_nothing_of_the_first(provider: Provider, is_stream: bool) -> None:
    store = InMemoryStore()
    wanted = call("get_weather", {"city": "Paris"})
    provider.script(streamed_calls(wanted) if is_stream else calls(wanted), error(500))
    agent = Agent(model=MODEL, tools=[get_weather], memory=Memory(store), max_retries=0)
    with pytest.raises(ServerError):
        await (agent.stream("Go", thread="t").result() if is_stream else agent.generate("Go", thread="t"))
    assert await roles(store) == ["user", "assistant", "tool"]
    provider.script(reply(answer("Sunny.")))
    await agent.generate("Go on", thread="t")
    assert [role for role, _ in sent(provider, 2)] == ["user", "assistant", "tool", "user"]
    assert await roles(store) == ["user", "assistant", "tool", "user", "assistant"]


async def test_a_first_step_that_fails_keeps_nothing(provider: Provider) -> None:
    store = InMemoryStore()
    provider.script(error(500))
    with pytest.raises(ServerError):
        await Agent(model=MODEL, memory=Memory(store), max_retries=0).generate("Go", thread="t")
    assert await roles(store) == []


async def test_a_stream_that_is_left_keeps_nothing_of_its_step(provider: Provider) -> None:
    store = InMemoryStore()
    agent = Agent(model=MODEL, memory=Memory(store))
    provider.script(stream())
    async for _ in agent.stream("Go", thread="t").text_stream:
        break
    assert await roles(store) == []


@pytest.mark.parametrize("from_json", [False, True])
async def test_a_run_that_waits_goes_on_in_its_thread(provider: Provider, from_json: bool) -> None:
    store = InMemoryStore()
    provider.script(calls(call("send", {"to": "a"}, "1"), call("get_weather", {"city": "x"}, "2")), reply(answer("Ok")))
    agent = Agent(id="a", model=MODEL, tools=[send, get_weather], memory=Memory(store))
    result = await agent.generate("Send it", thread="t")
    assert result.finish_reason == "approval"
    assert await roles(store, "a") == ["user", "assistant"]
    pending: Any = result
    if from_json:
        assert result.pending is not None
        pending = result.pending.to_json()
        agent = Agent(id="a", model=MODEL, tools=[send, get_weather], memory=Memory(store))
    result = await agent.resume(pending, deny={"1": "not him"})
    assert result.text == "Ok"
    kept = (await store.load("a", "t")).messages
    assert [message.role for message in kept] == ["user", "assistant", "tool", "assistant"]
    assert ["not him" in part.content for part in kept[2].content] == [True, False]  # type: ignore[union-attr]
    assert [role for role, _ in sent(provider, 1)] == ["user", "assistant", "tool", "tool"]
    await agent.generate("And?", thread="t")
    assert len(sent(provider, 2)) == 6


async def test_threads_of_two_agents_are_apart(provider: Provider) -> None:
    store = InMemoryStore()
    for name in ("a", "b"):
        await Agent(id=name, model=MODEL, memory=Memory(store)).generate(f"I am {name}", thread="t")
    assert [content for _, content in sent(provider, 1)] == ["I am b"]
    assert await roles(store, "a") == await roles(store, "b") == ["user", "assistant"]


async def test_reasoning_goes_to_its_owner_alone(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_BASE_URL", provider.url)
    monkeypatch.setenv("GROQ_API_KEY", "gsk-x")
    store = InMemoryStore()
    details = [{"type": "reasoning.encrypted", "data": "c2lnbmVk", "index": 0}]
    provider.script(reply(answer("Four.", reasoning="two and two", reasoning_details=details)), reply())
    agent = Agent(model=MODEL, memory=Memory(store))
    await agent.generate("2+2?", thread="t")
    first = (await store.load("agent", "t")).messages[1]
    assert first.provider == "ovhcloud"
    assert any(isinstance(part, Reasoning) and part.details for part in first.content)
    await agent.generate("Sure?", thread="t", model="groq/openai/gpt-oss-20b")
    assert "c2lnbmVk" not in provider.requests[1].body.decode()
    assert ("assistant", "Four.") in sent(provider, 1)
    await agent.generate("Really?", thread="t")
    assert "c2lnbmVk" in provider.requests[2].body.decode()


async def test_calls_that_were_not_run_leave_a_thread_that_goes_on(provider: Provider) -> None:
    store = InMemoryStore()
    provider.script(calls(call("get_weather", {"city": "x"})), reply(answer("Then not.")))
    agent = Agent(model=MODEL, tools=[get_weather], memory=Memory(store), max_steps=1)
    assert (await agent.generate("Go", thread="t")).finish_reason == "max_steps"
    await agent.generate("And now?", thread="t")
    messages = provider.requests[1].json["messages"]
    asked = {each["id"] for message in messages for each in message.get("tool_calls") or []}
    answered = {message["tool_call_id"] for message in messages if message["role"] == "tool"}
    assert asked == answered
    assert messages[-1] == {"role": "user", "content": "And now?"}


async def test_what_was_mended_is_not_kept(provider: Provider) -> None:
    store = InMemoryStore()
    provider.script(reply(answer("no JSON")), reply(answer('{"value": 4}')))
    await Agent(model=MODEL, memory=Memory(store)).generate("2+2?", thread="t", output=int)
    kept = (await store.load("agent", "t")).messages
    assert [message.text for message in kept] == ["2+2?", '{"value": 4}']


async def test_the_limits_of_memory_hold_in_runs(provider: Provider) -> None:
    store = InMemoryStore()
    agent = Agent(model=MODEL, memory=Memory(store, last_messages=2))
    for number in range(4):
        await agent.generate(f"Turn {number}", thread="t")
    assert [content for _, content in sent(provider, 3)] == ["Turn 2", "Hello there, friend.", "Turn 3"]
    assert len(await roles(store)) == 8


async def test_on_step_may_rewrite_the_conversation_and_the_thread_keeps_what_was_said(provider: Provider) -> None:
    store = InMemoryStore()
    provider.script(calls(call("get_weather", {"city": "x"})), reply(answer("Sunny.")))
    agent = Agent(
        model=MODEL, tools=[get_weather], memory=Memory(store),
        on_step=lambda state: {"messages": [Message.user("Short")]} if len(state.steps) == 1 else None,
    )  # fmt: skip
    await agent.generate("Long", thread="t")
    assert [content for _, content in sent(provider, 1)] == ["Short"]
    assert await roles(store) == ["user", "assistant", "tool", "assistant"]


@pytest.mark.parametrize("thread", ["", 5, b"t"])
async def test_a_thread_has_a_name(provider: Provider, thread: Any) -> None:
    with pytest.raises(InvalidInputError, match="name of a conversation"):
        await Agent(model=MODEL).generate("Go", thread=thread)
    assert provider.requests == []


async def test_a_tool_run_in_sqlite_survives_as_it_was() -> None:
    model = ScriptedModel([ToolCall("1", "get_weather", {"city": "Paris"}), "Sunny.", "Yes."])
    agent = Agent(id="s", model=model, tools=[get_weather])
    first = await agent.generate("Go", thread="t")
    kept = (await Memory().recall("s", "t")).messages
    unsigned = [msgspec.structs.replace(message, provider=None) for message in kept]
    assert json.loads(msgspec.json.encode(unsigned)) == json.loads(msgspec.json.encode(first.messages))
    await agent.generate("Sure?", thread="t")
    assert [message.role for message in model.requests[2].messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
