"""An agent whose model speaks Gemini's wire format, against a real server."""

from __future__ import annotations

import json

import pytest
from gemini_answers import make_body

from provider import Provider, reply, stream
from turnout import Agent, ModelConfig
from turnout.errors import ContentFilterError, RateLimitError
from turnout.messages import Audio

USAGE = {"promptTokenCount": 5, "candidatesTokenCount": 3, "totalTokenCount": 8}


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


@pytest.fixture
def server():
    with Provider() as running:
        yield running


def make_agent(server: Provider, **options):
    config = ModelConfig(id="gemini-x", url=server.url, protocol="gemini", api_key="k")
    return Agent(model=config, **options)


def event(body) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\r\n\r\n"


CALL = {"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "AA=="}
END = make_body({"text": "It is sunny."}, usageMetadata=USAGE)


def check_second_request(server: Provider) -> None:
    """The call goes back as it came, with its signature, and the result behind it."""
    _, said, answered = server.requests[1].json["contents"]
    assert said == {"role": "model", "parts": [CALL]}
    assert answered["parts"] == [{"functionResponse": {"name": "weather", "response": {"output": "sunny in Rome"}}}]


async def test_a_run_with_a_tool(server):
    server.script(reply(make_body(CALL, usageMetadata=USAGE)), reply(END))
    result = await make_agent(server, tools=[weather]).generate("What is the weather in Rome?")
    assert (result.text, result.usage.total_tokens) == ("It is sunny.", 16)
    assert server.requests[0].path == "/v1/models/gemini-x:generateContent"
    check_second_request(server)


async def test_a_streamed_run_with_a_tool(server):
    words = [event(make_body({"text": word}, reason=None)) for word in ("It is", " sunny")]
    server.script(
        stream([event(make_body(CALL))]), stream([*words, event(make_body({"text": "."}, usageMetadata=USAGE))])
    )
    told = make_agent(server, tools=[weather]).stream("What is the weather in Rome?")
    text = "".join([chunk.text async for chunk in told if chunk.type == "text_delta"])
    assert text == "It is sunny."
    assert server.requests[0].path == "/v1/models/gemini-x:streamGenerateContent?alt=sse"
    check_second_request(server)


async def test_a_blocked_prompt_and_a_full_quota_are_errors(server):
    server.script(reply({"promptFeedback": {"blockReason": "SAFETY"}}))
    with pytest.raises(ContentFilterError, match="SAFETY"):
        await make_agent(server).generate("x")
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.01s"}
    limit = {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [retry]}}
    server.script(reply(limit, 429), reply(END))
    assert (await make_agent(server).generate("x")).text == "It is sunny."
    server.script(reply(limit, 429))
    with pytest.raises(RateLimitError) as caught:
        await make_agent(server, max_retries=0).generate("x")
    assert caught.value.retry_after_s == 0.01


async def test_speech_is_asked_for_by_options_and_heard_from_a_stream(server):
    piece = {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AQID"}}
    server.script(stream([event(make_body(piece, reason=None)), event(make_body(piece, usageMetadata=USAGE))]))
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
    config = {"responseModalities": ["AUDIO"], "speechConfig": voice}
    agent = make_agent(server, provider_options={"*": {"generationConfig": config}})
    result = await agent.stream("Say: all aboard!").result()
    [sound] = result.messages[-1].content
    assert sound == Audio(data=b"\1\2\3" * 2, media_type="audio/L16;codec=pcm;rate=24000")
    assert server.requests[0].json["generationConfig"] == config
