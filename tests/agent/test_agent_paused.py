"""A provider pauses a long turn of its own tools: the run sends it back unchanged, and it goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Struct

from provider import Provider, Reply, reply, stream
from turnout import Agent, Memory, ModelConfig, tool

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "kites"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
    {"type": "web_search_result", "url": "https://k/", "title": "Kites", "encrypted_content": "e"}]}  # fmt: skip
THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "s"}
LOOK = {"type": "text", "text": "Let me look."}
CALL = {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Rome"}}
USAGE = {"input_tokens": 4, "output_tokens": 2}
SERVER_TOOL = {"*": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}}


class Kite(Struct):
    """A kite."""

    colour: str


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


def say(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def message(*blocks: dict[str, Any], reason: str = "end_turn") -> dict[str, Any]:
    return {"id": "m", "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "content": list(blocks),
            "stop_reason": reason, "usage": USAGE}  # fmt: skip


def as_stream(told: dict[str, Any]) -> Reply:
    """Answer with `told` as the events of a stream, each block in one piece."""
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**told, "content": [], "stop_reason": None}}]
    for index, block in enumerate(told["content"]):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        ]
    events.append({"type": "message_delta", "delta": {"stop_reason": told["stop_reason"]}, "usage": USAGE})
    events.append({"type": "message_stop"})
    return stream([f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events])


def make_agent(server: Provider, **options: Any) -> Agent:
    model = ModelConfig(id="anthropic/claude-haiku-4-5", url=server.url, provider="anthropic", api_key="k")
    return Agent(model=model, provider_options=SERVER_TOOL, **options)


async def run(agent: Agent, *, is_stream: bool, **options: Any) -> Any:
    return await (agent.stream("Go", **options).result() if is_stream else agent.generate("Go", **options))


def script(server: Provider, *told: dict[str, Any], is_stream: bool) -> None:
    server.script(*(as_stream(each) if is_stream else reply(each) for each in told))


BOTH = pytest.mark.parametrize("is_stream", [False, True])
PAUSED = message(THOUGHT, LOOK, SEARCH, reason="pause_turn")


@BOTH
async def test_the_turn_goes_on_by_itself(provider: Provider, is_stream: bool) -> None:
    script(provider, PAUSED, message(FOUND, reason="pause_turn"), message(say("It is red.")), is_stream=is_stream)
    result = await run(make_agent(provider), is_stream=is_stream)
    assert (result.text, result.finish_reason) == ("It is red.", "stop")
    second, third = (request.json["messages"] for request in provider.requests[1:])
    assert second == [{"role": "user", "content": "Go"}, {"role": "assistant", "content": PAUSED["content"]}]
    assert third == [second[0], {"role": "assistant", "content": [*PAUSED["content"], FOUND]}]
    assert [step.response.raw_finish_reason for step in result.steps] == ["pause_turn", "pause_turn", "end_turn"]
    assert (result.usage.input_tokens, result.usage.output_tokens) == (12, 6)
    assert result.cost.total == 3 * result.steps[0].cost.total > 0
    kinds = [part.type for part in result.messages[1].content]
    assert (len(result.messages), kinds) == (2, ["reasoning", "text", "server_tool", "server_tool", "text"])
    assert result.warnings == []


@BOTH
async def test_it_ends_where_the_steps_end(provider: Provider, is_stream: bool) -> None:
    script(provider, PAUSED, is_stream=is_stream)
    result = await run(make_agent(provider), is_stream=is_stream, max_steps=2)
    assert (len(provider.requests), result.finish_reason) == (2, "max_steps")
    assert "the provider paused its turn" in str(result.warnings[0])
    assert len(result.messages[1].content) == 6


@BOTH
async def test_tools_of_the_agent_run_after_a_pause(provider: Provider, is_stream: bool) -> None:
    called = message(FOUND, CALL, reason="tool_use")
    script(provider, PAUSED, called, message(say("Sunny, and red.")), is_stream=is_stream)
    result = await run(make_agent(provider, tools=[weather]), is_stream=is_stream)
    assert result.text == "Sunny, and red."
    said, answered = provider.requests[2].json["messages"][1:]
    assert said["content"] == [*PAUSED["content"], FOUND, CALL]
    assert answered["content"] == [{"type": "tool_result", "tool_use_id": "c1", "content": "sunny in Rome"}]


@BOTH
async def test_an_approval_holds_the_whole_turn(provider: Provider, is_stream: bool) -> None:
    called = message(FOUND, CALL, reason="tool_use")
    script(provider, PAUSED, called, message(say("Sunny.")), is_stream=is_stream)
    agent = make_agent(provider, tools=[tool(needs_approval=True)(weather)])
    held = await run(agent, is_stream=is_stream)
    assert [part.type for part in held.messages[1].content][-2:] == ["server_tool", "tool_call"]
    script(provider, message(say("Sunny.")), is_stream=False)
    result = await agent.resume(held.pending, approve=["c1"])
    assert result.text == "Sunny."
    assert provider.requests[2].json["messages"][1]["content"] == [*PAUSED["content"], FOUND, CALL]


@BOTH
async def test_output_is_read_of_the_turns_end_and_mended(provider: Provider, is_stream: bool) -> None:
    script(
        provider, PAUSED, message(FOUND, say("red?")), PAUSED, message(say('{"colour": "red"}')), is_stream=is_stream
    )
    result = await run(make_agent(provider), is_stream=is_stream, output=Kite)
    assert result.object == Kite("red")
    roles = [each["role"] for each in provider.requests[3].json["messages"]]
    assert roles == ["user", "assistant", "assistant", "user", "assistant"]
    assert [part.type for part in result.messages[1].content] == ["reasoning", "text", "server_tool", "text"]


async def test_a_thread_keeps_the_turn_as_one_message(provider: Provider) -> None:
    script(provider, PAUSED, message(FOUND, say("It is red.")), message(say("Yes.")), is_stream=False)
    agent = make_agent(provider, memory=Memory())
    await agent.generate("Go", thread="t")
    await agent.generate("Sure?", thread="t")
    sent = provider.requests[2].json["messages"]
    assert [each["role"] for each in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"] == [*PAUSED["content"], FOUND, say("It is red.")]


async def test_a_pause_that_says_nothing_ends_the_run(provider: Provider) -> None:
    provider.script(reply(message(reason="pause_turn")))
    result = await make_agent(provider).generate("Go")
    assert (result.text, result.finish_reason, len(provider.requests)) == ("", "other", 1)
