"""What the benchmarks measure of turnout is what everybody gets: the typed result, its usage and its cost."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from provider import Provider, answer, reply, stream

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def subject(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("subjects.turnout")


async def test_a_measured_call_has_usage_and_cost(subject: ModuleType, provider: Provider) -> None:
    provider.script(reply(answer("Hello there!")), reply(answer("Hello there!")), stream())
    client = subject.open_client(provider.url, [("user", "Hello!")], False)
    assert await subject.call(client) == "Hello there!"
    agent, messages = client
    result = await agent.generate(messages)
    assert result.usage.input_tokens
    assert result.usage.output_tokens
    assert result.cost
    seen: list[None] = []
    text = await subject.stream(client, lambda: seen.append(None))
    assert text
    assert len(seen) == 1


async def test_a_measured_stream_has_usage_and_cost(subject: ModuleType, provider: Provider) -> None:
    provider.script(stream())
    agent, messages = subject.open_client(provider.url, [("user", "Hello!")], False)
    result = await agent.stream(messages).result()
    assert result.usage.output_tokens
    assert result.cost
