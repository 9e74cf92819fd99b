"""OpenAI's own SDK reads what is served, and what it sends is read."""

from __future__ import annotations

import json

import openai
import pytest
from openai import OpenAI

from provider import Provider, reply, stream
from turnout.call.stream import as_chunks
from turnout.errors import RateLimitError
from turnout.messages import Message, Reasoning, Refusal, ServerTool, Text, ToolCall
from turnout.protocols.openai_responses import StreamRenderer, parse_request, render_error, render_response
from turnout.responses import ModelResponse
from turnout.usage import Usage

SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
CITATION = {"type": "url_citation", "url": "https://x.y", "title": "X", "start_index": 0, "end_index": 2}
ANSWER = ModelResponse(
    message=Message(
        "assistant",
        [
            Reasoning("Hm.", [{"signature": "s"}], "q"),
            ServerTool("web_search_call", SEARCH),
            Text("Hello", {}, [CITATION]),
            Refusal("No."),
            ToolCall("c1", "f", {"a": 1}),
            ToolCall("c2", "g", {}),
        ],
    ),
    finish_reason="tool_calls",
    refusal="No.",
    usage=Usage(input_tokens=3, output_tokens=2, reasoning_tokens=1),
)


@pytest.fixture
def server():
    with Provider() as running:
        yield running


@pytest.fixture
def client(server):
    with OpenAI(base_url=server.url, api_key="k", max_retries=0) as made:
        yield made


def check(response) -> None:
    assert response.output_text == "Hello"
    assert response.status == "completed"
    assert [item.type for item in response.output] == [
        *["reasoning", "web_search_call", "message", "message", "function_call", "function_call"]
    ]
    assert response.output[0].summary[0].text == "Hm."
    assert response.output[0].encrypted_content
    assert response.output[3].content[0].refusal == "No."
    assert [(call.call_id, call.name, json.loads(call.arguments)) for call in response.output[4:]] == [
        ("c1", "f", {"a": 1}),
        ("c2", "g", {}),
    ]
    assert (response.usage.input_tokens, response.usage.output_tokens_details.reasoning_tokens) == (3, 1)


def test_the_sdk_reads_a_whole_answer(server, client):
    server.script(reply(render_response(ANSWER, model="m", created=5)))
    response = client.responses.create(model="m", input="Hi")
    check(response)
    assert response.output[2].content[0].annotations[0].url == "https://x.y"


def test_the_sdk_reads_a_stream(server, client):
    renderer = StreamRenderer(model="m", created=5)
    pieces = [renderer.feed([chunk]) for chunk in as_chunks(ANSWER)]
    server.script(stream([piece for piece in pieces if piece] + [renderer.finish(ANSWER)]))
    with client.responses.stream(model="m", input="Hi") as events:
        told = list(events)
        final = events.get_final_response()
    check(final)
    deltas = [event.delta for event in told if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "Hello"
    assert [event.sequence_number for event in told if event.type == "response.completed"]
    done = [event.arguments for event in told if event.type == "response.function_call_arguments.done"]
    assert done == ['{"a":1}', "{}"]


def test_the_sdk_sees_that_a_stream_failed(server, client):
    renderer = StreamRenderer(model="m")
    server.script(stream([renderer.fail("broke", "server_error")]))
    told = list(client.responses.create(model="m", input="Hi", stream=True))
    assert told[-1].type == "response.failed"
    assert told[-1].response.error.message == "broke"


def test_the_sdk_raises_the_errors(server, client):
    server.script(reply(render_error(RateLimitError("slow down", status=429)), 429))
    with pytest.raises(openai.RateLimitError, match="slow down"):
        client.responses.create(model="m", input="Hi")


def test_what_the_sdk_sends_is_read_and_its_history_comes_back(server, client):
    server.script(reply(render_response(ANSWER, model="m")))
    first = client.responses.create(model="m", input="Hi")
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}]
    results = [{"type": "function_call_output", "call_id": "c1", "output": "R"}]
    client.responses.create(model="m", input=[*first.output, *results], tools=tools, instructions="I")
    parsed = parse_request(server.requests[-1].body)
    system, said, called, tool = parsed.request.messages
    assert (system.text, tool.content[0].content, parsed.request.tools[0].name) == ("I", "R", "f")
    assert said.content[0] == Reasoning("Hm.", [{"signature": "s"}], "q")
    assert (said.role, said.text, called.role) == ("assistant", "Hello", "assistant")
    assert [part.name for part in called.content if isinstance(part, ToolCall)] == ["f", "g"]
