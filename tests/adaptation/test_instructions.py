"""What a model is told in words, the schema of what it may say, and histories with tools for models without any."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from adaptation_routes import SCHEMA, TIME, WEATHER, route
from turnout.adaptation.foreign import leave_out_foreign, leave_out_untaken
from turnout.adaptation.instructions import (
    add_instruction,
    answered_tools,
    call_instruction,
    emulation_schema,
    output_instruction,
    spell_calls,
    spell_reports,
    tool_instructions,
    uses_tools,
)
from turnout.catalog.types import Model
from turnout.messages import Audio, Image, Message, Reasoning, ServerTool, Text, ToolCall, ToolResult
from turnout.requests import OutputSpec, ToolSpec

PNG = Image(data=b"\x89PNG\r\n\x1a\n")
CALL = ToolCall("1", "get_weather", {"city": "Paris"})
BROKEN = ToolCall("2", "get_weather", {}, invalid_arguments='{"city": ')
HISTORY = [
    Message.user("Weather?"),
    Message.assistant(Reasoning("hm"), "I look. ", CALL, BROKEN),
    Message.tool("1", "sunny", name="get_weather"),
    Message.tool("2", "Error: no", name="get_weather", is_error=True),
    Message.assistant("Sunny."),
]


def test_an_instruction_joins_the_first_system_message() -> None:
    told = add_instruction([Message.system("Be ", "brief."), Message.user("Hi")], "Use JSON.")
    assert told == [Message.system("Be brief.\n\nUse JSON."), Message.user("Hi")]
    assert add_instruction([Message.user("Hi")], "Use JSON.") == [Message.system("Use JSON."), Message.user("Hi")]
    assert add_instruction([], "Use JSON.") == [Message.system("Use JSON.")]


def test_the_options_of_a_system_message_stay() -> None:
    cached = Text("Long.", provider_options={"*": {"cache_control": {"type": "ephemeral"}}})
    (system,) = add_instruction([Message.system(cached)], "Use JSON.")
    assert system.content == [cached, Text("\n\nUse JSON.")]


def test_words_for_a_choice_and_an_output() -> None:
    assert "one of the tools" in call_instruction("required")
    assert "`get_weather`" in call_instruction("get_weather")
    assert json.dumps(SCHEMA, separators=(",", ":")) in output_instruction(OutputSpec(schema=SCHEMA))
    assert "A person." in output_instruction(OutputSpec(schema=SCHEMA, description="A person."))


@pytest.mark.parametrize(
    ("output", "is_forced", "is_json_only", "words"),
    [
        (None, True, False, "Call a tool now."),
        (None, False, False, "answer in plain text"),
        (None, False, True, 'reply with {"answer": "…"}'),
        (OutputSpec(schema=SCHEMA), False, True, "which must fit"),
        (OutputSpec(schema=SCHEMA), True, True, "Call a tool now."),
    ],
)
def test_tools_in_words(output: OutputSpec | None, is_forced: bool, is_json_only: bool, words: str) -> None:
    told = tool_instructions([WEATHER, TIME], output, is_forced=is_forced, is_json_only=is_json_only)
    assert words in told.splitlines()[-1]
    assert "- get_weather: Get the weather. Arguments: {" in told
    assert "- get_time: no description" in told


def accepts(schema: dict[str, Any], value: object) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def test_the_schema_of_what_may_be_said() -> None:
    schema = emulation_schema([WEATHER, TIME], None, is_forced=False)
    assert accepts(schema, {"tool": "get_weather", "arguments": {"city": "Paris"}})
    assert accepts(schema, {"tool": "get_time", "arguments": {}})
    assert accepts(schema, {"answer": "Hi"})
    assert not accepts(schema, {"tool": "get_weather", "arguments": {}})
    assert not accepts(schema, {"tool": "other", "arguments": {}})
    assert not accepts(schema, {"answer": 5})
    forced = emulation_schema([WEATHER], SCHEMA, is_forced=True)
    assert "anyOf" not in forced
    assert not accepts(forced, {"answer": {"name": "Ada"}})
    assert accepts(emulation_schema([WEATHER], SCHEMA, is_forced=False), {"answer": {"name": "Ada"}})


@pytest.mark.parametrize("place", ["$defs", "definitions"])
def test_definitions_of_tools_and_answer_are_kept_apart(place: str) -> None:
    def tool(name: str, kind: str) -> ToolSpec:
        parameters = {
            "type": "object",
            "properties": {"x": {"$ref": f"#/{place}/X"}, "many": {"type": "array", "items": {"$ref": f"#/{place}/X"}}},
            place: {"X": {"anyOf": [{"type": kind}, {"$ref": f"#/{place}/Y"}]}, "Y": {"type": "null"}},
        }
        return ToolSpec(name=name, parameters=parameters)

    answer = {"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}, "$defs": {"X": {"type": "boolean"}}}
    schema = emulation_schema([tool("a", "string"), tool("b", "integer")], answer, is_forced=False)
    assert accepts(schema, {"tool": "a", "arguments": {"x": "text", "many": ["text", None]}})
    assert not accepts(schema, {"tool": "a", "arguments": {"x": 5}})
    assert accepts(schema, {"tool": "b", "arguments": {"x": 5}})
    assert not accepts(schema, {"tool": "b", "arguments": {"x": "text"}})
    assert accepts(schema, {"answer": {"x": True}})
    assert not accepts(schema, {"answer": {"x": 5}})


def test_a_schema_that_refers_to_itself() -> None:
    parameters = {"type": "object", "properties": {"name": {"type": "string"}, "child": {"$ref": "#"}}}
    schema = emulation_schema([ToolSpec(name="tree", parameters=parameters)], None, is_forced=False)
    assert accepts(schema, {"tool": "tree", "arguments": {"child": {"child": {"name": "x"}}}})
    assert not accepts(schema, {"tool": "tree", "arguments": {"child": {"child": {"name": 5}}}})
    through = {"type": "object", "properties": {"c": {"$ref": "#/$defs/C"}}, "$defs": {"C": {"anyOf": [{"$ref": "#"}]}}}
    schema = emulation_schema([ToolSpec(name="tree", parameters=through)], None, is_forced=True)
    assert accepts(schema, {"tool": "tree", "arguments": {"c": {"c": {}}}})
    assert not accepts(schema, {"tool": "tree", "arguments": {"c": {"c": 5}}})


def test_calls_are_spelled_as_they_are_asked_for_and_results_are_the_users() -> None:
    assert uses_tools(HISTORY)
    assert not uses_tools([HISTORY[0], HISTORY[-1]])
    assert [(message.role, message.text) for message in spell_calls(HISTORY)] == [
        ("user", "Weather?"),
        ("assistant", 'I look. {"tool":"get_weather","arguments":{"city":"Paris"}}{"city": '),
        ("user", "The tool get_weather answered: sunny\nThe tool get_weather failed: Error: no"),
        ("assistant", "Sunny."),
    ]


def test_results_at_the_end_and_without_a_name() -> None:
    (told,) = spell_calls([Message.tool("1", "sunny")])
    assert (told.role, told.text) == ("user", "The tool answered: sunny")
    mixed = Message("tool", [ToolResult("1", "sunny"), Text("and warm")])
    assert [(each.role, each.text) for each in spell_calls([mixed])] == [
        ("user", "and warm"),
        ("user", "The tool answered: sunny"),
    ]
    assert spell_calls([Message.assistant(Reasoning("hm"))]) == []


def test_reports_for_a_model_that_is_offered_none() -> None:
    told = spell_reports(HISTORY[:-1])
    assert [message.role for message in told] == ["user", "assistant", "user"]
    assert told[1].text == (
        'I look. I called get_weather with {"city":"Paris"}. It answered: sunny\n'
        "I called get_weather with {}. It failed: Error: no\n"
    )
    assert told[2].text == "Then what is the answer?"
    assert spell_reports(HISTORY)[-2] == HISTORY[-1]
    assert [(each.role, each.text) for each in spell_reports([Message.tool("9", "lost")])] == [
        ("user", "The tool answered: lost")
    ]
    assert "I wanted to call get_weather." in spell_reports([Message.assistant(CALL)])[0].text
    assert spell_reports([Message.assistant(Reasoning("hm"))]) == []


def test_the_tools_that_answered_since_the_user_spoke() -> None:
    assert answered_tools(HISTORY) == {"get_weather"}
    assert answered_tools([*HISTORY, Message.user("And now?")]) == set()
    assert answered_tools([Message.tool("1", "no", name="f", is_error=True), Message.tool("2", "x")]) == set()


def test_parts_that_only_their_maker_understands_go_to_no_other() -> None:
    def made(*parts: Any, provider: str | None = "a") -> Message:
        return msgspec.structs.replace(Message.assistant(*parts), provider=provider)

    def kept(message: Message, provider: str) -> list[str]:
        return [part.type for each in leave_out_foreign([Message.user("Hi"), message], provider)[1:]
                for part in each.content]  # fmt: skip

    mine = made(Reasoning("hm"), ServerTool("search", {}), PNG, "Hi", CALL)
    assert kept(mine, "a") == ["reasoning", "server_tool", "image", "text", "tool_call"]
    assert kept(mine, "b") == ["text", "tool_call"]
    assert kept(made(Reasoning("hm", provider="b"), "Hi"), "b") == ["reasoning", "text"]
    assert kept(made(Reasoning("hm"), PNG, "Hi", provider=None), "b") == ["reasoning", "image", "text"]
    assert kept(made(Reasoning("hm", provider="a"), "Hi", provider=None), "b") == ["text"]
    assert leave_out_foreign([made(Reasoning("hm"))], "b") == []
    user = [Message.user("Look", PNG)]
    assert leave_out_foreign(user, "b") is user
    own = [*user, made("Hi"), made("Hi", Reasoning("hm"))]
    assert leave_out_foreign(own, "a") is own
    assert leave_out_foreign(own, "b")[0] is user[0]


def test_media_that_a_model_made_and_does_not_take_stay_out() -> None:
    there = route()
    there.facts = Model(id="host/m", input_modalities=("text", "image"), supports_attachments=True)
    sound = Audio(data=b"ID3")
    made = Message("assistant", [PNG, sound, Text("Hi")], provider="a")
    alone = Message("assistant", [sound], provider="a")
    user, nobodys = Message.user("Listen", sound), Message.assistant(sound)
    assert leave_out_untaken([user, made, alone, nobodys], there) == [
        user,
        Message("assistant", [PNG, Text("Hi")], provider="a"),
        nobodys,
    ]
    plain = [user, nobodys, Message("assistant", [PNG], provider="a")]
    assert leave_out_untaken(plain, there) is plain
    there.facts = None
    unknown = [made]
    assert leave_out_untaken(unknown, there) is unknown
