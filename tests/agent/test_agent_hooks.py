"""Hooks and observers in runs: each request and each run is told of from beginning to end, however it ends."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from provider import KEY, Provider, answer, cut, error, event, reply, stream
from tool_replies import call, calls, streamed_calls, told
from turnout import Agent
from turnout.errors import BlockedError, ServerError, TurnoutError
from turnout.guards import Block
from turnout.hooks import Hooks

MODEL = "ovhcloud/gpt-oss-120b"


def look() -> str:
    """Look."""
    return "seen"


class Log(Hooks):
    """Writes down everything that an observer is told."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []
        self.ends: list[Any] = []

    def start_run(self, event: Any) -> object:
        self.events.append("run")
        return "run"

    def end_run(self, run: object, event: Any) -> None:
        assert run == "run"
        self.events.append("run ended")
        self.ends.append(event)

    def start_request(self, run: object, event: Any) -> object:
        assert run == "run"
        self.events.append("request")
        return event.id

    def end_request(self, request: object, event: Any) -> None:
        assert request == event.request.id
        self.events.append("request ended")

    def start_tool(self, run: object, event: Any) -> object:
        self.events.append(event.name)
        return event.call_id

    def end_tool(self, tool: object, event: Any) -> None:
        self.events.append(f"{tool}: {event.content}")


@pytest.mark.parametrize("is_stream", [False, True])
async def test_hooks_in_a_run_with_tools(provider: Provider, is_stream: bool) -> None:
    requests: list[Any] = []
    responses: list[Any] = []
    chunks: list[Any] = []
    errors: list[Any] = []
    hooks = Hooks(
        on_request=requests.append, on_response=responses.append, on_chunk=chunks.append, on_error=errors.append
    )
    if is_stream:
        provider.script(error(503), streamed_calls(call("look")), told("Done."))
    else:
        provider.script(error(503), calls(call("look")), reply(answer("Done.")))
    agent = Agent(model=MODEL, tools=[look], hooks=hooks)
    result = await (agent.stream("Go").result() if is_stream else agent.generate("Go"))
    assert result.text == "Done."
    assert [event.id for event in requests] == [1, 2, 3]
    assert [event.attempt for event in requests] == [1, 2, 1]
    assert [event.request.id for event in responses] == [2, 3]
    assert [(event.request.id, event.status) for event in errors] == [(1, 503)]
    assert [event.response.text for event in responses] == ["", "Done."]
    assert all(event.cost.total for event in responses)
    assert bool(chunks) is is_stream
    assert {event.id for event in chunks} <= {2, 3}
    assert KEY not in repr([requests, responses, errors, chunks])


@pytest.mark.parametrize("is_stream", [False, True])
async def test_an_observer_is_told_of_everything_in_order(provider: Provider, is_stream: bool) -> None:
    log = Log()
    if is_stream:
        provider.script(streamed_calls(call("look")), told("Done."))
    else:
        provider.script(calls(call("look")), reply(answer("Done.")))
    agent = Agent(model=MODEL, tools=[look], hooks=log)
    result = await (agent.stream("Go").result() if is_stream else agent.generate("Go"))
    assert log.events == [
        "run", "request", "request ended", "look", "call_1: seen", "request", "request ended", "run ended",
    ]  # fmt: skip
    (end,) = log.ends
    assert (end.finish_reason, end.usage, end.cost) == (result.finish_reason, result.usage, result.cost)


def pairs(log: Log) -> bool:
    events = log.events
    return (
        events.count("run") == events.count("run ended") == 1
        and events.count("request") == events.count("request ended")
        and (events[0], events[-1]) == ("run", "run ended")
    )


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_run_that_fails_is_ended_with_its_error(provider: Provider, is_stream: bool) -> None:
    class Wall:
        def check_input(self, messages: object, context: object) -> Block:
            return Block("closed")

    async def fail(agent: Agent, kind: type[TurnoutError]) -> None:
        with pytest.raises(kind) as caught:
            await (agent.stream("Go").result() if is_stream else agent.generate("Go"))
        assert log.ends[-1].error is caught.value

    log = Log()
    provider.script(error(500))
    await fail(Agent(model=MODEL, hooks=log, max_retries=0), ServerError)
    assert pairs(log)
    log = Log()
    await fail(Agent(model=MODEL, hooks=log, guards=[Wall()]), BlockedError)
    assert log.events == ["run", "run ended"]
    log = Log()
    provider.script(streamed_calls(call("look")) if is_stream else calls(call("look")), error(500))
    await fail(Agent(model=MODEL, hooks=log, tools=[look], max_retries=0), ServerError)
    assert pairs(log)
    if is_stream:
        log = Log()
        provider.script(cut([event({"content": "a"})]))
        await fail(Agent(model=MODEL, hooks=log), TurnoutError)
        assert pairs(log)


async def test_a_stream_that_is_left_ends_its_run_without_an_error(provider: Provider) -> None:
    log = Log()
    provider.script(stream(hold=True))
    async for _ in Agent(model=MODEL, hooks=log).stream("Go").text_stream:
        break
    gc.collect()
    assert pairs(log)
    assert (log.ends[0].error, log.ends[0].finish_reason) == (None, None)


async def test_a_stream_that_is_left_while_a_tool_runs(provider: Provider) -> None:
    log = Log()
    began = asyncio.Event()

    async def wait() -> str:
        """Wait."""
        began.set()
        await asyncio.sleep(60)
        return "late"

    provider.script(streamed_calls(call("wait")))
    stream_ = Agent(model=MODEL, hooks=log, tools=[wait]).stream("Go")
    reading = asyncio.create_task(stream_.result())
    await began.wait()
    stream_.close()
    with pytest.raises((TurnoutError, asyncio.CancelledError)):
        await reading
    assert log.events.count("run ended") == 1


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("in_tool", [False, True])
async def test_a_run_that_is_cancelled_is_ended(provider: Provider, is_stream: bool, in_tool: bool) -> None:
    log = Log()
    began = asyncio.Event()
    was_cancelled: list[bool] = []

    async def wait() -> str:
        """Wait."""
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            was_cancelled.append(True)
            raise
        return "late"

    async def hold(exchange: Any) -> None:
        began.set()
        await exchange.wait_for_close()

    if in_tool:
        provider.script(streamed_calls(call("wait")) if is_stream else calls(call("wait")))
    else:
        provider.script(hold)
    agent = Agent(model=MODEL, hooks=log, tools=[wait])
    running = asyncio.create_task(agent.stream("Go").result() if is_stream else agent.generate("Go"))
    while not began.is_set():  # noqa: ASYNC110 - it may be set from another thread
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert pairs(log)
    assert was_cancelled == [True] * in_tool


async def test_a_hook_that_fails_is_a_warning_and_no_more(provider: Provider) -> None:
    def fail(event: object) -> None:
        raise ZeroDivisionError

    provider.script(stream())
    result = await Agent(model=MODEL, hooks=Hooks(on_chunk=fail)).stream("Go").result()
    assert [warning.code for warning in result.warnings] == ["hook_failed"]
