"""What only its maker understands goes back to the host that made it, also where two URLs have no other name."""

from __future__ import annotations

from typing import Any

import pytest

from provider import Provider, answer, error, reply
from turnout import Agent, Message, ModelConfig, Text, tool
from turnout.routing.resolution import resolve

THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "signed-by-one"}
SEALED = {"type": "reasoning.encrypted", "data": "sealed-by-one", "index": 0}
SIGNED = {"google": {"thought_signature": "signed-by-one"}}
USAGE = {"input_tokens": 1, "output_tokens": 1}


@tool
def look() -> str:
    """Look it up."""
    return "sunny"


@pytest.fixture
def two():
    with Provider() as one, Provider() as other:
        yield one, other


def anthropic(*blocks: dict[str, Any], reason: str) -> Any:
    body = {"id": "m", "type": "message", "model": "m", "content": list(blocks), "stop_reason": reason}
    return reply({**body, "usage": USAGE})


CALLS = {
    "anthropic_messages": anthropic(
        THOUGHT,
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "signed-by-one"}},
        {"type": "tool_use", "id": "c1", "name": "look", "input": {}, "caller": {"type": "signed-by-one"}},
        reason="tool_use",
    ),
    "openai_chat": reply(
        answer(
            "",
            finish_reason="tool_calls",
            reasoning_details=[SEALED],
            tool_calls=[
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "look", "arguments": "{}"},
                    "extra_content": SIGNED,
                }
            ],
        )
    ),
}
ENDS = {
    "anthropic_messages": anthropic({"type": "text", "text": "It is sunny."}, reason="end_turn"),
    "openai_chat": reply(answer("It is sunny.")),
}


def at(server: Provider, protocol: str, **fields: Any) -> ModelConfig:
    return ModelConfig(id="m", url=server.url, protocol=protocol, api_key="k", **fields)


@pytest.mark.parametrize("protocol", CALLS)
async def test_a_fallback_between_two_urls_gets_no_state_of_the_first(two, protocol: str) -> None:
    one, other = two
    one.script(CALLS[protocol], error(400, "broken"))
    other.script(ENDS[protocol])
    agent = Agent(model=[at(one, protocol), at(other, protocol)], tools=[look], max_retries=0)
    result = await agent.generate("What is the weather?")
    assert (result.text, result.provider) == ("It is sunny.", "custom")
    back, elsewhere = one.requests[1].body, other.requests[0].body
    assert b"by-one" in back, "it goes back to who made it"
    assert b"by-one" not in elsewhere
    assert b"sunny" in elsewhere, "the call and its result go along"


@pytest.mark.parametrize("protocol", CALLS)
async def test_state_goes_back_to_its_host_in_the_next_turn(two, protocol: str) -> None:
    one, other = two
    one.script(CALLS[protocol], ENDS[protocol])
    other.script(ENDS[protocol])
    result = await Agent(model=at(one, protocol), tools=[look]).generate("What is the weather?")
    again = [*result.messages, Message.user("And now?")]
    await Agent(model=at(one, protocol)).generate(again)
    await Agent(model=at(other, protocol)).generate(again)
    assert b"by-one" in one.requests[2].body
    assert b"by-one" not in other.requests[0].body


@pytest.mark.parametrize("protocol", CALLS)
async def test_urls_of_one_provider_by_name_share_its_state(two, protocol: str) -> None:
    one, other = two
    one.script(CALLS[protocol], error(400, "broken"))
    other.script(ENDS[protocol])
    models = [at(each, protocol, provider="mine") for each in two]
    await Agent(model=models, tools=[look], max_retries=0).generate("What is the weather?")
    assert b"by-one" in other.requests[0].body


@pytest.mark.parametrize("protocol", ["anthropic_messages", "openai_chat", "bedrock_converse", "gemini", "cohere_chat"])
async def test_options_for_a_url_without_a_name_are_those_of_custom(two, protocol: str) -> None:
    part = Text("Hi", provider_options={"custom": {"marked": "here"}})
    one, _ = two
    one.script(error(400, "enough"))
    with pytest.raises(Exception, match="enough"):
        await Agent(model=at(one, protocol)).generate([Message("user", [Text("a"), part])])
    assert b'"marked":"here"' in one.requests[0].body


def test_a_maker_is_named_by_scheme_host_and_port_and_tells_none_of_them() -> None:
    def maker(url: str, **fields: Any) -> str:
        return resolve(ModelConfig(id="m", url=url, **fields)).maker

    first = maker("https://inner.example/v1")
    assert first == maker("https://inner.example:443/v2?x=1") == maker("https://user:pw@INNER.example/")
    assert (
        len({first, maker("http://inner.example/v1"), maker("https://inner.example:8443"), maker("https://b.example")})
        == 4
    )
    assert first.startswith("custom@")
    assert "inner" not in first
    assert maker("https://inner.example/v1", provider="mine") == "mine"
    assert resolve("ovhcloud/gpt-oss-120b").maker == "ovhcloud"
