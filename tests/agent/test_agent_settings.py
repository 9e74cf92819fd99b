"""Which settings and provider options win, and models that are selected by their facts, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from provider import KEY, Provider, answer, error, reply, stream
from turnout import Agent, Message
from turnout.agent.runtime import default_runtime
from turnout.errors import AllCandidatesFailedError, InvalidModelError
from turnout.routing import select

MODEL = "ovhcloud/gpt-oss-120b"


def options(level: str, **deep: Any) -> dict[str, Any]:
    return {"ovhcloud": {"top": level, "deep": {level: 1, "all": level, **deep}}, "groq": {"other": 1}}


async def test_provider_options_of_fallback_call_and_agent_are_merged_deeply_in_this_order(provider: Provider):
    entry = {"model": MODEL, "provider_options": options("fallback")}
    agent = Agent(model=[entry], provider_options=options("agent", kept=True))
    message = Message(
        "user", Message.user("Hi").content, provider_options={"ovhcloud": {"name": "me"}, "groq": {"x": 1}}
    )
    await agent.generate([message], provider_options=options("call"))
    body = provider.requests[0].json
    assert body["top"] == "fallback"
    assert body["deep"] == {"agent": 1, "call": 1, "fallback": 1, "all": "fallback", "kept": True}
    assert body["messages"] == [{"role": "user", "content": "Hi", "name": "me"}]
    assert "other" not in body
    await Agent(model=MODEL, provider_options=options("agent")).generate("Hi", provider_options=options("call"))
    assert provider.requests[1].json["deep"] == {"agent": 1, "call": 1, "all": "call"}
    everywhere = {"*": {"deep": {"agent": 0, "star": 1}}}
    await Agent(model=MODEL, provider_options=options("agent")).generate("Hi", provider_options=everywhere)
    assert provider.requests[2].json["deep"] == {"agent": 1, "all": "agent", "star": 1}
    await Agent(model=MODEL, provider_options=options("agent")).generate("Hi")
    assert provider.requests[3].json["deep"] == {"agent": 1, "all": "agent"}


async def test_settings_of_a_fallback_win_over_those_of_the_call_and_these_over_the_agents(provider: Provider):
    entry = {"model": MODEL, "settings": {"temperature": 0.3}}
    agent = Agent(model=[entry], settings={"temperature": 0.1, "top_p": 0.1, "seed": 1})
    await agent.generate("Hi", settings={"temperature": 0.2, "top_p": 0.2})
    body = provider.requests[0].json
    assert (body["temperature"], body["top_p"], body["seed"]) == (0.3, 0.2, 1)


async def test_a_refused_service_tier_is_left_out_and_remembered(provider: Provider):
    provider.script(error(400, "Unknown parameter: 'service_tier'."), reply())
    agent = Agent(model=MODEL, settings={"service_tier": "flex"})
    result = await agent.generate("Hi")
    assert [warning.code for warning in result.warnings] == ["dropped_setting"]
    await agent.generate("Hi")
    assert ["service_tier" in request.json for request in provider.requests] == [True, False, False]


async def test_an_effort_is_clamped_with_a_warning_on_the_result(provider: Provider):
    result = await Agent(model=MODEL, settings={"reasoning_effort": "max"}).generate("Hi")
    assert provider.requests[0].json["reasoning_effort"] == "high"
    assert [warning.code for warning in result.warnings] == ["clamped_setting"]


async def test_a_selection_falls_over_to_the_next_match(provider: Provider):
    provider.script(error(500), reply(answer(model="mistral-nemo-instruct-2407")))
    agent = Agent(model=select(provider="ovhcloud", tools=True, sort="price"), max_retries=0)
    result = await agent.generate("Hi")
    assert [request.json["model"] for request in provider.requests] == ["mistral-7b-instruct-v0.3", "gpt-oss-20b"]
    assert result.model == "ovhcloud/gpt-oss-20b"
    assert [attempt.model for attempt in result.attempts] == [
        "ovhcloud/mistral-7b-instruct-v0.3",
        "ovhcloud/gpt-oss-20b",
    ]


async def test_a_selection_is_an_entry_of_a_fallback_list_and_a_model_of_one_call(provider: Provider):
    provider.script(error(500))
    agent = Agent(model=[MODEL, select(provider="ovhcloud", tools=True, limit=2)], max_retries=0)
    with pytest.raises(AllCandidatesFailedError):
        await agent.generate("Hi")
    assert [request.json["model"] for request in provider.requests] == [
        "gpt-oss-120b",
        "mistral-7b-instruct-v0.3",
        "gpt-oss-20b",
    ]
    provider.script(reply())
    await agent.generate("Hi", model=select(provider="ovhcloud", sort="context", limit=1))
    assert provider.requests[-1].json["model"].startswith("qwen3")


async def test_a_selection_that_nothing_fits_is_told_before_anything_is_sent(provider: Provider):
    with pytest.raises(InvalidModelError, match="fits none of 22 models"):
        await Agent(model=select(provider="ovhcloud", output="video")).generate("Hi")
    assert provider.requests == []


async def test_what_answered_is_measured_and_the_quickest_is_taken(provider: Provider, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OVHCLOUD_API_KEY", KEY)
    provider.script(stream())
    agent = Agent(model="ovhcloud/qwen3.6-27b")
    for _ in range(2):
        await agent.stream("Hi").result()
    estimate = default_runtime().measured.find("ovhcloud/qwen3.6-27b")
    assert estimate is not None
    assert estimate.cold_first_chunk_s is not None
    assert estimate.first_chunk_s is not None  # the second call found the connection open
    assert (estimate.total_s, estimate.count) == (None, 2)
    await Agent(model=select(provider="ovhcloud", sort="latency")).stream("Hi").result()
    assert provider.requests[-1].json["model"] == "qwen3.6-27b"


async def test_earlier_tries_do_not_count_as_time_of_the_one_that_answered(provider: Provider):
    provider.script(error(500, retry_after="0.3"), reply())
    result = await Agent(model=MODEL).generate("Hi")
    estimate = default_runtime().measured.find(MODEL)
    assert estimate is not None
    assert estimate.total_s is not None
    assert estimate.count == 1
    assert result.timing.total_s is not None
    assert estimate.total_s <= result.timing.total_s - 0.3  # that long it waited between the two
