"""Tools on models that have none: through constrained JSON and through the prompt alone, whole and streamed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from provider import Provider, Reply, answer, event, reply, stream
from turnout import Agent, ToolResult
from turnout.catalog import register
from turnout.memory import InMemoryStore, Memory

BOTH = pytest.mark.parametrize("is_stream", [False, True])
WAYS = pytest.mark.parametrize("is_held", [True, False])


@dataclass
class Report:
    city: str
    degrees: int


def get_weather(city: str, days: int = 1) -> str:
    """Get the weather in a city."""
    return f"{20 + days} degrees in {city}"


def get_time() -> str:
    return "noon"


def own_model(is_held: bool = True, **facts: Any) -> str:
    facts = {"supports_tools": False, "supports_structured_output": is_held, **facts}
    register(models=[{"id": "ovhcloud/plain", **facts}])
    return "ovhcloud/plain"


def say(value: Any, is_stream: bool) -> Reply:
    text = value if isinstance(value, str) else json.dumps(value)
    if not is_stream:
        return reply(answer(text))
    pieces = [event({"content": text[at : at + 5]}) for at in range(0, len(text), 5)]
    return stream([*pieces, event({}, "stop"), b"data: [DONE]\n\n"])


async def run(agent: Agent, is_stream: bool, **options: Any) -> tuple[Any, list[Any]]:
    if not is_stream:
        return await agent.generate("Weather in Paris?", **options), []
    running = agent.stream("Weather in Paris?", **options)
    chunks = [chunk async for chunk in running]
    return await running.result(), chunks


CALL = {"tool": "get_weather", "arguments": {"city": "Paris"}}


@BOTH
@WAYS
async def test_a_run_of_two_steps(provider: Provider, is_held: bool, is_stream: bool) -> None:
    final: Any = {"answer": "It is 21 degrees."} if is_held else "It is 21 degrees."
    provider.script(say(CALL, is_stream), say(final, is_stream))
    agent = Agent(model=own_model(is_held), tools=[get_weather], instructions="Be brief.")
    result, chunks = await run(agent, is_stream)
    assert (result.text, result.finish_reason) == ("It is 21 degrees.", "stop")
    assert [step.finish_reason for step in result.steps] == ["tool_calls", "stop"]
    assert [message.role for message in result.messages] == ["user", "assistant", "tool", "assistant"]
    assert [warning.code for warning in result.warnings] == ["emulated_tools"]
    for request in provider.requests:
        body = request.json
        assert not {"tools", "tool_choice"} & body.keys()
        assert ("response_format" in body) is is_held
        system = body["messages"][0]["content"]
        assert system.startswith("Be brief.")
        assert "- get_weather: Get the weather in a city." in system
    assert [(message["role"], message["content"]) for message in provider.requests[1].json["messages"][1:]] == [
        ("user", "Weather in Paris?"),
        ("assistant", json.dumps(CALL, separators=(",", ":"))),
        ("user", "The tool get_weather answered: 21 degrees in Paris"),
    ]
    if is_stream:
        types = [chunk.type for chunk in chunks]
        called = [kind for kind in types if kind.startswith("tool")]
        assert called == ["tool_call_start", "tool_call_delta", "tool_call_end", "tool_result"]
        told = [chunk.text for chunk in chunks if chunk.type == "text_delta"]
        assert "".join(told) == result.text
        assert len(told) > 2


@BOTH
@WAYS
@pytest.mark.parametrize("choice", ["required", "get_weather"])
async def test_a_forced_call_holds_for_the_first_step(
    provider: Provider, choice: str, is_held: bool, is_stream: bool
) -> None:
    provider.script(say(CALL, is_stream), say("Warm.", is_stream))
    agent = Agent(model=own_model(is_held), tools=[get_weather, get_time])
    result, _ = await run(agent, is_stream, tool_choice=choice)
    first, second = (request.json["messages"][0]["content"] for request in provider.requests)
    assert "Call a tool now." in first
    assert "Call a tool now." not in second
    assert ("get_time" in first) is (choice == "required")
    if is_held:
        schema = provider.requests[0].json["response_format"]["json_schema"]["schema"]
        assert "answer" not in json.dumps(schema)
    assert result.text == "Warm."


@BOTH
async def test_no_tool_is_offered_where_none_is_to_be_called(provider: Provider, is_stream: bool) -> None:
    provider.script(say("Hi.", is_stream))
    result, _ = await run(Agent(model=own_model(), tools=[get_weather]), is_stream, tool_choice="none")
    body = provider.requests[0].json
    assert "get_weather" not in json.dumps(body)
    assert "response_format" not in body
    assert (result.text, result.warnings) == ("Hi.", [])


@BOTH
@WAYS
async def test_with_structured_output(provider: Provider, is_held: bool, is_stream: bool) -> None:
    provider.script(say(CALL, is_stream), say({"answer": {"city": "Paris", "degrees": 21}}, is_stream))
    agent = Agent(model=own_model(is_held), tools=[get_weather])
    result, chunks = await run(agent, is_stream, output=Report)
    assert result.object == Report("Paris", 21)
    if is_stream:
        assert [chunk.object for chunk in chunks if chunk.type == "object_delta"][-1] == {
            "city": "Paris",
            "degrees": 21,
        }


@BOTH
async def test_output_that_is_not_wrapped_as_asked_is_read_all_the_same(provider: Provider, is_stream: bool) -> None:
    provider.script(say({"city": "Paris", "degrees": 21}, is_stream))
    result, _ = await run(Agent(model=own_model(False), tools=[get_weather]), is_stream, output=Report)
    assert result.object == Report("Paris", 21)


@BOTH
@pytest.mark.parametrize(
    ("said", "about"),
    [
        ('{"tool": "get_weather", "arguments": {"city": 5, "days": "many"}}', "days"),
        ('{"tool": "get_weather", "arguments": {"city": "Par', "no JSON object"),
        ('{"tool": "get_weather", "arguments": "Paris"}', "no JSON object"),
        ('{"tool": "get_weather", "arguments": {}}', "city"),
    ],
)
async def test_invalid_arguments_go_back_to_be_mended(
    provider: Provider, is_stream: bool, said: str, about: str
) -> None:
    provider.script(say(said, is_stream), say(CALL, is_stream), say("Warm.", is_stream))
    result, _ = await run(Agent(model=own_model(), tools=[get_weather]), is_stream)
    results = [part for message in result.messages for part in message.content if isinstance(part, ToolResult)]
    assert [part.is_error for part in results] == [True, False]
    assert about in results[0].content
    assert provider.requests[1].json["messages"][-1]["content"].startswith("The tool get_weather failed: Error:")
    assert result.text == "Warm."


async def test_a_history_of_parallel_calls_is_spelled(provider: Provider) -> None:
    wanted = [
        {"id": str(n), "type": "function", "function": {"name": "get_weather", "arguments": json.dumps({"city": city})}}
        for n, city in enumerate(["Paris", "Rome"])
    ]
    provider.script(reply(answer(None, tool_calls=wanted)), reply(answer("Warm.")), reply(answer("As I said.")))  # type: ignore[arg-type]
    store = InMemoryStore()
    agent = Agent(model="ovhcloud/gpt-oss-120b", tools=[get_weather], memory=Memory(store))
    await agent.generate("Both?", thread="t")
    await agent.generate("And?", thread="t", model=own_model())
    messages = provider.requests[2].json["messages"][1:]
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert "Paris" in messages[1]["content"]
    assert "Rome" in messages[1]["content"]
    assert messages[2]["content"].count("The tool get_weather answered:") == 2


@BOTH
async def test_tools_that_are_offered_once_a_turn(provider: Provider, is_stream: bool) -> None:
    provider.script(say(CALL, is_stream), say("Warm.", is_stream))
    model = own_model(quirks={"offers_tools_once": True})
    result, _ = await run(Agent(model=model, tools=[get_weather]), is_stream)
    second = provider.requests[1].json
    assert "response_format" not in second
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]
    assert 'I called get_weather with {"city":"Paris"}. It answered: 21 degrees' in second["messages"][1]["content"]
    assert result.text == "Warm."
    assert len(result.steps) == 2


@BOTH
@pytest.mark.parametrize(
    "refusal",
    [
        {"error": "registry.host/library/gemma:2b does not support tools"},
        {"error": {"message": "Unknown parameter: 'tools'.", "param": "tools"}},
        {"error": {"message": "tools is not supported by this model"}},
    ],
    ids=["prose", "param", "not supported"],
)
async def test_a_server_that_refuses_tools_teaches_it(provider: Provider, is_stream: bool, refusal: Any) -> None:
    provider.script(reply(refusal, 400), say(CALL, is_stream), say({"answer": "Warm."}, is_stream))
    agent = Agent(model={"id": "gemma", "url": provider.url, "provider": "custom"}, tools=[get_weather])
    result, _ = await run(agent, is_stream)
    assert result.text == "Warm."
    assert ["tools" in request.json for request in provider.requests] == [True, False, False]
    assert "emulated_tools" in [warning.code for warning in result.warnings]


@BOTH
async def test_a_server_that_refuses_tools_and_schemas_is_asked_in_words(provider: Provider, is_stream: bool) -> None:
    provider.script(
        reply({"error": "m does not support tools"}, 400),
        reply({"error": {"message": "Unknown parameter: response_format", "param": "response_format"}}, 400),
        say(CALL, is_stream),
        say("Warm.", is_stream),
    )
    agent = Agent(model={"id": "m", "url": provider.url, "provider": "custom"}, tools=[get_weather])
    result, _ = await run(agent, is_stream)
    assert result.text == "Warm."
    assert not {"tools", "response_format"} & provider.requests[2].json.keys()
