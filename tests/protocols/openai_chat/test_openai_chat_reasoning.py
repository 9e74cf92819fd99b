"""Reasoning: fields, details and tags."""

from __future__ import annotations

from itertools import pairwise

import pytest
from chat_streams import DONE, STOP, call_event, delta_event, joined, piece, stream, types_of
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.chunks import ReasoningDelta, TextDelta
from turnout.messages import Message, Reasoning, Text, ToolCall
from turnout.protocols.openai_chat.thinking import DetailLog, ThinkSplitter


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
    told = [splitter.feed(whole[a:b]) if not splitter.is_done else ("", whole[a:b]) for a, b in pairwise(borders)]
    assert "".join([pair[0] for pair in told]) == inside
    assert "".join([pair[1] for pair in told]) == after


@pytest.mark.parametrize("text", ["a<think>b</think>", "< think>", "<thin", "  \n", "<", "<thinking>a", "</think>a"])
def test_text_that_does_not_begin_with_the_tag_is_left_alone(text):
    for events in ([delta_event(content=text)], [delta_event(content=letter) for letter in text]):
        _, response = stream([*events, STOP])
        assert response.message.content == [Text(text)]


@pytest.mark.parametrize(("blanks", "is_read"), [(199, True), (200, True), (201, False)])
def test_a_tag_is_looked_for_behind_200_blank_characters_and_no_more(blanks, is_read):
    text = " " * blanks + "<think>hm</think>a"
    expected = [Reasoning(" " * blanks + "hm"), Text("a")] if is_read else [Text(text)]
    for events in ([delta_event(content=text)], [delta_event(content=letter) for letter in text]):
        _, response = stream([*events, STOP])
        assert response.message.content == expected


def test_blank_text_without_end_is_no_burden():
    piece = "\n" * 100
    _, response = stream([*[delta_event(content=piece)] * 40_000, STOP])  # minutes, if it were read again each time
    assert response.text == piece * 40_000


def test_thoughts_that_never_end_are_reasoning():
    _, response = stream([delta_event(content="<think>a</thi"), delta_event("length")])
    assert response.message.content == [Reasoning("a</thi")]


def test_no_tag_is_split_where_the_provider_tells_the_reasoning_itself():
    _, response = stream([delta_event(reasoning="hm"), delta_event(content="<think>a</think>b"), STOP])
    assert response.message.content == [Reasoning("hm"), Text("<think>a</think>b")]


def test_what_was_held_back_comes_out_before_a_tool_call():
    _, response = stream([delta_event(content="<thi"), call_event(piece("f", "{}", index=0, id="a")), DONE])
    assert response.message.content == [Text("<thi"), ToolCall("a", "f", {})]


def test_fifty_thousand_pieces_of_one_detail_are_joined_once():
    detail = {"type": "reasoning.text", "index": 0, "text": "some words "}
    log = DetailLog()
    for _ in range(50_000):
        log.add(detail)
    log.add({"type": "reasoning.text", "index": 0, "text": None, "signature": "s"})
    assert log.build() == [{**detail, "text": "some words " * 50_000, "signature": "s"}]
    assert detail["text"] == "some words "
