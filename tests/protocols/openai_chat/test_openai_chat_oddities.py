"""Errors inside a stream, and events that are no good JSON."""

from __future__ import annotations

import json

import pytest
from chat_streams import DONE, JSON, STOP, delta_event, make_route, stream, stream_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.chunks import ErrorChunk
from turnout.errors import MalformedStreamError, TruncatedStreamError, TurnoutError
from turnout.protocols.openai_chat import StreamDecoder, decode
from turnout.protocols.openai_chat.wire import convert_leniently


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
        (b'{"type":"error","error":{"type":"overloaded","message":"boom"}}', "", ErrorChunk("boom", "overloaded")),
        (b'{"error":{"message":"boom","code":502},"choices":[{"finish_reason":"x"}]}', "", ErrorChunk("boom", "502")),
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


def test_arguments_nested_deeper_than_can_be_written_count_as_absent():
    arguments = []
    for _ in range(200_000):
        arguments = [arguments]
    body = convert_leniently({"choices": [{"delta": {"tool_calls": [{"function": {"arguments": arguments}}]}}]})
    assert body.choices[0].delta.tool_calls[0].function.arguments is None


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


def test_an_odd_call_with_ordinary_arguments_is_read_leniently():
    call = b'{"id":"1","index":"first","function":{"name":"f","arguments":"{\\"a\\":1}"}}'
    body = b'{"choices":[{"message":{"tool_calls":[' + call + b']},"finish_reason":"tool_calls"}]}'
    (found,) = decode(body, make_route()).tool_calls
    assert (found.id, found.name, found.arguments) == ("1", "f", {"a": 1})
