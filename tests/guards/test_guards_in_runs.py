"""Guards in the runs of an agent, whole and streamed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from turnout import Agent, ToolCall
from turnout.errors import BlockedError
from turnout.guards import Block, GuardContext, RedactPII, Retry
from turnout.messages import Message, Refusal
from turnout.testing import ScriptedModel


def look_up(name: str) -> str:
    """Look somebody up."""
    return f"{name} is {name}@b.io"


class Strict:
    """Blocks what is bad, and wants more than two letters."""

    def check_input(self, messages: Sequence[Message], context: GuardContext) -> Block | None:
        return Block("no insults") if "idiot" in messages[-1].text else None

    async def check_output(self, message: Message, context: GuardContext) -> Block | Retry | None:
        if "bad" in message.text:
            return Block("bad words")
        return Retry("too short") if len(message.text) < 3 else None


async def test_nothing_personal_goes_in_or_out() -> None:
    model = ScriptedModel([ToolCall("c", "look_up", {"name": "ann"}), "It is ann@b.io, friend."])
    result = await Agent(model=model, tools=[look_up], guards=[RedactPII()]).generate("I am x@y.io")
    assert result.text == "It is [email], friend."
    assert "@" not in repr([request.messages for request in model.requests])
    assert "@" not in repr(result.messages[-1])


async def test_a_stream_shows_what_the_result_has() -> None:
    agent = Agent(model=ScriptedModel(["It is ann@b.io, friend."], repeats_last=True), guards=[RedactPII()])
    running = agent.stream("Who?")
    pieces = [piece async for piece in running.text_stream]
    assert len(pieces) > 3
    assert "".join(pieces) == running.text == (await running.result()).text == "It is [email], friend."


async def test_a_refusal_is_shown_to_its_end() -> None:
    running = Agent(model=ScriptedModel([Refusal("No mail to a@b.io")]), guards=[RedactPII()]).stream("Hi")
    shown = "".join([chunk.text async for chunk in running if chunk.type == "refusal_delta"])
    assert shown == "No mail to [email]"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_blocks_and_retries(is_stream: bool) -> None:
    async def ask(model: ScriptedModel, text: str = "Hi") -> str:
        agent = Agent(model=model, guards=[Strict()])
        if not is_stream:
            return (await agent.generate(text)).text
        return "".join([piece async for piece in agent.stream(text).text_stream])

    model = ScriptedModel(["no", "much better"])
    assert await ask(model) == "much better"
    assert "too short" in model.requests[1].text
    silent = ScriptedModel([])
    with pytest.raises(BlockedError, match="Strict blocked the input: no insults"):
        await ask(silent, "you idiot")
    assert silent.requests == []
    with pytest.raises(BlockedError, match="Strict blocked the output: bad words") as caught:
        await ask(ScriptedModel(["a bad answer"]))
    assert caught.value.text == ""
    with pytest.raises(BlockedError, match="too short"):
        await ask(ScriptedModel(["no"], repeats_last=True))
