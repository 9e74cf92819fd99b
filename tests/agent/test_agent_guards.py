"""Guards together with tools, output, threads and streams that break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from provider import Provider, answer, cut, event, reply, stream
from tool_replies import call, calls, streamed_calls, told
from turnout import Agent
from turnout.errors import BlockedError, StreamError
from turnout.guards import Block, GuardContext, RedactPII, Retry
from turnout.memory import InMemoryStore, Memory
from turnout.messages import Message

MODEL = "ovhcloud/gpt-oss-120b"


def look_up(name: str) -> str:
    """Look somebody up."""
    return f"{name}: {name}@b.io"


class Judge:
    """Judges whole answers: `bad` is blocked, `short` is to be given again."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []

    def check_output(self, message: Message, context: GuardContext) -> Block | Retry | None:
        self.seen.append((context.step, message.text))
        if "bad" in message.text:
            return Block("bad words")
        return Retry("too short") if message.text == "short" else None


class NoInsults:
    def check_input(self, messages: Sequence[Message], context: GuardContext) -> Block | None:
        return Block("an insult") if any("idiot" in message.text for message in messages) else None


async def run(agent: Agent, is_stream: bool, **options: Any) -> Any:
    if is_stream:
        return await agent.stream("Go", **options).result()
    return await agent.generate("Go", **options)


def say(text: str, is_stream: bool) -> Any:
    return told(text) if is_stream else reply(answer(text))


BOTH = pytest.mark.parametrize("is_stream", [False, True])


@BOTH
async def test_pii_of_tools_and_of_the_answer(provider: Provider, is_stream: bool) -> None:
    wanted = call("look_up", {"name": "ann"})
    provider.script(streamed_calls(wanted) if is_stream else calls(wanted), say("Write to ann@b.io.", is_stream))
    store = InMemoryStore()
    agent = Agent(model=MODEL, tools=[look_up], guards=RedactPII(), memory=Memory(store))
    result = await run(agent, is_stream, thread="t")
    assert result.text == "Write to [email]."
    assert "b.io" not in provider.requests[1].body.decode()
    assert "b.io" not in repr((await store.load("agent", "t")).messages[-1])


async def test_pii_in_pieces_of_a_stream_is_never_shown(provider: Provider) -> None:
    pieces = ["Write to a", "nn", "@b", ".i", "o or", " not."]
    provider.script(stream([event({"content": piece}) for piece in pieces] + [event({}, "stop"), b"data: [DONE]\n\n"]))
    running = Agent(model=MODEL, guards=[RedactPII()]).stream("Go")
    shown = [piece async for piece in running.text_stream]
    assert "".join(shown) == "Write to [email] or not." == running.text
    assert len(shown) > 1


async def test_a_cut_stream_tells_only_what_the_guards_let_pass(provider: Provider) -> None:
    provider.script(
        cut([event({"content": "Write to ann"}), event({"content": "@b.io and "}), event({"content": "bob@b"})])
    )
    with pytest.raises(StreamError) as caught:
        await Agent(model=MODEL, guards=[RedactPII()]).stream("Go").result()
    assert "b.io" not in caught.value.text
    assert "bob" not in caught.value.text
    assert caught.value.text.startswith("Write to ")
    provider.script(cut([event({"content": "a bad wor"})]))
    with pytest.raises(StreamError) as caught:
        await Agent(model=MODEL, guards=[Judge()]).stream("Go").result()
    assert caught.value.text == ""


@BOTH
async def test_a_blocked_input_is_not_sent(provider: Provider, is_stream: bool) -> None:
    agent = Agent(model=MODEL, guards=[NoInsults()], instructions="You idiot.")
    with pytest.raises(BlockedError, match="NoInsults blocked the input: an insult"):
        await run(agent, is_stream)
    assert provider.requests == []


@BOTH
async def test_what_a_tool_brings_in_is_an_input_too(provider: Provider, is_stream: bool) -> None:
    def read() -> str:
        """Read."""
        return "you idiot"

    class Watchful:
        def check_input(self, messages: Sequence[Message], context: GuardContext) -> Block | None:
            return Block("an insult") if "idiot" in repr(messages) else None

    provider.script(streamed_calls(call("read")) if is_stream else calls(call("read")), say("no", is_stream))
    with pytest.raises(BlockedError, match="Watchful"):
        await run(Agent(model=MODEL, tools=[read], guards=[Watchful()]), is_stream)
    assert len(provider.requests) == 1


@BOTH
async def test_a_blocked_output_is_not_kept_and_not_shown(provider: Provider, is_stream: bool) -> None:
    provider.script(say("a bad answer", is_stream))
    store = InMemoryStore()
    with pytest.raises(BlockedError, match="bad words") as caught:
        await run(Agent(model=MODEL, guards=[Judge()], memory=Memory(store)), is_stream, thread="t")
    assert caught.value.text == ""
    assert (await store.load("agent", "t")).messages == []


@BOTH
async def test_an_answer_is_given_again_and_the_first_is_not_kept(provider: Provider, is_stream: bool) -> None:
    provider.script(say("short", is_stream), say("long enough", is_stream))
    judge = Judge()
    result = await run(Agent(model=MODEL, guards=[judge]), is_stream)
    assert judge.seen == [(1, "short"), (2, "long enough")]
    assert [message.text for message in result.messages] == ["Go", "long enough"]
    assert "too short" in provider.requests[1].json["messages"][-1]["content"]
    assert len(result.steps) == 2


@BOTH
async def test_retries_are_bounded(provider: Provider, is_stream: bool) -> None:
    provider.script(say("short", is_stream))
    with pytest.raises(BlockedError, match="3 answers in a row"):
        await run(Agent(model=MODEL, guards=[Judge()]), is_stream)
    assert len(provider.requests) == 3


async def test_a_held_stream_shows_the_last_answer_alone(provider: Provider) -> None:
    provider.script(told("short"), told("long enough"))
    chunks = [chunk async for chunk in Agent(model=MODEL, guards=[Judge()]).stream("Go")]
    assert "".join([chunk.text for chunk in chunks if chunk.type == "text_delta"]) == "long enough"
    types = [chunk.type for chunk in chunks]
    assert types.count("text_start") == types.count("text_end") == 1
    assert types.count("step_start") == types.count("step_finish") == 2


@BOTH
async def test_guards_with_tools_and_output(provider: Provider, is_stream: bool) -> None:
    wanted = call("look_up", {"name": "ann"})
    first = streamed_calls(wanted) if is_stream else calls(wanted)
    provider.script(first, say('{"value": ["ann@b.io", "x"]}', is_stream))
    agent = Agent(model=MODEL, tools=[look_up], guards=[RedactPII(), Judge()])
    result = await run(agent, is_stream, output=list[str])
    assert result.object == ["[email]", "x"]


async def test_objects_and_elements_of_a_guarded_stream(provider: Provider) -> None:
    for guards in ([RedactPII()], [Judge()], [RedactPII(), Judge()]):
        provider.script(told('{"value": ["ann@b.io", "x", "y"]}'))
        running = Agent(model=MODEL, guards=guards).stream("Go", output=list[str])
        chunks = [chunk async for chunk in running]
        elements = [chunk.element for chunk in chunks if chunk.type == "element"]
        assert elements == running.object
        assert [chunk.object for chunk in chunks if chunk.type == "object_delta"][-1] == running.object


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_nested_agent_counts_once_where_the_next_answer_is_refused(provider: Provider, is_stream: bool) -> None:
    inner = Agent(id="inner", model=MODEL)
    tail = [told("short"), told("long enough")] if is_stream else [reply(answer("short")), reply(answer("long enough"))]
    first = (streamed_calls if is_stream else calls)(call("inner", {"task": "x"}))
    provider.script(first, reply(answer("Done.")), *tail)
    result = await run(Agent(model=MODEL, tools=[inner], guards=[Judge()]), is_stream)
    assert result.text == "long enough"
    assert [len(step.nested) for step in result.steps] == [1, 0, 0]
    assert result.usage.total_tokens == 4 * 18
