"""Requests: what goes on the wire, and what is left out and told."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import msgspec
import pytest
from chat_streams import make_route

from turnout.errors import InvalidInputError
from turnout.messages import (
    Audio,
    File,
    Image,
    Message,
    Reasoning,
    Refusal,
    ServerTool,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from turnout.protocols.openai_chat import encode
from turnout.requests import ModelRequest, ModelSettings

HELLO = [Message.user("Hello")]
CALL = ToolCall("a", "f", {"x": 1})


def encoded(messages=HELLO, dropped=frozenset(), quirks=None, **fields):
    return encode(ModelRequest(messages=messages, **fields), make_route(**(quirks or {})), dropped)


def body_of(*args, **fields) -> dict[str, Any]:
    return json.loads(encoded(*args, **fields).body)


def messages_of(*messages, **quirks):
    return body_of(list(messages), quirks=quirks)["messages"]


def settings_of(dropped=frozenset(), quirks=None, **settings):
    request = encoded(settings=ModelSettings(**settings), dropped=dropped, quirks=quirks)
    body = json.loads(request.body)
    del body["model"], body["messages"]
    return body, [(warning.code, warning.message) for warning in request.warnings], request.translated


# -- the frame --------------------------------------------------------------------------------------------------------


def test_a_plain_request_has_model_and_messages_and_nothing_else():
    request = encoded()
    assert request.body == b'{"model":"m","messages":[{"role":"user","content":"Hello"}]}'
    assert request.headers == {"content-type": "application/json", "accept": "application/json"}
    assert (request.added, request.warnings) == (frozenset(), ())


def test_a_stream_asks_for_the_usage():
    request = encoded(stream=True)
    assert request.body.endswith(b'"stream":true,"stream_options":{"include_usage":true}}')
    assert request.headers["accept"] == "text/event-stream"
    assert request.added == {"stream_options"}
    mine = encoded(stream=True, provider_options={"p": {"stream_options": {"include_usage": False}}})
    assert mine.added == frozenset()


def test_stream_options_that_were_refused_are_left_out_with_a_warning():
    request = encoded(stream=True, dropped=frozenset({"stream_options"}))
    assert json.loads(request.body)["stream"] is True
    assert "stream_options" not in json.loads(request.body)
    assert [warning.code for warning in request.warnings] == ["dropped_setting"]
    assert "usage and cost may be unknown" in str(request.warnings[0])


def test_stream_options_that_a_quirk_rejects_are_left_out_without_a_word():
    request = encoded(stream=True, quirks={"rejected_fields": ("stream_options",)})
    assert "stream_options" not in json.loads(request.body)
    assert request.warnings == ()


def test_no_messages_is_an_error():
    with pytest.raises(InvalidInputError, match="messages is empty"):
        encoded([])


# -- settings ---------------------------------------------------------------------------------------------------------


def test_settings_that_were_given_are_sent_under_the_names_of_the_wire():
    body, warnings, translated = settings_of(
        temperature=0.3,
        top_p=0.9,
        top_k=5,
        max_output_tokens=7,
        stop=["x"],
        seed=1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        reasoning_effort="low",
    )
    assert body == {
        "temperature": 0.3,
        "top_p": 0.9,
        "top_k": 5,
        "max_tokens": 7,
        "stop": ["x"],
        "seed": 1,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "reasoning_effort": "low",
    }
    assert warnings == []
    assert translated == {"max_tokens", "reasoning_effort"}


def test_quirks_name_the_fields_of_limit_and_seed():
    quirks = {"max_tokens_field": "max_completion_tokens", "seed_field": "random_seed"}
    body, _, translated = settings_of(quirks=quirks, max_output_tokens=7, seed=1)
    assert body == {"max_completion_tokens": 7, "random_seed": 1}
    assert translated == {"max_completion_tokens", "random_seed"}
    assert settings_of(quirks=quirks)[2] == frozenset()


@pytest.mark.parametrize("how", ["dropped", "quirk"])
def test_a_setting_that_is_refused_is_left_out_with_a_warning(how):
    where = {"dropped": frozenset({"top_k"})} if how == "dropped" else {"quirks": {"rejected_fields": ("top_k",)}}
    body, warnings, _ = settings_of(**where, top_k=5, top_p=0.5)
    assert body == {"top_p": 0.5}
    assert warnings == [
        ("dropped_setting", "`top_k` was left out, because the provider refuses it: the model answers without it")
    ]


@pytest.mark.parametrize(
    ("usual", "other"), [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
)
def test_a_limit_of_tokens_that_is_refused_is_sent_under_its_other_name(usual, other):
    quirks = {"max_tokens_field": usual}
    body, warnings, translated = settings_of(dropped=frozenset({usual}), quirks=quirks, max_output_tokens=7)
    assert body == {other: 7}
    assert translated == {other}
    assert [code for code, _ in warnings] == ["renamed_setting"]
    body, warnings, translated = settings_of(dropped=frozenset({usual, other}), quirks=quirks, max_output_tokens=7)
    assert (body, translated) == ({}, frozenset())
    assert [code for code, _ in warnings] == ["dropped_setting"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_lacks_is_an_error(value):
    with pytest.raises(InvalidInputError, match=r"settings\.temperature.*no JSON number"):
        settings_of(temperature=value)


# -- provider options -------------------------------------------------------------------------------------------------


def test_options_of_the_routes_provider_are_merged_deeply_and_win():
    body = body_of(
        stream=True,
        settings=ModelSettings(temperature=0.1),
        provider_options={"p": {"temperature": 1, "stream_options": {"x": None}, "model": "n"}, "q": {"y": 1}},
    )
    assert (body["temperature"], body["model"]) == (1, "n")
    assert body["stream_options"] == {"include_usage": True, "x": None}
    assert "y" not in body


def test_options_may_not_turn_a_whole_answer_into_a_stream():
    with pytest.raises(InvalidInputError, match="call `stream` for a stream"):
        encoded(provider_options={"p": {"stream": True}})
    assert body_of(stream=True, provider_options={"p": {"stream": True}})["stream"] is True


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"a": [1, {"b": float("nan")}]}, r"\.a\[1\]\.b"),
        ({"a": (date(2026, 1, 1),)}, r"\.a\[0\]: a date"),
        ({"a": {1: 2}}, r"\.a: the key 1"),
        ({"a": {"\ud800": 2}}, r"\.a: the text has an unpaired surrogate"),
        ({"a": b"x"}, r"\.a: a bytes"),
    ],
)
def test_options_that_are_no_json_are_an_error_with_the_place(options, path):
    with pytest.raises(InvalidInputError, match=rf"provider_options\['p'\]{path}"):
        encoded(provider_options={"p": options})


def test_options_that_contain_themselves_are_an_error():
    loop: dict[str, Any] = {}
    loop["x"] = loop
    with pytest.raises(InvalidInputError, match="contains itself"):
        encoded(provider_options={"p": loop})


def test_options_of_a_message_are_merged_into_it():
    options = {"p": {"cache": True}, "q": {"x": 1}}
    message = Message("user", [Text("a")], provider_options=options)
    assert messages_of(message) == [{"role": "user", "content": "a", "cache": True}]
    with pytest.raises(InvalidInputError, match=r"messages\[0\]\.provider_options\['p'\]\.x"):
        messages_of(Message("user", [Text("a")], provider_options={"p": {"x": object()}}))


def test_unpaired_surrogates_are_an_error_with_the_place():
    with pytest.raises(InvalidInputError, match=r"request\.messages\[0\]\.content.*position 1"):
        encoded([Message.user("a\ud83d")])


# -- messages ---------------------------------------------------------------------------------------------------------


def test_messages_of_every_role():
    assert messages_of(
        Message.system("s"),
        Message("user", [Text("u")], "Ann"),
        Message.assistant("a", CALL),
        Message.tool("a", "r"),
        Message.system("s", "t"),
        Message.user("x", "y"),
        Message("user", []),
        Message("assistant", []),
        Message("assistant", [Text("a"), Text("b")], "bot"),
    ) == [
        {"role": "system", "content": "s"},
        {"role": "user", "name": "Ann", "content": "u"},
        {
            "role": "assistant",
            "content": "a",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "r"},
        {"role": "system", "content": [{"type": "text", "text": "s"}, {"type": "text", "text": "t"}]},
        {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "name": "bot", "content": "ab"},
    ]


def test_an_assistant_with_tool_calls_only_has_content_null():
    assert messages_of(Message.assistant(CALL))[0]["content"] is None


def test_arguments_that_were_no_json_go_back_as_they_were():
    call = ToolCall("a", "f", {}, invalid_arguments='{"x": ')
    assert messages_of(Message.assistant(call))[0]["tool_calls"][0]["function"]["arguments"] == '{"x": '


def test_arguments_that_json_cannot_hold_are_an_error():
    with pytest.raises(InvalidInputError, match=r"messages\[0\]: arguments of `f`\.x"):
        messages_of(Message.assistant(ToolCall("a", "f", {"x": float("inf")})))


def test_several_tool_results_become_several_messages_and_stand_before_the_users_words():
    results = [ToolResult("a", "1"), ToolResult("b", "no such file", is_error=True)]
    tools = [
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "no such file"},
    ]
    assert messages_of(Message("tool", [*results])) == tools
    assert messages_of(Message("user", [*results])) == tools
    assert messages_of(Message("user", [Text("and?"), *results])) == [*tools, {"role": "user", "content": "and?"}]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (Message("assistant", [ToolResult("a", "1")]), r"messages\[0\]: a ToolResult in a message of the assistant"),
        (Message("tool", [Text("a")]), "holds ToolResult parts and no others"),
        (Message("tool", []), "holds ToolResult parts and no others"),
        (Message.system(Image(url="https://h/i")), "a system message holds text only"),
        (Message.user("a", CALL), r"messages\[0\]\.content\[1\]: a ToolCall cannot be part of this message"),
    ],
)
def test_a_part_in_the_wrong_place_is_an_error_with_the_cure(message, said):
    with pytest.raises(InvalidInputError, match=said):
        messages_of(message)


def test_reasoning_goes_back_only_as_details_and_only_to_its_provider():
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    mine, plain, foreign = Reasoning("a", details, "p"), Reasoning("b"), Reasoning("c", details, "q")
    assert messages_of(Message.assistant(mine, plain, foreign, "t", mine)) == [
        {"role": "assistant", "content": "t", "reasoning_details": details * 2}
    ]


def test_a_refusal_goes_back_as_one():
    assert messages_of(Message.assistant(Refusal("no"))) == [{"role": "assistant", "content": "", "refusal": "no"}]
    with pytest.raises(InvalidInputError, match="a Refusal cannot be part of this message"):
        messages_of(Message.user(Refusal("no")))


def test_fields_for_every_provider_are_merged_under_those_for_this_one():
    message = Message("assistant", [Text("a")], provider_options={"*": {"prefix": True, "x": 1}, "p": {"x": 2}})
    assert messages_of(message) == [{"role": "assistant", "content": "a", "prefix": True, "x": 2}]


@pytest.mark.parametrize("content", [[], [Text("a")], [Text("a"), Text("b")]])
def test_a_role_that_is_none_is_an_error(content):
    with pytest.raises(InvalidInputError, match=r"messages\[1\]\.role is 'bogus': use one of system, user"):
        encoded([*HELLO, Message("bogus", content)])


def test_what_an_assistant_cannot_send_back_is_left_out_with_a_warning():
    request = encoded([Message.assistant("a", ServerTool("search", {}), Image(url="https://h/i"))])
    assert json.loads(request.body)["messages"] == [{"role": "assistant", "content": "a"}]
    assert [warning.code for warning in request.warnings] == ["dropped_part", "dropped_part"]
    assert "messages[0]: the ServerTool" in str(request.warnings[1])


def test_system_messages_are_made_one_at_the_start_where_only_one_is_taken():
    messages = [
        Message.user("u"),
        Message("system", [Text("s"), Text("t")], provider_options={"p": {"x": 1}}),
        Message("system", [Text("z")], provider_options={"p": {"y": 2}}),
    ]
    assert messages_of(*messages, single_system_message=True) == [
        {"role": "system", "content": "st\n\nz", "x": 1, "y": 2},
        {"role": "user", "content": "u"},
    ]
    assert [message["role"] for message in messages_of(*messages)] == ["user", "system", "system"]


@pytest.mark.parametrize(
    "messages", [[Message.user("u")], [Message.system("s", "t"), Message.user("u")]], ids=["none", "first"]
)
def test_one_system_message_at_the_start_is_left_as_it_is(messages):
    assert messages_of(*messages, single_system_message=True) == messages_of(*messages)


# -- media ------------------------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n...."
PNG_URL = "data:image/png;base64,iVBORw0KGgouLi4u"
PDF = b"%PDF-1.4"
MP4 = b"\x00\x00\x00\x18ftypisom"


def part_of(part):
    return messages_of(Message.user("see", part))[0]["content"][1]


def sound(data, name):
    return {"type": "input_audio", "input_audio": {"data": data, "format": name}}


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (Image(url="https://h/i.jpg"), image("https://h/i.jpg")),
        (Image(data=PNG), image(PNG_URL)),
        (Image(data=PNG, media_type="image/jpeg"), image(PNG_URL)),
        (Image(url=PNG_URL), image(PNG_URL)),
        (Image(url=PNG_URL.replace("png", "jpeg")), image(PNG_URL)),
        (Image(url="data:image/svg+xml,%3Csvg%2F%3E"), image("data:image/svg+xml,%3Csvg%2F%3E")),
        (Image(data=b"<svg/>", media_type="image/svg+xml"), image("data:image/svg+xml;base64,PHN2Zy8+")),
        (Video(url="https://h/v"), {"type": "video_url", "video_url": {"url": "https://h/v"}}),
        (
            Video(data=MP4),
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAAGGZ0eXBpc29t"}},
        ),
        (Audio(data=b"RIFF....WAVE"), sound("UklGRi4uLi5XQVZF", "wav")),
        (Audio(data=b"ID3"), sound("SUQz", "mp3")),
        (Audio(url="data:audio/wav;base64,SUQz"), sound("SUQz", "mp3")),
        (Audio(data=b"OggS"), sound("T2dnUw==", "ogg")),
        (Audio(data=MP4), sound("AAAAGGZ0eXBpc29t", "m4a")),
        (
            Audio(data=b"\x1aE\xdf\xa3", media_type="audio/webm"),
            sound("GkXfow==", "webm"),
        ),
        (
            File(data=PDF),
            {"type": "file", "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQ="}},
        ),
        (
            File(data=b"hi", name="n.md", media_type="text/markdown"),
            {"type": "file", "file": {"filename": "n.md", "file_data": "data:text/markdown;base64,aGk="}},
        ),
        (
            File(data=b"hi"),
            {"type": "file", "file": {"filename": "file.plain", "file_data": "data:text/plain;base64,aGk="}},
        ),
        (
            File(url="https://h/a/b.pdf?x=1"),
            {"type": "file", "file": {"filename": "b.pdf", "file_data": "https://h/a/b.pdf?x=1"}},
        ),
        (
            File(url="https://h/", name="n"),
            {"type": "file", "file": {"filename": "n", "file_data": "https://h/"}},
        ),
    ],
)  # fmt: skip
def test_media_go_as_the_wire_has_them_and_their_bytes_tell_the_type(part, written):
    assert part_of(part) == written


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (Audio(data=b"RIFF....WAVE"), sound("data:audio/wav;base64,UklGRi4uLi5XQVZF", "wav")),
        (Audio(url="data:audio/wav;base64,SUQz"), sound("data:audio/mpeg;base64,SUQz", "mp3")),
        (Audio(url="https://h/a.MP3?x=1.wav#z"), sound("https://h/a.MP3?x=1.wav#z", "mp3")),
        (Audio(url="https://h/a", media_type="audio/x-wav"), sound("https://h/a", "wav")),
        (Image(data=PNG), image(PNG_URL)),
    ],
)
def test_a_quirk_makes_sound_a_url(part, written):
    assert messages_of(Message.user("see", part), audio_as_url=True)[0]["content"][1] == written


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Image(data=b"????"), r"content\[1\]: the bytes do not show their type: pass `Image\(…, media_type=…\)`"),
        (Image(data=PDF), "the Image holds application/pdf"),
        (Video(data=PNG), "the Video holds image/png"),
        (Image(data=MP4), "the Image holds video/mp4"),
        (Audio(url="https://h/a.mp3"), "carries no audio by URL: download it"),
        (Image(url="data:image/png;base64,***"), "the data is no base64"),
        (File(data=b"\xff\x00"), "the bytes do not show their type"),
    ],
)  # fmt: skip
def test_media_that_the_wire_cannot_carry_are_an_error_with_the_cure(part, said):
    with pytest.raises(InvalidInputError, match=said):
        part_of(part)


def test_a_failure_of_the_encoder_that_is_not_about_text_is_not_hidden(monkeypatch):
    def fail(_):
        raise UnicodeEncodeError("utf-8", "x", 0, 1, "boom")

    monkeypatch.setattr(msgspec.json, "encode", fail)
    with pytest.raises(UnicodeEncodeError):
        encoded()
