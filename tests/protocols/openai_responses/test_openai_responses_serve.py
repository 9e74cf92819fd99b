"""The server's side: requests parsed, answers and streams rendered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from responses_streams import JSON, decoded, make_route, stream_bytes, text_item

import turnout.protocols.openai_responses as wire
from turnout.call.stream import as_chunks
from turnout.chunks import (
    ErrorChunk,
    FallbackChunk,
    ReasoningDelta,
    RefusalDelta,
    ServerToolChunk,
    Start,
    TextDelta,
    TextEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from turnout.errors import InvalidInputError, RateLimitError, TurnoutError
from turnout.messages import File, Image, Message, Reasoning, Refusal, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.openai_responses import StreamRenderer, decode, parse_request, render_error, render_response
from turnout.requests import ModelSettings, OutputSpec, ToolSpec
from turnout.responses import ModelResponse, TokenLogprob
from turnout.usage import Usage

PDF = "data:application/pdf;base64,AA=="
PNG = b"\x89PNG\r\n\x1a\n0000"
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
CITATION = {"type": "url_citation", "url": "https://x.y", "title": "X", "start_index": 0, "end_index": 2}


def parsed(given: Any = "Hi", **fields: Any) -> Any:
    return parse_request(json.dumps({"model": "m", "input": given, **fields}).encode())


def answer(*parts: Any, finish_reason: Any = "stop", **fields: Any) -> ModelResponse:
    return ModelResponse(message=Message("assistant", list(parts)), finish_reason=finish_reason, **fields)


def rendered(response: ModelResponse, **options: Any) -> dict[str, Any]:
    return json.loads(render_response(response, **options))


# -- requests ---------------------------------------------------------------------------------------------------------


def test_the_frame_of_a_request():
    told = parsed(
        "Hi",
        instructions="Be brief.",
        stream=True,
        temperature=0.5,
        max_output_tokens=9,
        parallel_tool_calls=False,
        reasoning={"effort": "low", "summary": "auto"},
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        tools=[
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
            {"type": "web_search"},
        ],
        tool_choice={"type": "function", "name": "f"},
        text={"format": {"type": "json_schema", "name": "n", "description": "d", "schema": {"type": "object"}}},
        user="u",
        metadata=None,
    )
    assert told.model == "m"
    request = told.request
    assert request.messages == [Message.system("Be brief."), Message.user("Hi")]
    assert request.stream
    assert request.settings == ModelSettings(
        temperature=0.5, max_output_tokens=9, parallel_tool_calls=False, reasoning_effort="low", logprobs=True
    )
    assert request.tools == (ToolSpec(name="f", parameters={"type": "object"}),)
    assert request.tool_choice == "f"
    assert request.output == OutputSpec(schema={"type": "object"}, name="n", description="d")
    assert request.provider_options == {
        "*": {
            "user": "u",
            "reasoning": {"summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "tools": [{"type": "function", "name": "f", "strict": True}, {"type": "web_search"}],
            "text": {"format": {"type": "json_schema", "name": "n", "description": "d", "schema": {"type": "object"}}},
        }
    }


def test_what_turnout_has_no_word_for_stays():
    plain = parsed(
        parallel_tool_calls=True, tool_choice="auto", reasoning={"effort": "extreme"}, text={"verbosity": "low"}
    )
    assert plain.request.provider_options == {
        "*": {
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "reasoning": {"effort": "extreme"},
            "text": {"verbosity": "low"},
        }
    }
    assert parsed().request.provider_options == {}
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": []}
    told = parsed(tools=[{"type": "function", "name": "f", "description": "d"}], tool_choice=allowed)
    assert told.request.provider_options == {"*": {"tool_choice": allowed}}
    assert told.request.tools == (ToolSpec(name="f", description="d"),)
    assert parsed(tools=[{"type": "function", "name": "f"}], tool_choice="none").request.tool_choice == "none"
    assert parsed(text={"format": {"type": "text"}}).request.output is None
    json_mode = parsed(text={"format": {"type": "json_object"}}).request.output
    assert (json_mode.mode, json_mode.schema) == ("json_object", {"type": "object"})
    assert parsed(text={"format": {"type": "json_schema"}}).request.output == OutputSpec(schema={})


def test_messages_and_parts():
    messages = parsed(
        [
            {"role": "developer", "content": "D"},
            {
                "type": "message",
                "role": "user",
                "id": "m_1",
                "content": [
                    {"type": "input_text", "text": "A", "mark": 1},
                    {"type": "input_image", "image_url": "https://x.y/a.png", "detail": "low"},
                    {"type": "input_image", "image_url": "https://x.y/b.png", "detail": "auto"},
                    {"type": "input_image", "file_id": "file-1"},
                    {
                        "type": "input_file",
                        "file_data": PDF,
                        "filename": "a.pdf",
                        "x": 1,
                    },
                    {"type": "input_file", "file_url": "https://x.y/b.pdf"},
                    {"type": "input_file", "file_data": "AAAA"},
                    {"type": "input_audio", "input_audio": {}},
                ],
            },
        ]
    ).request.messages
    own = "openai_responses"
    assert messages == [
        Message.system("D"),
        Message(
            "user",
            [
                Text("A", {own: {"mark": 1}}),
                Image(url="https://x.y/a.png", provider_options={own: {"detail": "low"}}),
                Image(url="https://x.y/b.png"),
                ServerTool("input_image", {"type": "input_image", "file_id": "file-1"}),
                File(url=PDF, name="a.pdf", provider_options={own: {"x": 1}}),
                File(url="https://x.y/b.pdf"),
                ServerTool("input_file", {"type": "input_file", "file_data": "AAAA"}),
                ServerTool("input_audio", {"type": "input_audio", "input_audio": {}}),
            ],
            provider_options={own: {"id": "m_1"}},
        ),
    ]


def test_what_the_model_made_in_a_row_is_one_message():
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    said = {**text_item("Hi"), "phase": "commentary"}
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
    custom = {"type": "custom_tool_call", "call_id": "c2", "name": "sh", "input": "ls"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "R"}
    listed = {
        "type": "function_call_output",
        "id": "o",
        "call_id": "c1",
        "output": [{"type": "input_text", "text": "R"}],
    }
    media = {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_image", "file_id": "f"}]}
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    short = {"role": "assistant", "content": "S"}
    messages = parsed(
        [thought, said, SEARCH, call, custom, output, listed, media, short, refused, refused]
    ).request.messages
    own = {"openai_responses": {"id": "msg_1", "status": "completed", "phase": "commentary"}}
    assert messages == [
        Message.assistant(
            Reasoning("Hm.", [thought]),
            Text("Hi", own),
            ServerTool("web_search_call", SEARCH),
            ToolCall("c1", "f", {}, provider_options={"openai_responses": {"id": "fc_1"}}),
            ToolCall("c2", "sh", {"input": "ls"}, provider_options={"openai_responses": {"type": "custom_tool_call"}}),
        ),
        Message("tool", [ToolResult("c1", "R")]),
        Message("tool", [ToolResult("c1", "R", provider_options={"openai_responses": {"id": "o"}})]),
        Message.assistant(ServerTool("function_call_output", media), Text("S")),
        Message.assistant(Refusal("No.")),
        Message.assistant(Refusal("No.")),
    ]
    assert parsed([{"role": "assistant", "content": []}]).request.messages == [Message.assistant("")]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "the body is no JSON"),
        (b"[]", "the body is no JSON object"),
        (b"{}", "model is missing"),
        (b'{"model": 3}', "model is a int"),
        (b'{"model": "m"}', "input is missing"),
        (b'{"model": "m", "input": 3}', "input is missing or of another type"),
        (b'{"model": "m", "input": ["x"]}', r"input\[0\] is a str"),
        (b'{"model": "m", "input": "x", "instructions": 3}', "instructions is a int"),
        (b'{"model": "m", "input": "x", "stream": "yes"}', "stream is a str"),
        (b'{"model": "m", "input": "x", "tools": {}}', "tools is a dict"),
        (b'{"model": "m", "input": "x", "tools": ["f"]}', r"tools\[0\] is a str"),
        (b'{"model": "m", "input": "x", "tools": [{"type": "function"}]}', r"tools\[0\].name is missing"),
        (b'{"model": "m", "input": "x", "temperature": "hot"}', "settings"),
        (b'{"model": "m", "input": [{"role": "critic", "content": "x"}]}', r"input\[0\].role is 'critic'"),
        (b'{"model": "m", "input": [{"role": "user"}]}', r"input\[0\].content is missing"),
        (b'{"model": "m", "input": [{"role": "user", "content": [{}]}]}', r"input\[0\].content\[0\].type is missing"),
        (b'{"model": "m", "input": [{"type": "function_call", "name": "f"}]}', r"input\[0\].call_id is missing"),
        (
            b'{"model": "m", "input": [{"type": "function_call_output", "output": "x"}]}',
            r"input\[0\].call_id is missing",
        ),
    ],
)
def test_what_is_wrong_is_named(body, told):
    with pytest.raises(InvalidInputError, match=told):
        parse_request(body)


@given(JSON)
@settings(max_examples=150, deadline=None)
def test_any_json_is_a_request_or_an_error_of_ours(value):
    for body in (
        value,
        {"model": "m", "input": [value]},
        {"model": "m", "input": "x", "tools": [value], "text": value},
    ):
        try:
            parse_request(json.dumps(body).encode())
        except TurnoutError as error:
            assert isinstance(error, InvalidInputError)


# -- answers ----------------------------------------------------------------------------------------------------------

RICH = answer(
    Reasoning("Hm.", [{"type": "thinking", "signature": "s"}], "anthropic"),
    Reasoning("", [{"type": "redacted"}], "anthropic"),
    Text("Hi", {"openai_responses@p": {"phase": "final_answer"}}, [CITATION, {"type": "other"}]),
    Text(""),
    Refusal("No."),
    ToolCall("c1", "f", {"a": 1}, provider_options={"openai_responses@p": {"namespace": "n"}}),
    ToolCall("c2", "g", {}, "{broken"),
    ServerTool("web_search_call", SEARCH),
    ServerTool("python", {"type": "function"}),
    Image(data=PNG),
    Image(url="https://x.y/a.png"),
    finish_reason="tool_calls",
    refusal="No.",
    id="resp_9",
    model="m-1",
    usage=Usage(input_tokens=3, output_tokens=2, cached_input_tokens=1, cache_write_tokens=1, reasoning_tokens=1),
)


def test_an_answer_rendered_is_decoded_to_the_same():
    body = rendered(RICH, created=5)
    assert (body["id"], body["model"], body["status"], body["created_at"]) == ("resp_9", "m-1", "completed", 5)
    again = decode(json.dumps(body).encode(), make_route())
    assert (again.text, again.reasoning, again.refusal) == ("Hi", "Hm.", "No.")
    assert again.tool_calls[0].arguments == {"a": 1}
    assert again.tool_calls[1].invalid_arguments == "{broken"
    assert again.finish_reason == "tool_calls"
    assert again.usage == Usage(
        input_tokens=3, output_tokens=2, total_tokens=5, cached_input_tokens=1, cache_write_tokens=1, reasoning_tokens=1
    )
    assert [part.data for part in again.message.content if isinstance(part, Image)] == [PNG]
    texts = [part for part in again.message.content if isinstance(part, Text)]
    assert texts[0].citations == [CITATION]


def test_what_a_provider_wants_back_travels_with_the_client():
    """The client sends the output back as it came; ids that were made here go to no provider."""
    request = parsed(rendered(RICH)["output"]).request
    parts = [part for message in request.messages for part in message.content]
    assert parts[0] == Reasoning("Hm.", [{"type": "thinking", "signature": "s"}], "anthropic")
    assert parts[1] == Reasoning("", [{"type": "redacted"}], "anthropic")
    assert [part for part in parts if isinstance(part, Text)] == [
        Text("Hi", {"openai_responses": {"phase": "final_answer"}}, [CITATION])
    ]
    calls = [part for part in parts if isinstance(part, ToolCall)]
    assert calls[0].provider_options == {"openai_responses": {"namespace": "n"}}
    plain = parsed(rendered(answer(Reasoning("Hm."), Text("Hi")))["output"]).request
    assert plain.messages == [Message.assistant(Reasoning("Hm."), Text("Hi"))]


@pytest.mark.parametrize("sealed", ["gAAAA", "turnout.1.!", "turnout.1.AAAA", "turnout.1.é"])
def test_text_that_was_not_sealed_here_stays_as_it_is(sealed):
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed}
    assert parsed([item]).request.messages == [Message.assistant(Reasoning("", [item]))]


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("other", "completed", None),
    ],
)
def test_why_it_ended_and_what_is_not_known(reason, status, details):
    body = rendered(answer(Text("Hi"), finish_reason=reason, id="x"), model="named")
    assert (body["status"], body["incomplete_details"], body["model"]) == (status, details, "named")
    assert body["usage"] is None
    assert body["id"].startswith("resp_")
    known = rendered(answer(usage=Usage(output_tokens=2, total_tokens=9)))["usage"]
    assert (known["input_tokens"], known["total_tokens"]) == (0, 9)


def test_records_pictures_and_probabilities():
    record = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBORw0KGgowMDAw"}
    assert rendered(decoded(record))["output"] == [record]
    token = TokenLogprob(token="Hi", logprob=-0.5, top=(TokenLogprob(token="Hi", logprob=-0.5, data=b"Hi"),))
    body = rendered(answer(Text("Hi"), Text("!"), logprobs=[token]))
    assert body["output"][0]["content"][0]["logprobs"] == [
        {
            "token": "Hi",
            "logprob": -0.5,
            "bytes": [72, 105],
            "top_logprobs": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}],
        }
    ]
    assert body["output"][1]["content"][0]["logprobs"] == []
    custom = ToolCall("c", "sh", {"input": "ls"}, provider_options={"openai_responses@p": {"type": "custom_tool_call"}})
    assert rendered(answer(custom))["output"][0]["input"] == "ls"


def test_errors_are_rendered_in_openais_words():
    body = json.loads(render_error(RateLimitError("slow down", status=429, code="c", param="p")))
    assert body == {"error": {"message": "slow down", "type": "rate_limit_error", "param": "p", "code": "c"}}
    types = {status: json.loads(render_error(TurnoutError("x"), status))["error"]["type"] for status in (400, 401, 500)}
    assert types == {400: "invalid_request_error", 401: "authentication_error", 500: "server_error"}
    assert json.loads(render_error(TurnoutError("x")))["error"]["type"] == "server_error"


# -- streams ----------------------------------------------------------------------------------------------------------


def test_a_stream_rendered_is_decoded_to_the_same_answer():
    renderer = StreamRenderer(model="m-1", created=5)
    pieces = [renderer.feed([chunk]) for chunk in [Start("m", "p"), *as_chunks(RICH)]]
    data = b"".join([*pieces, renderer.finish(RICH)])
    chunks, again = stream_bytes([data])
    assert (again.text, again.reasoning, again.refusal) == ("Hi", "Hm.", "No.")
    assert [call.id for call in again.tool_calls] == ["c1", "c2"]
    assert "".join([chunk.text for chunk in chunks if isinstance(chunk, TextDelta)]) == "Hi"
    assert "".join([chunk.text for chunk in chunks if isinstance(chunk, ReasoningDelta)]) == "Hm."
    assert [part.data for part in again.message.content if isinstance(part, Image)] == [PNG]
    events = [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: ")]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    told = [event["item"]["id"] for event in events if event["type"] == "response.output_item.done"]
    final = [item["id"] for item in events[-1]["response"]["output"]]
    assert set(told) <= set(final)
    assert renderer.feed([TextDelta("late")]) == renderer.finish(RICH) == renderer.fail("late") == b""


def events_of(data: bytes) -> list[str]:
    return [line[7:] for line in data.decode().splitlines() if line.startswith("event: ")]


def test_pieces_of_calls_that_come_together_and_records_that_come_twice():
    renderer = StreamRenderer()
    data = renderer.feed(
        [
            TextDelta(""),
            TextDelta("a"),
            TextDelta("b"),
            ToolCallStart("c2", "g"),
            ToolCallDelta("c2", "{}"),
            ToolCallEnd(ToolCall("c2", "g", {})),
            RefusalDelta("no"),
            TextEnd(),
            ToolCallDelta("unknown", "x"),
            ToolCallEnd(ToolCall("c1", "f", {"a": 1})),
            ServerToolChunk("web_search_call", SEARCH),
            ServerToolChunk("web_search_call", SEARCH),
            ServerToolChunk("python", {}),
        ]
    )
    names = events_of(data)
    assert names.count("response.function_call_arguments.delta") == 2
    assert names.count("response.output_item.done") == 5
    assert names.count("response.refusal.done") == 1


@pytest.mark.parametrize(
    "break_off",
    [
        lambda renderer: renderer.feed([ErrorChunk("broke", "c")]),
        lambda renderer: renderer.feed([FallbackChunk("p/m", "q/m", "cut")]),
        lambda renderer: renderer.fail("broke", "c"),
    ],
)
def test_a_stream_that_breaks_is_told_as_failed(break_off):
    renderer = StreamRenderer()
    renderer.feed([TextDelta("a")])
    assert events_of(break_off(renderer)) == ["response.failed"]
    assert renderer.finish(RICH) == renderer.fail("again") == b""


def test_an_answer_without_chunks_is_told_at_the_end():
    assert events_of(StreamRenderer().finish(answer())) == [
        "response.created",
        "response.in_progress",
        "response.completed",
    ]


def test_the_module_offers_what_serves_and_nothing_else():
    for name in wire.__all__:
        assert getattr(wire, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        wire.nothing  # noqa: B018 # pyright: ignore[reportAttributeAccessIssue]
