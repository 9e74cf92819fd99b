"""Answers, whole and streamed: items to parts and chunks, oddities, errors."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from responses_streams import JSON, TYPES, decoded, end, event, make_route, stream, stream_bytes, text_item, whole

from turnout.chunks import ErrorChunk, ServerToolChunk, TextDelta, ToolCallDelta, UsageChunk
from turnout.errors import (
    APIStatusError,
    CallError,
    ContentFilterError,
    MalformedStreamError,
    RateLimitError,
    ResponseError,
    ServerError,
    TruncatedStreamError,
)
from turnout.messages import Audio, Image, Reasoning, Refusal, ServerTool, Text, ToolCall
from turnout.protocols.openai_responses import StreamDecoder, decode
from turnout.responses import TokenLogprob
from turnout.usage import Usage

CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "c1",
    "name": "f",
    "arguments": '{"a":1}',
    "status": "completed",
}
THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "e",
}
REFUSED = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
USAGE = {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 1}, "output_tokens": 2, "total_tokens": 5}


def types_of(chunks: list[Any]) -> list[str]:
    return [chunk.type for chunk in chunks]


# -- parts ------------------------------------------------------------------------------------------------------------


def test_all_parts_of_a_whole_answer():
    answer = decoded(THOUGHT, text_item("Hi", annotations=[{"type": "url_citation"}]), CALL, REFUSED, usage=USAGE)
    own = {"openai_responses@p": {"id": "msg_1"}}
    assert answer.message.content == [
        Reasoning("Hm.", [THOUGHT], "p"),
        Text("Hi", own, [{"type": "url_citation"}]),
        ToolCall("c1", "f", {"a": 1}, provider_options={"openai_responses@p": {"id": "fc_1"}}),
        Refusal("No."),
    ]
    assert (answer.finish_reason, answer.raw_finish_reason, answer.refusal) == ("tool_calls", "completed", "No.")
    assert (answer.id, answer.model) == ("resp_1", "m-1")
    assert answer.usage == Usage(input_tokens=3, output_tokens=2, total_tokens=5, cached_input_tokens=1)
    assert json.loads(answer.raw)["id"] == "resp_1"


@pytest.mark.parametrize(
    ("fields", "reason", "raw"),
    [
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
            "max_output_tokens",
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
            "content_filter",
        ),
        ({"status": "incomplete"}, "other", "incomplete"),
        ({"status": "cancelled"}, "other", "cancelled"),
    ],
)
def test_why_an_answer_ended(fields, reason, raw):
    answer = decoded(text_item("Hi"), **fields)
    assert (answer.finish_reason, answer.raw_finish_reason) == (reason, raw)


def test_an_answer_without_a_status_or_that_is_not_there_yet_is_told():
    assert [warning.code for warning in decoded(status=None).warnings] == ["inferred_finish_reason"]
    assert [warning.code for warning in decoded(status="queued").warnings] == ["unfinished_answer"]


def test_reasoning_that_the_provider_did_not_keep_cannot_go_back():
    bare = {"type": "reasoning", "id": "rs_1", "summary": [{"text": "Hm."}, {"text": "Ah."}, {"text": None}]}
    assert decoded(bare, store=False).message.content == [Reasoning("Hm.\n\nAh.")]
    assert decoded(bare).message.content == [Reasoning("Hm.\n\nAh.", [bare], "p")]
    assert decoded({**bare, "summary": []}, store=False).message.content == []
    open_thought = {**bare, "summary": [], "content": [{"type": "reasoning_text", "text": "T"}]}
    assert decoded(open_thought, store=False).message.content == [Reasoning("T", [open_thought], "p")]


def test_tools_of_the_provider_are_records():
    record = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "q"}}
    assert decoded(record).message.content == [ServerTool("web_search_call", record)]


@pytest.mark.parametrize("result", ["", "not base64!", "A", "é", None])
def test_a_picture_that_is_none_stays_a_record(result):
    record = {"type": "image_generation_call", "id": "ig_1", "result": result}
    assert decoded(record).message.content == [ServerTool("image_generation_call", record)]
    assert isinstance(decoded({**record, "result": "iVBORw0KGgo="}).message.content[1], Image)


def test_log_probabilities():
    part = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
    assert decoded(text_item("Hi", logprobs=[part])).logprobs == [TokenLogprob(token="Hi", logprob=-0.1, data=b"Hi")]
    assert decoded(text_item("Hi")).logprobs is None


def test_oddities_of_whole_answers():
    short = {"role": "assistant", "content": "Hi"}
    assert decoded(short).text == "Hi"
    assert decoded({**CALL, "arguments": {"a": 1}}).tool_calls[0].arguments == {"a": 1}
    assert decoded({**CALL, "arguments": None}).tool_calls[0].arguments == {}
    assert decoded({**CALL, "arguments": "{broken"}).tool_calls[0].invalid_arguments == "{broken"
    first, second = decoded(CALL, {**CALL, "id": "fc_2"}).tool_calls
    assert first.id == "c1"
    assert second.id.startswith("call_")
    assert decoded({"type": "function_call", "id": "fc_1", "name": "f"}).tool_calls[0].id == "fc_1"
    odd = decoded({"type": "message", "content": [{"type": "hologram"}, {"text": 3}, "x", {"type": "refusal"}]})
    assert [warning.code for warning in odd.warnings] == ["unread_content"] * 3
    assert decoded({"type": "message", "content": []}).message.content == []
    assert decoded(text_item("")).message.content == []
    assert decode(json.dumps({"output": ["x", None], "status": "completed"}).encode(), make_route()).text == ""


# -- whole bodies that are none ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told", "is_retryable"),
    [
        (b"", "an empty body", True),
        (b'{"output": [', "breaks off", True),
        (b"<html><body>", "a web page", False),
        (b"plain", "check the base URL", False),
        (b"[1]", "check the base URL", False),
        (b'{"choices": []}', "check the base URL", False),
    ],
)
def test_a_body_that_is_no_answer(body, told, is_retryable):
    with pytest.raises(ResponseError, match=told) as caught:
        decode(body, make_route())
    assert caught.value.is_retryable is is_retryable


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (whole(status="failed", error={"code": "server_error", "message": "Oh"}), ServerError),
        (whole(status="failed", error={"code": "rate_limit_exceeded", "message": "Oh"}), RateLimitError),
        (whole(status="failed", error={"code": "invalid_prompt", "message": "Oh"}), ContentFilterError),
        (whole(status="failed"), ServerError),
        ({"error": {"message": "Oh", "code": 429}}, RateLimitError),
        ({"object": "error", "message": "Oh", "code": 400}, APIStatusError),
    ],
)
def test_an_error_in_a_200(value, kind):
    with pytest.raises(kind):
        decode(json.dumps(value).encode(), make_route())


# -- streams ----------------------------------------------------------------------------------------------------------


def test_a_whole_stream_chunk_by_chunk():
    message = text_item("Hi you")
    chunks, answer = stream(
        event("response.created", response={"id": "resp_1", "model": "m-1"}),
        event("response.output_item.added", output_index=0, item={**THOUGHT, "summary": []}),
        event("response.reasoning_summary_text.delta", item_id="rs_1", output_index=0, summary_index=0, delta="H"),
        event("response.reasoning_summary_text.delta", item_id="rs_1", output_index=0, summary_index=0, delta="m."),
        event("response.output_item.done", output_index=0, item=THOUGHT),
        event("response.output_item.added", output_index=1, item={**message, "content": [], "status": "in_progress"}),
        event("response.output_text.delta", item_id="msg_1", output_index=1, content_index=0, delta="Hi"),
        event("response.output_text.delta", item_id="msg_1", output_index=1, content_index=0, delta=" you"),
        event(
            "response.content_part.done", item_id="msg_1", output_index=1, content_index=0, part=message["content"][0]
        ),
        event("response.output_item.done", output_index=1, item=message),
        event("response.output_item.added", output_index=2, item={**CALL, "arguments": "", "status": "in_progress"}),
        event("response.function_call_arguments.delta", item_id="fc_1", output_index=2, delta='{"a"'),
        event("response.function_call_arguments.delta", item_id="fc_1", output_index=2, delta=":1}"),
        event("response.output_item.done", output_index=2, item=CALL),
        end(THOUGHT, message, CALL, usage=USAGE),
    )
    assert types_of(chunks) == [
        *["reasoning_start", "reasoning_delta", "reasoning_delta", "reasoning_end"],
        *["text_start", "text_delta", "text_delta", "text_end"],
        *["tool_call_start", "tool_call_delta", "tool_call_delta", "tool_call_end", "usage"],
    ]
    same = decoded(THOUGHT, message, CALL, usage=USAGE)
    assert (answer.message, answer.usage, answer.finish_reason) == (same.message, same.usage, same.finish_reason)


def test_an_answer_that_comes_with_the_last_event_alone_makes_the_same_chunks():
    record = {"type": "web_search_call", "id": "ws_1"}
    chunks, answer = stream(end(THOUGHT, text_item("Hi"), record, CALL, REFUSED))
    assert types_of(chunks) == [
        *["reasoning_start", "reasoning_delta", "reasoning_end", "text_start", "text_delta", "text_end"],
        *["server_tool", "tool_call_start", "tool_call_delta", "tool_call_end", "refusal_delta"],
    ]
    assert answer.message == decoded(THOUGHT, text_item("Hi"), record, CALL, REFUSED).message


def test_pieces_without_ids_and_places_find_their_items():
    chunks, answer = stream(
        event("response.reasoning_text.delta", delta="T"),
        event("response.output_text.delta", delta="A"),
        event("response.output_text.delta", delta="B"),
        event("response.output_item.added", item={"type": "function_call", "name": "f"}),
        event("response.function_call_arguments.delta", delta="{}"),
        event("response.refusal.delta", content_index=1, delta="No."),
        end(),
    )
    assert (answer.text, answer.reasoning, answer.refusal) == ("AB", "T", "No.")
    assert answer.tool_calls[0].name == "f"
    assert answer.finish_reason == "tool_calls"
    assert "refusal_delta" in types_of(chunks)


def test_pieces_that_begin_an_item_by_themselves():
    _, answer = stream(
        event("response.output_text.delta", item_id="msg_9", output_index=0, delta="A"),
        event("response.function_call_arguments.delta", item_id="fc_9", output_index=0, delta='{"a":1}'),
        event("response.custom_tool_call_input.delta", item_id="ctc_9", delta="ls"),
        event("response.output_item.done", item={**CALL, "id": "fc_9"}),
        event(
            "response.output_item.done", item={"type": "custom_tool_call", "call_id": "c2", "name": "sh", "input": "ls"}
        ),
        end(),
    )
    assert answer.text == "A"
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("f", {"a": 1}), ("sh", {"input": "ls"})]


def test_what_was_told_stays_and_the_whole_adds_what_was_missing():
    chunks, answer = stream(
        event("response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta="Hi"),
        event("response.output_item.done", output_index=0, item=text_item("Hi you")),
        end(text_item("something else")),
    )
    assert answer.text == "Hi you"
    assert "".join([chunk.text for chunk in chunks if chunk.type == "text_delta"]) == "Hi you"


def test_an_item_that_is_told_only_as_a_whole():
    chunks, answer = stream(event("response.output_item.done", output_index=0, item=text_item("Hi")), end())
    assert types_of(chunks) == ["text_start", "text_delta", "text_end"]
    assert answer.message == decoded(text_item("Hi")).message


def test_items_with_one_place_are_told_apart_by_their_ids():
    first, second = text_item("A"), {**text_item("B"), "id": "msg_2"}
    added = [
        event("response.output_item.added", output_index=0, item={**each, "content": []})
        for each in (first, second, second)
    ]
    done = [event("response.output_item.done", output_index=0, item=each) for each in (first, second, second)]
    _, answer = stream(*added, *done, end(first, second))
    assert answer.text == "AB"
    assert answer.message == decoded(first, second).message


def test_sections_of_reasoning_are_parted_by_an_empty_line():
    delta = "response.reasoning_summary_text.delta"
    chunks, answer = stream(
        event(delta, item_id="rs_1", summary_index=0, delta="A"),
        event(delta, item_id="rs_1", summary_index=1, delta="B"),
        event("response.content_part.done", item_id="rs_1", part={"type": "summary_text", "text": "B"}),
        end(),
    )
    assert answer.reasoning == "A\n\nB"
    assert "".join([chunk.text for chunk in chunks if chunk.type == "reasoning_delta"]) == "A\n\nB"


def test_a_call_that_is_never_told_as_a_whole_ends_with_the_stream():
    record = {"type": "web_search_call", "id": "ws_1"}
    chunks, answer = stream(
        event("response.function_call_arguments.delta", item_id="fc_1", output_index=0, delta="{}"),
        event("response.output_item.added", output_index=1, item=record),
        b"[DONE]",
        event("response.output_text.delta", delta="too late"),
    )
    assert types_of(chunks) == ["tool_call_start", "tool_call_delta", "tool_call_end", "server_tool"]
    assert [chunk for chunk in chunks if isinstance(chunk, ServerToolChunk)][0].data == record
    assert [chunk.text for chunk in chunks if isinstance(chunk, ToolCallDelta)] == ["{}"]
    assert answer.text == ""
    assert [warning.code for warning in answer.warnings] == ["inferred_finish_reason", "unpriced_use"]


def test_use_that_costs_by_the_request_and_other_terms_are_told():
    def warn(*items, **fields):
        body = {"status": "completed", "output": list(items), **fields}
        response = decode(json.dumps(body).encode(), make_route())
        _, streamed = stream(event("response.completed", response=body))
        assert response.warnings == streamed.warnings
        return [(warning.code, str(warning)) for warning in response.warnings]

    search = {"type": "web_search_call", "action": {"type": "search"}}
    opened = {"type": "web_search_call", "action": {"type": "open_page"}}
    ((code, told),) = warn(search, opened, {"type": "file_search_call"}, {**search, "action": "?"})
    assert code == "unpriced_use"
    assert "file_search_call (1), web_search_call (2)" in told
    assert warn(opened, {"type": "mcp_call"}, service_tier="default") == []
    for term in ("flex", "priority"):
        ((code, told),) = warn(service_tier=term)
        assert (code, term in told) == ("unpriced_tier", True)


def test_events_that_say_nothing_are_skipped_and_lost_sound_is_told():
    _, answer = stream(
        b"",
        b"null",
        event("response.new_thing", delta="x"),
        event("response.audio.delta", delta="x"),
        event("response.created"),
        event("response.output_item.added"),
        event("response.output_item.done", item=3),
        event("response.content_part.done"),
        event("response.output_text.delta", delta=None),
        event("response.reasoning_text.delta"),
        event("response.function_call_arguments.delta"),
        end(text_item("Hi")),
    )
    assert answer.text == "Hi"
    assert [warning.code for warning in answer.warnings] == ["unread_content"]


def sound_item(**part):
    return {"type": "message", "id": "m1", "content": [{"type": "output_audio", **part}]}


@pytest.mark.parametrize("tells_all", [True, False])
def test_sound_and_its_words_are_parts_of_the_message(tells_all):
    """Source: `OutputAudio` and `ResponseAudioDeltaEvent` in OpenAI's OpenAPI description."""
    data = b"RIFF\x04\x00\x00\x00WAVEfmt "
    encoded = base64.b64encode(data).decode()
    whole = sound_item(data=encoded, transcript="Hi there")
    chunks, answer = stream(
        event("response.created", response={"id": "r"}),
        event("response.audio.transcript.delta", delta="Hi "),
        event("response.audio.delta", delta=encoded[:5]),
        event("response.audio.delta", delta=None),
        event("response.audio.transcript.delta", delta="there"),
        event("response.audio.delta", delta=encoded[5:]),
        event("response.audio.done"),
        end(whole) if tells_all else end(),
    )
    text, sound = answer.message.content
    assert (answer.text, text.text) == ("Hi there", "Hi there")
    assert sound == Audio(data=data, media_type="audio/wav")
    assert [chunk.text for chunk in chunks if isinstance(chunk, TextDelta)] == ["Hi ", "there"]
    assert answer.warnings == []
    if tells_all:
        body = json.dumps({"id": "r", "object": "response", "status": "completed", "output": [whole]}).encode()
        assert decode(body, make_route()).message == answer.message


def test_words_of_a_sound_may_come_without_it():
    assert stream(end(sound_item(transcript="Hi")))[1].message.content[0].text == "Hi"
    assert stream(end(sound_item(data="", transcript=None)))[1].message.content == []


def test_the_type_may_stand_in_the_name_of_the_event_alone():
    data = (
        b'event: response.reasoning_text.delta\ndata: {"delta": "T"}\n\nevent: response.completed\ndata: {"response": '
    )
    _, answer = stream_bytes([data + json.dumps(whole()).encode() + b"}\n\n"])
    assert answer.reasoning == "T"


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (event("error", code="c", message="Oh"), "", "c"),
        (event("response.failed", response=whole(status="failed", error={"code": "c", "message": "Oh"})), "", "c"),
        (event("response.failed", response=whole(status="failed")), "", "failed"),
        (b'{"error": {"message": "Oh", "code": "c"}}', "", "c"),
        (b'{"error": {"message": "Oh", "code": "c"}}', "error", "c"),
        (b"Oh", "error", None),
        (b'"Oh"', "error", None),
    ],
)
def test_errors_in_a_stream(data, name, code):
    (chunk,) = StreamDecoder(make_route()).decode_event(data, name)
    assert isinstance(chunk, ErrorChunk)
    assert chunk.code == code


def test_a_last_event_that_tells_of_a_failure_is_an_error():
    failed = event("response.completed", response=whole(status="failed", error={"code": "c", "message": "Oh"}))
    assert types_of(StreamDecoder(make_route()).decode_event(failed)) == ["error"]


def test_a_stream_that_was_cut():
    delta = event("response.output_text.delta", delta="Hi")
    with pytest.raises(TruncatedStreamError, match="before the answer was finished") as caught:
        stream(delta)
    assert caught.value.text == "Hi"
    with pytest.raises(TruncatedStreamError, match="in the middle of an event"):
        stream(delta, delta[:20])
    with pytest.raises(MalformedStreamError):
        stream(delta[:20], delta)


@pytest.mark.parametrize("data", [b"{nonsense}", b"[1]", b"3"])
def test_events_that_cannot_be_read(data):
    with pytest.raises(MalformedStreamError):
        stream(data)


def test_the_text_so_far_is_there_and_secrets_are_not():
    route = make_route()
    route.secrets = ("sk-planted",)
    decoder = StreamDecoder(route)
    decoder.decode_event(event("response.output_text.delta", delta="Hi"))
    assert decoder.text == "Hi"
    (chunk,) = decoder.decode_event(event("error", code="c", message="key sk-planted"))
    assert isinstance(chunk, ErrorChunk)
    assert "sk-planted" not in chunk.message


def test_a_long_stream_of_items_takes_linear_time():
    """Thirty thousand items that are never told as a whole, then all at once: quadratic work would take minutes."""
    count = 30_000
    items = [{"type": "web_search_call", "id": f"ws_{n}"} for n in range(count)]
    decoder = StreamDecoder(make_route())
    for item in items:
        decoder.decode_event(event("response.output_item.added", item=item))
    assert len(decoder.decode_event(end(*items))) == count
    assert len(decoder.finish()[1].message.content) == count


# -- anything at all --------------------------------------------------------------------------------------------------

_EVENTS = st.lists(
    st.tuples(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(["item", "response", "part", "delta"]), JSON)),
    max_size=6,
)


@given(JSON | st.builds(lambda output: {"output": output, "status": "completed"}, st.lists(JSON, max_size=4)))
@settings(max_examples=150, deadline=None)
def test_any_json_is_an_answer_or_an_error_of_ours(value):
    data = json.dumps(value).encode()
    with contextlib.suppress(CallError):
        decode(data, make_route())


@given(_EVENTS, st.binary(max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_events_are_chunks_or_an_error_of_ours(told, noise):
    with contextlib.suppress(CallError):
        stream(*[json.dumps({**fields, "type": kind}).encode() for kind, fields in told], noise, end())


def test_json_of_any_depth_is_no_recursion_error():
    deep = b'{"output":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(CallError):
        decode(deep, make_route())
    nested: Any = "x"
    for _ in range(400):
        nested = [nested]
    with pytest.raises(CallError):
        decode(json.dumps({"output": [{**CALL, "arguments": nested}], "error": "x"}).encode(), make_route())
    answer = decode(json.dumps(whole({**CALL, "arguments": nested})).encode(), make_route())
    assert answer.tool_calls
    assert not any(isinstance(chunk, UsageChunk) for chunk in stream(end())[0])
