"""The server's side: requests parsed, answers and streams rendered, OpenAI's SDK as the client."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import openai
import pytest
from chat_streams import JSON, make_route, stream_bytes
from hypothesis import given, settings
from openai import OpenAI
from openai_specs import validator

import turnout.protocols.openai_chat as wire
from provider import Provider, reply, stream
from turnout.call.stream import as_chunks
from turnout.chunks import (
    ErrorChunk,
    FallbackChunk,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from turnout.errors import InvalidInputError, RateLimitError, TurnoutError
from turnout.messages import Image, Message, Reasoning, Refusal, Text, ToolCall
from turnout.protocols.openai_chat import (
    StreamRenderer,
    decode,
    encode,
    parse_messages,
    parse_request,
    render_error,
    render_response,
)
from turnout.protocols.openai_chat.serve import asks_for_usage
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ToolSpec
from turnout.responses import ModelResponse, TokenLogprob
from turnout.usage import Usage

PNG = b"\x89PNG\r\n\x1a\n0000"
PNG_URL = "data:image/png;base64,iVBORw0KGgowMDAw"
CITATION = {"type": "url_citation", "url": "https://x.y", "title": "X", "start_index": 0, "end_index": 2}
NESTED = {"type": "url_citation", "url_citation": {"url": "https://z.y"}}
USER = [{"role": "user", "content": "Hi"}]


def parsed(messages: Any = USER, **fields: Any) -> Any:
    return parse_request(json.dumps({"model": "m", "messages": messages, **fields}).encode())


def answer(*parts: Any, finish_reason: Any = "stop", **fields: Any) -> ModelResponse:
    return ModelResponse(message=Message("assistant", list(parts)), finish_reason=finish_reason, **fields)


def rendered(response: ModelResponse, **options: Any) -> dict[str, Any]:
    return json.loads(render_response(response, **options))


# -- requests ---------------------------------------------------------------------------------------------------------


def test_the_frame_of_a_request():
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    told = parsed(
        stream=True,
        stream_options={"include_usage": True, "more": 1},
        max_completion_tokens=9,
        temperature=0.5,
        stop="x",
        random_seed=3,
        reasoning_effort="low",
        parallel_tool_calls=False,
        tools=[{"type": "function", "function": function}, {"type": "custom", "custom": {"name": "c"}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        response_format={"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": {}}},
        user="u",
        metadata=None,
    )
    assert told.model == "m"
    assert told.request == ModelRequest(
        messages=[Message.user("Hi")],
        stream=True,
        settings=ModelSettings(
            max_output_tokens=9, temperature=0.5, stop=["x"], seed=3, reasoning_effort="low", parallel_tool_calls=False
        ),
        tools=(ToolSpec(name="f", description="d", parameters={"type": "object"}),),
        tool_choice="f",
        output=OutputSpec(schema={}, name="n", description="d"),
        provider_options={
            "*": {
                "stream_options": {"more": 1},
                "tools": [
                    {"type": "function", "function": {"name": "f", "strict": True}},
                    {"type": "custom", "custom": {"name": "c"}},
                ],
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "description": "d", "schema": {}},
                },
                "user": "u",
            }
        },
    )
    body = json.loads(encode(told.request, make_route()).body)
    function["parameters"]["properties"] = {}  # some servers want them
    assert body["tools"] == [{"type": "function", "function": function}, {"type": "custom", "custom": {"name": "c"}}]
    assert body["response_format"]["json_schema"]["schema"] == {}


def test_what_turnout_has_no_word_for_stays():
    told = parsed(parallel_tool_calls=True, tool_choice="auto", reasoning_effort="default").request
    assert told.provider_options == {
        "*": {"parallel_tool_calls": True, "tool_choice": "auto", "reasoning_effort": "default"}
    }
    assert parsed().request.provider_options == {}
    tools = [{"function": {"name": "f"}}]
    assert parsed(tools=tools, tool_choice="any").request.tool_choice == "required"
    assert parsed(tools=tools, tool_choice="none").request.tool_choice == "none"
    for odd in ("sometimes", {"type": "allowed_tools"}, {"type": "function", "function": {}}):
        told = parsed(tools=tools, tool_choice=odd).request
        assert (told.tool_choice, told.provider_options) == (None, {"*": {"tool_choice": odd}})
    assert parsed(response_format={"type": "json_object"}).request.output.mode == "json_object"
    assert (
        parsed(response_format={"type": "json_schema", "json_schema": {"schema": {}}}).request.output.name == "response"
    )
    for told in ({"type": "text"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {"schema": 3}}):
        request = parsed(response_format=told).request
        assert (request.output, request.provider_options) == (None, {"*": {"response_format": told}})
    cached = [{"function": {"name": "f"}, "cache_control": {"type": "ephemeral"}}]
    body = json.loads(encode(parsed(tools=cached).request, make_route()).body)
    assert body["tools"][0]["cache_control"] == {"type": "ephemeral"}
    odd = ModelRequest(
        messages=[Message.user("x")], tools=(ToolSpec(name="f"),), provider_options={"p": {"tools": ["x"]}}
    )
    assert json.loads(encode(odd, make_route()).body)["tools"][1] == "x"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "the body is no JSON"),
        (b"{}", "model is missing"),
        (b'{"model": "m"}', "messages is missing or empty"),
        (b'{"model": "m", "messages": {}}', "messages is a dict"),
        (b'{"model": "m", "messages": ["x"]}', r"messages\[0\] is a str"),
        (b'{"model": "m", "messages": [{"role": "critic"}]}', r"messages\[0\].role is 'critic'"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": 1}', "stream is a int"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{}]}', "function is missing"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "top_k": "x"}', "settings"),
    ],
)
def test_what_is_wrong_is_named(body, told):
    with pytest.raises(InvalidInputError, match=told):
        parse_request(body)


@given(JSON)
@settings(max_examples=150, deadline=None)
def test_any_json_is_a_request_or_an_error_of_ours(value):
    for body in (value, {"model": "m", "messages": [value]}, {"model": "m", "messages": USER, "tools": [value]}):
        with suppress(InvalidInputError):
            parse_request(json.dumps(body).encode())


@pytest.mark.parametrize(("options", "asks"), [(None, False), ({"include_usage": True}, True), ({}, False)])
def test_whether_the_client_wants_the_usage_of_a_stream(options, asks):
    assert asks_for_usage(json.dumps({"stream_options": options}).encode()) is asks


# -- answers ----------------------------------------------------------------------------------------------------------

RICH = answer(
    Reasoning("Hm.", [{"type": "thinking", "signature": "s"}], "q"),
    Reasoning("", [{"type": "redacted"}], "q"),
    Text("Hi", {}, [CITATION, NESTED, {"type": "other"}]),
    Refusal("No."),
    ToolCall("c1", "f", {"a": 1}),
    ToolCall("c2", "g", {}, "{broken"),
    Image(data=PNG),
    Image(url="https://x.y/a.png"),
    finish_reason="tool_calls",
    refusal="No.",
    id="chatcmpl-9",
    model="m-1",
    usage=Usage(
        input_tokens=3, output_tokens=2, cached_input_tokens=1, cache_write_tokens=1, reasoning_tokens=1, total_tokens=5
    ),
    logprobs=[TokenLogprob(token="Hi", logprob=-0.5, data=b"Hi", top=(TokenLogprob(token="Ho", logprob=-1.0),))],
)


def test_an_answer_rendered_is_decoded_to_the_same():
    body = rendered(RICH, created=5)
    assert (body["id"], body["model"], body["created"]) == ("chatcmpl-9", "m-1", 5)
    assert [error.message for error in validator("CreateChatCompletionResponse").iter_errors(body)] == []
    again = decode(json.dumps(body).encode(), make_route())
    assert (again.text, again.reasoning, again.refusal) == ("Hi", "Hm.", "No.")
    assert again.tool_calls == RICH.tool_calls
    assert (again.finish_reason, again.usage, again.logprobs) == ("tool_calls", RICH.usage, RICH.logprobs)
    assert [part.url for part in again.message.content if isinstance(part, Image)] == [PNG_URL, "https://x.y/a.png"]
    pages = [source["url_citation"] for source in body["choices"][0]["message"]["annotations"]]
    assert [(page["url"], page["title"], page["end_index"]) for page in pages] == [
        ("https://x.y", "X", 2),
        ("https://z.y", "", 0),
    ]


def test_what_a_provider_wants_back_travels_with_the_client():
    (message,) = parse_messages([rendered(RICH)["choices"][0]["message"]])
    assert message.content[:2] == [
        Reasoning("Hm.", [{"type": "thinking", "signature": "s"}], "q"),
        Reasoning("", [{"type": "redacted"}], "q"),
    ]
    details = [{"data": "gAAA"}, {"data": "turnout.1.!"}, {"text": "t"}]
    foreign = {"role": "assistant", "content": "x", "reasoning_details": details}
    (message,) = parse_messages([foreign], provider="p")
    assert message.content[0] == Reasoning("t", details, "p")


def test_little_answers():
    body = rendered(answer(finish_reason="other"), model="named")
    choice = body["choices"][0]
    assert (choice["message"], choice["finish_reason"]) == (
        {"role": "assistant", "content": "", "refusal": None},
        "stop",
    )
    assert "usage" not in body
    assert body["id"].startswith("chatcmpl-")
    known = rendered(answer(ToolCall("c", "f", {}), usage=Usage(output_tokens=2)))
    assert known["choices"][0]["message"]["content"] is None
    assert (known["usage"]["prompt_tokens"], known["usage"]["total_tokens"]) == (0, 2)
    assert rendered(answer(Refusal("No."), refusal="No."))["choices"][0]["message"]["content"] is None
    odd = rendered(answer(Image(data=b"abc", media_type="image/x")))["choices"][0]["message"]["images"]
    assert odd == [{"type": "image_url", "image_url": {"url": "data:image/x;base64,YWJj"}}]


def test_errors_are_rendered_in_openais_words():
    body = json.loads(render_error(RateLimitError("slow down", status=429, code="c", param="p")))
    assert body == {"error": {"message": "slow down", "type": "rate_limit_error", "param": "p", "code": "c"}}
    assert json.loads(render_error(TurnoutError("x"), 404))["error"]["type"] == "not_found_error"
    assert json.loads(render_error(TurnoutError("x"), 422))["error"]["type"] == "invalid_request_error"
    assert json.loads(render_error(TurnoutError("x")))["error"]["type"] == "server_error"


# -- streams ----------------------------------------------------------------------------------------------------------


def render_stream(response: ModelResponse, **options: Any) -> list[bytes]:
    renderer = StreamRenderer(model="m-1", created=5, **options)
    pieces = [renderer.feed([chunk]) for chunk in [Start("m", "p"), *as_chunks(response)]]
    return [piece for piece in [*pieces, renderer.finish(response)] if piece]


def test_a_stream_rendered_is_decoded_to_the_same_answer():
    data = b"".join(render_stream(RICH))
    chunks, again = stream_bytes([data])
    assert (again.text, again.reasoning, again.refusal) == ("Hi", "Hm.", "No.")
    assert again.tool_calls == RICH.tool_calls
    assert (again.finish_reason, again.usage, again.logprobs) == ("tool_calls", RICH.usage, RICH.logprobs)
    assert "".join([chunk.text for chunk in chunks if isinstance(chunk, ReasoningDelta)]) == "Hm."
    assert data.endswith(b"data: [DONE]\n\n")
    assert b'"usage"' not in b"".join(render_stream(RICH, has_usage=False))
    events = [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: {")]
    for event in events:
        faults = validator("CreateChatCompletionStreamResponse").iter_errors(event)
        assert [error.message for error in faults] == []


def test_pieces_of_calls_and_what_comes_after_the_end():
    renderer = StreamRenderer()
    data = renderer.feed(
        [
            ToolCallStart("c1", "f"),
            ToolCallDelta("c1", '{"a":1}'),
            ToolCallDelta("c1", ""),
            ToolCallEnd(ToolCall("c1", "f", {"a": 1})),
            ToolCallEnd(ToolCall("c2", "g", {})),
            RefusalDelta("No."),
        ]
    )
    _, again = stream_bytes([data, renderer.finish(answer(finish_reason="tool_calls"))])
    assert [(call.id, call.arguments) for call in again.tool_calls] == [("c1", {"a": 1}), ("c2", {})]
    assert again.refusal == "No."
    assert renderer.feed([TextDelta("late")]) == renderer.finish(RICH) == renderer.fail("late") == b""
    _, empty = stream_bytes([StreamRenderer().finish(answer())])
    assert (empty.text, empty.finish_reason) == ("", "stop")


@pytest.mark.parametrize(
    "break_off",
    [
        lambda renderer: renderer.feed([ErrorChunk("broke", "c")]),
        lambda renderer: renderer.feed([FallbackChunk("p/m", "q/m", "broke")]),
        lambda renderer: renderer.fail("broke"),
    ],
)
def test_a_stream_that_breaks_is_told_as_an_error(break_off):
    renderer = StreamRenderer()
    begun = renderer.feed([TextDelta("a")])
    chunks, _ = stream_bytes([begun, break_off(renderer), b"data: [DONE]\n\n"])
    assert "broke" in next(chunk.message for chunk in chunks if isinstance(chunk, ErrorChunk))


def test_the_module_offers_what_serves_and_nothing_else():
    for name in wire.__all__:
        assert getattr(wire, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        wire.nothing  # noqa: B018 # pyright: ignore[reportAttributeAccessIssue]


# -- OpenAI's SDK -----------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with Provider() as running:
        yield running


@pytest.fixture
def client(server):
    with OpenAI(base_url=server.url, api_key="k", max_retries=0) as made:
        yield made


def test_the_sdk_reads_a_whole_answer_and_sends_it_back(server, client):
    server.script(reply(render_response(RICH, model="m")))
    given: Any = [{"role": "user", "content": "Hi"}]
    message = client.chat.completions.create(model="m", messages=given).choices[0].message
    assert (message.content, message.refusal, message.annotations[0].url_citation.url) == ("Hi", "No.", "https://x.y")
    assert [(call.id, call.function.name) for call in message.tool_calls] == [("c1", "f"), ("c2", "g")]
    results = [{"role": "tool", "tool_call_id": name, "content": "R"} for name in ("c1", "c2")]
    client.chat.completions.create(model="m", messages=[*given, message, *results])
    history = parse_request(server.requests[-1].body).request.messages
    assert [each.role for each in history] == ["user", "assistant", "tool", "tool"]
    assert history[1].content[0] == RICH.message.content[0]


def test_the_sdk_reads_a_stream(server, client):
    server.script(stream(render_stream(RICH)))
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "Hi"}]) as events:
        for _ in events:
            pass
        final = events.get_final_completion()
    choice = final.choices[0]
    assert (choice.message.content, choice.message.refusal, choice.finish_reason) == ("Hi", "No.", "tool_calls")
    assert [call.function.arguments for call in choice.message.tool_calls] == ['{"a":1}', "{broken"]
    assert final.usage.completion_tokens == 2


def test_the_sdk_raises_errors_whole_and_in_a_stream(server, client):
    server.script(reply(render_error(RateLimitError("slow down", status=429)), 429))
    with pytest.raises(openai.RateLimitError, match="slow down"):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    server.script(stream([StreamRenderer().fail("broke")]))
    with pytest.raises(openai.APIError, match="broke"):
        list(client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True))
