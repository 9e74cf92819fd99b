"""An agent against a server that speaks this wire."""

from __future__ import annotations

import json
from base64 import b64encode
from decimal import Decimal

import pytest
from anthropic_wire import START, STOP, begin, ending, make_route, pack, piece

from provider import Exchange, Provider, reply, stream
from turnout import Agent, ModelConfig, tool
from turnout.errors import AuthenticationError, ProviderStreamError
from turnout.protocols import find_protocol
from turnout.protocols.bedrock_converse.frames import write_event


@pytest.fixture
def server():
    with Provider() as running:
        yield running


def frame(event: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (json.loads(event)["type"].encode(), event)


THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "s"}
CALL = {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 2, "b": 3}}
USAGE = {"input_tokens": 4, "output_tokens": 2, "cache_read_input_tokens": 1, "cache_creation_input_tokens": 0}


def message(*blocks, reason="end_turn"):
    return {
        "id": "msg",
        "type": "message",
        "model": "m",
        "content": list(blocks),
        "stop_reason": reason,
        "usage": USAGE,
    }


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def make_agent(server: Provider, **fields) -> Agent:
    model = ModelConfig(id="claude-x", url=server.url, protocol="anthropic_messages", api_key="k")
    return Agent(model=model, **fields)


@pytest.mark.parametrize("protocol", ["anthropic_messages", "vertex_anthropic", "bedrock_anthropic"])
def test_the_clouds_tell_writes_that_are_kept_for_an_hour(protocol):
    wire = find_protocol(protocol)
    counts = {"input_tokens": 100, "output_tokens": 10, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 50}
    kept = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}
    body = message({"type": "text", "text": "Hi"}) | {"usage": counts | {"cache_creation": kept}}
    response = wire.decode(json.dumps(body).encode(), make_route())
    assert (response.usage.cache_write_tokens, response.usage.cache_write_1h_tokens) == (50, 30)


async def test_the_cost_of_a_run_has_writes_that_are_kept_for_an_hour(server):
    counts = {"input_tokens": 100, "output_tokens": 10, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 50}
    usage = counts | {"cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}}
    called = message(CALL, reason="tool_use") | {"usage": usage}
    said = message({"type": "text", "text": "It is 5."}) | {"usage": usage}
    streamed = [pack("message_start", message={**said, "content": [], "stop_reason": None}), ending("end_turn"), STOP]
    server.script(reply(called), reply(said), stream(list(map(frame, streamed))))
    agent = Agent(
        model=ModelConfig(id="claude-opus-4-5", provider="anthropic", url=server.url, api_key="k"), tools=[add]
    )
    result = await agent.generate("2 and 3?")
    step = Decimal(100 * 5 + 10 * 25) + 20 * Decimal("6.25") + 30 * 10  # USD per 1M tokens: 5 in, 25 out, 6.25, twice 5
    assert [each.cost.total for each in result.steps] == [step / 1_000_000] * 2
    assert (result.cost.total, result.usage.cache_write_1h_tokens) == (2 * step / 1_000_000, 60)
    assert result.cost.cache_write == Decimal("0.00085")
    one = await agent.stream("2 and 3?").result()
    assert (one.cost.cache_write, one.usage.cache_write_1h_tokens) == (Decimal("0.000425"), 30)


async def test_a_run_with_tools_sends_the_thoughts_back(server):
    server.script(
        reply(message(THOUGHT, CALL, reason="tool_use")), reply(message({"type": "text", "text": "It is 5."}))
    )
    result = await make_agent(server, tools=[add]).generate("2 and 3?")
    assert (result.text, result.usage.input_tokens) == ("It is 5.", 10)
    second = json.loads(server.requests[1].body)
    assert second["messages"][1] == {"role": "assistant", "content": [THOUGHT, CALL]}
    assert second["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "c1", "content": "5"}]
    assert server.requests[0].headers["anthropic-version"] == "2023-06-01"


async def test_a_stream(server):
    events = [
        START, begin(0, type="text", text=""), piece(0, "text_delta", text="Hel"), piece(0, "text_delta", text="lo"),
        pack("content_block_stop", index=0), ending(), STOP,
    ]  # fmt: skip
    server.script(stream([frame(event) for event in events]))
    run = make_agent(server).stream("Hi")
    assert "".join([text async for text in run.text_stream]) == "Hello"
    assert server.requests[0].json["stream"] is True


async def test_errors(server):
    body = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
    server.script(reply(body, status=401))
    with pytest.raises(AuthenticationError, match="invalid x-api-key"):
        await make_agent(server).generate("Hi")
    busy = pack("error", error={"type": "overloaded_error", "message": "Overloaded"})
    server.script(stream([frame(START), frame(begin(0, type="text", text="Hel")), frame(busy)]))
    with pytest.raises(ProviderStreamError, match="Overloaded") as caught:
        async for _ in make_agent(server).stream("Hi", max_retries=0):
            pass
    assert caught.value.text == "Hel"


async def test_a_stream_in_the_frames_of_bedrock(server):
    events = [START, begin(0, type="text", text=""), piece(0, "text_delta", text="Hello"), ending(), STOP]
    wrapped = [{"bytes": b64encode(event).decode(), "p": "ab"} for event in events]
    frames = [write_event("chunk", event) for event in wrapped]

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, "application/vnd.amazon.eventstream", transfer_encoding="chunked")
        for each in frames:
            await exchange.chunked(each)
        await exchange.end()

    server.script(play)
    base = server.url.removesuffix("/v1")
    model = ModelConfig(id="claude-x", url=base, protocol="bedrock_anthropic", api_key="k")
    run = Agent(model=model).stream("Hi")
    assert "".join([text async for text in run.text_stream]) == "Hello"
    sent = server.requests[0]
    assert sent.path == "/model/claude-x/invoke-with-response-stream"
    assert sent.json["anthropic_version"] == "bedrock-2023-05-31"
