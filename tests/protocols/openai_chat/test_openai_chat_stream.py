"""Streams: every departure that a provider was seen to make, event by event."""

from __future__ import annotations

import json

import pytest
from chat_streams import DONE, STOP, call_event, delta_event, joined, make_route, piece, stream, types_of

from turnout.chunks import ErrorChunk, RefusalDelta, ServerToolChunk, TextDelta
from turnout.errors import TruncatedStreamError
from turnout.messages import Image, Reasoning, Refusal, ServerTool, Text
from turnout.protocols.openai_chat import StreamDecoder


def test_text_begins_with_the_first_piece_and_ends_at_the_end_mark():
    chunks, response = stream([delta_event(role="assistant", content=""), delta_event(content=" a"), STOP, DONE])
    assert types_of(chunks) == ["text_start", "text_delta", "text_end"]
    assert (response.text, response.finish_reason, response.raw_finish_reason) == (" a", "stop", "stop")
    assert response.warnings == []


def test_the_text_so_far_is_known_at_any_time_and_reasoning_is_not_in_it():
    decoder = StreamDecoder(make_route())
    decoder.decode_event(delta_event(reasoning="hm"))
    decoder.decode_event(delta_event(content="a"))
    decoder.decode_event(delta_event(reasoning="hm"))
    decoder.decode_event(delta_event(content="b"))
    assert decoder.text == "ab"


def test_a_finish_reason_and_the_end_of_the_bytes_complete_a_stream_without_end_mark():
    decoder = StreamDecoder(make_route())
    decoder.decode_event(delta_event("length", content="a"))
    assert not decoder.is_complete
    chunks, response = decoder.finish()
    assert types_of(chunks) == ["text_end"]
    assert response.finish_reason == "length"


def test_an_end_mark_without_finish_reason_completes_a_stream_with_a_warning():
    chunks, response = stream([delta_event("", content="a"), DONE])
    assert types_of(chunks)[-1] == "text_end"
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", None)
    assert [warning.code for warning in response.warnings] == ["inferred_finish_reason"]


@pytest.mark.parametrize("ending", ["", None])
def test_the_end_of_the_bytes_with_neither_is_truncated_and_holds_the_text(ending):
    decoder = StreamDecoder(make_route())
    decoder.decode_event(delta_event(ending, content="half"))
    with pytest.raises(TruncatedStreamError, match="before the answer was finished") as caught:
        decoder.finish()
    assert caught.value.text == "half"


def test_nothing_after_the_end_mark_is_read_not_even_a_second_one():
    decoder = StreamDecoder(make_route())
    decoder.decode_event(STOP)
    assert decoder.decode_event(b" [DONE] ") == []
    assert decoder.is_complete
    assert decoder.decode_event(delta_event(content="late")) == []
    assert decoder.decode_event(DONE) == []
    assert decoder.finish()[1].text == ""


def test_id_and_model_are_those_of_the_first_event():
    first, second = (json.dumps({"id": f"c{n}", "model": f"real-{n}", "choices": []}).encode() for n in (1, 2))
    _, response = stream([first, second, STOP])
    assert (response.id, response.model) == ("c1", "real-1")


def test_only_the_first_choice_is_read():
    both = {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "X"}}]}
    other = {"choices": [{"index": 1, "delta": {"content": "Y"}, "finish_reason": "length"}]}
    _, response = stream([json.dumps(both).encode(), json.dumps(other).encode(), STOP])
    assert (response.text, response.finish_reason) == ("a", "stop")


@pytest.mark.parametrize("choices", [[], None, [{"index": 0}], [{"index": 0, "delta": None}]])
def test_an_event_without_anything_in_it_is_skipped(choices):
    event = json.dumps({"choices": choices, "prompt_filter_results": []}).encode()
    chunks, response = stream([event, delta_event(content="a"), event, STOP, DONE])
    assert joined(chunks, TextDelta) == response.text == "a"


def test_a_server_that_streams_a_whole_message_in_one_event_is_read_and_never_twice():
    whole = {"choices": [{"index": 0, "message": {"content": "all of it"}, "finish_reason": "stop"}]}
    _, response = stream([json.dumps(whole).encode(), DONE])
    assert response.text == "all of it"
    _, response = stream([delta_event(content="all of it"), json.dumps(whole).encode(), DONE])
    assert response.text == "all of it"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("eos", "stop"),
        ("STOP", "stop"),
        ("COMPLETE", "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("tool_use", "tool_calls"),
        ("function_call", "tool_calls"),
        ("sensitive", "content_filter"),
        ("SAFETY", "content_filter"),
        ("content_filter", "content_filter"),
        ("moon_phase", "other"),
    ],
)
def test_finish_reasons_of_other_wire_formats_are_understood(written, meant):
    _, response = stream([delta_event(written, content="a")])
    assert (response.finish_reason, response.raw_finish_reason) == (meant, written)


@pytest.mark.parametrize(("written", "meant"), [("stop", "tool_calls"), ("", "tool_calls"), ("length", "length")])
def test_stop_and_nothing_mean_tool_calls_where_a_tool_was_called(written, meant):
    _, response = stream([call_event(piece("f", "{}", index=0, id="a")), delta_event(written), DONE])
    assert response.finish_reason == meant


@pytest.mark.parametrize("reason", ["error", "network_error"])
def test_a_finish_reason_that_is_a_failure_makes_an_error_chunk(reason):
    chunks, _ = stream([delta_event(content="a"), delta_event(reason)])
    assert chunks[2] == ErrorChunk(f"the provider failed ({reason}) while answering", reason)


def test_content_as_a_list_is_text_thinking_refusal_and_images():
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]},
        {"type": "thinking", "thinking": " yes"},
        {"type": "thinking", "thinking": 5},
        {"type": "text", "text": "a"},
        {"text": "b"},
        "c",
        7,
        {"type": "refusal", "refusal": "no"},
        {"type": "image_url", "image_url": {"url": "https://h/i.png"}},
    ]
    chunks, response = stream([delta_event(content=parts), STOP])
    assert response.message.content == [Reasoning("hm yes"), Text("abc"), Image(url="https://h/i.png"), Refusal("no")]
    assert response.refusal == "no"
    assert RefusalDelta("no") in chunks


def test_content_that_is_one_part_is_read_as_a_list_of_one():
    _, response = stream([delta_event(content={"type": "text", "text": "a"}), STOP])
    assert response.text == "a"


def test_a_part_that_nobody_can_read_is_a_warning():
    parts = [{"type": "reference", "reference_ids": [1]}, {"type": ["odd"]}]
    _, response = stream([delta_event(content=parts), STOP])
    assert [warning.code for warning in response.warnings] == ["unread_content", "unread_content"]
    assert "'reference'" in str(response.warnings[0])


def test_images_of_the_answer_become_parts():
    images = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
        {"image_url": "https://h/i"},
        {},
    ]
    _, response = stream([delta_event(content="a"), delta_event(images=images), delta_event(content="b"), STOP])
    assert response.message.content == [
        Text("a"),
        Image(url="data:image/png;base64,QQ=="),
        Image(url="https://h/i"),
        Text("b"),
    ]


def test_a_refusal_is_never_text():
    chunks, response = stream([delta_event(refusal="I "), delta_event(refusal="can't"), STOP, DONE])
    assert chunks == [RefusalDelta("I "), RefusalDelta("can't")]
    assert (response.refusal, response.text) == ("I can't", "")


def test_tools_that_the_provider_ran_are_parts_and_a_later_record_completes_the_first():
    begun = {"index": 0, "type": "search", "arguments": "{}", "search_results": {"results": []}}
    ended = {**begun, "output": "found"}
    chunks, response = stream(
        [
            delta_event(content="let me see"),
            delta_event(executed_tools=[begun]),
            delta_event(executed_tools=[ended, {"name": "python"}, {"name": "python"}, {}]),
            STOP,
        ]
    )
    assert chunks[3:7] == [
        ServerToolChunk("search", begun),
        ServerToolChunk("search", ended),
        *[ServerToolChunk("python", {"name": "python"})] * 2,
    ]
    assert response.message.content[1:3] == [ServerTool("search", ended), ServerTool("python", {"name": "python"})]
    assert response.message.content[-1] == ServerTool("tool", {})
    assert (response.tool_calls, response.finish_reason) == ([], "stop")


def test_a_second_choice_in_a_stream_is_told():
    other = json.dumps({"choices": [{"index": 1, "delta": {"content": "b"}}]}).encode()
    _, response = stream([delta_event(content="a"), other, STOP])
    assert response.text == "a"
    assert [warning.code for warning in response.warnings] == ["unread_content"]
