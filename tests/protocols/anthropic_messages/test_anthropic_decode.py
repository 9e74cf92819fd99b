"""Answers, whole and streamed, as they should not be but are."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest
from anthropic_wire import SECRET, START, STOP, begin, ending, make_route, pack, piece, stream
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.chunks import ErrorChunk, RefusalDelta, ServerToolChunk, TextDelta, ToolCallDelta, UsageChunk
from turnout.errors import (
    CallError,
    MalformedStreamError,
    NotFoundError,
    ResponseError,
    ServerError,
    StreamError,
    TruncatedStreamError,
)
from turnout.messages import Reasoning, Refusal, ServerTool, Text, ToolCall
from turnout.protocols.anthropic_messages import StreamDecoder, decode
from turnout.protocols.anthropic_messages.answer import Answer
from turnout.usage import Usage


def types_of(chunks):
    return [chunk.type for chunk in chunks]


def whole(*blocks: Any, **fields: Any):
    body = {"type": "message", "content": list(blocks), "stop_reason": "end_turn", **fields}
    return decode(json.dumps(body).encode(), make_route())


CALLER = {"type": "code", "tool_id": "t"}


def test_a_stream_tells_each_block_as_it_comes():
    chunks, response = stream([
        START, begin(0, type="thinking", thinking="", signature=""), piece(0, "thinking_delta", thinking="Hm"),
        piece(0, "signature_delta", signature="s"), pack("content_block_stop", index=0), pack("ping"),
        begin(1, type="redacted_thinking", data="x"), pack("content_block_stop", index=1),
        begin(2, type="text", text=""), piece(2, "text_delta", text="Yes"),
        piece(2, "citations_delta", citation={"type": "char_location"}), pack("content_block_stop", index=2),
        begin(3, type="tool_use", id="c", name="f", input={}, caller=CALLER),
        piece(3, "input_json_delta", partial_json=""), piece(3, "input_json_delta", partial_json='{"x":1}'),
        pack("content_block_stop", index=3), ending("tool_use"), pack("news"), STOP, pack("ping"),
    ])  # fmt: skip
    assert types_of(chunks) == [
        "reasoning_start", "reasoning_delta", "reasoning_end", "text_start", "text_delta", "text_end",
        "tool_call_start", "tool_call_delta", "tool_call_end", "usage",
    ]  # fmt: skip
    assert response.message.content == [
        Reasoning("Hm", [{"type": "thinking", "thinking": "Hm", "signature": "s"}], "p"),
        Reasoning("", [{"type": "redacted_thinking", "data": "x"}], "p"),
        Text("Yes", citations=[{"type": "char_location"}]),
        ToolCall(
            "c", "f", {"x": 1}, provider_options={"anthropic_messages@p": {"caller": {"type": "code", "tool_id": "t"}}}
        ),
    ]
    assert (response.finish_reason, response.id, response.model) == ("tool_calls", "msg_1", "m")
    assert response.usage == Usage(input_tokens=3, output_tokens=5, total_tokens=8)


def test_tools_that_the_provider_ran_are_records():
    chunks, response = stream([
        START, begin(0, type="server_tool_use", id="s", name="web_search", input={}),
        piece(0, "input_json_delta", partial_json='{"q":"x"}'), begin(1, type="web_search_tool_result", content=[]),
        begin(2, type="server_tool_use", id="s2", name="web_search"), piece(2, "input_json_delta", partial_json="{"),
        begin(3, type="brand_new", content="?"), ending(container={"id": "c1"}), STOP,
    ])  # fmt: skip
    told = sorted([chunk.name for chunk in chunks if isinstance(chunk, ServerToolChunk)])
    assert told == ["brand_new", "web_search", "web_search", "web_search_tool_result"]
    assert response.message.content == [
        ServerTool("web_search", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "x"}}),
        ServerTool("web_search_tool_result", {"type": "web_search_tool_result", "content": []}),
        ServerTool("web_search", {"type": "server_tool_use", "id": "s2", "name": "web_search", "input": "{"}),
        ServerTool("brand_new", {"type": "brand_new", "content": "?"}),
        ServerTool("container", {"id": "c1"}),
    ]
    assert response.warnings == []


def test_a_call_may_come_whole_without_an_id_with_text_as_arguments_or_broken():
    response = whole(
        {"type": "tool_use", "name": "f", "input": {"x": 1}, "caller": {"type": "direct"}},
        {"type": "tool_use", "id": "b", "name": "f", "input": '{"x":2}'},
        {"type": "tool_use", "id": "c", "name": "f", "input": "{"},
        {"type": "tool_use", "id": "d"},
    )
    first, *rest = response.tool_calls
    assert (first.arguments, first.provider_options) == ({"x": 1}, {})
    assert first.id.startswith("call_")
    assert rest == [ToolCall("b", "f", {"x": 2}), ToolCall("c", "f", {}, "{"), ToolCall("d", "", {})]
    assert response.finish_reason == "tool_calls"
    chunks, _ = stream([START, begin(0, type="tool_use", id="a", name="f", input={"x": 1}), ending(), STOP])
    assert [chunk for chunk in chunks if isinstance(chunk, ToolCallDelta)] == [ToolCallDelta("a", '{"x":1}')]


def test_pieces_find_their_block_even_if_it_was_never_begun():
    chunks, response = stream([
        piece(0, "text_delta", text="A"), piece(None, "text_delta", text="B"), piece(1, "thinking_delta", thinking="C"),
        piece(2, "input_json_delta", partial_json="{}"), pack("content_block_stop", index=9),
        pack("content_block_stop"), piece(None, "text_delta", text="D"), begin(0, type="text", text="E"),
        ending(), STOP,
    ])  # fmt: skip
    assert response.text == "ABDE"
    assert (response.reasoning, len(response.tool_calls)) == ("C", 1)
    assert chunks
    assert response.warnings == []


def test_calls_side_by_side_keep_their_pieces_apart():
    _, response = stream([
        START, begin(0, type="tool_use", id="a", name="f"), begin(1, type="tool_use", id="b", name="g"),
        piece(0, "input_json_delta", partial_json='{"x":1}'), piece(1, "input_json_delta", partial_json='{"y":2}'),
        ending(), STOP,
    ])  # fmt: skip
    assert [call.arguments for call in response.tool_calls] == [{"x": 1}, {"y": 2}]


def test_content_that_cannot_be_read_is_a_warning():
    _, response = stream([
        START, pack("content_block_start", index=0, content_block="?"), begin(1, type="text", text="Hi"),
        piece(1, "odd_delta"), piece(1, "thinking_delta", thinking="no"), piece(1, "citations_delta", citation="no"),
        pack("content_block_delta", index=1), pack("content_block_stop", index=1), piece(1, "text_delta", text="late"),
        piece(7, "odd_delta"), ending(), STOP,
    ])  # fmt: skip
    assert response.text == "Hi"
    assert [warning.message.split("'")[1] for warning in response.warnings] == [
        "citations_delta", "odd_delta", "text_delta", "thinking_delta", "unknown",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("refusal", "content_filter"),
        ("model_context_window_exceeded", "length"), ("pause_turn", "other"), ("tool_use", "tool_calls"),
    ],
)  # fmt: skip
def test_finish_reasons(raw, reason):
    response = whole(stop_reason=raw)
    assert (response.finish_reason, response.raw_finish_reason) == (reason, raw)


def test_a_refusal_has_the_words_of_the_provider():
    chunks, response = stream([START, ending("refusal", stop_details={"type": "refusal", "explanation": "No."}), STOP])
    assert RefusalDelta("No.") in chunks
    assert (response.refusal, response.message.content) == ("No.", [Refusal("No.")])
    assert whole(stop_reason="refusal", stop_details={"explanation": None}).refusal is None


def test_an_answer_without_a_stop_reason_says_so():
    response = whole({"type": "text", "text": "Hi"}, stop_reason=None)
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", None)
    assert [warning.code for warning in response.warnings] == ["inferred_finish_reason"]


def test_counts_are_totals_and_what_is_none_counts_as_absent():
    usage = {"input_tokens": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 3, "output_tokens": 9}
    details = {"output_tokens_details": {"thinking_tokens": 4}}
    response = whole(usage=usage | details)
    assert response.usage == Usage(
        input_tokens=6,
        output_tokens=9,
        total_tokens=15,
        cached_input_tokens=2,
        cache_write_tokens=3,
        reasoning_tokens=4,
    )
    assert whole(usage="many").usage == Usage()
    assert whole(usage={"output_tokens": -1, "output_tokens_details": {"thinking_tokens": "x"}}).usage == Usage()


def test_writes_to_the_cache_are_told_by_how_long_they_are_kept():
    counts = {"input_tokens": 1, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 0, "output_tokens": 2}
    kept = {"cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}}
    usage = whole(usage=counts | kept).usage
    assert (usage.input_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens) == (31, 30, 20)
    begin = pack("message_start", message={"id": "m", "model": "x", "content": [], "usage": counts | kept})
    end = pack("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
    chunks, streamed = stream([begin, end, STOP])
    assert streamed.usage == usage
    assert UsageChunk(usage) in chunks
    alone = whole(usage={"input_tokens": 1, "output_tokens": 2} | kept).usage
    assert (alone.input_tokens, alone.cache_write_tokens) == (31, 30)
    for odd in (None, [], {"ephemeral_1h_input_tokens": "x"}):
        assert whole(usage=counts | {"cache_creation": odd}).usage.cache_write_1h_tokens is None


def warn(**usage):
    told = {"input_tokens": 1, "output_tokens": 1} | usage
    begin = pack("message_start", message={"id": "m", "model": "x", "content": [], "usage": told})
    _, streamed = stream([begin, ending("end_turn"), STOP])
    response = whole(usage=told)
    assert response.warnings == streamed.warnings
    return [(warning.code, str(warning)) for warning in response.warnings]


def test_use_that_costs_by_the_request_and_other_terms_are_told():
    ((code, told),) = warn(server_tool_use={"web_search_requests": 2, "web_fetch_requests": 3})
    assert (code, "web_search_requests (2)" in told, "fetch" in told) == ("unpriced_use", True, False)
    for usual in (
        {"server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 1}},
        {"server_tool_use": {"web_search_requests": "x"}},
        {"server_tool_use": 7},
        {"service_tier": "standard", "inference_geo": "global", "speed": "standard"},
        {"service_tier": None, "inference_geo": "not_available", "speed": []},
    ):
        assert warn(**usual) == []
    for name, term in (
        ("service_tier", "priority"),
        ("service_tier", "batch"),
        ("speed", "fast"),
        ("inference_geo", "us"),
    ):
        ((code, told),) = warn(**{name: term})
        assert (code, term in told) == ("unpriced_tier", True)
    ((_, told),) = warn(service_tier=SECRET)
    assert SECRET not in told


def test_fields_of_other_types_are_read_as_far_as_they_go():
    body = {"id": 7, "content": "Hi", "stop_reason": "end_turn", "model": ["x"], "usage": None}
    response = decode(json.dumps(body).encode(), make_route())
    assert (response.text, response.id, response.model) == ("Hi", "7", None)
    _, streamed = stream([
        pack("message_start", message="?"), pack("content_block_delta", index="0", delta="?"),
        pack("content_block_delta", index=0.0, delta={"type": "text_delta", "text": 5}),
        ending(7), STOP,
    ])  # fmt: skip
    assert (streamed.text, streamed.raw_finish_reason) == ("5", "7")


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, ServerError, "Overloaded"),
        ({"type": "error", "error": {"type": "not_found_error", "message": f"no {SECRET}"}}, NotFoundError, "redacted"),
        ({"detail": "nothing here"}, CallError, "nothing here"),
        ({"choices": []}, ResponseError, "a body that is no message"),
        ([], ResponseError, "a body that is no message"),
        (b"<html><title>Hi</title>", ResponseError, "a web page"),
        (b"hello", ResponseError, "check the base URL"),
        (b'{"content": [', ResponseError, "breaks off"),
        (b"", ResponseError, "an empty body"),
    ],
)
def test_a_200_that_is_no_answer(body, kind, told):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(kind, match=told) as caught:
        decode(data, make_route())
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "event", "chunk"),
    [
        (
            pack("error", error={"type": "overloaded_error", "message": "Busy"}),
            "error",
            ErrorChunk("Busy", "overloaded_error"),
        ),
        (pack("error"), "", ErrorChunk("the provider gave no reason", "error")),
        (b'{"code": "throttlingException", "message": "Slow"}', "error", ErrorChunk("Slow", "throttlingException")),
        (b'["Broken"]', "error", ErrorChunk("Broken")),
        (b"[]", "error", ErrorChunk("the provider gave no reason")),
        (b"out of order", "error", ErrorChunk("out of order")),
    ],
)
def test_an_error_in_the_stream_is_told(data, event, chunk):
    assert StreamDecoder(make_route()).decode_event(data, event) == [chunk]


def wrap(data: bytes) -> bytes:
    return json.dumps({"bytes": b64encode(data).decode(), "p": "abc"}).encode()


def test_events_in_the_frames_of_bedrock_are_unwrapped():
    events = [START, begin(0, type="text", text=""), piece(0, "text_delta", text="Hi"), ending(), STOP]
    assert stream([wrap(event) for event in events]) == stream(events)
    assert StreamDecoder(make_route()).decode_event(wrap(wrap(STOP))) == []  # once, and no more


@pytest.mark.parametrize("data", [b'{"bytes": "%"}', b'{"bytes": "e30"}', b'{"bytes": "W10="}', b"nonsense", b'"text"'])
def test_an_event_that_cannot_be_read_is_an_error(data):
    with pytest.raises(MalformedStreamError):
        StreamDecoder(make_route()).decode_event(data)


def test_an_event_that_breaks_off_is_one_only_when_another_follows():
    decoder = StreamDecoder(make_route())
    assert decoder.decode_event(b'{"type": "content') == []
    with pytest.raises(MalformedStreamError):
        decoder.decode_event(STOP)
    for events in ([START, begin(0, type="text", text="Hi"), b'{"type"'], [START]):
        with pytest.raises(TruncatedStreamError) as caught:
            stream(events)
        assert caught.value.text in ("Hi", "")
    assert stream([START, begin(0, type="text", text="Hi"), ending(), b" ", b"[DONE]"])[1].text == "Hi"
    assert stream([START, STOP])[1].warnings[0].code == "inferred_finish_reason"


def test_a_body_of_many_blocks_or_of_great_depth_is_read_in_time():
    many = b'{"content":[' + b",".join([b"{}"] * 100_000) + b'],"stop_reason":"end_turn"}'
    assert len(decode(many, make_route()).message.content) == 100_000
    deep = b'{"content":[{"type":"tool_use","id":"a","name":"f","input":' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"}]}"
    assert decode(deep, make_route()).tool_calls
    with pytest.raises(ResponseError):
        decode(b'{"content":' + b"[" * 100_000, make_route())
    arguments: dict[str, Any] = {}
    for _ in range(10_000):
        arguments = {"a": arguments}
    answer = Answer("p")
    answer.start({"type": "tool_use", "id": "a", "name": "f", "input": arguments})
    answer.stop()
    assert types_of(answer.chunks) == ["tool_call_start", "tool_call_end"]


def test_a_message_begins_once_and_may_end_in_two_pieces():
    again = pack("message_start", message={"id": "msg_2", "usage": {"input_tokens": 4}})
    _, response = stream([START, again, ending(), pack("message_delta", usage={"output_tokens": 6}), STOP])
    assert (response.id, response.raw_finish_reason) == ("msg_1", "end_turn")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (4, 6)


# fmt: off
_NAMES = [
    "type", "index", "delta", "content_block", "message", "usage", "error", "bytes", "content", "text", "thinking",
    "signature", "data", "input", "id", "name", "citations", "citation", "partial_json", "stop_reason", "container",
    "stop_details", "explanation", "input_tokens", "output_tokens", "output_tokens_details", "thinking_tokens",
    "caller",
]
_WORDS = [
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
    "message_stop", "error", "text", "thinking", "redacted_thinking", "tool_use", "server_tool_use",
    "text_delta", "thinking_delta", "input_json_delta", "signature_delta", "citations_delta", "end_turn",
    '{"a":', "e30=",
]
# fmt: on
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(_WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(JSON | st.binary(max_size=20), max_size=8))
def test_any_events_raise_nothing_but_errors_of_the_stream(values):
    decoder = StreamDecoder(make_route())
    try:
        for value in values:
            decoder.decode_event(value if isinstance(value, bytes) else json.dumps(value).encode())
        _, response = decoder.finish()
    except StreamError:
        return
    assert response.text == decoder.text


@settings(max_examples=300, deadline=None)
@given(JSON | st.dictionaries(st.just("content"), st.lists(JSON, max_size=4), min_size=1) | st.binary(max_size=50))
def test_any_body_raises_nothing_but_errors_of_the_call(value):
    with suppress(CallError):
        decode(value if isinstance(value, bytes) else json.dumps(value).encode(), make_route())


def test_arguments_are_no_part_of_a_text():
    pieces = [begin(0, type="text", text=""), piece(0, "text_delta", text="Hi"), piece(0, "input_json_delta")]
    pieces.append(piece(0, "input_json_delta", partial_json="{}"))
    chunks, response = stream([START, *pieces, ending(), STOP])
    assert response.text == "Hi" == "".join([chunk.text for chunk in chunks if isinstance(chunk, TextDelta)])
    assert [warning.code for warning in response.warnings] == ["unread_content"]
