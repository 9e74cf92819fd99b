"""An agent on this wire format, from end to end against a scripted server."""

from __future__ import annotations

import json

import pytest
from converse_answers import answer, delta, end, start, stop
from msgspec import Struct

from provider import Exchange, Reply, reply
from turnout import Agent, tool
from turnout.chunks import TextDelta
from turnout.errors import (
    ContextLengthError,
    InvalidInputError,
    MalformedStreamError,
    ProviderStreamError,
    RateLimitError,
    TruncatedStreamError,
)
from turnout.messages import Image, Message
from turnout.protocols.bedrock_converse.frames import write_exception
from turnout.routing import ModelConfig

STREAM = "application/vnd.amazon.eventstream"
KEY = "bedrock-planted-key"
CALL = [
    delta(0, reasoningContent={"text": "Hm."}),
    delta(0, reasoningContent={"signature": "sig"}),
    stop(0),
    start(1, toolUse={"toolUseId": "tooluse_1", "name": "add"}),
    delta(1, toolUse={"input": '{"a": 1, "b": 2}'}),
    stop(1),
    end("tool_use", inputTokens=10, outputTokens=5, totalTokens=15),
]
SAY = [delta(0, text="It is"), delta(0, text=" 3."), stop(0), end(inputTokens=20, outputTokens=3, totalTokens=23)]


class Count(Struct):
    """A thing that is counted."""

    a: int


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def make_agent(provider, **fields) -> Agent:
    url = f"http://127.0.0.1:{provider.port}"
    model = ModelConfig(
        id="us.amazon.nova-2-lite-v1:0", url=url, provider="acme", protocol="bedrock_converse", api_key=KEY
    )
    return Agent(model=model, **fields)


def pieces(*data: bytes, size: int | None = None) -> Reply:
    """Answer with an event stream, in pieces of `size` bytes."""
    whole = b"".join(data)
    cut = [whole] if size is None else [whole[place : place + size] for place in range(0, len(whole), size)]

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, STREAM, transfer_encoding="chunked")
        for piece in cut:
            await exchange.chunked(piece)
        await exchange.end()

    return play


@pytest.mark.parametrize("size", [None, 7])
async def test_a_run_with_a_tool_streamed(provider, size) -> None:
    provider.script(pieces(*CALL, size=size), pieces(*SAY, size=size))
    stream = make_agent(provider, tools=[tool(add)]).stream("What is 1 + 2?")
    chunks = [chunk async for chunk in stream]
    assert "".join([chunk.text for chunk in chunks if isinstance(chunk, TextDelta)]) == "It is 3."
    result = await stream.result()
    assert result.text == "It is 3."
    assert (result.usage.input_tokens, result.usage.output_tokens) == (30, 8)
    first, second = provider.requests
    assert first.path == second.path == "/model/us.amazon.nova-2-lite-v1%3A0/converse-stream"
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.headers["accept"] == STREAM
    assert second.json["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "sig"}}},
                {"toolUse": {"toolUseId": "tooluse_1", "name": "add", "input": {"a": 1, "b": 2}}},
            ],
        },
        {"role": "user", "content": [{"toolResult": {"toolUseId": "tooluse_1", "content": [{"text": "3"}]}}]},
    ]


async def test_a_whole_answer(provider) -> None:
    provider.script(reply(answer({"text": "Hello."}, usage={"inputTokens": 3, "outputTokens": 2, "totalTokens": 5})))
    result = await make_agent(provider, instructions="Be brief.").generate("Hi")
    assert result.text == "Hello."
    assert provider.requests[0].path.endswith("/converse")
    assert provider.requests[0].json["system"] == [{"text": "Be brief."}]


async def test_a_server_that_answers_whole_though_a_stream_was_asked_for(provider) -> None:
    provider.script(reply(answer({"text": "Hello."})))
    stream = make_agent(provider).stream("Hi")
    assert "".join([chunk.text async for chunk in stream if isinstance(chunk, TextDelta)]) == "Hello."


@pytest.mark.parametrize(
    ("kind", "message", "told"),
    [("throttlingException", "Slow down.", "Slow down."), ("validationException", "It is wrong.", "It is wrong.")],
)
async def test_an_exception_in_a_stream_is_raised_with_its_code(provider, kind, message, told) -> None:
    provider.script(pieces(delta(0, text="So"), write_exception(kind, message)))
    stream = make_agent(provider).stream("Hi")
    with pytest.raises(ProviderStreamError, match=told) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == kind
    assert caught.value.text == "So"
    assert caught.value.is_retryable is (kind == "throttlingException")


async def test_a_stream_that_begins_with_a_throttle_is_tried_again(provider) -> None:
    provider.script(pieces(write_exception("throttlingException", "Slow down.")), pieces(*SAY))
    stream = make_agent(provider).stream("Hi")
    assert "".join([chunk.text async for chunk in stream if isinstance(chunk, TextDelta)]) == "It is 3."
    assert len(provider.requests) == 2


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"".join(SAY[:2]), TruncatedStreamError), (SAY[0] + b"damage" * 9, MalformedStreamError)],
)
async def test_a_stream_that_is_cut_or_damaged_is_an_error(provider, data, error) -> None:
    provider.script(pieces(data))
    with pytest.raises(error) as caught:
        async for _ in make_agent(provider).stream("Hi"):
            pass
    assert caught.value.text.startswith("It is")


async def test_an_error_is_of_its_class(provider) -> None:
    provider.script(
        reply({"message": "Input is too long for requested model."}, 400, **{"x-amzn-errortype": "ValidationException"})
    )
    with pytest.raises(ContextLengthError):
        await make_agent(provider).generate("Hi")
    provider.script(
        reply({"message": "Slow."}, 429, **{"x-amzn-errortype": "ThrottlingException", "x-amzn-requestid": "r"})
    )
    with pytest.raises(RateLimitError) as caught:
        await make_agent(provider, max_retries=0).generate("Hi")
    assert (caught.value.code, caught.value.request_id) == ("ThrottlingException", "r")


async def test_a_forced_tool_that_a_model_refuses_is_asked_for_in_the_prompt(provider) -> None:
    refusal = {"message": "This model doesn't support the toolConfig.toolChoice.any field. Remove it and try again."}
    provider.script(reply(refusal, 400), reply(answer({"text": "So."})))
    result = await make_agent(provider, tools=[tool(add)]).generate("Hi", tool_choice="required")
    assert result.text == "So."
    first, second = (request.json["toolConfig"] for request in provider.requests)
    assert first["toolChoice"] == {"any": {}}
    assert "toolChoice" not in second
    assert "prompted_tool_choice" in [warning.code for warning in result.warnings]


async def test_structured_output_is_held_to_its_schema(provider) -> None:
    provider.script(reply(answer({"text": '{"a": 1}'})))
    result = await make_agent(provider).generate("Hi", output=Count)
    assert result.object == Count(1)
    held = provider.requests[0].json["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(held["schema"])["additionalProperties"] is False


async def test_what_is_at_a_url_is_fetched_and_what_is_in_s3_goes_by_its_place(provider) -> None:
    provider.script(reply(answer({"text": "A cat."})))
    place = "s3://bucket-1/cat.png"
    await make_agent(provider).generate([Message.user("What is this?", Image(url=place))])
    image = {"image": {"format": "png", "source": {"s3Location": {"uri": place}}}}
    assert provider.requests[0].json["messages"][0]["content"][1] == image
    with pytest.raises(InvalidInputError, match="takes no image by URL"):
        await make_agent(provider).generate([Message.user(Image(url="http://127.0.0.1:1/cat.png"))])
