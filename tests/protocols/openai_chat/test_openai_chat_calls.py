"""Tool calls put together from their pieces."""

from __future__ import annotations

import json

import pytest
from chat_streams import DONE, call_event, delta_event, make_route, piece, stream, types_of

from turnout.chunks import ToolCallDelta, ToolCallEnd, ToolCallStart
from turnout.messages import ToolCall
from turnout.protocols.openai_chat import decode


def calls_of(*events):
    _, response = stream([*events, DONE])
    return [(call.name, call.arguments) for call in response.tool_calls]


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


@pytest.mark.parametrize(
    "pieces",
    [
        ['{"x":"}', '"}'],
        ['{"x":"\\', '"}"', "}"],
        ['{"x":"\\\\', '"', "}"],
        ['{"x":"{', '}{"', "}"],
        ["{", '"x":{}}'],
        [" ", "{", "}"],
    ],
)
def test_a_repeated_name_begins_a_call_only_where_the_object_before_it_is_closed(pieces):
    events = [call_event(piece("f", text, index=0)) for text in [*pieces, '{"y":1}']]
    assert calls_of(*events) == [("f", json.loads("".join(pieces))), ("f", {"y": 1})]


@pytest.mark.parametrize("pieces", [["{x}", "{}"], ["7{}", "{}"], ["}", "{}"]])
def test_arguments_that_can_never_become_an_object_stay_one_call_under_a_repeated_name(pieces):
    _, response = stream([*[call_event(piece("f", text, index=0)) for text in pieces], DONE])
    assert [call.invalid_arguments for call in response.tool_calls] == ["".join(pieces)]


def test_a_call_that_was_whole_once_takes_no_other_with_its_name_later_either():
    assert calls_of(
        call_event(piece("f", '{"x":1}', index=0)),
        call_event(piece("f", '{"x":2}')),
        call_event(piece("f", '{"x":3}', index=0)),
    ) == [("f", {"x": 1}), ("f", {"x": 2}), ("f", {"x": 3})]


MANY = 40_000
"""So many that work which grows with the square would take minutes, and what grows with the number half a second."""


@pytest.mark.parametrize("has_id", [True, False])
@pytest.mark.parametrize("has_index", [True, False])
def test_very_many_calls_are_no_burden(has_id, has_index):
    fields = [({"id": f"c{n}"} if has_id else {}) | ({"index": n} if has_index else {}) for n in range(MANY)]
    _, response = stream([call_event(*[piece("f", "{}", **each) for each in fields]), DONE])
    assert len(response.tool_calls) == MANY


def test_very_many_pieces_that_repeat_the_name_are_no_burden():
    texts = ['{"0":{}', *[f',"{n:0>90}":{{}}' for n in range(1, MANY)], "}"]
    _, response = stream([call_event(*[piece("f", text, index=0) for text in texts]), DONE])
    assert [len(call.arguments) for call in response.tool_calls] == [MANY]


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


def test_calls_that_share_an_id_are_kept_apart_by_index_and_name():
    _, response = stream(
        [
            call_event(piece("f", '{"x":', index=0, id="a"), piece("g", '{"y":', index=1, id="a")),
            call_event(piece(None, "1}", index=0, id="a"), piece(None, "2}", index=1, id="a")),
            DONE,
        ]
    )
    assert [(call.name, call.arguments) for call in response.tool_calls] == [("f", {"x": 1}), ("g", {"y": 2})]
    first, second = response.tool_calls
    assert first.id == "a"
    assert second.id.startswith("call_")


@pytest.mark.parametrize("name", ["f", "g"])
def test_every_call_of_a_whole_message_is_one_of_its_own(name):
    message = {"tool_calls": [piece("f", '{"x":1}', id="a"), piece(name, '{"x":2}', id="a"), piece("h", "{}", id="b")]}
    response = decode(json.dumps({"choices": [{"message": message}]}).encode(), make_route())
    assert [(call.name, call.arguments) for call in response.tool_calls] == [
        ("f", {"x": 1}),
        (name, {"x": 2}),
        ("h", {}),
    ]
    assert len({call.id for call in response.tool_calls}) == 3


def test_the_old_form_of_a_call_is_a_call_with_an_id_of_our_own():
    events = [delta_event(function_call={"name": "f", "arguments": ""}), delta_event(function_call={"arguments": "{}"})]
    _, response = stream([*events, delta_event("function_call")])
    [call] = response.tool_calls
    assert (call.name, call.arguments, call.id[:5]) == ("f", {}, "call_")
    assert response.finish_reason == "tool_calls"
    assert calls_of(delta_event(content="a", function_call={"name": "", "arguments": ""})) == []
    assert calls_of(delta_event(function_call={"name": "f", "arguments": {"x": 1}})) == [("f", {"x": 1})]


def test_the_text_for_a_custom_tool_is_the_argument_input():
    custom = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "run", "input": '{"a"'}}
    rest = {"index": 0, "custom": {"input": ": 1}"}}
    assert calls_of(call_event(custom), call_event(rest)) == [("run", {"input": '{"a": 1}'})]
    odd = {**custom, "id": 7}
    assert calls_of(call_event(odd)) == [("run", {"input": '{"a"'})]
    empty = piece("f", "{}", custom={"name": "", "input": ""})
    assert calls_of(call_event(empty)) == [("f", {})]
