"""What a hostile user, or a bad day, does to a run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from provider import KEY, Provider, answer, cut, error, events, reply, stream
from tool_replies import call, calls, streamed_calls, told
from turnout import Agent, Message, Result, StepPlan, ToolResult, tool
from turnout.agent.plan import RunState
from turnout.call.budget import Budget
from turnout.errors import BadRequestError, InvalidInputError, OutputError, StreamError
from turnout.guards import RedactPII
from turnout.memory import InMemoryStore, Memory

MODEL = "ovhcloud/gpt-oss-120b"
OTHER = "ovhcloud/gpt-oss-20b"


def get_weather(city: str) -> str:
    return f"sunny in {city}"


@tool(needs_approval=True)
def delete(path: str) -> str:
    raise AssertionError(f"{path} was deleted")


# -- approval ----------------------------------------------------------------------------------------------------------


async def waiting(provider: Provider, **options: Any) -> tuple[Agent, Any]:
    provider.script(calls(call("delete", {"path": "a"}, "d")), reply(answer("Done.")))
    agent = Agent(model=MODEL, tools=[delete], **options)
    return agent, await agent.generate("Go", **({"thread": "t"} if options.get("memory") else {}))


@pytest.mark.parametrize(
    ("approve", "deny", "match"),
    [
        ([], {"d": None}, "deny= gives 'd' a NoneType: give the reason"),
        ("d", {}, "approve= is a str: give a list"),
        (None, {}, "approve= is a NoneType"),
        (5, {}, "approve= is a int"),
        ([5], {}, "approve= is a list"),
        ([], ["d"], "deny= is a list: give a mapping"),
    ],
)
async def test_only_a_clear_approval_runs_a_tool(provider: Provider, approve: Any, deny: Any, match: str) -> None:
    agent, result = await waiting(provider)
    with pytest.raises(InvalidInputError, match=match):
        await agent.resume(result, approve=approve, deny=deny)
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"calls": [{"type": "tool_call", "id": "d", "name": "delete", "arguments": {"path": "/"}}]},
        {"calls": []},
        {"messages": []},
        {"steps": []},
        {"new_messages": -5},
        {"new_messages": 50},
        {"results": [{"type": "tool_result", "call_id": "x", "content": "y"}]},
    ],
)
async def test_a_pending_run_that_was_changed_is_refused(provider: Provider, change: dict[str, Any]) -> None:
    agent, result = await waiting(provider)
    data = json.dumps(json.loads(result.pending.to_json()) | change)
    with pytest.raises(InvalidInputError, match="was changed, and does not fit together"):
        await agent.resume(data, approve=["d"])


async def test_what_waits_is_in_the_thread_before_the_next_turn(provider: Provider) -> None:
    store = InMemoryStore()
    agent, result = await waiting(provider, memory=Memory(store))
    provider.script(reply(answer("Hi.")), reply(answer("Kept.")))
    await agent.generate("Hello?", thread="t")
    assert [m["content"] for m in provider.requests[1].json["messages"]] == ["Go", "Hello?"]
    await agent.resume(result, deny={"d": "no"})
    kept = (await store.load("agent", "t")).messages
    assert [message.role for message in kept].count("user") == 2
    assert kept[0].text == "Go"


async def test_a_pending_run_after_a_nested_agent_goes_to_json(provider: Provider) -> None:
    provider.script(
        calls(call("poet", {"task": "x"}, "p"), call("delete", {"path": "a"}, "d")),
        error(500),
        reply(answer("Rails."), set_cookie="secret=1"),
        reply(answer("Done.")),
    )
    poet = Agent(id="poet", model=MODEL)
    agent = Agent(model=MODEL, tools=[poet, delete])
    result = await agent.generate("Go")
    assert result.pending is not None
    data = result.pending.to_json()
    assert b"cookie" not in data
    final = await agent.resume(data, deny={"d": "no"})
    assert final.usage.total_tokens == 54


async def test_a_pending_run_is_resumed_once(provider: Provider) -> None:
    agent, result = await waiting(provider)
    data = result.pending.to_json()
    first, second = await asyncio.gather(
        agent.resume(result, deny={"d": "no"}), agent.resume(data, deny={"d": "no"}), return_exceptions=True
    )
    assert {type(first), type(second)} == {Result, InvalidInputError}
    with pytest.raises(InvalidInputError, match="was resumed before"):
        await agent.resume(data, deny={"d": "no"})


async def test_a_pending_run_whose_resumption_failed_may_be_resumed_again(provider: Provider) -> None:
    agent, result = await waiting(provider)
    provider.script(error(400), reply(answer("Done.")))
    with pytest.raises(BadRequestError):
        await agent.resume(result, deny={"d": "no"})
    assert (await agent.resume(result, deny={"d": "no"})).text == "Done."


# -- agents as tools ---------------------------------------------------------------------------------------------------


async def test_a_nested_agent_that_does_not_finish_says_so(provider: Provider) -> None:
    inner = Agent(id="inner", model=MODEL, tools=[get_weather], max_steps=1)
    provider.script(
        calls(call("inner", {"task": "x"})), calls(call("get_weather", {"city": "x"})), reply(answer("I see."))
    )
    result = await Agent(model=MODEL, tools=[inner]).generate("Go")
    (part,) = result.messages[2].content
    assert isinstance(part, ToolResult)
    assert part.is_error
    assert "max_steps" in part.content
    assert [warning.code for warning in result.warnings] == ["max_steps"]


async def test_an_agent_that_reaches_itself_ends(provider: Provider) -> None:
    box: list[Any] = []
    me = Agent(id="me", model=MODEL, tools=lambda context: box, max_steps=2)
    box.append(me)
    provider.script(calls(call("me", {"task": "x"})))
    result = await me.generate("Go")
    assert result.finish_reason == "max_steps"
    assert len(provider.requests) < 30


# -- results, history --------------------------------------------------------------------------------------------------


async def test_a_result_that_is_too_long_does_not_break_the_thread(provider: Provider) -> None:
    def read() -> str:
        return "x" * 3_000_000

    provider.script(calls(call("read")), reply(answer("Too long.")), reply(answer("Still here.")))
    agent = Agent(model=MODEL, tools=[read], memory=Memory(InMemoryStore()))
    result = await agent.generate("Go", thread="t")
    (part,) = result.messages[2].content
    assert isinstance(part, ToolResult)
    assert part.content == "Error: the tool returned 3,000,000 characters, and 200,000 are taken: ask it for less"
    assert (await agent.generate("And?", thread="t")).text == "Still here."
    provider.script(calls(call("read")), reply())
    result = await agent.generate("Go", max_tool_chars=10)
    assert "and 10 are taken" in result.messages[2].content[0].content  # type: ignore[union-attr]


async def test_messages_that_end_with_unanswered_calls_can_be_handed_back(provider: Provider) -> None:
    provider.script(calls(call("get_weather", {"city": "x"})), reply())
    agent = Agent(model=MODEL, tools=[get_weather], max_steps=1)
    first = await agent.generate("Go")
    second = await agent.generate([*first.messages, Message.user("And?")])
    assert [message["role"] for message in provider.requests[1].json["messages"]] == ["user", "user"]
    assert [warning.code for warning in second.warnings] == ["unanswered_calls"]


# -- streams -----------------------------------------------------------------------------------------------------------


def restarting(**options: Any) -> Agent:
    return Agent(model=[MODEL, OTHER], max_retries=0, restart_broken_stream=True, **options)


async def test_a_restarted_stream_glues_no_two_outputs(provider: Provider) -> None:
    provider.script(cut(events(["[1,2,3", ",4,5"])[:3]), stream(events(["[10,", "20,30]"])))
    stream_ = restarting().stream("Go", output=list[int])
    chunks = [chunk async for chunk in stream_]
    after = chunks[[chunk.type for chunk in chunks].index("fallback") :]
    assert [chunk.element for chunk in after if chunk.type == "element"] == [10, 20, 30]
    assert stream_.object == [10, 20, 30]


async def test_a_restarted_stream_with_guards_glues_no_two_texts(provider: Provider) -> None:
    provider.script(cut(events(["one ", "two "])[:3]), stream(events(["uno ", "dos"])))
    stream_ = restarting(guards=[RedactPII()]).stream("Go")
    async for _ in stream_:
        pass
    assert stream_.text == "uno dos"


def test_sync_pieces_raise_where_an_answer_begins_again(provider: Provider) -> None:
    provider.script(cut(events(["one ", "two "])[:3]), stream(events(["uno ", "dos"])))
    with pytest.raises(StreamError, match="begins again"):
        list(restarting().stream_sync("Go").text_stream)


async def test_every_repair_is_told(provider: Provider) -> None:
    provider.script(told("[1,"), told('["x"]'), told("[1, 2]"))
    agent = Agent(model=MODEL, output_repairs=2)
    types = [chunk.type async for chunk in agent.stream("Go", output=list[int])]
    assert types.count("fallback") == 2


async def test_a_stream_that_another_thread_closes_ends_its_tools(provider: Provider) -> None:
    began = threading.Event()
    ended = asyncio.Event()

    async def wait() -> str:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return "never"

    provider.script(streamed_calls(call("wait")))
    stream_ = Agent(model=MODEL, tools=[wait]).stream("Go")
    task = asyncio.ensure_future(stream_.result())
    threading.Thread(target=lambda: (began.wait(5), stream_.close())).start()
    await asyncio.wait_for(ended.wait(), 5)
    with contextlib.suppress(StreamError, asyncio.CancelledError):
        await task


def test_leaving_a_sync_stream_ends_its_tools(provider: Provider) -> None:
    ended: list[str] = []

    async def quick() -> str:
        return "q"

    async def wait() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("wait")
        return "never"

    provider.script(streamed_calls(call("quick", {}, "a"), call("wait", {}, "b")))
    with Agent(model=MODEL, tools=[quick, wait]).stream_sync("Go") as stream_:
        for chunk in stream_:
            if chunk.type == "tool_result":
                break
    assert ended == ["wait"]


# -- output, plans, guards, budgets ------------------------------------------------------------------------------------


@dataclass
class Person:
    name: str


async def test_a_long_answer_is_not_sent_back_whole(provider: Provider) -> None:
    provider.script(reply(answer("x" * 2_500_000)))
    with pytest.raises(OutputError) as caught:
        await Agent(model=MODEL).generate("Who?", output=Person)
    assert len(caught.value.text) == 2_500_000
    assert len(provider.requests[1].body) < 100_000


async def test_on_step_may_change_messages_instructions_and_settings(provider: Provider) -> None:
    def on_step(state: RunState) -> StepPlan | None:
        if len(state.steps) > 1:
            return None
        return StepPlan(messages=["Begin again"], instructions="In French.", settings={"temperature": 0.1}, tools=[])

    provider.script(calls(call("get_weather", {"city": "x"})), reply(answer("Oui.")))
    result = await Agent(model=MODEL, tools=[get_weather], on_step=on_step).generate("Go")
    body = provider.requests[1].json
    assert body["messages"] == [
        {"role": "system", "content": "In French."},
        {"role": "user", "content": "Begin again"},
    ]
    assert body["temperature"] == 0.1
    assert [message.text for message in result.messages] == ["Begin again", "Oui."]


async def test_a_plan_is_checked(provider: Provider) -> None:
    with pytest.raises(InvalidInputError, match="tool_choice='zzz' names no tool"):
        await Agent(model=MODEL, tools=[get_weather], prepare_step=lambda s: {"tool_choice": "zzz"}).generate("Go")
    with pytest.raises(InvalidInputError, match="a plan's tools are a int"):
        await Agent(model=MODEL, tools=[get_weather], prepare_step=lambda s: {"tools": 5}).generate("Go")
    assert provider.requests == []


async def test_a_budget_may_be_shared(provider: Provider) -> None:
    budget = Budget("0.01", allows_unknown_prices=True)
    await Agent(model=MODEL, max_cost_usd=budget).generate("Go")
    await Agent(model=MODEL).generate("Go", max_cost_usd=budget)
    assert budget.spent_usd > 0


def test_arguments_that_are_nothing_of_the_kind(provider: Provider) -> None:
    with pytest.raises(InvalidInputError, match="memory= is a int"):
        Agent(model=MODEL, memory=5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="transport= is a int"):
        Agent(model=MODEL, transport=5)  # type: ignore[arg-type]
    agent = Agent(model=MODEL, api_key=KEY, headers={"x-api": KEY})
    assert KEY not in repr(vars(agent))


async def test_a_plain_run_and_one_with_a_hook_come_to_the_same(provider: Provider) -> None:
    plain = await Agent(model=MODEL).generate("Hi")
    hooked = await Agent(model=MODEL, on_step=lambda state: None).generate("Hi")
    for name in ("text", "finish_reason", "usage", "cost", "messages", "warnings", "object", "pending", "tool_calls"):
        assert getattr(plain, name) == getattr(hooked, name), name
    assert len(plain.steps) == len(hooked.steps) == len(plain.attempts) == 1
    assert plain.timing.total_s > 0
    assert plain.timing.first_chunk_s is None
