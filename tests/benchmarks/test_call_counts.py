"""How many functions of turnout a plain call, a chunk and a read run: what they cost, told without a clock.

A bound is what was counted when it was set, and some 15 % more. Over it something new is paid for by every call: leave
it out where most calls do not need it, or raise the bound and say why.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import turnout
from turnout import Agent, Message
from turnout.transport.seam import Headers, HTTPRequest

PACKAGE = str(Path(turnout.__file__).parent)
MESSAGES = [Message.user("Hello!")]

PLAIN = 132
"""Calls of functions in one `generate`."""

CHUNK = 8
"""For each chunk of text where many come in one read."""

READ = 19.5
"""For each chunk of text that comes in a read of its own."""

MESSAGE = 1.15
"""For each further message of a conversation."""


def event(delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return b"data: " + json.dumps({"id": "c", "model": "gpt-oss-120b", "choices": [choice]}).encode() + b"\n\n"


class Answer:
    """An answer that is there already, in the pieces that are given."""

    status, queued_s, is_reused = 200, 0.0, True

    def __init__(self, pieces: list[bytes], content_type: str) -> None:
        self.pieces = pieces[::-1]
        self.headers = Headers({"content-type": content_type, "x-request-id": "r"})

    async def receive(self, *limits: object) -> bytes:
        return self.pieces.pop() if self.pieces else b""

    async def read(self, *limits: object) -> bytes:
        return b"".join(self.pieces)

    def close(self) -> None:
        pass


class Canned:
    """A transport that answers without a network."""

    def __init__(self, *pieces: bytes, content_type: str = "text/event-stream") -> None:
        self.pieces, self.content_type = list(pieces), content_type

    async def send(self, request: HTTPRequest) -> Answer:
        return Answer(self.pieces, self.content_type)


WHOLE = json.dumps(
    {
        "id": "c", "model": "gpt-oss-120b",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi!"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
).encode()  # fmt: skip


def make_agent(*pieces: bytes, content_type: str = "text/event-stream") -> Agent:
    return Agent(model="ovhcloud/gpt-oss-120b", transport=Canned(*pieces, content_type=content_type))


def count_calls(work: Callable[[], Awaitable[object]]) -> int:
    """Return how many functions of turnout run in one `work`, resumed coroutines included, once all is warm."""

    async def count() -> int:
        for _ in range(3):
            await work()
        found = 0

        def note(frame: FrameType, kind: str, value: object) -> None:
            nonlocal found
            if kind == "call" and frame.f_code.co_filename.startswith(PACKAGE):
                found += 1

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            await work()
        finally:
            sys.setprofile(before)
        return found

    return asyncio.run(count())


def streaming(chunks: int, *, at_once: bool) -> Callable[[], Awaitable[object]]:
    events = [event({"content": f" {number}"}) for number in range(chunks)]
    last = event({}, "stop") + b"data: [DONE]\n\n"
    agent = make_agent(*([b"".join(events)] if at_once else events), last)

    async def read() -> None:
        answer = agent.stream(MESSAGES)
        async for _ in answer:
            pass
        assert len((await answer.result()).text) == sum(len(f" {number}") for number in range(chunks))

    return read


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVHCLOUD_API_KEY", "sk-counted")


def test_a_plain_call():
    agent = make_agent(WHOLE, content_type="application/json")
    assert count_calls(lambda: agent.generate(MESSAGES)) <= PLAIN


def test_a_chunk_of_many_in_a_read():
    counted = [count_calls(streaming(number, at_once=True)) for number in (100, 300)]
    assert (counted[1] - counted[0]) / 200 <= CHUNK


def test_a_chunk_in_a_read_of_its_own():
    counted = [count_calls(streaming(number, at_once=False)) for number in (100, 300)]
    assert (counted[1] - counted[0]) / 200 <= READ


def test_a_message_of_a_long_history():
    histories = [[Message.user("And then?"), Message.assistant("Then we went on.")] * size for size in (50, 150)]
    agent = make_agent(WHOLE, content_type="application/json")
    counted = [count_calls(lambda said=said: agent.generate([*said, *MESSAGES])) for said in histories]
    assert (counted[1] - counted[0]) / 200 <= MESSAGE


def test_a_call_without_tools_or_threads_does_not_import_them():
    code = (
        "import asyncio, sys\nfrom turnout import Agent\nfrom test_call_counts import WHOLE, make_agent\n"
        "agent = make_agent(WHOLE, content_type='application/json')\nasyncio.run(agent.generate('Hi'))\n"
        "print(*sorted(name for name in sys.modules if name.startswith('turnout.')))"
    )
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "turnout.agent.loop" in loaded
    never = (
        "turnout.tools",
        "turnout.memory",
        "turnout.output",
        "turnout.guards",
        "turnout.telemetry",
        "turnout.local",
    )
    assert not [name for name in loaded if name.startswith(never)]
