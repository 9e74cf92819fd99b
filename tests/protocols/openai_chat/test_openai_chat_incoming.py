"""OpenAI-style dicts at the door: what they become, and what is wrong with them."""

from __future__ import annotations

import pytest

from turnout.errors import InvalidInputError
from turnout.messages import Audio, File, Image, Message, Reasoning, Refusal, Text, ToolCall, ToolResult, Video
from turnout.protocols.openai_chat import parse_messages


def parsed(message, **options):
    return parse_messages([message], **options)[0]


def user(part):
    return {"role": "user", "content": [part]}


@pytest.mark.parametrize(
    ("given", "role"),
    [("system", "system"), ("developer", "system"), ("user", "user"), ("assistant", "assistant")],
)
def test_roles(given, role):
    assert parsed({"role": given, "content": "a", "name": "n"}) == Message(role, [Text("a")], "n")


def test_messages_among_dicts_stay_as_they_are():
    message = Message.user("a")
    assert parse_messages([message, {"role": "user", "content": "b"}]) == [message, Message.user("b")]


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ("a", Text("a")),
        ({"type": "text", "text": "a"}, Text("a")),
        ({"type": "input_text", "text": "a"}, Text("a")),
        ({"type": "output_text", "text": "a"}, Text("a")),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
        ({"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, Reasoning("hm")),
        (
            {"type": "image_url", "image_url": {"url": "https://h/i", "detail": "low"}, "cache_control": {"type": "e"}},
            Image(
                url="https://h/i",
                provider_options={"*": {"image_url": {"detail": "low"}, "cache_control": {"type": "e"}}},
            ),
        ),
        (
            {"type": "input_image", "image_url": "https://h/i", "detail": "low"},
            Image(url="https://h/i", provider_options={"*": {"image_url": {"detail": "low"}}}),
        ),
        ({"type": "text", "text": "a", "annotations": [], "x": 1}, Text("a", {"*": {"x": 1}})),
        ({"type": "image_url", "image_url": "https://h/i"}, Image(url="https://h/i")),
        ({"type": "input_image", "image_url": "https://h/i"}, Image(url="https://h/i")),
        ({"type": "video_url", "video_url": {"url": "https://h/v"}}, Video(url="https://h/v")),
        ({"type": "document_url", "document_url": "https://h/d"}, File(url="https://h/d")),
        (
            {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
            Audio(url="data:audio/mpeg;base64,SUQz"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "wav"}},
            Audio(url="data:audio/wav;base64,SUQz"),
        ),
        (
            {"type": "file", "file": {"filename": "n", "file_data": "data:application/pdf;base64,QQ=="}},
            File(url="data:application/pdf;base64,QQ==", name="n"),
        ),
        ({"type": "input_file", "filename": 5, "file_data": "data:x,"}, File(url="data:x,")),
    ],
)
def test_parts(part, read):
    assert parsed(user(part)).content == [read]


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ('{"x": 1}', ToolCall("a", "f", {"x": 1})),
        ({"x": 1}, ToolCall("a", "f", {"x": 1})),
        (None, ToolCall("a", "f", {})),
        ("", ToolCall("a", "f", {})),
        ("{x", ToolCall("a", "f", {}, invalid_arguments="{x")),
    ],
)
def test_an_assistants_message_with_everything(arguments, call):
    message = {
        "role": "assistant",
        "content": "a",
        "reasoning_content": "hm",
        "refusal": "no",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}],
    }
    assert parsed(message).content == [Reasoning("hm"), Text("a"), Refusal("no"), call]


def test_reasoning_details_are_kept_for_the_provider_that_is_given():
    details = [{"type": "reasoning.text", "text": "hm"}]
    message = {"role": "assistant", "content": "a", "reasoning_details": details}
    assert parsed(message, provider="p").content[0] == Reasoning("hm", details, "p")
    assert parsed({**message, "reasoning": "h"}).content[0] == Reasoning("h", details)
    assert parsed({**message, "reasoning_details": []}).content == [Text("a")]


def test_a_tools_message():
    message = {"role": "tool", "tool_call_id": "a", "content": "r", "name": "f"}
    assert parsed(message).content == [ToolResult("a", "r", "f")]
    message = {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "r"}, "s"]}
    assert parsed(message).content == [ToolResult("a", "rs")]


def test_fields_that_turnout_does_not_know_are_kept_for_the_provider_that_is_given():
    message = {"role": "assistant", "content": "a", "prefix": True, "audio": None}
    assert parsed(message, provider="p").provider_options == {"p": {"prefix": True}}
    assert parsed(message).provider_options == {"*": {"prefix": True}}
    assert parsed({**message, "prefix": None, "annotations": [], "executed_tools": []}).provider_options == {}


def test_a_call_of_a_custom_tool_is_a_call_with_its_input():
    call = {"id": "a", "type": "custom", "custom": {"name": "f", "input": "x = 1"}}
    assert parsed({"role": "assistant", "tool_calls": [call]}).content == [ToolCall("a", "f", {"input": "x = 1"})]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("hello", r"messages\[0\] is a str: give dicts"),
        ({"content": "a"}, r"messages\[0\]\.role is None: use one of system, developer, user, assistant, tool"),
        ({"role": "function", "content": "a"}, r"\.role is 'function'"),
        ({"role": "assistant", "function_call": {"name": "f"}}, r"\.function_call is the old form.*give `tool_calls`"),
        ({"role": "user"}, r"\.content is missing"),
        ({"role": "user", "content": 5}, r"\.content is a int"),
        ({"role": "user", "content": "a", "name": 5}, r"\.name is a int"),
        (user(5), r"\.content\[0\] is a int"),
        (user({"type": "smell"}), r"\.content\[0\]\.type is 'smell': use one of "),
        (user({"type": "text"}), r"\.content\[0\]\.text is missing"),
        (user({"type": "text", "text": 5}), r"\.content\[0\]\.text is a int"),
        (user({"type": "image_url", "image_url": {}}), r"\.content\[0\]\.image_url holds no URL"),
        (user({"type": "image_url"}), r"\.content\[0\]\.image_url holds no URL"),
        (user({"type": "input_audio"}), r"\.input_audio is missing: give a dict"),
        (user({"type": "input_audio", "input_audio": 5}), r"\.input_audio is a int"),
        (user({"type": "input_audio", "input_audio": {"data": "*"}}), r"input_audio\.data: the data is no base64"),
        (user({"type": "file", "file": {"file_id": "f"}}), r"\.file\.file_data is missing"),
        ({"role": "tool", "content": "a"}, r"\.tool_call_id is missing"),
        ({"role": "tool", "tool_call_id": "a"}, r"\.content is missing"),
        (
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "image_url", "image_url": "u"}]},
            "holds more than text",
        ),
        ({"role": "assistant", "tool_calls": {}}, r"\.tool_calls is a dict"),
        ({"role": "assistant", "tool_calls": [5]}, r"\.tool_calls\[0\] is a int"),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, r"\.tool_calls\[0\]\.function is missing"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, r"\.tool_calls\[0\]\.id is missing"),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": 5}}]},
            r"\.tool_calls\[0\]\.function\.arguments is a int",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place_and_the_cure(message, said):
    with pytest.raises(InvalidInputError, match=said):
        parsed(message)
