"""Hooks and observers: what they are told of each try, and that they disturb nothing."""

from __future__ import annotations

from typing import Any

import pytest

from provider import KEY, Provider, error, events, reply, stream
from turnout.agent.runtime import make_runtime
from turnout.call import Call, Runtime, open_stream, send
from turnout.chunks import Chunk
from turnout.errors import InvalidInputError, ServerError
from turnout.hooks import (
    ChunkEvent,
    ErrorEvent,
    Hooks,
    RequestEvent,
    ResponseEvent,
    RunEnd,
    RunStart,
    ToolEnd,
    ToolStart,
    Watch,
    make_watch,
    read_hooks,
)
from turnout.messages import Message
from turnout.requests import ModelRequest
from turnout.routing import read_model
from turnout.transport.http import HTTPTransport

MODEL = "ovhcloud/gpt-oss-120b"


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setattr("turnout.call.dispatch.random.random", lambda: 0.0)
    return make_runtime(HTTPTransport())


class Log:
    """Hooks that write down what they are told."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        add = self.events.append
        self.hooks = Hooks(on_request=add, on_response=add, on_chunk=add, on_error=add)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def call(watch: Watch | None, *, streams: bool = False, retries: int = 0) -> Call:
    request = ModelRequest(messages=[Message.user("Hello!")], stream=streams)
    return Call(request=request, candidates=read_model(MODEL), max_retries=retries, watch=watch)


async def test_a_retry_is_a_request_of_its_own(provider: Provider, runtime: Runtime) -> None:
    log = Log()
    provider.script(error(500, f"broken {KEY}"), reply())
    answer = await send(call(make_watch([log.hooks]), retries=1), runtime)
    assert [type(event) for event in log.events] == [RequestEvent, ErrorEvent, RequestEvent, ResponseEvent]
    first, failed, second, answered = log.events
    assert (first.id, first.attempt, second.id, second.attempt) == (1, 1, 2, 2)
    assert (first.asked, first.provider, first.model, first.protocol) == (
        MODEL,
        "ovhcloud",
        "gpt-oss-120b",
        "openai_chat",
    )
    assert failed.request is first
    assert isinstance(failed.error, ServerError)
    assert failed.status == 500
    assert answered.response is answer.response
    assert (answered.cost, answered.status) == (answer.cost, 200)
    assert KEY not in repr(log.events)
    assert answer.warnings == []


async def test_chunks_come_before_the_response(provider: Provider, runtime: Runtime) -> None:
    log = Log()
    provider.script(stream())
    running = await open_stream(call(make_watch([log.hooks]), streams=True), runtime)
    seen: list[Chunk] = []
    while batch := await running.next_batch():
        seen += batch
    assert [event.chunk for event in log.of(ChunkEvent)] == seen
    assert isinstance(log.events[0], RequestEvent)
    assert isinstance(log.events[-1], ResponseEvent)
    assert log.events[-1].response.text == running.text
    assert 0 < log.events[-1].first_chunk_s <= log.events[-1].duration_s
    running.close()
    assert len(log.of(ResponseEvent)) == 1


async def test_a_stream_that_is_left_ends_without_a_response(provider: Provider, runtime: Runtime) -> None:
    log = Log()
    provider.script(stream(events()[:4], hold=True))
    running = await open_stream(call(make_watch([log.hooks]), streams=True), runtime)
    running.close()
    (left,) = log.of(ResponseEvent)
    assert left.response is None


async def test_a_hook_that_raises_is_a_warning_and_no_more(provider: Provider, runtime: Runtime) -> None:
    def fail(event: object) -> None:
        raise ZeroDivisionError("secret in the message")

    log = Log()
    provider.script(stream())
    hooks = Hooks(on_request=fail, on_chunk=fail, on_response=fail)
    running = await open_stream(call(make_watch([hooks, log.hooks]), streams=True), runtime)
    while await running.next_batch():
        pass
    assert running.answer is not None
    codes = [warning.code for warning in running.answer.warnings]
    assert codes == ["hook_failed"] * 3  # once for each kind of event
    assert "ZeroDivisionError" in str(running.answer.warnings[0])
    assert "secret" not in repr(running.answer.warnings)
    assert len(log.of(ResponseEvent)) == 1


async def test_without_hooks_there_are_no_books(provider: Provider, runtime: Runtime) -> None:
    assert make_watch(()) is None
    provider.script(stream())
    running = await open_stream(call(None, streams=True), runtime)
    assert running.reader.exchange.account is None
    running.close()


def test_hooks_are_plain_functions() -> None:
    async def slow(event: object) -> None: ...

    class Slow:
        async def __call__(self, event: object) -> None: ...

    for hook, what in ((slow, "is async"), (Slow(), "is async"), ("text", "is a str")):
        with pytest.raises(InvalidInputError, match=what):
            Hooks(on_chunk=hook)  # type: ignore[arg-type]


def test_what_is_read_as_hooks() -> None:
    hooks = Hooks()
    assert read_hooks(None) == ()
    assert read_hooks(hooks) == (hooks,)
    assert read_hooks([hooks, hooks]) == (hooks, hooks)
    for value, what in ((print, "a builtin_function_or_method"), (Hooks, "Hooks"), (["x"], "a str")):
        with pytest.raises(InvalidInputError, match=f"hooks= has {what}: give Hooks"):
            read_hooks(value)


def test_an_observer_gets_back_what_it_returned() -> None:
    seen: list[tuple[object, ...]] = []

    class Observer(Hooks):
        def start_run(self, event: RunStart) -> object:
            return "run"

        def end_run(self, run: object, event: RunEnd) -> None:
            seen.append(("end_run", run))

        def start_tool(self, run: object, event: ToolStart) -> object:
            seen.append(("start_tool", run))
            return "tool"

        def end_tool(self, tool: object, event: ToolEnd) -> None:
            seen.append(("end_tool", tool))

    watch = make_watch([Observer(), Hooks()])
    assert watch is not None
    watch.start_run(RunStart(agent_id="a", agent_name="A", model="m"))
    tool = watch.start_tool(ToolStart(name="t", call_id="c", arguments={}))
    watch.end_tool(tool, ToolEnd())
    watch.end_run(RunEnd())
    watch.end_run(RunEnd())
    late = watch.start_tool(ToolStart(name="t", call_id="c", arguments={}))
    watch.end_tool(late, ToolEnd())
    assert seen[:3] == [("start_tool", "run"), ("end_tool", "tool"), ("end_run", "run")]
    assert seen[3:] == [("start_tool", None), ("end_tool", "tool")]
    assert watch.take_warnings() == []
