"""Runs that go on with another provider: what the first one made and alone understands stays behind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from provider import Provider, answer, events, reply, stream
from turnout import Agent, tool
from turnout.errors import MalformedStreamError, TruncatedStreamError

SEARCH = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"encrypted_content": "STATE"}]},
]
CITED = {"type": "text", "text": "As said", "citations": [{"type": "char_location", "cited_text": "STATE"}]}
USE = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}}
SEARCHED = {"content": [*SEARCH, CITED, USE], "container": {"id": "STATE"}, "stop_reason": "tool_use"}
THOUGHT = answer(
    "",
    reasoning_content="STATE",
    tool_calls=[{"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}],
    finish_reason="tool_calls",
)
DONE: dict[str, Any] = {
    "anthropic_messages": {"content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn"},
    "openai_responses": {
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "done"}]}],
    },
    "gemini": {"candidates": [{"content": {"parts": [{"text": "done"}]}, "finishReason": "STOP"}]},
    "openai_chat": answer("done"),
}


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


@pytest.fixture
def second() -> Iterator[Provider]:
    with Provider() as server:
        yield server


def config(server: Provider, protocol: str, provider: str) -> dict[str, str]:
    return {"id": "m", "url": server.url, "protocol": protocol, "provider": provider, "api_key": "k"}


@pytest.mark.parametrize("protocol", list(DONE))
async def test_a_fallback_gets_nothing_that_only_the_first_provider_understands(
    protocol: str, provider: Provider, second: Provider
):
    provider.script(reply(SEARCHED), reply({"error": {"message": "overloaded"}}, 529))
    second.script(reply(DONE[protocol]))
    agent = Agent(
        model=[config(provider, "anthropic_messages", "one"), config(second, protocol, "two")],
        tools=[weather],
        max_retries=0,
    )
    result = await agent.generate("Hi")
    assert result.text == "done"
    assert "STATE" not in json.dumps(second.requests[-1].json)
    assert "sunny in Rome" in json.dumps(second.requests[-1].json)


async def test_the_messages_of_a_result_can_go_to_another_provider(provider: Provider, second: Provider):
    provider.script(reply(SEARCHED), reply(DONE["anthropic_messages"]))
    first = Agent(model=config(provider, "anthropic_messages", "one"), tools=[weather])
    result = await first.generate("Hi")
    assert json.dumps(provider.requests[-1].json).count("STATE") == 3
    second.script(reply(DONE["anthropic_messages"]))
    await Agent(model=config(second, "anthropic_messages", "two")).generate(result.messages)
    assert "STATE" not in json.dumps(second.requests[-1].json)


async def test_thoughts_without_a_record_stay_with_who_had_them(
    provider: Provider, second: Provider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DEEPSEEK_BASE_URL", second.url)
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    provider.script(reply(THOUGHT), reply({"error": {"message": "no"}}, 503))
    second.script(reply(THOUGHT), reply(DONE["openai_chat"]))
    models = [config(provider, "openai_chat", "one"), "deepseek/deepseek-v4-flash"]
    await Agent(model=models, tools=[weather], max_retries=0).generate("Hi")
    first, own = [message for message in second.requests[-1].json["messages"] if message["role"] == "assistant"]
    assert (first["reasoning_content"], own["reasoning_content"]) == ("", "STATE")


async def test_betas_of_the_options_and_of_the_headers_are_sent_both(provider: Provider):
    provider.script(reply(DONE["anthropic_messages"]))
    model = {**config(provider, "anthropic_messages", "one"), "headers": {"Anthropic-Beta": "a, b"}}
    await Agent(model=model).generate("Hi", provider_options={"one": {"anthropic_beta": ["c", "a"]}})
    await Agent(model=model).generate("Hi")
    assert [request.headers["anthropic-beta"] for request in provider.requests] == ["c,a,b", "a, b"]
    assert "anthropic_beta" not in provider.requests[0].json


@pytest.mark.parametrize("pieces", [events(), [b"data: [DONE]\n\n"]])
async def test_a_stream_of_another_wire_is_no_empty_answer(pieces: list[bytes], provider: Provider):
    provider.script(stream(pieces))
    agent = Agent(model=config(provider, "openai_responses", "one"), max_retries=0)
    with pytest.raises(MalformedStreamError, match="no event of a Responses API: check that the base URL"):
        async for _ in await agent.stream("Hi"):
            pass


@pytest.mark.parametrize("pieces", [[b"data: [DONE]\n\n"], [b'data: {"type": "ping"}\n\n', b"data: [DONE]\n\n"]])
async def test_a_stream_without_a_choice_is_no_empty_answer(pieces: list[bytes], provider: Provider):
    provider.script(stream(pieces), stream(events(["Hi"])))
    result = await Agent(model=config(provider, "openai_chat", "one"), max_retries=1).stream("Hi")
    assert "".join([text async for text in result.text_stream]) == "Hi"
    provider.script(stream(pieces))
    with pytest.raises(TruncatedStreamError, match="without any choice"):
        await (await Agent(model=config(provider, "openai_chat", "one"), max_retries=0).stream("Hi")).result()


async def test_the_end_mark_of_another_wire_harms_no_answer_of_gemini(provider: Provider):
    told = b"data: " + json.dumps(DONE["gemini"]).encode() + b"\n\n"
    provider.script(stream([told, b"data: [DONE]\n\n"]))
    result = await (await Agent(model=config(provider, "gemini", "one"), max_retries=0).stream("Hi")).result()
    assert result.text == "done"


async def test_mistral_takes_over_in_the_middle_of_a_run_with_tools(
    provider: Provider, second: Provider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MISTRAL_BASE_URL", second.url)
    monkeypatch.setenv("MISTRAL_API_KEY", "k")
    provider.script(reply(SEARCHED), reply({"error": {"message": "no"}}, 503))
    second.script(reply(DONE["openai_chat"]))
    models = [config(provider, "anthropic_messages", "one"), "mistral/mistral-large-latest"]
    await Agent(model=models, tools=[weather], max_retries=0).generate("Hi")
    _, step, told = second.requests[-1].json["messages"]
    assert step["tool_calls"][0]["id"] == told["tool_call_id"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", told["tool_call_id"])
