"""Streams: every departure that a provider was seen to make, event by event."""

from __future__ import annotations

import json

import pytest
from chat_streams import delta_event, joined, make_route, stream, stream_bytes, types_of
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.chunks import (
    ErrorChunk,
    ReasoningDelta,
    RefusalDelta,
    ServerToolChunk,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageChunk,
)
from turnout.errors import MalformedStreamError, TruncatedStreamError, TurnoutError
from turnout.messages import Image, Message, Reasoning, ServerTool, Text, ToolCall
from turnout.protocols.openai_chat import StreamDecoder
from turnout.protocols.openai_chat.thinking import ThinkSplitter
from turnout.usage import Usage

DONE = b"[DONE]"
STOP = delta_event("stop")


def call_event(*calls):
    return delta_event(tool_calls=list(calls))


def piece(name=None, arguments=None, **fields):
    return {**fields, "function": {"name": name, "arguments": arguments}}


def calls_of(*events):
    _, response = stream([*events, DONE])
    return [(call.name, call.arguments) for call in response.tool_calls]


# -- text, and the end ------------------------------------------------------------------------------------------------


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


# -- finish reasons ---------------------------------------------------------------------------------------------------


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


# -- reasoning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_from_either_field(field):
    chunks, response = stream(
        [delta_event(**{field: "h"}), delta_event(**{field: "m"}), delta_event(content="a"), STOP, DONE]
    )
    assert types_of(chunks) == [
        *("reasoning_start", "reasoning_delta", "reasoning_delta", "reasoning_end"),
        *("text_start", "text_delta", "text_end"),
    ]
    assert response.message == Message("assistant", [Reasoning("hm"), Text("a")])


@pytest.mark.parametrize(
    ("one", "other", "read"),
    [("hm", "hm", "hm"), ("hm", "", "hm"), ("a hm", "hm", "a hm"), ("hm", "a hm", "a hm"), ("a", "b", "ab")],
)
def test_reasoning_in_both_fields_is_read_once_where_it_is_the_same(one, other, read):
    _, response = stream([delta_event(reasoning=one, reasoning_content=other), STOP])
    assert response.reasoning == read


def test_reasoning_details_are_joined_kept_for_their_provider_and_read_where_nothing_else_is():
    text = {"type": "reasoning.text", "index": 0, "id": "r", "format": "f"}
    events = [
        delta_event(reasoning_details=[{**text, "text": "15"}]),
        delta_event(reasoning_details=[{**text, "text": " * 27", "id": None}]),
        delta_event(reasoning_details=[{**text, "signature": "sig"}]),
        delta_event(reasoning_details=[{"type": "reasoning.encrypted", "data": "x", "index": 1}]),
        delta_event(content="405"),
    ]
    _, response = stream([*events, STOP])
    assert response.message.content[0] == Reasoning(
        "15 * 27",
        [{**text, "text": "15 * 27", "signature": "sig"}, {"type": "reasoning.encrypted", "data": "x", "index": 1}],
        "p",
    )


def test_reasoning_details_that_say_what_the_field_says_are_not_read_twice():
    details = [{"type": "reasoning.summary", "summary": "hm", "index": 0}]
    _, response = stream([delta_event(reasoning="hm", reasoning_details=details), STOP])
    assert response.message.content == [Reasoning("hm", details, "p")]


def test_encrypted_reasoning_alone_is_kept_in_a_part_without_text_before_the_answer():
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    chunks, response = stream([delta_event(content="a"), delta_event(reasoning_details=details), STOP])
    assert response.message.content == [Reasoning("", details, "p"), Text("a")]
    assert "reasoning_start" not in types_of(chunks)


@pytest.mark.parametrize("details", ["odd", 5, {"type": "x"}, [None, 3]])
def test_reasoning_details_of_an_odd_type_do_no_harm(details):
    _, response = stream([delta_event(content="a", reasoning_details=details), STOP])
    assert (response.text, response.reasoning) == ("a", "")


def test_details_that_are_no_objects_do_not_hide_the_readable_ones():
    _, response = stream([delta_event(reasoning_details=["odd", {"type": "reasoning.text", "text": "hm"}]), STOP])
    assert response.reasoning == "hm"


# -- <think> ----------------------------------------------------------------------------------------------------------

THOUGHT = "\n <think>\nOkay <b> </ </thin k\n</think>\n\n4 <think>x</think>"


@pytest.mark.parametrize("cut", range(len(THOUGHT) + 1))
def test_think_tags_are_split_off_wherever_they_are_cut_and_nothing_else_is_lost(cut):
    chunks, response = stream([delta_event(content=THOUGHT[:cut]), delta_event(content=THOUGHT[cut:]), STOP])
    assert response.message.content == [Reasoning("\n \nOkay <b> </ </thin k\n"), Text("\n\n4 <think>x</think>")]
    assert joined(chunks, TextDelta) == response.text
    assert joined(chunks, ReasoningDelta) == response.reasoning


@settings(deadline=None)
@given(st.text("<>/think \n", max_size=30), st.text("<>/think \n", max_size=30), st.lists(st.integers(0, 80)))
def test_the_splitter_gives_the_same_for_any_cuts_and_loses_only_the_tags(thought, rest, cuts):
    whole = f"<think>{thought}</think>{rest}"
    inside, _, after = whole.removeprefix("<think>").partition("</think>")
    borders = sorted({0, len(whole), *[cut for cut in cuts if cut < len(whole)]})
    splitter = ThinkSplitter()
    told = [
        splitter.feed(whole[a:b]) if not splitter.is_done else ("", whole[a:b])
        for a, b in zip(borders, borders[1:], strict=False)
    ]
    assert "".join([pair[0] for pair in told]) == inside
    assert "".join([pair[1] for pair in told]) == after


@pytest.mark.parametrize("text", ["a<think>b</think>", "< think>", "<thin", "  \n", "<", "<thinking>a", "</think>a"])
def test_text_that_does_not_begin_with_the_tag_is_left_alone(text):
    for events in ([delta_event(content=text)], [delta_event(content=letter) for letter in text]):
        _, response = stream([*events, STOP])
        assert response.message.content == [Text(text)]


def test_thoughts_that_never_end_are_reasoning():
    _, response = stream([delta_event(content="<think>a</thi"), delta_event("length")])
    assert response.message.content == [Reasoning("a</thi")]


def test_no_tag_is_split_where_the_provider_tells_the_reasoning_itself():
    _, response = stream([delta_event(reasoning="hm"), delta_event(content="<think>a</think>b"), STOP])
    assert response.message.content == [Reasoning("hm"), Text("<think>a</think>b")]


def test_what_was_held_back_comes_out_before_a_tool_call():
    _, response = stream([delta_event(content="<thi"), call_event(piece("f", "{}", index=0, id="a")), DONE])
    assert response.message.content == [Text("<thi"), ToolCall("a", "f", {})]


# -- content of other forms -------------------------------------------------------------------------------------------


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
    assert response.message.content == [Reasoning("hm yes"), Text("abc"), Image(url="https://h/i.png")]
    assert response.refusal == "no"
    assert RefusalDelta("no") in chunks


def test_content_that_is_one_part_is_read_as_a_list_of_one():
    _, response = stream([delta_event(content={"type": "text", "text": "a"}), STOP])
    assert response.text == "a"


def test_a_part_that_nobody_can_read_is_a_warning():
    parts = [{"type": "reference", "reference_ids": [1]}, {"type": "text", "text": None}]
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


# -- tool calls -------------------------------------------------------------------------------------------------------


def test_a_tool_call_in_pieces():
    chunks, response = stream(
        [
            delta_event(content="Let me."),
            call_event(piece("f", "", index=0, id="a")),
            call_event(piece(None, '{"x":', index=0)),
            call_event(piece(None, "1}", index=0)),
            delta_event("tool_calls"),
            DONE,
        ]
    )
    assert chunks[3:] == [
        ToolCallStart("a", "f"),
        ToolCallDelta("a", '{"x":'),
        ToolCallDelta("a", "1}"),
        ToolCallEnd(ToolCall("a", "f", {"x": 1})),
    ]
    assert types_of(chunks)[:3] == ["text_start", "text_delta", "text_end"]
    assert response.tool_calls == [ToolCall("a", "f", {"x": 1})]


def test_calls_that_come_in_turns_are_kept_apart_by_index():
    assert calls_of(
        call_event(piece("f", "{", index=0, id="a"), piece("g", "{", index=1, id="b")),
        call_event(piece(None, '"x":2}', index=1), piece(None, '"x":1}', index=0)),
    ) == [("f", {"x": 1}), ("g", {"x": 2})]


def test_calls_that_share_an_index_are_kept_apart_by_id():
    assert calls_of(
        call_event(piece("f", '{"x":', index=0, id="a")),
        call_event(piece("g", '{"x":', index=0, id="b")),
        call_event(piece(None, "1}", index=0, id="a")),
        call_event(piece(None, "2}", index=0, id="b")),
    ) == [("f", {"x": 1}), ("g", {"x": 2})]


def test_pieces_with_neither_index_nor_id_belong_to_the_latest_call():
    assert calls_of(call_event(piece("f", '{"x":')), call_event(piece(None, "1}")), call_event(piece("g", "{}"))) == [
        ("f", {"x": 1}),
        ("g", {}),
    ]


def test_whole_calls_without_ids_that_share_an_index_are_two_calls_even_of_one_tool():
    assert calls_of(
        call_event(piece("f", '{"x":1}', index=0, id="")),
        call_event(piece("f", '{"x":2}', index=0, id="")),
        call_event(piece("g", "{}", index=0, id="")),
    ) == [("f", {"x": 1}), ("f", {"x": 2}), ("g", {})]


def test_a_name_that_is_repeated_in_each_piece_is_one_call():
    assert calls_of(
        call_event(piece("f", "", index=0)),
        call_event(piece("f", '{"x":', index=0)),
        call_event(piece("f", "{}", index=0)),
        call_event(piece("f", "}", index=0)),
    ) == [("f", {"x": {}})]


def test_an_id_that_is_new_in_each_piece_is_one_call():
    assert calls_of(
        call_event(piece("f", "", index=0, id="a")),
        call_event(piece(None, '{"x":', index=0, id="b")),
        call_event(piece(None, "1}", index=0, id="c")),
    ) == [("f", {"x": 1})]


def test_a_first_piece_without_name_starts_once_the_name_is_known():
    chunks, response = stream(
        [
            call_event(piece(None, '{"x":', index=0, id="a")),
            call_event(piece("f", None, index=0)),
            call_event(piece(None, "1}", index=0)),
            DONE,
        ]
    )
    assert chunks[:3] == [ToolCallStart("a", "f"), ToolCallDelta("a", '{"x":'), ToolCallDelta("a", "1}")]
    assert response.tool_calls == [ToolCall("a", "f", {"x": 1})]


def test_an_id_that_comes_after_the_name_belongs_to_the_same_call():
    chunks, response = stream(
        [call_event(piece("f", "", index=0)), call_event(piece(None, "{}", index=0, id="late")), DONE]
    )
    assert len(response.tool_calls) == 1
    assert {chunk.id for chunk in chunks if isinstance(chunk, (ToolCallStart, ToolCallDelta))} == {
        response.tool_calls[0].id
    }
    _, response = stream([call_event(piece(None, "", index=0)), call_event(piece("f", "{}", index=0, id="x")), DONE])
    assert response.tool_calls == [ToolCall("x", "f", {})]


def test_an_id_with_nothing_else_begins_another_call():
    assert calls_of(
        call_event(piece("f", "{}", index=0, id="a")),
        call_event({"index": 0, "id": "b"}),
        call_event(piece("g", "{}", index=0, id="b")),
    ) == [("f", {}), ("g", {})]


def test_a_call_without_an_id_gets_one_and_the_chunks_agree_on_it():
    chunks, response = stream([call_event(piece("f", "{}", index=0, id="")), DONE])
    identity = response.tool_calls[0].id
    assert identity.startswith("call_")
    assert len(identity) == 29
    assert chunks == [ToolCallStart(identity, "f"), ToolCallDelta(identity, "{}"), ToolCallEnd(response.tool_calls[0])]


def test_a_call_that_never_gets_a_name_is_told_at_the_end():
    chunks, response = stream([call_event(piece(None, "{}", index=0, id="a")), DONE])
    assert chunks == [ToolCallStart("a", ""), ToolCallDelta("a", "{}"), ToolCallEnd(ToolCall("a", "", {}))]
    assert response.tool_calls == [ToolCall("a", "", {})]


@pytest.mark.parametrize("arguments", [None, "", "  ", "null", {}])
def test_arguments_that_are_absent_are_empty(arguments):
    assert calls_of(call_event(piece("f", arguments, index=0, id="a"))) == [("f", {})]


def test_arguments_that_are_an_object_are_taken():
    assert calls_of(call_event(piece("f", {"x": "é"}, index=0, id="a"))) == [("f", {"x": "é"})]


@pytest.mark.parametrize("arguments", ['{"x": ', "[1]", '{"x": NaN}', "7", '"{}"', '{"x": "\\ud800"}'])
def test_arguments_that_are_no_json_object_are_kept_letter_by_letter(arguments):
    _, response = stream([call_event(piece("f", arguments, index=0, id="a")), DONE])
    assert response.tool_calls == [ToolCall("a", "f", {}, invalid_arguments=arguments)]


def test_a_function_that_is_absent_or_odd_makes_a_call_without_name():
    assert calls_of(call_event({"index": "0", "id": 5})) == [("", {})]
    assert calls_of(call_event({"index": "0", "id": 5, "function": "f"})) == [("", {})]
    assert calls_of(call_event({"index": 0, "id": "a"})) == [("", {})]


# -- usage ------------------------------------------------------------------------------------------------------------


def usage_of(usage, **body):
    _, response = stream([json.dumps({"choices": [], "usage": usage, **body}).encode(), STOP])
    return response.usage


def test_usage_comes_once_at_the_end_whether_with_choices_or_without_and_the_last_wins():
    def event(tokens, choices):
        usage = {"prompt_tokens": 3, "completion_tokens": tokens}
        return json.dumps({"choices": choices, "usage": usage}).encode()

    choice = {"index": 0, "delta": {"content": "a"}}
    chunks, response = stream([event(1, [choice]), event(2, [choice]), STOP, event(3, []), DONE])
    assert [chunk for chunk in chunks if isinstance(chunk, UsageChunk)] == chunks[-1:] == [UsageChunk(response.usage)]
    assert response.usage == Usage(input_tokens=3, output_tokens=3, total_tokens=6)


def test_usage_null_after_usage_does_not_wipe_it_out():
    with_usage = json.dumps({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}).encode()
    _, response = stream([with_usage, json.dumps({"choices": [], "usage": None}).encode(), STOP])
    assert response.usage.input_tokens == 3


def test_usage_of_groq():
    event = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    event["x_groq"] = {"id": "r", "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
    _, response = stream([json.dumps(event).encode()])
    assert response.usage == Usage(input_tokens=1, output_tokens=2, total_tokens=3)


def test_an_error_of_groq_in_its_own_field_is_an_error_chunk():
    event = json.dumps({"choices": [{"index": 0, "delta": {}}], "x_groq": {"error": "over_capacity"}}).encode()
    chunks, _ = stream([event, STOP])
    assert chunks == [ErrorChunk("over_capacity")]
    odd = json.dumps({"choices": [{"index": 0, "delta": {}}], "x_groq": "odd"}).encode()
    assert stream([odd, STOP])[0] == []


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(input_tokens=5, output_tokens=2, total_tokens=7)),
        ({"input_tokens": 5, "output_tokens": 2}, Usage(input_tokens=5, output_tokens=2, total_tokens=7)),
        ({"prompt_tokens": 5}, Usage(input_tokens=5)),
        ({"prompt_tokens": 5.0, "completion_tokens": True}, Usage(input_tokens=5)),
        ({"prompt_tokens": -1, "completion_tokens": "2", "total_tokens": 2.5}, Usage()),
        ("odd", Usage()),
        ([1], Usage()),
        (
            {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 4},
            Usage(input_tokens=9, output_tokens=1, total_tokens=10, cached_input_tokens=4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": "odd", "cached_tokens": 2},
            Usage(input_tokens=9, output_tokens=1, total_tokens=10, cached_input_tokens=2),
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 8,
                "total_tokens": 17,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1, "audio_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 3},
            },
            Usage(
                input_tokens=9,
                output_tokens=8,
                total_tokens=17,
                cached_input_tokens=4,
                cache_write_tokens=1,
                reasoning_tokens=5,
                audio_input_tokens=2,
                audio_output_tokens=3,
            ),
        ),
    ],
)
def test_usage_in_every_form(usage, expected):
    assert usage_of(usage) == expected


def test_thoughts_that_a_provider_counts_beside_the_output_are_added_to_it():
    beside = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45}
    assert usage_of({**beside, "completion_tokens_details": {"reasoning_tokens": 30}}).output_tokens == 35
    assert usage_of(beside).output_tokens == 35  # Google tells them in the total only
    assert usage_of({**beside, "completion_tokens_details": {"reasoning_tokens": 3}}).output_tokens == 5


def test_cached_tokens_that_a_provider_counts_beside_the_input_are_added_to_it():
    beside = {"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 90}
    told = usage_of({**beside, "cache_creation_input_tokens": 20})
    assert (told.input_tokens, told.cached_input_tokens, told.cache_write_tokens) == (120, 90, 20)
    assert told.total_tokens == 125
    few = {**beside, "cache_read_input_tokens": 4, "total_tokens": 19}
    assert (usage_of(few).input_tokens, usage_of(few).output_tokens) == (14, 5)


# -- errors and unreadable events -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "event", "chunk"),
    [
        (b'{"error":{"message":"boom","code":"x"}}', "", ErrorChunk("boom", "x")),
        (b'{"error":"boom"}', "", ErrorChunk("boom")),
        (b'{"error":{"message":"boom","type":"t"}}', "error", ErrorChunk("boom", "t")),
        (b'{"message":"boom"}', "error", ErrorChunk("boom")),
        (b'{"choices":[]}', "error", ErrorChunk("the provider gave no reason")),
        (b"boom", "error", ErrorChunk("boom")),
        (b'"boom"', "error", ErrorChunk("boom")),
        (b'[{"error":{"message":"boom","code":404,"status":"NOT_FOUND"}}]', "", ErrorChunk("boom", "NOT_FOUND")),
        (b'{"object":"error","message":"boom","code":400}', "", ErrorChunk("boom", "400")),
        (b'{"detail":"boom"}', "", ErrorChunk("boom")),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"boom"}}', "", ErrorChunk("boom", "overloaded_error")),
        (b'{"error":{"message":"boom","code":502},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}', "", ErrorChunk("boom", "502")),
        (b'{"error":{"message":"boom"},"id":{"odd":1}}', "", ErrorChunk("boom")),
        (b'{"error":1e400}', "", ErrorChunk("the provider gave no reason")),
    ],
)  # fmt: skip
def test_an_error_inside_a_stream_is_an_error_chunk(data, event, chunk):
    assert StreamDecoder(make_route()).decode_event(data, event) == [chunk]


def test_an_error_event_whose_data_nothing_can_read_whole_is_an_error_chunk_too():
    data = b'{"choices":null,"z":' + b"9" * 5000 + b"}"
    assert StreamDecoder(make_route()).decode_event(data, "error")[0].type == "error"
    assert StreamDecoder(make_route()).decode_event(data) == []


@pytest.mark.parametrize("data", [b"", b"  ", b"null", b'{"type":"ping"}', b"{}"])
def test_an_event_with_nothing_in_it_is_skipped(data):
    assert StreamDecoder(make_route()).decode_event(data) == []


@pytest.mark.parametrize("data", [b"boom", b'"boom"', b"7", b"[]", b"[1]", b'{"a": b}', b"<html>"])
def test_an_event_that_is_no_json_object_is_malformed_and_quoted(data):
    decoder = StreamDecoder(make_route())
    decoder.decode_event(delta_event(content="half"))
    with pytest.raises(MalformedStreamError, match="an event of the stream is no JSON") as caught:
        decoder.decode_event(data)
    assert (caught.value.text, caught.value.body) == ("half", data)


def test_an_event_that_breaks_off_at_the_very_end_is_a_cut_stream():
    decoder = StreamDecoder(make_route())
    decoder.decode_event(delta_event(content="half"))
    assert decoder.decode_event(b'{"choices":[{"delta":{"cont') == []
    with pytest.raises(TruncatedStreamError, match="in the middle of an event"):
        decoder.finish()


def test_an_event_that_breaks_off_before_others_is_malformed():
    decoder = StreamDecoder(make_route())
    decoder.decode_event(b'{"choices":[{"delta":{"cont')
    with pytest.raises(MalformedStreamError):
        decoder.decode_event(DONE)


def test_an_event_that_breaks_off_after_the_finish_reason_leaves_the_answer_whole():
    decoder = StreamDecoder(make_route())
    decoder.decode_event(delta_event("stop", content="a"))
    decoder.decode_event(b'{"usage":{"prompt_')
    assert decoder.finish()[1].text == "a"


@pytest.mark.parametrize(
    "event",
    [
        '{"id":7,"model":["m"],"choices":[{"index":"0","delta":{"content":"a","refusal":5.5,"tool_calls":{}},"finish_reason":null}]}',
        '{"choices":[{"index":0.0,"delta":{"content":"a","tool_calls":null}},"odd",null]}',
        '{"choices":[{"delta":{"content":"a"},"finish_reason":false}],"x":NaN}',
        '{"choices":[{"delta":{"content":"a"}}],"choices":[{"delta":{"content":"a"}}]}',
        '{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":' + "9" * 400 + "}}",
        '{"choices":[{"delta":{"content":"a","reasoning":[]}}]}',
        '{"choices":[{"delta":{"content":"a"},"message":[]}],"y":1e999}',
    ],
)
def test_values_of_the_wrong_type_do_no_harm_to_the_others(event):
    _, response = stream([event.encode(), STOP])
    assert response.text in ("a", "aa")
    assert response.finish_reason == "stop"


def test_text_that_no_utf8_can_hold_is_mended():
    _, response = stream([b'{"choices":[{"delta":{"content":"a\\ud800\xff","k":{"\\udc00":[1]}}}]}', STOP])
    assert response.text == "a\ufffd\ufffd"


def test_events_nested_without_end_are_malformed_and_no_crash():
    with pytest.raises(MalformedStreamError):
        StreamDecoder(make_route()).decode_event(b'{"choices":' + b"[" * 200_000)


@pytest.mark.parametrize("depth", [*range(1, 400, 40), *range(400, 1001, 7)])
def test_arguments_nested_to_the_limit_do_no_harm(depth):
    arguments = b"[" * depth + b"]" * depth
    data = b'{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":' + arguments + b"}}]}}]}"
    decoder = StreamDecoder(make_route())
    try:
        decoder.decode_event(data)
    except MalformedStreamError:
        return
    decoder.decode_event(DONE)
    assert [call.name for call in decoder.finish()[1].tool_calls] == ["f"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["stop", "error", "<think>"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            "id model choices usage error x_groq object type detail errors index delta message finish_reason content reasoning"
            " reasoning_content reasoning_details refusal tool_calls executed_tools images function name arguments text thinking"
            " image_url url code param prompt_tokens completion_tokens total_tokens cached_tokens prompt_tokens_details".split()
        ),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(JSON | st.builds(lambda delta: {"choices": [{"index": 0, "delta": delta}]}, JSON), max_size=5),
    st.booleans(),
)
def test_no_json_whatever_makes_another_error_than_turnouts(events, is_error_event):
    decoder = StreamDecoder(make_route())
    try:
        for event in events:
            for chunk in decoder.decode_event(json.dumps(event).encode(), "error" if is_error_event else "message"):
                assert str(chunk)
        decoder.decode_event(DONE)
        decoder.finish()
    except TurnoutError:
        pass


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_whatever_make_another_error_than_turnouts(data):
    decoder = StreamDecoder(make_route())
    try:
        decoder.decode_event(data)
        decoder.finish()
    except TurnoutError:
        pass


def test_crlf_comments_and_event_lines_around_the_events_do_no_harm():
    body = b": hello\r\n\r\nevent: message\r\ndata: " + delta_event(content="a") + b"\r\n\r\ndata:" + STOP + b"\r\n\r\n"
    _, response = stream_bytes([body, b"data: [DONE]"])
    assert response.text == "a"
