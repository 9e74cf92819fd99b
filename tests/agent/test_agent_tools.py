"""Tools in a run: the loop, what goes back to the model, hooks, approval, agents as tools."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from provider import Provider, answer, reply
from tool_replies import call, calls, streamed_calls, told
from turnout import Agent, Message, PendingRun, RequestContext, StepPlan, Tool, ToolCall, ToolResult, tool
from turnout.agent.plan import RunState
from turnout.errors import InvalidInputError, InvalidToolError

MODEL = "ovhcloud/gpt-oss-120b"


def get_weather(city: str) -> str:
    """Get the weather in a city.

    Args:
        city: The city, in English.
    """
    return f"sunny in {city}"


async def test_a_plain_function_is_a_tool_and_its_result_goes_back(provider: Provider) -> None:
    provider.script(calls(call("get_weather", {"city": "Paris"})), reply(answer("It is sunny.")))
    result = await Agent(model=MODEL, tools=[get_weather]).generate("Weather in Paris?")

    first, second = (request.json for request in provider.requests)
    (sent,) = first["tools"]
    assert sent["type"] == "function"
    assert sent["function"]["name"] == "get_weather"
    assert sent["function"]["description"] == "Get the weather in a city."
    assert sent["function"]["parameters"]["properties"]["city"]["description"] == "The city, in English."
    assert "tool_choice" not in first
    assert second["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [call("get_weather", '{"city":"Paris"}')]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny in Paris"},
    ]
    assert (result.text, result.finish_reason, result.tool_calls) == ("It is sunny.", "stop", [])
    assert [step.finish_reason for step in result.steps] == ["tool_calls", "stop"]
    assert result.usage.total_tokens == 36
    assert result.cost.total == 2 * result.steps[0].cost.total  # type: ignore[operator]
    assert [message.role for message in result.messages] == ["user", "assistant", "tool", "assistant"]
    assert len(result.attempts) == 2


async def test_parallel_calls_run_at_once_and_keep_their_order(provider: Provider) -> None:
    running, most = 0, 0
    gate = asyncio.Event()

    async def look_up(place: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            gate.set()
        await gate.wait()
        await asyncio.sleep(0.01 * (3 - place))  # the last call ends first
        return place

    provider.script(calls(*(call("look_up", {"place": n}, f"c{n}") for n in range(3))), reply())
    result = await Agent(model=MODEL, tools=[look_up]).generate("Go")
    assert most == 3
    results = [part for part in result.messages[2].content if isinstance(part, ToolResult)]
    assert [(each.call_id, each.content) for each in results] == [("c0", "0"), ("c1", "1"), ("c2", "2")]


async def test_the_limit_of_parallel_tools_holds(provider: Provider) -> None:
    running, most = 0, 0

    async def work(n: int) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return str(n)

    provider.script(calls(*(call("work", {"n": n}, f"c{n}") for n in range(6))), reply())
    await Agent(model=MODEL, tools=[work], max_parallel_tools=2).generate("Go")
    assert most == 2


async def test_what_goes_wrong_with_a_call_goes_back_to_the_model(provider: Provider) -> None:
    def divide(a: int, b: int) -> float:
        return a / b

    @tool(timeout_s=0.01)
    async def sleep() -> str:
        await asyncio.sleep(10)
        return "never"

    provider.script(
        calls(
            call("divide", '{"a": 5', "broken"),
            call("divide", {"a": "five", "b": 1}, "invalid"),
            call("nope", {}, "unknown"),
            call("divide", {"a": 1, "b": 0}, "raised"),
            call("sleep", {}, "late"),
        ),
        reply(),
    )
    result = await Agent(model=MODEL, tools=[divide, sleep]).generate("Go")
    results = {part.call_id: part for part in result.messages[2].content if isinstance(part, ToolResult)}
    assert all(each.is_error for each in results.values())
    assert '{"a": 5' in results["broken"].content
    assert "a" in results["invalid"].content
    assert "five" in results["invalid"].content
    assert "nope" in results["unknown"].content
    assert "divide" in results["unknown"].content
    assert "division by zero" in results["raised"].content
    assert "0.01 s" in results["late"].content
    sent = {message["tool_call_id"]: message["content"] for message in provider.requests[1].json["messages"][2:]}
    assert sent["raised"] == results["raised"].content
    assert provider.requests[1].json["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"a": 5'


async def test_max_steps_returns_the_last_calls_and_does_not_run_them(provider: Provider) -> None:
    ran: list[str] = []

    def again(n: int) -> str:
        ran.append(str(n))
        return "more"

    provider.script(*(calls(call("again", {"n": n}, f"c{n}")) for n in range(5)))
    result = await Agent(model=MODEL, tools=[again], max_steps=3).generate("Go")
    assert len(provider.requests) == 3
    assert ran == ["0", "1"]
    assert result.finish_reason == "max_steps"
    assert [each.id for each in result.tool_calls] == ["c2"]
    assert [warning.code for warning in result.warnings] == ["max_steps"]
    assert "3 steps" in str(result.warnings[0])


async def test_the_default_is_ten_steps(provider: Provider) -> None:
    provider.script(calls(call("get_weather", {"city": "x"})))
    result = await Agent(model=MODEL, tools=[get_weather]).generate("Go")
    assert (len(provider.requests), result.finish_reason) == (10, "max_steps")


async def test_calls_without_tools_are_returned(provider: Provider) -> None:
    provider.script(calls(call("get_weather", {"city": "x"})))
    result = await Agent(model=MODEL).generate("Go")
    assert result.tool_calls == [ToolCall("call_1", "get_weather", {"city": "x"})]
    assert result.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("none", "none"),
        ("get_weather", {"type": "function", "function": {"name": "get_weather"}}),
    ],
)
async def test_tool_choice_goes_on_the_wire(provider: Provider, choice: str, wire: object) -> None:
    await Agent(model=MODEL, tools=[get_weather]).generate("Go", tool_choice=choice)
    assert provider.requests[0].json["tool_choice"] == wire


async def test_a_forced_choice_holds_for_the_first_step(provider: Provider) -> None:
    provider.script(calls(call("get_weather", {"city": "x"})), reply())
    await Agent(model=MODEL, tools=[get_weather], tool_choice="required").generate("Go")
    assert provider.requests[0].json["tool_choice"] == "required"
    assert "tool_choice" not in provider.requests[1].json


async def test_stop_when_ends_the_run_after_a_step(provider: Provider) -> None:
    seen: list[int] = []

    async def stop(state: RunState) -> bool:
        seen.append(state.number)
        return len(state.steps) == 2

    provider.script(calls(call("get_weather", {"city": "x"})))
    result = await Agent(model=MODEL, tools=[get_weather], stop_when=stop).generate("Go")
    assert len(provider.requests) == 2
    assert result.finish_reason == "tool_calls"
    assert result.messages[-1].role == "tool"
    assert seen == [2, 3]


async def test_prepare_step_may_change_one_step(provider: Provider) -> None:
    def prepare(state: RunState) -> StepPlan | dict[str, Any] | None:
        if state.number == 1:
            return StepPlan(model="ovhcloud/gpt-oss-20b", tool_choice="required", settings={"temperature": 0.5})
        return {"tools": [], "messages": [Message.user("Only this")], "instructions": "Be short."}

    provider.script(calls(call("get_weather", {"city": "x"})), reply())
    agent = Agent(model=MODEL, instructions="Be long.", tools=[get_weather], prepare_step=prepare)
    result = await agent.generate("Go")
    first, second = (request.json for request in provider.requests)
    assert (first["model"], first["tool_choice"], first["temperature"]) == ("gpt-oss-20b", "required", 0.5)
    assert first["messages"][0]["content"] == "Be long."
    assert second["model"] == "gpt-oss-120b"
    assert "tools" not in second
    assert "temperature" not in second
    assert second["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Only this"},
    ]
    assert [message.role for message in result.messages] == ["user", "assistant", "tool", "assistant"]


async def test_on_step_may_change_all_steps_that_follow(provider: Provider) -> None:
    told_of: list[str] = []

    def get_time() -> str:
        return "noon"

    def on_step(state: RunState) -> dict[str, Any] | None:
        told_of.append(state.steps[-1].finish_reason)
        return {"model": "ovhcloud/gpt-oss-20b", "tools": ["get_time"]} if len(state.steps) == 1 else None

    provider.script(calls(call("get_weather", {"city": "x"})), calls(call("get_time")), reply())
    await Agent(model=MODEL, tools=[get_weather, get_time], on_step=on_step).generate("Go")
    bodies = [request.json for request in provider.requests]
    assert [body["model"] for body in bodies] == ["gpt-oss-120b", "gpt-oss-20b", "gpt-oss-20b"]
    assert [[each["function"]["name"] for each in body["tools"]] for body in bodies] == [
        ["get_weather", "get_time"],
        ["get_time"],
        ["get_time"],
    ]
    assert told_of == ["tool_calls", "tool_calls", "stop"]


async def test_a_hook_that_returns_something_else_is_an_error(provider: Provider) -> None:
    with pytest.raises(InvalidInputError, match="prepare_step returned a str: its fields are model, tools"):
        await Agent(model=MODEL, prepare_step=lambda state: "no").generate("Go")
    with pytest.raises(InvalidInputError, match="mapping with modell"):
        await Agent(model=MODEL, prepare_step=lambda state: {"modell": "x"}).generate("Go")


async def test_the_context_reaches_a_tool_and_is_not_in_its_schema(provider: Provider) -> None:
    seen: list[object] = []

    def who(context: RequestContext, greeting: str) -> str:
        seen.append(context.user)
        return f"{greeting}, {context.user}"

    provider.script(calls(call("who", {"greeting": "Hi"})), reply())
    result = await Agent(model=MODEL, tools=[who]).generate("Go", request_context={"user": "Ada"})
    assert list(provider.requests[0].json["tools"][0]["function"]["parameters"]["properties"]) == ["greeting"]
    assert seen == ["Ada"]
    assert result.messages[2].content[0] == ToolResult("call_1", "Hi, Ada", "who")


async def test_a_sync_tool_does_not_hold_up_the_loop(provider: Provider) -> None:
    release = threading.Event()

    def block() -> str:
        assert release.wait(5)
        return "done"

    provider.script(calls(call("block")), reply())
    task = asyncio.ensure_future(Agent(model=MODEL, tools=[block]).generate("Go"))
    while len(provider.requests) < 1:  # noqa: ASYNC110 - another thread fills it
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    release.set()  # the loop is free to do this
    assert (await task).messages[2].content[0] == ToolResult("call_1", "done", "block")


async def test_results_that_are_no_strings_go_as_json(provider: Provider) -> None:
    def look() -> dict[str, Any]:
        return {"sky": "blue", "birds": [1, 2]}

    provider.script(calls(call("look")), reply())
    result = await Agent(model=MODEL, tools=[look]).generate("Go")
    (part,) = result.messages[2].content
    assert isinstance(part, ToolResult)
    assert json.loads(part.content) == {"sky": "blue", "birds": [1, 2]}


async def test_tools_may_be_a_function_of_the_context(provider: Provider) -> None:
    def pick(context: RequestContext) -> list[Any]:
        return [get_weather] if context.outdoors else []

    agent = Agent(model=MODEL, tools=pick)
    await agent.generate("Go", request_context={"outdoors": True})
    await agent.generate("Go")
    assert ["tools" in request.json for request in provider.requests] == [True, False]


async def test_tools_of_a_call_replace_those_of_the_agent(provider: Provider) -> None:
    def other() -> str:
        return "x"

    agent = Agent(model=MODEL, tools=[get_weather])
    await agent.generate("Go", tools=[other])
    await agent.generate("Go", tools=[])
    names = [[each["function"]["name"] for each in r.json.get("tools", [])] for r in provider.requests]
    assert names == [["other"], []]


async def test_bad_tools_and_choices_are_refused_before_anything_is_sent(provider: Provider) -> None:
    with pytest.raises(InvalidToolError):
        await Agent(model=MODEL, tools=[get_weather, get_weather]).generate("Go")
    with pytest.raises(InvalidToolError):
        await Agent(model=MODEL, tools=[5]).generate("Go")
    with pytest.raises(InvalidInputError, match="without tools"):
        await Agent(model=MODEL, tool_choice="required").generate("Go")
    with pytest.raises(InvalidInputError, match="names no tool: the tools are get_weather"):
        await Agent(model=MODEL, tools=[get_weather], tool_choice="weather").generate("Go")
    with pytest.raises(InvalidInputError, match="max_parallel_tools=0"):
        Agent(model=MODEL, max_parallel_tools=0)
    with pytest.raises(InvalidInputError, match="stop_when= is a int"):
        Agent(model=MODEL, stop_when=5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="tool_choice= is a bool"):
        await Agent(model=MODEL).generate("Go", tool_choice=True)  # type: ignore[arg-type]
    assert provider.requests == []


# -- streams -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbered", [True, False])
async def test_a_streamed_run_tells_calls_and_results(provider: Provider, numbered: bool) -> None:
    wanted = [call("get_weather", {"city": "Paris"}, "a"), call("get_weather", {"city": "Rome"}, "b")]
    provider.script(streamed_calls(*wanted, numbered=numbered), told("Both sunny."))
    stream_ = Agent(model=MODEL, tools=[get_weather]).stream("Go")
    chunks = [chunk async for chunk in stream_]
    types = [chunk.type for chunk in chunks]
    assert types == [
        *("start", "step_start"),
        *("tool_call_start", "tool_call_delta", "tool_call_delta") * 2,
        *("tool_call_end", "tool_call_end", "usage", "tool_result", "tool_result", "step_finish"),
        *("step_start", "text_start", "text_delta", "text_delta", "text_end", "usage", "step_finish", "finish"),
    ]
    results = [(chunk.call_id, chunk.content) for chunk in chunks if chunk.type == "tool_result"]
    assert results == [("a", "sunny in Paris"), ("b", "sunny in Rome")]
    result = await stream_.result()
    assert result.text == stream_.text == "Both sunny."
    assert result.usage.total_tokens == 36
    assert [chunk.step for chunk in chunks if chunk.type == "step_finish"] == [1, 2]


async def test_generate_and_stream_come_to_the_same(provider: Provider) -> None:
    wanted = call("get_weather", {"city": "Paris"})
    agent = Agent(model=MODEL, tools=[get_weather])
    provider.script(calls(wanted), reply(answer("Sunny.")))
    whole = await agent.generate("Go")
    provider.script(streamed_calls(wanted), told("Sunny."))
    streamed = await agent.stream("Go").result()
    assert whole.messages == streamed.messages
    assert (whole.usage, whole.cost, whole.finish_reason) == (streamed.usage, streamed.cost, streamed.finish_reason)


async def test_a_stream_that_is_left_while_a_tool_runs_cancels_it(provider: Provider) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

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
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_closing_a_stream_from_elsewhere_cancels_the_tools(provider: Provider) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def quick() -> str:
        return "q"

    async def wait() -> str:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return "never"

    provider.script(streamed_calls(call("quick", {}, "a"), call("wait", {}, "b")))
    async with Agent(model=MODEL, tools=[quick, wait]).stream("Go") as stream_:
        async for chunk in stream_:
            if chunk.type == "tool_result":
                await began.wait()
                break
    await asyncio.wait_for(ended.wait(), 5)


async def test_cancelling_generate_cancels_all_its_tools(provider: Provider) -> None:
    began, ended = 0, 0
    all_began = asyncio.Event()

    async def wait(n: int) -> str:
        nonlocal began, ended
        began += 1
        if began == 3:
            all_began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended += 1
        return "never"

    provider.script(calls(*(call("wait", {"n": n}, f"c{n}") for n in range(3))))
    task = asyncio.ensure_future(Agent(model=MODEL, tools=[wait]).generate("Go"))
    await all_began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == 3


def test_tools_work_in_the_sync_twins(provider: Provider) -> None:
    provider.script(calls(call("get_weather", {"city": "x"})), reply(answer("ok")))
    assert Agent(model=MODEL, tools=[get_weather]).generate_sync("Go").text == "ok"
    provider.script(streamed_calls(call("get_weather", {"city": "x"})), told("ok then"))
    chunks = list(Agent(model=MODEL, tools=[get_weather]).stream_sync("Go"))
    assert [chunk.content for chunk in chunks if chunk.type == "tool_result"] == ["sunny in x"]


# -- approval ----------------------------------------------------------------------------------------------------------


def approval_agent(ran: list[str], **options: Any) -> Agent:
    def look(path: str) -> str:
        ran.append(f"look {path}")
        return "a file"

    @tool(needs_approval=True)
    def delete(path: str) -> str:
        ran.append(f"delete {path}")
        return "gone"

    return Agent(model=MODEL, tools=[look, delete], **options)


async def test_a_run_waits_for_approval_and_goes_on(provider: Provider) -> None:
    ran: list[str] = []
    agent = approval_agent(ran)
    provider.script(
        calls(
            call("look", {"path": "a"}, "l"), call("delete", {"path": "a"}, "d1"), call("delete", {"path": "b"}, "d2")
        ),
        reply(answer("Done.")),
    )
    result = await agent.generate("Clean up")
    assert result.finish_reason == "approval"
    assert ran == ["look a"]
    assert result.pending is not None
    assert [each.id for each in result.pending.calls] == ["d1", "d2"]

    final = await agent.resume(result, approve=["d1"], deny={"d2": "still needed"})
    assert ran == ["look a", "delete a"]
    assert final.text == "Done."
    assert final.pending is None
    results = [part for part in final.messages[2].content if isinstance(part, ToolResult)]
    assert [each.call_id for each in results] == ["l", "d1", "d2"]
    assert results[1].content == "gone"
    assert "still needed" in results[2].content
    assert results[2].is_error
    assert final.usage.total_tokens == 36
    assert len(final.steps) == 2
    sent = provider.requests[1].json["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool", "tool"]


async def test_a_pending_run_survives_json_and_another_agent(provider: Provider) -> None:
    ran: list[str] = []
    provider.script(calls(call("delete", {"path": "a"}, "d1")), reply(answer("Done.")))
    result = await approval_agent(ran).generate("Clean up")
    assert result.pending is not None
    data = result.pending.to_json()
    assert b"sk-planted" not in data
    json.loads(data)
    final = await approval_agent(ran).resume(data, approve=["d1"])
    assert (ran, final.text, final.usage.total_tokens) == (["delete a"], "Done.", 36)
    assert final.cost.total == 2 * result.cost.total  # type: ignore[operator]
    assert PendingRun.from_json(data.decode()).calls == result.pending.calls


async def test_every_call_must_be_decided_about(provider: Provider) -> None:
    ran: list[str] = []
    agent = approval_agent(ran)
    provider.script(calls(call("delete", {"path": "a"}, "d1"), call("delete", {"path": "b"}, "d2")), reply())
    result = await agent.generate("Clean up")
    for approve, deny, match in (
        (["d1"], {}, "nothing is decided about d2"),
        (["d1", "d2", "d3"], {}, "no call `d3` waits"),
        (["d1", "d2"], {"d1": "no"}, "approved and denied at once"),
    ):
        with pytest.raises(InvalidInputError, match=match):
            await agent.resume(result, approve=approve, deny=deny)
    assert (ran, len(provider.requests)) == ([], 1)


async def test_what_cannot_be_resumed_says_so(provider: Provider) -> None:
    agent = approval_agent([])
    result = await agent.generate("Hi")
    with pytest.raises(InvalidInputError, match="waits for no approval"):
        await agent.resume(result)
    with pytest.raises(InvalidInputError, match="this is no pending run"):
        await agent.resume(b"{}")
    with pytest.raises(InvalidInputError, match="got a int"):
        await agent.resume(5)  # type: ignore[arg-type]
    provider.script(calls(call("delete", {"path": "a"}, "d1")))
    waiting = await agent.generate("Clean up")
    with pytest.raises(InvalidInputError, match="the run calls delete"):
        await Agent(model=MODEL).resume(waiting, approve=["d1"])
    assert waiting.pending is not None
    with pytest.raises(InvalidInputError, match="version 9"):
        PendingRun.from_json(waiting.pending.to_json().replace(b'"version":1', b'"version":9'))


async def test_approval_by_arguments_and_nobody_is_asked_about_a_broken_call(provider: Provider) -> None:
    ran: list[str] = []

    def pay(amount: int) -> str:
        ran.append(str(amount))
        return "paid"

    costly = Tool(pay, needs_approval=lambda arguments, context: arguments["amount"] > 100)
    provider.script(
        calls(call("pay", {"amount": 5}, "a"), call("pay", {"amount": "much"}, "b"), call("pay", {"amount": 500}, "c"))
    )
    result = await Agent(model=MODEL, tools=[costly]).generate("Pay")
    assert ran == ["5"]
    assert result.pending is not None
    assert [each.id for each in result.pending.calls] == ["c"]
    assert {each.call_id for each in result.pending.results} == {"a", "b"}


async def test_a_streamed_run_waits_for_approval(provider: Provider) -> None:
    provider.script(streamed_calls(call("delete", {"path": "a"}, "d1")), reply(answer("Done.")))
    agent = approval_agent([])
    stream_ = agent.stream("Clean up")
    chunks = [chunk async for chunk in stream_]
    assert chunks[-1].type == "finish"
    assert chunks[-1].finish_reason == "approval"
    assert (await agent.resume(await stream_.result(), approve=["d1"])).text == "Done."


def test_resume_sync(provider: Provider) -> None:
    provider.script(calls(call("delete", {"path": "a"}, "d1")), reply(answer("Done.")))
    agent = approval_agent([])
    assert agent.resume_sync(agent.generate_sync("Go"), deny={"d1": "no"}).text == "Done."


# -- agents as tools ---------------------------------------------------------------------------------------------------


async def test_an_agent_is_a_tool_and_its_cost_counts(provider: Provider) -> None:
    poet = Agent(id="poet", name="Poet", model=MODEL, instructions="You write poems.")
    provider.script(calls(call("poet", {"task": "Of rails"})), reply(answer("Steel sings.")), reply(answer("There.")))
    result = await Agent(model=MODEL, tools=[poet.as_tool(description="Writes poems.")]).generate("A poem, please")
    bodies = [request.json for request in provider.requests]
    assert bodies[0]["tools"][0]["function"]["description"] == "Writes poems."
    assert bodies[1]["messages"] == [
        {"role": "system", "content": "You write poems."},
        {"role": "user", "content": "Of rails"},
    ]
    assert bodies[2]["messages"][-1]["content"] == "Steel sings."
    assert result.usage.total_tokens == 54
    assert result.steps[0].usage.total_tokens == 18
    assert [nested.text for nested in result.steps[0].nested] == ["Steel sings."]
    assert result.cost.total == 3 * result.steps[0].cost.total  # type: ignore[operator]


async def test_an_agent_can_be_given_as_a_tool_itself(provider: Provider) -> None:
    poet = Agent(id="poet", model=MODEL)
    await Agent(model=MODEL, tools=[poet]).generate("Go")
    assert provider.requests[0].json["tools"][0]["function"]["name"] == "poet"
