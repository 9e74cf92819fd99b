"""Requests of clients read, and answers written for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic_wire import encode_body, make_route, stream_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from test_anthropic_decode import JSON

from turnout.call.stream import as_chunks
from turnout.chunks import (
    ErrorChunk,
    FallbackChunk,
    ReasoningDelta,
    ReasoningStart,
    ServerToolChunk,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from turnout.errors import (
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TurnoutError,
)
from turnout.messages import File, Image, Message, Reasoning, Refusal, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols import anthropic_messages
from turnout.protocols.anthropic_messages import StreamRenderer, decode, parse_request, render_response
from turnout.protocols.anthropic_messages.serve import render_error
from turnout.protocols.sealing import seal
from turnout.responses import ModelResponse
from turnout.usage import Usage

OWN = "anthropic_messages"
THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "s"}


def parse(messages: Any = "Hi", **fields: Any):
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return parse_request(json.dumps({"model": "m", "max_tokens": 9, "messages": messages, **fields}).encode())


def parse_one(*blocks: Any, role: str = "user") -> list[Message]:
    return parse([{"role": role, "content": list(blocks)}]).request.messages


def test_a_plain_request():
    parsed = parse(system="Be brief.", stream=True, temperature=0.5, top_k=3, stop_sequences=["x"], metadata={"a": 1})
    request = parsed.request
    assert (parsed.model, request.stream) == ("m", True)
    assert request.messages == [Message.system("Be brief."), Message.user("Hi")]
    given = request.settings
    assert (given.max_output_tokens, given.temperature, given.top_k, given.stop) == (9, 0.5, 3, ["x"])
    assert request.provider_options == {OWN: {"metadata": {"a": 1}}}


def test_the_model_may_be_in_the_url():
    assert parse_request(b'{"anthropic_version": "x", "messages": []}').model == ""


def test_a_system_prompt_of_blocks_keeps_its_marks():
    blocks = [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "B"}]
    message = parse(system=blocks).request.messages[0]
    assert message.content == [Text("A", {OWN: {"cache_control": {"type": "ephemeral"}}}), Text("B")]
    assert len(parse(system=[]).request.messages) == 1


def test_blocks_of_a_user():
    (message,) = parse_one(
        {"type": "text", "text": "Hi"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "image", "source": {"type": "url", "url": "https://h"}, "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {"type": "document", "source": {"type": "url", "url": "https://h"}, "title": "T"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": ""}},
        {"type": "container_upload", "file_id": "f"},
    )
    assert [type(part) for part in message.content] == [
        Text,
        Image,
        Image,
        ServerTool,
        File,
        File,
        ServerTool,
        ServerTool,
    ]
    assert message.content[2].provider_options == {OWN: {"cache_control": {"type": "ephemeral"}}}
    assert message.content[4].name == "T"
    assert message.content[5].data == b"x"


def test_results_of_tools_are_messages_of_their_own():
    call = {"type": "tool_use", "id": "c", "name": "f", "input": {"x": 1}, "caller": {"type": "direct"}}
    rich = [{"type": "text", "text": "See"}, {"type": "image", "source": {"type": "url", "url": "https://h"}}]
    messages = parse([
        {"role": "assistant", "content": [call, {"type": "tool_use", "id": "d", "name": "g", "input": "{"}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c", "content": "1", "is_error": True},
            {"type": "tool_result", "tool_use_id": "d", "content": rich},
            {"type": "tool_result", "tool_use_id": "e"},
            {"type": "text", "text": "So?"},
        ]},
    ]).request.messages  # fmt: skip
    assert messages[0].content == [
        ToolCall("c", "f", {"x": 1}, provider_options={OWN: {"caller": {"type": "direct"}}}),
        ToolCall("d", "g", {}, "{"),
    ]  # fmt: skip
    assert messages[1] == Message("tool", [
        ToolResult("c", "1", "f", True),
        ToolResult("d", "See\n[image]", "g", provider_options={OWN: {"content": rich}}),
        ToolResult("e", ""),
    ])  # fmt: skip
    assert messages[2] == Message.user("So?")


def test_an_answer_that_comes_back():
    sealed = seal(Reasoning("", [{"k": 1}], "q"))
    (message,) = parse_one(
        THOUGHT, {"type": "thinking", "thinking": "bare", "signature": ""}, {"type": "redacted_thinking", "data": "x"},
        {"type": "thinking", "thinking": "Deep", "signature": sealed}, {"type": "redacted_thinking", "data": sealed},
        {"type": "thinking", "thinking": "", "signature": sealed}, {"type": "redacted_thinking", "data": sealed},
        {"type": "text", "text": "Hi", "citations": [{"type": "char_location"}]},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, {"type": "news"}, role="assistant",
    )  # fmt: skip
    assert message.content == [
        Reasoning("Hm", [THOUGHT]), Reasoning("", [{"k": 1}], "q"), Reasoning("bare", [{"k": 1}], "q"),
        Reasoning("", [{"type": "redacted_thinking", "data": "x"}]), Reasoning("Deep", [{"k": 1}], "q"),
        Reasoning("", [{"k": 1}], "q"), Text("Hi", citations=[{"type": "char_location"}]),
        ServerTool("web_search", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        ServerTool("news", {"type": "news"}),
    ]  # fmt: skip


def test_a_system_message_keeps_its_place():
    messages = parse([{"role": "user", "content": "Hi"}, {"role": "system", "content": "Now."}]).request.messages
    assert encode_body(messages)["messages"][1] == {"role": "system", "content": "Now."}


def test_tools_of_the_client_and_of_the_provider():
    search = {"type": "web_search_20250305", "name": "web_search"}
    schema = {"type": "object", "properties": {}}
    request = parse(tools=[
        {"name": "f", "description": "F", "input_schema": schema, "strict": True},
        {"type": "custom", "name": "g", "input_schema": schema, "description": None}, search,
    ]).request  # fmt: skip
    assert [(tool.name, tool.description) for tool in request.tools] == [("f", "F"), ("g", "")]
    assert request.provider_options == {OWN: {"tools": [{"name": "f", "strict": True}, search]}}
    assert encode_body(request)["tools"] == [
        {"name": "f", "description": "F", "input_schema": schema, "strict": True},
        {"name": "g", "input_schema": schema}, search,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        (None, (None, None)),
        ({"type": "any"}, ("required", None)),
        ({"type": "tool", "name": "f", "disable_parallel_tool_use": True}, ("f", False)),
    ],
)
def test_tool_choices(choice, read):
    request = parse(tools=[{"name": "f", "input_schema": {}}], tool_choice=choice).request
    assert (request.tool_choice, request.settings.parallel_tool_calls) == read
    odd = parse(tool_choice={"type": "auto"}).request
    assert (odd.tool_choice, odd.provider_options) == (None, {OWN: {"tool_choice": {"type": "auto"}}})


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
        ({"thinking": {"type": "adaptive"}}, "high"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 8000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 32000}}, "high"),
        ({"thinking": {"type": "between_tools"}}, None),
        ({}, None),
    ],
)
def test_thinking_is_an_effort_for_others_and_stays_as_it_is_here(fields, effort):
    request = parse(**fields).request
    assert request.settings.reasoning_effort == effort
    body = encode_body(request)
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == fields


@pytest.mark.parametrize(
    ("fields", "rest"),
    [
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, {}),
        (
            {"output_config": {"effort": "low", "format": {"schema": {"type": "object"}}}},
            {OWN: {"output_config": {"effort": "low"}}},
        ),
        ({"output_format": {"type": "json_schema", "schema": {"type": "object"}}}, {}),
    ],
)
def test_structured_output(fields, rest):
    request = parse(**fields).request
    assert request.output is not None
    assert (request.output.schema, request.provider_options) == ({"type": "object"}, rest)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "the body is no JSON"),
        ({"messages": []}, "model is missing"),
        ({"model": "m"}, None),
        ({"model": "m", "messages": "Hi"}, "messages is a str"),
        ({"model": "m", "messages": ["Hi"]}, r"messages\[0\] is a str"),
        ({"model": "m", "messages": [{"role": "robot", "content": "x"}]}, r"messages\[0\]\.role is 'robot'"),
        ({"model": "m", "messages": [{"role": "user", "content": [{}]}]}, r"content\[0\]\.type is missing"),
        ({"model": "m", "messages": [], "stream": 1}, "stream is a int"),
        ({"model": "m", "messages": [], "temperature": "hot"}, "temperature"),
        ({"model": "m", "messages": [], "system": 7}, "system is a int"),
        ({"model": "m", "messages": [], "tools": [{"name": "f"}]}, "input_schema is missing"),
        ({"model": "m", "messages": [], "tool_choice": "any"}, "tool_choice is a str"),
        ({"model": "m", "messages": [], "output_format": {}}, "schema is missing"),
    ],
)
def test_a_request_that_cannot_be_read_names_the_field(body, told):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    if told is None:
        assert parse_request(data).request.messages == []
        return
    with pytest.raises(InvalidInputError, match=told):
        parse_request(data)


@settings(max_examples=300, deadline=None)
@given(JSON | st.binary(max_size=30) | st.fixed_dictionaries({"model": st.just("m"), "messages": JSON, "tools": JSON}))
def test_any_body_is_read_or_refused(value):
    try:
        parse_request(value if isinstance(value, bytes) else json.dumps(value).encode())
    except InvalidInputError:
        return


FULL = ModelResponse(
    message=Message("assistant", [
        Reasoning("Hm", [THOUGHT], "p"), Reasoning("", [{"type": "redacted_thinking", "data": "x"}], "p"),
        Text("Yes", citations=[{"type": "char_location"}, {"type": "url_citation"}]),
        ServerTool("web_search", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        ToolCall("c", "f", {"x": 1}), ServerTool("container", {"id": "c1"}),
    ]),
    finish_reason="tool_calls", usage=Usage(input_tokens=9, output_tokens=5, cached_input_tokens=4, reasoning_tokens=2),
    id="msg_1", model="m", raw_finish_reason="tool_use",
)  # fmt: skip


def test_an_answer_is_rendered_as_it_would_have_come():
    body = json.loads(render_response(FULL))
    assert [block["type"] for block in body["content"]] == [
        "thinking", "redacted_thinking", "text", "server_tool_use", "tool_use",
    ]  # fmt: skip
    assert body["content"][2]["citations"] == [{"type": "char_location"}]
    assert (body["usage"]["input_tokens"], body["usage"]["cache_read_input_tokens"]) == (5, 4)
    assert (body["stop_reason"], body["container"], body["id"]) == ("tool_use", {"id": "c1"}, "msg_1")
    again = decode(json.dumps(body).encode(), make_route())
    assert again.message.content[:2] == FULL.message.content[:2]


@pytest.mark.parametrize(
    ("reason", "raw", "written"),
    [
        ("stop", "stop_sequence", "stop_sequence"), ("stop", "STOP", "end_turn"), ("length", None, "max_tokens"),
        ("content_filter", None, "refusal"), ("other", "pause_turn", "pause_turn"), ("approval", None, "end_turn"),
    ],
)  # fmt: skip
def test_why_an_answer_ended_is_told_in_this_wire_s_words(reason, raw, written):
    response = ModelResponse(message=Message("assistant", []), finish_reason=reason, raw_finish_reason=raw)
    assert json.loads(render_response(response, model="n"))["stop_reason"] == written


def test_what_comes_from_other_wires_is_rendered_as_far_as_it_goes():
    parts = [
        Reasoning("Hm", [{"k": 1}], "q"), Reasoning("", [{"k": 1}], "q"), Reasoning("bare"), Reasoning(""),
        ToolCall("a b", "f", {}, "{"), ServerTool("x", {"type": "search"}), Image(url="https://h"), Refusal("No"),
    ]  # fmt: skip
    response = ModelResponse(message=Message("assistant", parts), finish_reason="stop", refusal="No")
    body = json.loads(render_response(response))
    kinds = [block["type"] for block in body["content"]]
    assert kinds == ["thinking", "redacted_thinking", "thinking", "tool_use"]
    assert body["content"][3]["input"] == {"INVALID_JSON": "{"}
    assert (body["stop_reason"], body["stop_details"]["explanation"]) == ("refusal", "No")
    (back,) = parse_one(*body["content"], role="assistant")
    assert back.content[:3] == [parts[0], parts[1], parts[2]]


def test_an_answer_in_a_stream_comes_back_whole():
    renderer = StreamRenderer(model="m", created=1)
    pieces = [renderer.feed([chunk]) for chunk in as_chunks(FULL)]
    data = b"".join([*pieces, renderer.finish(FULL)])
    assert renderer.finish(FULL) == b""
    assert renderer.feed([TextDelta("late")]) == b""
    _, response = stream_bytes([data])
    assert (response.text, response.finish_reason) == ("Yes", "tool_calls")
    assert response.tool_calls == [ToolCall("c", "f", {"x": 1})]
    assert response.usage == Usage(
        input_tokens=9,
        output_tokens=5,
        total_tokens=14,
        cached_input_tokens=4,
        cache_write_tokens=0,
        reasoning_tokens=2,
    )
    blocks = json.loads(render_response(response))["content"]
    (back,) = parse_one(*blocks, role="assistant")
    assert [part for part in back.content if isinstance(part, Reasoning)] == [
        Reasoning("Hm", [THOUGHT], "p"), Reasoning("", [{"type": "redacted_thinking", "data": "x"}], "p"),
    ]  # fmt: skip


def test_writes_that_are_kept_for_an_hour_come_back():
    usage = Usage(input_tokens=9, output_tokens=1, total_tokens=10, cached_input_tokens=0, cache_write_tokens=5)
    for long in (0, 2, 5):
        kept = structs.replace(usage, cache_write_1h_tokens=long)
        response = ModelResponse(message=Message("assistant", [Text("Hi")]), finish_reason="stop", usage=kept)
        assert decode(render_response(response), make_route()).usage == kept


def blocks_of(data: bytes) -> list[Any]:
    _, response = stream_bytes([data])
    return [
        part for part in response.message.content if not (isinstance(part, ServerTool) and part.name == "container")
    ]


EMPTY = ModelResponse(message=Message("assistant", []), finish_reason="stop")


def test_calls_that_come_side_by_side_are_told_one_after_the_other():
    renderer = StreamRenderer()
    one, two, three = ToolCall("1", "f", {"x": 1}), ToolCall("2", "g", {"y": 2}), ToolCall("3", "h", {})
    data = renderer.feed([
        TextDelta(""), Start("m", "p"), TextDelta("H"), TextDelta("i"), ToolCallStart("1", "f"),
        ToolCallStart("2", "g"), ToolCallDelta("1", '{"x":'),
        ToolCallDelta("2", '{"y":2}'), ToolCallDelta("1", "1}"), ToolCallDelta("9", "?"), ToolCallEnd(one),
        ToolCallEnd(two), ToolCallEnd(three), ReasoningStart(), ReasoningDelta("Hm"),
        ServerToolChunk("x", {"type": "search"}), ServerToolChunk("w", {"type": "web_tool_result"}),
    ])  # fmt: skip
    found = blocks_of(data + renderer.finish(EMPTY))
    assert found[:4] == [Text("Hi"), one, two, three]
    assert (found[4].text, found[5].name) == ("Hm", "web_tool_result")


def test_an_answer_of_nothing_is_a_message_all_the_same():
    assert blocks_of(StreamRenderer().finish(EMPTY)) == []


@pytest.mark.parametrize(
    ("chunk", "kind"),
    [
        (ErrorChunk("Busy", "overloaded_error"), "overloaded_error"), (ErrorChunk("Odd", "odd"), "api_error"),
        (FallbackChunk("a", "b", "cut"), "api_error"),
    ],
)  # fmt: skip
def test_what_breaks_is_told_once(chunk, kind):
    renderer = StreamRenderer()
    last = renderer.feed([TextDelta("Hi"), chunk, TextDelta("late")]).split(b"\n\n")[-2]
    assert last.startswith(b"event: error\n")
    assert json.loads(last.partition(b"data: ")[2])["error"]["type"] == kind
    assert renderer.fail("again") == b""
    assert b"event: error" in StreamRenderer().fail("Broken")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AuthenticationError("x"), "authentication_error"), (PermissionDeniedError("x"), "permission_error"),
        (NotFoundError("x"), "not_found_error"), (RateLimitError("x"), "rate_limit_error"),
        (BadRequestError("x"), "invalid_request_error"), (InvalidInputError("x"), "invalid_request_error"),
        (APITimeoutError("x"), "timeout_error"), (ServerError("x", status=529), "overloaded_error"),
        (ServerError("x", status=500), "api_error"), (TurnoutError("x"), "api_error"),
    ],
)  # fmt: skip
def test_errors_are_of_this_wire_s_kinds(error, kind):
    assert json.loads(render_error(error))["error"] == {"type": kind, "message": "x"}


def test_the_module_offers_what_serves_it_when_asked():
    assert anthropic_messages.parse_request is parse_request
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        anthropic_messages.nothing  # noqa: B018
