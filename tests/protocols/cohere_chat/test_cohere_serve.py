"""What a Cohere client sends, read; and answers as it reads them."""

from __future__ import annotations

import json

import pytest
from cohere_wire import JSON, make_route, read, send, stream_bytes
from hypothesis import given, settings

from turnout.call.stream import as_chunks
from turnout.chunks import RefusalDelta, StepStart, TextDelta
from turnout.errors import InvalidInputError, RateLimitError
from turnout.messages import Image, Message, Reasoning, Refusal, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.cohere_chat import (
    StreamRenderer,
    decode,
    encode,
    parse_request,
    render_error,
    render_response,
)
from turnout.requests import ModelSettings, ToolSpec
from turnout.responses import ModelResponse, TokenLogprob
from turnout.usage import Usage

HI = [{"role": "user", "content": "Hi"}]


def parse(messages=None, **fields):
    return parse_request(json.dumps({"model": "m", "messages": messages or HI, **fields}).encode()).request


def round_trip(messages=None, **fields):
    """Return the body that a client's body becomes on its way to a provider of the same wire format."""
    return json.loads(encode(parse(messages, **fields), make_route()).body)


CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "F", "parameters": {"type": "object", "properties": {}}},
}
CITED = {"start": 0, "end": 1, "text": "a", "sources": []}
MESSAGES = [
    {"role": "system", "content": "Be"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "a", "x": 1},
            {"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://h/b.png"}},
        ],
    },
    {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm"}],
        "tool_plan": "plan",
        "tool_calls": [CALL],
    },
    {
        "role": "tool",
        "tool_call_id": "1",
        "content": [{"type": "document", "document": {"data": {"a": "b"}, "id": "d"}}],
    },
    {"role": "tool", "tool_call_id": "1", "content": "sunny", "x": 1},
    {"role": "assistant", "content": "a", "citations": [{**CITED, "content_index": 0}, CITED]},
    {"role": "user", "content": "b", "x": 1},
]


def test_a_conversation_comes_out_as_it_went_in():
    assert round_trip(MESSAGES)["messages"] == MESSAGES


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [TOOL], "tool_choice": "REQUIRED"},
        {"tools": [TOOL], "tool_choice": "NONE"},
        {"tools": [TOOL], "strict_tools": True},
        {"tool_choice": "NONE"},
        {"stream": True},
        {"documents": ["d"], "citation_options": {"mode": "FAST"}, "safety_mode": "STRICT", "priority": 1},
        {"temperature": 0.5, "p": 0.5, "k": 3, "max_tokens": 5, "stop_sequences": ["x"], "seed": 1, "logprobs": True},
        {"thinking": {"type": "disabled"}},
        {"thinking": {"type": "enabled", "token_budget": 5}},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_object", "json_schema": {"type": "object"}}},
        {"response_format": {"type": "text"}},
    ],
)
def test_fields_come_out_as_they_went_in(fields):
    assert round_trip(**fields) == {"model": "m", "messages": HI, **fields}


def test_what_is_read():
    parsed = parse_request(json.dumps({"model": "m", "messages": MESSAGES, "stream": True}).encode(), provider="p")
    assert (parsed.model, parsed.request.stream) == ("m", True)
    _, user, said, document, result, cited, last = parsed.request.messages
    assert user.content[0] == Text("a", {"p": {"x": 1}})
    assert said.content == [
        Reasoning("hm", [{"type": "thinking"}]),
        Reasoning("plan", [{"type": "tool_plan"}]),
        ToolCall("1", "f", {"a": 1}),
    ]
    assert document.content[0].content == "a: b"
    assert result.content == [ToolResult("1", "sunny", provider_options={"p": {"x": 1}})]
    assert cited.content == [Text("a", citations=[{**CITED, "content_index": 0}, CITED])]
    assert last.provider_options == {"p": {"x": 1}}
    assert parse(thinking={"type": "disabled"}).settings == ModelSettings(reasoning_effort="none")
    assert parse(tools=[{"function": {"name": "f"}}]).tools == (ToolSpec(name="f"),)
    assert parse([{"role": "user", "content": ["a"]}]).messages == [Message.user("a")]
    older = parse(response_format={"type": "json_object", "schema": {"type": "object"}})
    assert older.output.schema == {"type": "object"}
    result = parse([{"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "x"}, {"document": 5}]}])
    assert result.messages[0].content[0].content == "x"
    assert parse([{"role": "tool", "tool_call_id": "1"}]).messages == [Message("tool", [ToolResult("1", "")])]
    assert parse([{"role": "assistant", "tool_calls": [CALL], "citations": [CITED]}]).messages[0].content == [
        ToolCall("1", "f", {"a": 1})
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"messages": []}, "messages is missing or empty"),
        ({"messages": {}}, "messages is a dict"),
        ({"messages": ["x"]}, r"messages\[0\] is a str"),
        ({"messages": [{"role": "x"}]}, r"messages\[0\].role is 'x'"),
        ({"messages": [{"role": "user", "content": 5}]}, r"messages\[0\].content is a int"),
        ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, r"content\[0\].type is 'audio'"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, r"content\[0\].text is missing"),
        ({"messages": [{"role": "tool", "content": "x"}]}, r"tool_call_id is missing"),
        ({"messages": [{"role": "assistant", "tool_plan": 5}]}, "tool_plan is a int"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "function is missing"),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {}, "a": 1}}],
                    }
                ]
            },
            "",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": [1]}}]}
                ]
            },
            "arguments is a list",
        ),
        ({"tools": [{}]}, "function is missing"),
        ({"tools": [{"function": {"name": "f", "description": 5}}]}, "description is a int"),
        ({"model": None}, "model is missing"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(fields, told):
    body = json.dumps({"model": "m", "messages": HI, **fields}).encode()
    if not told:  # an empty object is no arguments, like empty text
        assert parse_request(body).request.messages[0].content == [ToolCall("1", "f", {})]
        return
    with pytest.raises(InvalidInputError, match=told):
        parse_request(body)


USAGE = Usage(input_tokens=10, output_tokens=4, total_tokens=14, cached_input_tokens=5)
RESPONSE = ModelResponse(
    message=Message.assistant(
        Reasoning("hm", [{"type": "thinking"}], "p"),
        Text("ab", citations=[{**CITED, "content_index": 1}, {"url": "u"}]),
        Reasoning("plan", [{"type": "tool_plan"}], "p"),
        ToolCall("1", "f", {"a": 1}),
        ToolCall("2", "g", {}, invalid_arguments="[1"),
        ServerTool("x", {}),
        Refusal("no"),
    ),
    finish_reason="tool_calls",
    usage=USAGE,
    id="r",
    logprobs=[TokenLogprob(token="ab", logprob=-1.0)],
)


def test_a_rendered_answer_is_read_as_it_was():
    response = decode(render_response(RESPONSE), make_route())
    thought, text, refusal, plan, first, second = response.message.content
    assert (thought, plan) == (RESPONSE.message.content[0], RESPONSE.message.content[2])
    assert (text, refusal) == (Text("ab", citations=[{**CITED, "content_index": 1}]), Text("no"))
    assert (first, second) == tuple(RESPONSE.tool_calls)
    assert (response.usage, response.finish_reason, response.id) == (USAGE, "tool_calls", "r")
    assert response.logprobs == RESPONSE.logprobs


def test_a_rendered_stream_is_read_as_it_was():
    renderer = StreamRenderer()
    pieces = [
        renderer.feed([chunk]) for chunk in [StepStart(1), *as_chunks(RESPONSE), RefusalDelta("!"), TextDelta("?")]
    ]
    chunks, response = stream_bytes([*pieces, renderer.finish(RESPONSE)])
    assert (response.text, response.reasoning) == ("ab!?", "hmplan")
    assert response.tool_calls == RESPONSE.tool_calls
    assert (response.usage, response.finish_reason) == (USAGE, "tool_calls")
    assert response.message.content[1].citations == [{**CITED, "content_index": 1}]
    assert chunks


def test_an_empty_answer_and_a_broken_one():
    empty = ModelResponse(message=Message("assistant", []), finish_reason="length", id="r")
    assert json.loads(render_response(empty))["message"] == {"role": "assistant"}
    chunks, response = stream_bytes([StreamRenderer().finish(empty)])
    assert (chunks, response.finish_reason, response.id) == ([], "length", "r")
    unnamed = ModelResponse(message=Message.assistant("a"), finish_reason="stop", raw_finish_reason="STOP_SEQUENCE")
    told = json.loads(render_response(unnamed))
    assert (len(told["id"]), told["finish_reason"]) == (32, "STOP_SEQUENCE")
    renderer = StreamRenderer()
    data = renderer.feed(as_chunks(unnamed)) + renderer.fail("it broke")
    last = json.loads(data.rpartition(b"data: ")[2])
    assert last == {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "it broke"}}
    assert json.loads(render_error(RateLimitError("slow"))) == {"message": "slow"}


def test_a_picture_of_a_client_goes_on():
    [message] = parse([MESSAGES[1]]).messages
    assert [type(part) for part in message.content] == [Text, Image, Image]
    assert send(message)["messages"] == [MESSAGES[1]]


@given(JSON)
@settings(max_examples=300)
def test_any_json_is_a_request_or_an_error_of_ours(value):
    for body in (
        value,
        {"model": "m", "messages": value},
        {"model": "m", "messages": [value]},
        {"model": "m", "messages": HI, "tools": value},
    ):
        try:
            encode(parse_request(json.dumps(body).encode()).request, make_route())
        except InvalidInputError:
            continue


def test_a_read_answer_can_be_rendered_again():
    response = read(content=[{"type": "text", "text": "a"}], citations=[CITED])
    assert decode(render_response(response), make_route()).message == response.message
