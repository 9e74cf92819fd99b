"""An agent whose model speaks this wire format, against a real server."""

from __future__ import annotations

import pytest
from responses_streams import end, text_item, whole

from provider import Provider, reply, stream
from turnout import Agent, ModelConfig
from turnout.errors import ProviderStreamError, RateLimitError

USAGE = {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": '{"city":"Rome"}'}
SAID = text_item("It is sunny.")


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


@pytest.fixture
def server():
    with Provider() as running:
        yield running


def make_agent(server: Provider, **options):
    config = ModelConfig(id="gpt-x", url=server.url, protocol="openai_responses", api_key="k")
    return Agent(model=config, **options)


def check_requests(server: Provider) -> None:
    first, second = (request.json for request in server.requests)
    assert server.requests[0].path == "/v1/responses"
    assert first["store"] is False
    assert first["tools"][0]["name"] == "weather"
    assert second["input"] == [
        {"role": "user", "content": "How is Rome?"},
        THOUGHT,
        CALL,
        {"type": "function_call_output", "call_id": "c1", "output": "sunny in Rome"},
    ]


async def test_a_run_with_a_tool_sends_the_reasoning_back(server):
    server.script(reply(whole(THOUGHT, CALL, usage=USAGE)), reply(whole(SAID, usage=USAGE)))
    result = await make_agent(server, tools=[weather]).generate("How is Rome?")
    assert (result.text, result.usage.total_tokens) == ("It is sunny.", 16)
    check_requests(server)


async def test_a_streamed_run_with_a_tool_sends_the_reasoning_back(server):
    answers = [[b"data: " + end(*items, usage=USAGE) + b"\n\n"] for items in ((THOUGHT, CALL), (SAID,))]
    server.script(stream(answers[0]), stream(answers[1]))
    run = await make_agent(server, tools=[weather]).stream("How is Rome?")
    pieces = [chunk.text async for chunk in run if chunk.type == "text_delta"]
    assert "".join(pieces) == "It is sunny."
    check_requests(server)


async def test_structured_output(server):
    server.script(reply(whole(text_item('{"city": "Rome"}'))))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    result = await make_agent(server).generate("Where?", output=schema)
    assert result.object == {"city": "Rome"}
    assert server.requests[0].json["text"]["format"]["type"] == "json_schema"


async def test_a_server_that_refuses_encrypted_reasoning_teaches_the_router(server):
    refusal = {"message": "Encrypted content is not supported with this model.", "param": "include", "code": None}
    server.script(reply({"error": refusal}, 400), reply(whole(SAID)))
    assert (await make_agent(server).generate("Hi")).text == "It is sunny."
    assert ["include" in request.json for request in server.requests] == [True, False]


async def test_errors_are_those_of_every_call(server):
    server.script(reply({"error": {"message": "slow", "code": "rate_limit_exceeded"}}, 429))
    with pytest.raises(RateLimitError):
        await make_agent(server, max_retries=0).generate("Hi")
    server.script(stream([b'event: error\ndata: {"type": "error", "code": "c", "message": "broke"}\n\n']))
    with pytest.raises(ProviderStreamError, match="broke"):
        run = await make_agent(server, max_retries=0).stream("Hi")
        async for _ in run:
            pass
