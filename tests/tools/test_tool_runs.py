"""Tool calls that run: results, errors, time limits, order and cancellation."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from turnout.context import RequestContext
from turnout.errors import InvalidInputError
from turnout.messages import Image, ToolCall
from turnout.tools import CallRunner, Tool, ToolOutcome, find_fault, read_tools, run_call, run_tool, tool

user = contextvars.ContextVar("user", default="nobody")


class Model(BaseModel):
    x: int


@dataclass
class Data:
    x: int


def call(name: str, arguments: dict[str, Any] | None = None, invalid: str | None = None) -> ToolCall:
    return ToolCall("1", name, arguments or {}, invalid)


def runner(calls: list[ToolCall], *functions: Any, limit: int = 10) -> CallRunner[ToolOutcome]:
    tools = read_tools(functions)
    return CallRunner(calls, lambda call: run_call(call, tools, RequestContext()), limit=limit)


async def outcomes(calls: list[ToolCall], *functions: Any, limit: int = 10) -> list[ToolOutcome]:
    running, found = runner(calls, *functions, limit=limit), list[ToolOutcome]()
    while (outcome := await running.next_result()) is not None:
        found.append(outcome)
    assert await running.next_result() is None
    return found


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("text", "text"), (None, "null"), (5, "5"), ({"a": [1]}, '{"a":[1]}'), (Model(x=1), '{"x":1}'),
        (Data(1), '{"x":1}'), ([Model(x=1)], '[{"x":1}]'), (np.float64(1.5), "1.5"), (np.array([1, 2]), "[1,2]"),
        ({1}, "[1]"), (Decimal("1.5"), '"1.5"'), (b"ab", '"YWI="'), ("\ud800", "?"),
        (Image(data=b"12345"), "[image (5 bytes): left out, a tool result carries text only]"),
    ],
)  # fmt: skip
async def test_results_become_text(value: Any, content: str) -> None:
    outcome = await run_tool(tool(name="t", parameters={})(lambda: value), {})
    assert (outcome.content, outcome.is_error, outcome.value) == (content, False, value)


@pytest.mark.parametrize("value", [object(), ValueError("x"), {(1, 2): 3}, iter([])])
async def test_a_result_that_is_no_json_is_an_error(value: Any) -> None:
    outcome = await run_tool(tool(name="t", parameters={})(lambda: value), {})
    assert outcome.is_error
    assert "no JSON" in outcome.content


async def test_a_function_that_returns_nothing_is_done() -> None:
    def act() -> None: ...

    assert (await run_tool(Tool(act), {})).content == "done"


async def test_arguments_are_converted_or_told() -> None:
    def double(number: int) -> int:
        return 2 * number

    assert (await run_tool(Tool(double), {"number": "4"})).content == "8"
    wrong = await run_tool(Tool(double), {"numbr": 4})
    assert wrong.is_error
    assert "did you mean `number`?" in wrong.content


async def test_a_plain_function_runs_in_a_thread_with_the_context() -> None:
    def look(context: RequestContext) -> list[Any]:
        return [threading.current_thread() is threading.main_thread(), user.get(), context.task]

    user.set("ada")
    assert (await run_tool(Tool(look), {}, RequestContext(task="t"))).value == [False, "ada", "t"]


async def test_exceptions_are_told_without_a_traceback() -> None:
    async def fail_async() -> None:
        raise KeyError("city")

    def stop() -> None:
        raise StopIteration

    async def cancel() -> None:
        raise asyncio.CancelledError

    told = await outcomes([call("fail_async"), call("stop"), call("cancel")], fail_async, stop, cancel)
    assert [outcome.is_error for outcome in told] == [True] * 3
    assert told[0].content == "Error: fail_async failed: KeyError: 'city'"
    assert isinstance(told[0].error, KeyError)
    assert "StopIteration" in told[1].content
    assert "was cancelled from inside" in told[2].content


async def test_a_time_limit_ends_both_kinds() -> None:
    gate = threading.Event()

    @tool(timeout_s=0.05)
    def hang() -> None:
        gate.wait()

    @tool(timeout_s=0.05)
    async def sleep() -> None:
        await asyncio.Event().wait()

    try:
        told = await outcomes([call("hang"), call("sleep")], hang, sleep)
    finally:
        gate.set()
    assert [outcome.content for outcome in told] == [
        "Error: hang timed out after 0.05 s", "Error: sleep timed out after 0.05 s"]  # fmt: skip


async def test_calls_that_cannot_run_are_told_and_not_run() -> None:
    ran: list[int] = []

    def get_weather(city: str = "x") -> None:
        ran.append(1)

    told = await outcomes(
        [call("get_wether"), call("get_weather", invalid='{"city": 5'), call("get_weather", invalid="[1]")], get_weather
    )
    assert "no tool 'get_wether'. Did you mean 'get_weather'? The tools are: get_weather." in told[0].content
    assert '{"city": 5' in told[1].content
    assert "they are a list" in told[2].content
    assert ran == []
    tools = read_tools([get_weather])
    assert find_fault(call("get_weather"), tools) is None
    assert find_fault(call("get_weather", {"town": 1}), tools) is not None
    assert "no tools" in str(find_fault(call("x"), {}))


async def test_calls_run_together_under_the_limit_and_answer_in_order() -> None:
    running = most = 0
    gates = [asyncio.Event() for _ in range(20)]

    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if number + 1 < len(gates) and number % 2 == 0:
            await gates[number].wait()
        if number % 2:
            gates[number - 1].set()
        await asyncio.sleep(0)
        running -= 1
        return number

    told = await outcomes([call("work", {"number": n}) for n in range(20)], work, limit=4)
    assert [outcome.value for outcome in told] == list(range(20))
    assert most == 4
    with pytest.raises(InvalidInputError, match="limit"):
        await outcomes([], work, limit=0)


async def test_closing_cancels_what_runs_and_waits_for_it() -> None:
    ended: list[str] = []

    async def quick() -> str:
        return "q"

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("slow")

    calls = runner([call("quick"), call("slow")], quick, slow)
    calls.close()  # nothing runs yet
    first = await calls.next_result()
    assert first is not None
    assert first.content == "q"
    await asyncio.sleep(0)
    calls.close()
    with pytest.raises(asyncio.CancelledError):
        await calls.next_result()
    assert ended == ["slow"]

    task = asyncio.create_task(outcomes([call("slow")], slow))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["slow", "slow"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
