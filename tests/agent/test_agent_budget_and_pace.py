"""Budgets and pace of runs: of one run, of an agent, of the process, and of agents that tools run."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from provider import Provider, answer, reply, stream
from tool_replies import call, calls, streamed_calls
from turnout import Agent, ToolCall
from turnout.call.budget import PROCESS_VARIABLE
from turnout.errors import BudgetError, InvalidInputError
from turnout.testing import ScriptedModel

MODEL = "ovhcloud/gpt-oss-120b"
SHORT = {"max_output_tokens": 10}


def look() -> str:
    """Look."""
    return "seen"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_run_ends_before_the_call_that_would_pass_its_budget(provider: Provider, is_stream: bool) -> None:
    provider.script(streamed_calls(call("look")) if is_stream else calls(call("look")))
    agent = Agent(model=MODEL, tools=[look], settings=SHORT, max_steps=50)
    limit = "0.00001"
    with pytest.raises(BudgetError, match="raise max_cost_usd") as caught:
        await (
            agent.stream("Go", max_cost_usd=limit).result() if is_stream else agent.generate("Go", max_cost_usd=limit)
        )
    assert 0 < len(provider.requests) < 10
    assert "the run's" in caught.value.message


async def test_the_budget_of_an_agent_is_for_all_of_its_runs(provider: Provider) -> None:
    agent = Agent(model=MODEL, settings=SHORT, max_cost_usd="0.00001")
    spent, runs = Decimal(0), 0
    with pytest.raises(BudgetError, match="the agent's"):
        while runs < 100:
            spent += (await agent.generate("Go")).cost.total or 0
            runs += 1
    assert 0 < runs < 100
    assert spent <= Decimal("0.00001")
    assert len(provider.requests) == runs


async def test_runs_at_once_do_not_pass_it_together(provider: Provider) -> None:
    agent = Agent(model=MODEL, settings=SHORT, max_cost_usd="0.00002")
    results = await asyncio.gather(*(agent.generate("Go") for _ in range(30)), return_exceptions=True)
    good = [each for each in results if not isinstance(each, BaseException)]
    assert all(isinstance(each, BudgetError) for each in results if isinstance(each, BaseException))
    assert 0 < len(good) < 30
    assert sum(each.cost.total or 0 for each in good) <= Decimal("0.00002")


async def test_the_budget_of_the_process(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESS_VARIABLE, "0")
    with pytest.raises(BudgetError, match="process"):
        await Agent(model=MODEL).generate("Go")
    assert provider.requests == []
    monkeypatch.delenv(PROCESS_VARIABLE)
    await Agent(model=MODEL).generate("Go")


@pytest.mark.parametrize("limit", ["no", -1, float("nan")])
async def test_a_budget_is_a_number(limit: Any) -> None:
    with pytest.raises(InvalidInputError):
        Agent(model=MODEL, max_cost_usd=limit)
    with pytest.raises(InvalidInputError):
        await Agent(model=MODEL).generate("Go", max_cost_usd=limit)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("owner", ["run", "agent", "inner"])
async def test_a_nested_agent_that_passes_a_budget_ends_the_outer_run(owner: str, is_stream: bool) -> None:
    inner_model = ScriptedModel(["never"], model=MODEL)
    inner = Agent(id="inner", model=inner_model, max_cost_usd=0 if owner == "inner" else None)
    model = ScriptedModel([ToolCall("1", "inner", {"task": "t"}), "never"], model=MODEL)
    limit = "0.0001"  # enough for the outer call of ten tokens, and not for the inner one
    outer = Agent(model=model, tools=[inner], settings=SHORT, max_cost_usd=limit if owner == "agent" else None)
    options: Any = {"max_cost_usd": limit} if owner == "run" else {}
    with pytest.raises(BudgetError):
        await (outer.stream("Go", **options).result() if is_stream else outer.generate("Go", **options))
    assert inner_model.requests == []
    assert len(model.requests) == 1


async def test_the_tools_beside_a_call_that_passes_a_budget_are_stopped() -> None:
    stopped: list[bool] = []

    async def wait() -> str:
        """Wait."""
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.append(True)
            raise
        return "late"

    inner = Agent(id="inner", model=ScriptedModel(["never"], model=MODEL), max_cost_usd=0)
    script = [[ToolCall("1", "inner", {"task": "t"}), ToolCall("2", "wait", {})], "never"]
    with pytest.raises(BudgetError):
        await Agent(model=ScriptedModel(script), tools=[inner, wait]).generate("Go")
    assert stopped == [True]


async def test_what_nested_agents_spend_counts_for_the_run() -> None:
    inner = Agent(id="inner", model=ScriptedModel(["yes"], model=MODEL), settings=SHORT)
    model = ScriptedModel([ToolCall("1", "inner", {"task": "t"}), "done"], model=MODEL)
    result = await Agent(model=model, tools=[inner], settings=SHORT).generate("Go", max_cost_usd="0.01")
    assert result.text == "done"
    (nested,) = result.steps[0].nested
    own = sum((step.cost.total or Decimal(0)) for step in result.steps)
    assert result.cost.total == own + nested.cost.total


async def test_a_budget_needs_a_price(provider: Provider) -> None:
    model = {"id": "mine", "url": provider.url, "provider": "custom"}
    with pytest.raises(BudgetError, match="the price of `mine` is unknown"):
        await Agent(model=model).generate("Go", max_cost_usd=1)
    assert provider.requests == []


@pytest.mark.parametrize("is_stream", [False, True])
async def test_pace_waits_for_the_providers_limit_and_says_so(
    provider: Provider, is_stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.call.pacing._WINDOW_S", 0.2)
    monkeypatch.setattr("turnout.call.pacing._MARGIN_S", 0.0)
    monkeypatch.delenv("OVHCLOUD_API_KEY")  # two a minute without a key
    provider.script(stream() if is_stream else reply(answer("Hi")))

    async def ask(agent: Agent) -> list[str]:
        result = await (agent.stream("Go").result() if is_stream else agent.generate("Go"))
        return [warning.code for warning in result.warnings]

    paced = Agent(model=MODEL, pace=True)
    seen = [await ask(paced) for _ in range(3)]
    assert ("paced" in seen[0], "paced" in seen[2]) == (False, True)
    plain = Agent(model=MODEL)
    assert "paced" not in [code for _ in range(3) for code in await ask(plain)]
