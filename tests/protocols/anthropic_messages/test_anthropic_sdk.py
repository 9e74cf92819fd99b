"""Anthropic's own SDK reads every answer and stream that is served, and its requests are read."""

from __future__ import annotations

import json

import anthropic
import pytest
from test_anthropic_serve import FULL

from provider import Provider, reply, stream
from turnout.call.stream import as_chunks
from turnout.errors import NotFoundError
from turnout.messages import Image, Message
from turnout.protocols.anthropic_messages import StreamRenderer, parse_request, render_response
from turnout.protocols.anthropic_messages.serve import render_error


@pytest.fixture
def server():
    with Provider() as running:
        yield running


@pytest.fixture
def client(server):
    with anthropic.Anthropic(api_key="k", base_url=server.url.removesuffix("/v1"), max_retries=0) as made:
        yield made


def rendered_stream() -> list[bytes]:
    renderer = StreamRenderer(model="m")
    pieces = [renderer.feed([chunk]) for chunk in as_chunks(FULL)]
    return [*filter(None, pieces), renderer.finish(FULL)]


QUESTION = [{"role": "user", "content": "Hi"}]


def test_the_sdk_reads_a_whole_answer(server, client):
    server.script(reply(render_response(FULL, model="m")))
    answer = client.messages.create(model="m", max_tokens=9, messages=QUESTION)
    thought, hidden, text, search, call = answer.content
    assert (thought.thinking, thought.signature, hidden.data) == ("Hm", "s", "x")
    assert (text.text, search.name, call.name, call.input) == ("Yes", "web_search", "f", {"x": 1})
    assert (answer.stop_reason, answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == ("tool_use", 5, 4)


def test_the_sdk_reads_a_stream(server, client):
    server.script(stream(rendered_stream()))
    with client.messages.stream(model="m", max_tokens=9, messages=QUESTION) as events:
        assert "".join(events.text_stream) == "Yes"
        answer = events.get_final_message()
    kinds = [block.type for block in answer.content]
    assert kinds == ["thinking", "text", "server_tool_use", "tool_use", "thinking", "redacted_thinking"]
    assert answer.content[3].input == {"x": 1}
    assert (answer.stop_reason, answer.usage.output_tokens, answer.usage.input_tokens) == ("tool_use", 5, 5)


def test_the_sdk_raises_its_error_for_one_that_is_served(server, client):
    server.script(reply(render_error(NotFoundError("no such model")), status=404))
    with pytest.raises(anthropic.NotFoundError, match="no such model"):
        client.messages.create(model="m", max_tokens=9, messages=QUESTION)
    renderer = StreamRenderer()
    server.script(stream([renderer.feed(as_chunks(FULL)[:2]) + renderer.fail("Busy", "overloaded_error")]))
    with pytest.raises(anthropic.APIStatusError, match="Busy"):
        list(client.messages.create(model="m", max_tokens=9, messages=QUESTION, stream=True))


def test_requests_of_the_sdk_are_read(server, client):
    server.script(reply(render_response(FULL)))
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    client.messages.create(
        model="m", max_tokens=9, system="Be brief.", tools=[{"name": "f", "input_schema": {"type": "object"}}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "See"}, image]}],
    )  # fmt: skip
    sent = server.requests[-1]
    parsed = parse_request(sent.body)
    assert sent.path == "/v1/messages"
    assert [tool.name for tool in parsed.request.tools] == ["f"]
    assert parsed.request.messages[0] == Message.system("Be brief.")
    assert isinstance(parsed.request.messages[1].content[1], Image)
    assert json.loads(sent.body)["model"] == parsed.model
