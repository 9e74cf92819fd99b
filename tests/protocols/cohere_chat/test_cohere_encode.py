"""Requests as Cohere's wire has them."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cohere_wire import PNG, codes, make_route, send, send_raw

from turnout.catalog.types import ReasoningOption
from turnout.errors import InvalidInputError
from turnout.messages import File, Image, LocalPath, Message, Reasoning, Refusal, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols import json_values
from turnout.requests import OutputSpec, ToolSpec

HI = Message.user("Hi")
WEATHER = ToolSpec(name="weather", description="Tells it", parameters={"properties": {"city": {"type": "string"}}})


def messages(*given, **fields):
    return send(*given, **fields)["messages"]


def test_a_plain_message_is_all_that_is_sent():
    assert send(HI) == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    assert send(HI, stream=True)["stream"] is True
    assert send_raw(HI, stream=True).headers["accept"] == "text/event-stream"


def test_the_path_is_added_once():
    assert send_raw(HI).url == "http://127.0.0.1/v2/chat"
    assert send_raw(HI, route=make_route(base_url="http://h/v2/chat?k=1")).url == "http://h/v2/chat?k=1"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (Message("robot", [Text("x")]), "role is 'robot'"),  # type: ignore[arg-type]
        (Message("system", [Image(data=PNG)]), "a system message holds text only"),
        (Message("tool", [Text("x")]), "a tool message holds ToolResult parts"),
        (Message("tool", []), "a tool message holds ToolResult parts"),
        (Message("assistant", [ToolResult("1", "x")]), "a ToolResult in a message of the assistant"),
        (Message("user", [Text("x"), Reasoning("x")]), "a Reasoning cannot be part of this message"),
        (Message("user", [File(data=b"%PDF-1.4")]), "carries no File: send its text"),
        (Message("user", [Image(path=LocalPath("x.png"))]), "the file 'x.png' was not read"),
        (Message("user", [Text("x", {"p": {"y": float("nan")}})]), r"provider_options\['p'\].y: nan is no JSON number"),
        (Message.user("x\ud800"), "unpaired surrogate"),
        (Message.assistant(ToolCall("1", "f", {"n": float("inf")})), "arguments of `f`.n: inf"),
        (Message.assistant(Reasoning("x", [{"type": "thinking", "n": float("inf")}])), "inf"),
    ],
)
def test_what_the_wire_cannot_carry_is_refused_with_its_place(message, told):
    with pytest.raises(InvalidInputError, match=told):
        send_raw(message)


def test_text_that_is_no_text_is_never_sent_without_an_error(monkeypatch):
    monkeypatch.setattr(json_values, "check_value", lambda value, path: None)
    with pytest.raises(UnicodeEncodeError):
        send_raw(Message.user("x\ud800"))


def test_no_messages_at_all_are_refused():
    with pytest.raises(InvalidInputError, match="messages is empty"):
        send_raw()


def test_the_name_of_a_speaker_is_told_to_be_lost():
    assert codes(send_raw(Message("user", [Text("Hi")], name="Ann"))) == ["dropped_part"]


def test_parts_and_their_options():
    message = Message(
        "user",
        [
            Text("a", {"p": {"x": 1}}),
            Image(data=PNG),
            Image(url="https://h/a.png", provider_options={"*": {"image_url": {"detail": "low"}}}),
            Image(url="data:image/png;base64," + b64encode(PNG).decode()),
        ],
        provider_options={"p": {"k": 1}},
    )
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + b64encode(PNG).decode()}}
    assert messages(message) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a", "x": 1},
                inline,
                {"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "low"}},
                inline,
            ],
            "k": 1,
        }
    ]
    assert messages(Message("user", [])) == [{"role": "user", "content": ""}]


def test_a_turn_with_a_plan_calls_and_results():
    said = Message.assistant(
        Reasoning("hm", [{"type": "thinking"}], "p"),
        Reasoning("I will look", [{"type": "tool_plan"}], "p"),
        ToolCall("1", "f", {"a": 1}, provider_options={"p": {"x": 1}}),
        ToolCall("2", "g", {}, invalid_arguments="[1"),
    )
    results = Message("tool", [ToolResult("1", "A", provider_options={"p": {"y": 1}}), ToolResult("2", "B")])
    assert messages(
        said, results, Message("user", [ToolResult("3", "C")]), Message("user", [ToolResult("4", "D"), Text("e")])
    ) == [
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}],
            "tool_plan": "I will look",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}, "x": 1},
                {"id": "2", "type": "function", "function": {"name": "g", "arguments": "[1"}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "A", "y": 1},
        {"role": "tool", "tool_call_id": "2", "content": "B"},
        {"role": "tool", "tool_call_id": "3", "content": "C"},
        {"role": "tool", "tool_call_id": "4", "content": "D"},
        {"role": "user", "content": "e"},
    ]


def test_what_the_assistant_said():
    cited = {"start": 0, "end": 1, "sources": []}
    said = Message.assistant(
        Text("a", citations=[cited, {"url": "u"}]),
        Refusal("no"),
        Reasoning("theirs", [{"type": "thinking"}], "q"),
        Reasoning("untold"),
        Reasoning("of another wire", [{"type": "thinking", "signature": "s"}], "p"),
    )
    assert messages(said) == [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "no"}],
            "citations": [cited],
        }
    ]
    assert messages(Message.assistant("a")) == [{"role": "assistant", "content": "a"}]
    assert messages(Message("assistant", [])) == [{"role": "assistant", "content": ""}]


def test_what_the_assistant_made_is_told_to_be_lost():
    encoded = send_raw(Message.assistant(ServerTool("x", {}), Image(data=PNG), "a"))
    assert codes(encoded) == ["dropped_part", "dropped_part"]


def test_tools_and_the_choice_of_one():
    other = ToolSpec(name="other")
    body = send(HI, tools=(WEATHER, other), tool_choice="weather")
    function = {
        "name": "weather",
        "description": "Tells it",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
    assert (body["tools"], body["tool_choice"]) == ([{"type": "function", "function": function}], "REQUIRED")
    assert len(send(HI, tools=(WEATHER, other), tool_choice="required")["tools"]) == 2
    assert send(HI, tools=(WEATHER,), tool_choice="none")["tool_choice"] == "NONE"
    assert "tool_choice" not in send(HI, tools=(WEATHER,), tool_choice="auto")
    with pytest.raises(InvalidInputError, match="parameters of the tool `t`"):
        send(HI, tools=(ToolSpec(name="t", parameters={"x": float("nan")}),))


def test_structured_output():
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}
    output = OutputSpec(schema=schema, mode="json_schema")
    assert send(HI, output=output)["response_format"] == {"type": "json_object", "json_schema": schema}
    placed = send(HI, output=output, route=make_route(takes_refs=False))["response_format"]["json_schema"]
    assert placed == {"type": "object", "properties": {"a": {"type": "string"}}}
    plain = OutputSpec(schema=schema, mode="json_object")
    assert send(HI, output=plain)["response_format"] == {"type": "json_object"}


def test_provider_options_win():
    body = send(
        HI, settings={"temperature": 1.0}, provider_options={"*": {"temperature": 0.5}, "p": {"documents": ["d"]}}
    )
    assert (body["temperature"], body["documents"]) == (0.5, ["d"])
    with pytest.raises(InvalidInputError, match=r"provider_options\['p'\].stream"):
        send(HI, provider_options={"p": {"stream": True}})
    with pytest.raises(InvalidInputError, match=r"provider_options\['p'\].x"):
        send(HI, provider_options={"p": {"x": object()}})


def test_tools_of_ones_own_are_added_to_those_of_the_request():
    own = {"type": "function", "function": {"name": "other"}}
    more = {"type": "function", "function": {"name": "weather", "strict": True}}
    told = send(HI, tools=[WEATHER], provider_options={"p": {"tools": [own, more]}})["tools"]
    assert [tool["function"]["name"] for tool in told] == ["weather", "other"]
    assert told[0]["function"]["strict"] is True
    assert told[0]["function"]["description"] == "Tells it"
    assert send(HI, provider_options={"p": {"tools": [own]}})["tools"] == [own]


def test_every_setting_has_its_field_or_a_warning():
    given = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "max_output_tokens": 100,
        "stop": ["a"],
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "top_logprobs": 3,
        "service_tier": "flex",
        "parallel_tool_calls": False,
    }
    encoded = send_raw(HI, settings=given, tools=(WEATHER,))
    assert codes(encoded) == ["dropped_setting"] * 3
    body = send(HI, settings=given)
    del body["messages"]
    assert body == {
        "model": "m",
        "temperature": 0.5,
        "p": 0.9,
        "k": 40,
        "max_tokens": 100,
        "stop_sequences": ["a"],
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
    }
    assert send(HI, settings={"logprobs": False, "top_logprobs": 2})["logprobs"] is False


def test_what_the_model_or_the_server_refuses_is_left_out():
    encoded = send_raw(HI, settings={"top_p": 0.5, "seed": 1}, route=make_route(facts={"supports_temperature": False}))
    assert (codes(encoded), b'"p"' in encoded.body) == (["dropped_setting"], False)
    encoded = send_raw(HI, settings={"seed": 1}, dropped=frozenset({"seed"}))
    assert (codes(encoded), b"seed" in encoded.body) == (["dropped_setting"], False)
    with pytest.raises(InvalidInputError, match="settings.temperature: nan"):
        send(HI, settings={"temperature": float("nan")})


def think(effort, **facts):
    encoded = send_raw(HI, settings={"reasoning_effort": effort}, route=make_route(facts=facts or None))
    body = send(HI, settings={"reasoning_effort": effort}, route=make_route(facts=facts or None))
    assert encoded.translated == ({"thinking"} if "thinking" in body else set())
    return body.get("thinking"), codes(encoded)


def test_thinking_is_turned_on_and_off_with_a_budget_where_one_is_known():
    budget = ReasoningOption(type="budget_tokens", min=1)
    assert think("none") == ({"type": "disabled"}, [])
    assert think("low") == ({"type": "enabled"}, ["clamped_setting"])
    assert think("high", supports_reasoning=True) == ({"type": "enabled"}, ["clamped_setting"])
    assert think("low", reasoning_options=(budget,)) == ({"type": "enabled"}, ["clamped_setting"])
    assert think("low", reasoning_options=(budget,), max_output=1000) == ({"type": "enabled", "token_budget": 200}, [])
    largest = ReasoningOption(type="budget_tokens", max=100)
    assert think("max", reasoning_options=(largest,)) == ({"type": "enabled", "token_budget": 100}, [])
    assert think("none", supports_reasoning=False) == (None, [])
    assert think("low", supports_reasoning=False) == (None, ["dropped_setting"])
