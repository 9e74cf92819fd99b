"""Spans, hooks and budgets in the runs of agents: parents through tools and nested agents, and runs that do not end."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from turnout import Agent, ToolCall
from turnout.errors import BudgetError, ServerError
from turnout.hooks import Hooks
from turnout.telemetry import OpenTelemetry
from turnout.testing import ScriptedModel

MODEL = "ovhcloud/gpt-oss-120b"


class Traces:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.observer = OpenTelemetry(tracer_provider=self.tracers)

    def edges(self) -> list[tuple[str, str | None]]:
        """Return each span with the name of its parent."""
        spans = {span.context.span_id: span for span in self.exporter.get_finished_spans()}  # type: ignore[union-attr]
        return sorted((span.name, spans[span.parent.span_id].name if span.parent else None) for span in spans.values())


@pytest.mark.parametrize("is_stream", [False, True])
async def test_tools_and_what_they_do_are_inside_of_the_run(is_stream: bool) -> None:
    traces = Traces()

    def look() -> str:
        """Look."""
        with traces.tracers.get_tracer("mine").start_as_current_span("inside"):
            return "seen"

    model = ScriptedModel([ToolCall("c", "look", {}), "done"])
    agent = Agent(name="A", model=model, tools=[look], hooks=[traces.observer])
    result = await (agent.stream("go").result() if is_stream else agent.generate("go"))
    assert result.text == "done"
    assert traces.edges() == [
        ("chat scripted", "invoke_agent A"),
        ("chat scripted", "invoke_agent A"),
        ("execute_tool look", "invoke_agent A"),
        ("inside", "execute_tool look"),
        ("invoke_agent A", None),
    ]


async def test_an_agent_that_a_tool_runs_is_inside_of_the_tool() -> None:
    traces = Traces()
    inner = Agent(id="inner", model=ScriptedModel(["inner says"]), hooks=[traces.observer])
    model = ScriptedModel([ToolCall("c", "inner", {"task": "t"}), "done"])
    await Agent(name="outer", model=model, tools=[inner], hooks=[traces.observer]).generate("go")
    assert ("invoke_agent inner", "execute_tool inner") in traces.edges()
    assert ("chat scripted", "invoke_agent inner") in traces.edges()


async def test_a_run_that_fails_or_is_left_ends_its_span() -> None:
    traces = Traces()
    with pytest.raises(ServerError):
        broken = ScriptedModel([ServerError("x")])
        await Agent(name="F", model=broken, max_retries=0, hooks=traces.observer).generate("x")
    async for chunk in Agent(name="L", model=ScriptedModel(["one two three"]), hooks=traces.observer).stream("x"):
        if chunk.type == "text_delta":
            break
    gc.collect()
    names = [name for name, _ in traces.edges()]
    assert names == ["chat scripted", "chat scripted", "invoke_agent F", "invoke_agent L"]


async def test_hooks_are_told_of_every_step_and_do_not_disturb() -> None:
    seen: list[Any] = []

    def fail(event: object) -> None:
        raise ZeroDivisionError

    def look() -> str:
        """Look."""
        return "seen"

    model = ScriptedModel([ToolCall("c", "look", {}), "done"])
    agent = Agent(model=model, tools=[look], hooks=[Hooks(on_request=seen.append), Hooks(on_response=fail)])
    result = await agent.generate("go")
    assert [event.id for event in seen] == [1, 2]
    assert [warning.code for warning in result.warnings].count("hook_failed") == 1


async def test_a_budget_holds_for_the_agents_that_tools_run() -> None:
    inner_model = ScriptedModel(["never"], model=MODEL)
    inner = Agent(id="inner", model=inner_model)
    model = ScriptedModel([ToolCall("c", "inner", {"task": "t"}), "done"], model=MODEL)
    outer = Agent(model=model, tools=[inner], settings={"max_output_tokens": 10})
    with pytest.raises(BudgetError):
        await outer.generate("go", max_cost_usd="0.0001")
    assert inner_model.requests == []
    assert len(model.requests) == 1
    with pytest.raises(BudgetError):
        await Agent(model=ScriptedModel(["x"], model=MODEL), max_cost_usd=0).generate("go")
