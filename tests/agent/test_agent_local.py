"""The embedded model for real: through the same router, transport and protocol as any provider."""

from __future__ import annotations

import asyncio

import pytest

from turnout import Agent, Message
from turnout.errors import ContextLengthError, LocalModelError

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
