"""Faults in tool calls: ids that are doubled, missing or of another type, names and arguments that are none."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fault_answers import STORY, Right, answer_rightly
from fault_site import Host, Wire

from provider import KEY, answer, event
from turnout import Agent
from turnout.errors import TurnoutError
from turnout.transport.http import HTTPTransport

DONE = b"data: [DONE]\n\n"


def wanted(identity: Any, arguments: Any, name: Any = "look_up", index: int = 0) -> dict[str, Any]:
    return {"index": index, "id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


class Run:
    """One run with a tool, whose first answer calls it in some odd way, and whose second is a story."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.told: list[dict[str, Any]] = []

    async def ask(self, host: Host, calls: list[dict[str, Any]], *, is_stream: bool) -> str:
        """Return how the run ends: its text, or the name of the error."""

        async def call_oddly(wire: Wire) -> None:
            right = Right(wire)
            if right.is_stream:
                pieces = [
                    event({"role": "assistant", "content": None}),
                    *(event({"tool_calls": [one]}) for one in calls),
                ]
                await wire.send(right.chunked([*pieces, event({}, "tool_calls"), DONE]))
                return
            body = answer("", tool_calls=calls, finish_reason="tool_calls")
            await wire.send(right.framed(json.dumps(body).encode()))

        async def go_on(wire: Wire) -> None:
            self.told = [message for message in wire.request.json["messages"] if message["role"] == "tool"]
            await answer_rightly(wire)

        def look_up(word: str) -> str:
            """Say what a word means."""
            self.words.append(word)
            return f"{word} is a word"

        transport = HTTPTransport()
        async with host.site() as site:
            site.script = [call_oddly, go_on]
            model = {"id": "m", "url": site.url, "api_key": KEY}
            agent = Agent(model=model, transport=transport, tools=[look_up], max_retries=0)
            try:
                async with asyncio.timeout(60):
                    result = await (agent.stream("Hi").result() if is_stream else agent.generate("Hi"))
                return result.text
            except TurnoutError as error:
                return type(error).__name__
            finally:
                assert len(site.requests) <= 2
                await transport.aclose()


def arguments(word: str) -> str:
    return json.dumps({"word": word})


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([wanted("a", arguments("one")), wanted("a", arguments("two"), index=1)], ["one", "two"]),
        ([wanted("", arguments("one")), wanted("", arguments("two"), index=1)], ["one", "two"]),
        ([wanted(None, arguments("one")), wanted(None, arguments("two"), index=1)], ["one", "two"]),
        ([wanted(7, arguments("one"))], ["one"]),
        ([wanted("a", {"word": "one"})], ["one"]),
        ([wanted("a", arguments("one")), wanted("b", arguments("two"), name="nobody", index=1)], ["one"]),
    ],
    ids=["one id twice", "empty ids", "no ids", "a number for the id", "an object for the arguments", "no such tool"],
)
async def test_odd_calls_are_each_run_once_and_answered_by_their_own_id(
    host: Host, calls: list[dict[str, Any]], words: list[str], is_stream: bool
) -> None:
    run = Run()
    assert await run.ask(host, calls, is_stream=is_stream) == STORY
    assert sorted(run.words) == words
    ids = [message["tool_call_id"] for message in run.told]
    assert len(ids) == len(set(ids)) == len(calls)
    assert all(isinstance(identity, str) and identity for identity in ids)
    for word in words:
        assert any(f"{word} is a word" in json.dumps(message["content"]) for message in run.told)


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize(
    "odd",
    ['{"word": "o', "not JSON", "[" * 5000, '{"word": NaN}', '{"word": {}}', "null", "[]", '{"word": "\\ud800"}', ""],
    ids=["cut", "no JSON", "deep", "NaN", "another type", "null", "a list", "half a letter", "nothing"],
)  # fmt: skip
async def test_odd_arguments_never_stop_the_run(host: Host, odd: str, is_stream: bool) -> None:
    """The model is told what is wrong, or the tool gets what can be read of it."""
    run = Run()
    ending = await run.ask(host, [wanted("a", odd)], is_stream=is_stream)
    assert ending == STORY
    (message,) = run.told
    assert message["tool_call_id"] == "a"
    assert bool(run.words) != str(message["content"]).startswith("Error")
