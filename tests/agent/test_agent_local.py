"""The embedded model for real: through the same router, transport and protocol as any provider."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from turnout import Agent, Message, ToolResult
from turnout.errors import ContextLengthError, LocalModelError
from turnout.hooks import Hooks, RequestEvent
from turnout.memory import InMemoryStore, Memory

pytestmark = pytest.mark.local_model

AGENT = Agent(
    id="local",
    model="local/smollm2-135m-instruct",
    instructions="You are a helpful assistant.",
    settings={"temperature": 0, "max_output_tokens": 24},
    timeouts={"first_chunk_s": 300, "idle_s": 120},
)


async def test_it_generates_with_usage_and_a_cost_of_nothing() -> None:
    response = await AGENT.generate("Say hello.")
    assert response.text
    assert response.finish_reason in ("stop", "length")
    assert (response.provider, response.model) == ("local", "local/smollm2-135m-instruct")
    assert response.usage.input_tokens
    assert 0 < (response.usage.output_tokens or 0) <= 24
    assert response.cost.total == 0
    assert response.warnings == []


async def test_a_stream_and_a_whole_answer_are_the_same() -> None:
    settings = {"seed": 7}
    whole = await AGENT.generate("Tell me a story.", settings=settings)
    running = await AGENT.stream("Tell me a story.", settings=settings)
    pieces = [piece async for piece in running.text_stream]
    assert len(pieces) > 5
    assert "".join(pieces) == running.text == whole.text
    assert running.usage.output_tokens == whole.usage.output_tokens
    assert running.finish_reason == whole.finish_reason


async def test_a_conversation_of_three_turns() -> None:
    messages: list[Message] = []
    sizes = []
    for said in ("My name is Ada.", "I like trains.", "What did I tell you?"):
        response = await AGENT.generate([*messages, Message.user(said)])
        messages = response.messages
        sizes.append(response.usage.input_tokens or 0)
    assert [message.role for message in messages] == ["user", "assistant"] * 3
    assert sizes == sorted(sizes)
    assert sizes[2] > sizes[0] + 20  # it was told what came before


async def test_eight_at_once() -> None:
    responses = await asyncio.gather(*(AGENT.generate(f"Count to {n}.") for n in range(8)))
    assert all(response.text for response in responses)


async def test_leaving_a_stream_frees_the_model() -> None:
    for _ in range(6):  # more than the server answers at once
        async for chunk in AGENT.stream("Tell me a very long story.", settings={"max_output_tokens": 1500}):
            if chunk.type == "text_delta":
                break
    assert (await AGENT.generate("Say hello.")).text


async def test_a_prompt_over_the_context_is_a_typed_error() -> None:
    with pytest.raises(ContextLengthError):
        await AGENT.generate("word " * 5000)


async def test_a_fallback_from_a_model_that_is_not_there() -> None:
    agent = Agent(model=["local//no/such/file.gguf", "local/smollm2-135m-instruct"], settings={"max_output_tokens": 4})
    response = await agent.generate("Hi")
    assert isinstance(response.attempts[0].error, LocalModelError)
    assert response.model == "local/smollm2-135m-instruct"


def test_the_sync_twins_tell_a_story_too() -> None:
    assert "".join(AGENT.stream_sync("Tell me a story.").text_stream)


@dataclass
class Person:
    name: str
    age: int


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    asked.append(city)
    return f"sunny, 21 degrees in {city}"


asked: list[str] = []
WITH_TOOLS = Agent(
    model="local/smollm2-135m-instruct",
    tools=[get_weather],
    settings={"temperature": 0, "max_output_tokens": 120},
    timeouts={"first_chunk_s": 300, "idle_s": 120},
)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_run_of_two_steps_with_a_tool(is_stream: bool) -> None:
    asked.clear()
    question = "What is the weather in Paris?"
    types: list[str] = []
    if is_stream:
        running = WITH_TOOLS.stream(question)
        types = [chunk.type async for chunk in running]
        result = await running.result()
    else:
        result = await WITH_TOOLS.generate(question)
    assert asked == ["Paris"]
    assert [step.finish_reason for step in result.steps][0] == "tool_calls"
    assert len(result.steps) == 2
    assert result.text
    assert result.cost.total == 0
    assert "emulated_tools" in [warning.code for warning in result.warnings]
    results = [part for message in result.messages for part in message.content if isinstance(part, ToolResult)]
    assert [part.content for part in results] == ["sunny, 21 degrees in Paris"]
    if is_stream:
        assert [kind for kind in types if kind.startswith("tool")] == [
            "tool_call_start", "tool_call_delta", "tool_call_end", "tool_result",
        ]  # fmt: skip
        assert types.count("step_finish") == 2


async def test_a_structured_answer() -> None:
    result = await WITH_TOOLS.generate("Ada Lovelace is 36 years old. Who is she?", output=Person, tools=[])
    assert isinstance(result.object, Person)
    assert (type(result.object.name), type(result.object.age)) == (str, int)


async def test_a_conversation_in_a_thread() -> None:
    sent: list[RequestEvent] = []
    store = InMemoryStore()
    agent = Agent(
        id="local",
        model="local/smollm2-135m-instruct",
        settings={"temperature": 0, "max_output_tokens": 24},
        timeouts={"first_chunk_s": 300, "idle_s": 120},
        memory=Memory(store),
        hooks=Hooks(on_request=sent.append),
    )
    first = await agent.generate("My name is Ada.", thread="t")
    result: Any = await agent.generate("What is my name?", thread="t")
    kept = (await store.load("local", "t")).messages
    assert [message.role for message in kept] == ["user", "assistant", "user", "assistant"]
    assert [message.text for message in sent[1].request.messages] == [
        "My name is Ada.",
        first.text,
        "What is my name?",
    ]
    assert [message.text for message in result.messages] == [message.text for message in kept]
