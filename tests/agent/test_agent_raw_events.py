"""The hook `on_event`: the events of streams as they come from the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provider import Exchange, Provider, answer, error, events, reply, stream
from turnout import Agent, telemetry
from turnout.chunks import TextDelta
from turnout.hooks import ChunkEvent, Hooks, RawEvent
from turnout.protocols.bedrock_converse.frames import write_event

MODEL = "ovhcloud/gpt-oss-120b"


async def test_events_are_told_before_their_chunks(provider: Provider) -> None:
    seen: list[Any] = []
    provider.script(error(503), stream())
    hooks = Hooks(on_event=seen.append, on_chunk=seen.append)
    result = await Agent(model=MODEL, hooks=[hooks, Hooks(), telemetry.OpenTelemetry()]).stream("Go").result()
    raw = [event for event in seen if isinstance(event, RawEvent)]
    assert [b"data: " + event.data + b"\n\n" for event in raw] == events()
    assert {(event.id, event.name) for event in raw} == {(2, "message")}
    assert isinstance(seen[0], RawEvent)
    chunks = [event.chunk for event in seen if isinstance(event, ChunkEvent)]
    assert result.text == "".join([chunk.text for chunk in chunks if isinstance(chunk, TextDelta)])


async def test_frames_of_aws_are_events_too(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "k")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AMAZON_BEDROCK_BASE_URL", provider.url)
    frames: list[tuple[str, dict[str, Any]]] = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
        ("messageStop", {"stopReason": "end_turn"}),
    ]

    async def play(exchange: Exchange) -> None:
        data = b"".join(write_event(name, body) for name, body in frames)
        await exchange.head(200, "application/vnd.amazon.eventstream", content_length=str(len(data)))
        await exchange.send(data)

    provider.script(play)
    seen: list[RawEvent] = []
    agent = Agent(model="amazon-bedrock/amazon.nova-lite-v1:0", hooks=Hooks(on_event=seen.append))
    assert (await agent.stream("Go").result()).text == "Hi"
    assert [(event.name, json.loads(event.data)) for event in seen] == frames


async def test_whole_answers_have_no_events(provider: Provider) -> None:
    seen: list[RawEvent] = []
    provider.script(reply(answer("Done.")))
    await Agent(model=MODEL, hooks=Hooks(on_event=seen.append)).generate("Go")
    assert seen == []


async def test_a_hook_that_fails_is_one_warning(provider: Provider) -> None:
    provider.script(stream())
    result = await Agent(model=MODEL, hooks=Hooks(on_event=lambda _: 1 / 0)).stream("Go").result()
    assert [warning.code for warning in result.warnings] == ["hook_failed"]
    assert result.text
