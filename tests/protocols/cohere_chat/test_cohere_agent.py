"""An agent whose model speaks Cohere's wire format, against a real server."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from cohere_wire import end_event, event, text_event

from provider import Provider, reply, stream
from turnout import Agent, ModelConfig

USAGE = {
    "billed_units": {"input_tokens": 5, "output_tokens": 3},
    "tokens": {"input_tokens": 500, "output_tokens": 4},
    "cached_tokens": 400,
}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


@pytest.fixture
def server():
    with Provider() as running:
        yield running


def make_agent(server: Provider) -> Agent:
    config = ModelConfig(id="command-x", url=server.url, protocol="cohere_chat", api_key="k")
    return Agent(model=config, tools=[weather])


def check_second_request(server: Provider) -> None:
    _, said, answered = server.requests[1].json["messages"]
    assert said == {"role": "assistant", "tool_plan": "I will look", "tool_calls": [CALL]}
    assert answered == {"role": "tool", "tool_call_id": "c1", "content": "sunny in Rome"}


async def test_a_run_with_a_tool(server):
    asked = {"id": "1", "finish_reason": "TOOL_CALL", "message": {"tool_plan": "I will look", "tool_calls": [CALL]}}
    told = {"id": "2", "finish_reason": "COMPLETE", "message": {"content": [{"type": "text", "text": "It is sunny."}]}}
    server.script(reply({**asked, "usage": USAGE}), reply({**told, "usage": USAGE}))
    result = await make_agent(server).generate("What is the weather in Rome?")
    assert (result.text, result.usage.total_tokens) == ("It is sunny.", 16)
    assert server.requests[0].path == "/v1/chat"
    check_second_request(server)


async def test_the_cost_is_that_of_what_is_billed(server):
    body = {"id": "1", "finish_reason": "COMPLETE", "message": {"content": [{"type": "text", "text": "Hi"}]}}
    events = [b"data: " + json.dumps(each).encode() + b"\n\n" for each in (text_event("Hi"), end_event(usage=USAGE))]
    server.script(reply({**body, "usage": USAGE}), stream(events))
    config = ModelConfig(id="command-a-03-2025", provider="cohere", url=server.url, api_key="k")
    agent = Agent(model=config)
    whole = await agent.generate("Hi")
    for result in (whole, await agent.stream("Hi").result()):
        assert result.cost.total == Decimal("0.0000425")  # 5 in at $2.50 and 3 out at $10 per 1M tokens
        assert result.usage.input_tokens == 5


async def test_a_streamed_run_with_a_tool(server):
    def lines(*events):
        return [b"data: " + json.dumps(each).encode() + b"\n\n" for each in events]

    first = lines(
        event("message-start", id="1"),
        event("tool-plan-delta", message={"tool_plan": "I will look"}),
        event("tool-call-start", index=0, message={"tool_calls": CALL}),
        event("tool-call-end", index=0),
        end_event("TOOL_CALL", usage=USAGE),
    )
    server.script(stream(first), stream(lines(text_event("It is"), text_event(" sunny."), end_event(usage=USAGE))))
    told = make_agent(server).stream("What is the weather in Rome?")
    assert "".join([chunk.text async for chunk in told if chunk.type == "text_delta"]) == "It is sunny."
    check_second_request(server)
