"""Google's own SDK reads every answer and stream that is served, and its requests are read."""

from __future__ import annotations

from typing import Any

import pytest
from gemini_answers import PNG, make_route
from google import genai
from google.genai import errors, types

from provider import Provider, reply, stream
from turnout.call.stream import as_chunks
from turnout.errors import RateLimitError
from turnout.messages import Image, Message, Reasoning, ServerTool, Text, ToolCall
from turnout.protocols.gemini import StreamRenderer, encode, parse_request, render_error, render_response
from turnout.requests import ModelSettings
from turnout.responses import ModelResponse
from turnout.usage import Usage

RESPONSE = ModelResponse(
    message=Message(
        "assistant",
        [
            Reasoning("hm", [{"thought": True, "thoughtSignature": "QQ=="}], "p"),
            Text("Hello", {"p": {"thoughtSignature": "Qg=="}}),
            ToolCall("1", "f", {"a": 1}, provider_options={"p": {"thoughtSignature": "Qw=="}}),
            ServerTool("executableCode", {"executableCode": {"code": "1", "language": "PYTHON"}}),
            ServerTool("groundingMetadata", {"groundingMetadata": {"webSearchQueries": ["x"]}}),
            Image(data=PNG, media_type="image/png"),
        ],
    ),
    finish_reason="tool_calls",
    usage=Usage(input_tokens=10, output_tokens=9, total_tokens=19, reasoning_tokens=4),
    id="r",
)


@pytest.fixture
def server():
    with Provider() as running:
        yield running


def make_client(server: Provider) -> genai.Client:
    base = server.url.removesuffix("/v1")
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=base, api_version="v1beta"))


def rendered_stream() -> list[bytes]:
    renderer = StreamRenderer(model="m")
    pieces = [renderer.feed([chunk]) for chunk in as_chunks(RESPONSE)]
    return [*filter(None, pieces), renderer.finish(RESPONSE)]


def signatures(parts: list[types.Part]) -> list[bytes]:
    return sorted(part.thought_signature for part in parts if part.thought_signature)


def test_the_sdk_reads_a_whole_answer(server):
    server.script(reply(render_response(RESPONSE, model="m")))
    client = make_client(server)
    answer = client.models.generate_content(model="m", contents="Hi")
    candidate = answer.candidates[0]
    assert candidate.content.parts[0].thought is True
    assert candidate.content.parts[1].text == "Hello"
    assert [(call.id, call.name, call.args) for call in answer.function_calls] == [("1", "f", {"a": 1})]
    assert answer.executable_code == "1"
    assert candidate.content.parts[-1].inline_data.data == PNG
    assert candidate.grounding_metadata.web_search_queries == ["x"]
    assert candidate.finish_reason is types.FinishReason.STOP
    assert (answer.usage_metadata.thoughts_token_count, answer.usage_metadata.total_token_count) == (4, 19)
    assert signatures(candidate.content.parts) == [b"A", b"B", b"C"]
    assert (answer.model_version, answer.response_id) == ("m", "r")


def test_the_sdk_reads_a_stream(server):
    server.script(stream(rendered_stream()))
    client = make_client(server)
    answers = list(client.models.generate_content_stream(model="m", contents="Hi"))
    parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
    assert "".join([part.text for part in parts if part.text and not part.thought]) == "Hello"
    assert "".join([part.text for part in parts if part.text and part.thought]) == "hm"
    assert [part.function_call.args for part in parts if part.function_call] == [{"a": 1}]
    assert [part.inline_data.data for part in parts if part.inline_data] == [PNG]
    assert signatures(parts) == [b"A", b"B", b"C"]
    last = answers[-1]
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    assert last.usage_metadata.total_token_count == 19


def test_the_sdk_raises_the_errors(server):
    server.script(reply(render_error(RateLimitError("slow down", status=429)), 429))
    client = make_client(server)
    with pytest.raises(errors.ClientError, match="slow down") as caught:
        client.models.generate_content(model="m", contents="Hi")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")


def ask(server: Provider, **config: Any) -> Any:
    """Send a request by the SDK; return what is read of it."""
    server.script(reply(render_response(RESPONSE)))
    client = make_client(server)
    contents = [
        types.Content(
            role="user", parts=[types.Part(text="Hi"), types.Part.from_bytes(data=PNG, mime_type="image/png")]
        ),
        types.Content(
            role="model",
            parts=[types.Part(function_call=types.FunctionCall(id="1", name="f", args={}), thought_signature=b"sig")],
        ),
        types.Content(role="user", parts=[types.Part.from_function_response(name="f", response={"result": 1})]),
    ]
    client.models.generate_content(model="m", contents=contents, config=types.GenerateContentConfig(**config))
    sent = server.requests[-1]
    assert sent.path == "/v1beta/models/m:generateContent"
    assert sent.headers["x-goog-api-key"] == "k"
    return parse_request(sent.body, model="m", provider="p").request


def test_what_the_sdk_sends_is_read(server):
    declared = types.FunctionDeclaration(name="f", description="F", parameters={"type": "OBJECT", "properties": {}})
    request = ask(
        server,
        system_instruction="Be short",
        temperature=0.5,
        tools=[types.Tool(function_declarations=[declared]), types.Tool(google_search=types.GoogleSearch())],
        thinking_config=types.ThinkingConfig(thinking_level="LOW", include_thoughts=True),
        safety_settings=[types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE")],
    )
    system, user, said, answered = request.messages
    assert (system.text, user.text, user.content[1].data) == ("Be short", "Hi", PNG)
    assert said.content == [ToolCall("1", "f", {}, provider_options={"gemini@p": {"thoughtSignature": "c2ln"}})]
    assert (answered.content[0].call_id, answered.content[0].content) == ("1", '{"result":1}')
    assert request.settings == ModelSettings(temperature=0.5, reasoning_effort="low")
    assert [tool.name for tool in request.tools] == ["f"]
    assert request.provider_options["p"].keys() == {"tools", "safetySettings"}
    assert encode(request, make_route()).warnings == ()
