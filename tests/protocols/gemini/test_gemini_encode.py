"""Requests as Gemini's wire has them."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from gemini_answers import PNG, codes, make_route, send, send_raw

from turnout.catalog.types import ReasoningOption
from turnout.errors import InvalidInputError, InvalidModelError
from turnout.messages import (
    Audio,
    File,
    Image,
    LocalPath,
    Message,
    Reasoning,
    Refusal,
    ServerTool,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from turnout.protocols import json_values
from turnout.protocols.gemini.outgoing import SKIP_SIGNATURE
from turnout.protocols.tool_calls import make_call_id
from turnout.requests import OutputSpec, ToolSpec

HI = Message.user("Hi")
WEATHER = ToolSpec(name="weather", description="Tells it", parameters={"properties": {"city": {"type": "string"}}})
LEVELS = {"reasoning_options": (ReasoningOption(type="effort", values=("low", "high")),), "supports_reasoning": True}


def contents(*messages: Message, **fields):
    return send(*messages, **fields)["contents"]


def test_a_plain_message_is_all_that_is_sent():
    assert send(HI) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "http://127.0.0.1/v1beta/models/m:generateContent"),
        ({"model": "tunedModels/mine-1"}, "http://127.0.0.1/v1beta/tunedModels/mine-1:generateContent"),
        ({"model": "a b?c#d"}, "http://127.0.0.1/v1beta/models/a%20b%3Fc%23d:generateContent"),
        ({"base_url": "http://h/v1?k=1"}, "http://h/v1/models/m:generateContent?k=1"),
        ({"vertex": True, "base_url": "http://h/v1"}, "http://h/v1/publishers/google/models/m:generateContent"),
        (
            {"vertex": True, "base_url": "http://h/v1/publishers/google"},
            "http://h/v1/publishers/google/models/m:generateContent",
        ),
        (
            {"vertex": True, "base_url": "http://h/v1", "model": "endpoints/12"},
            "http://h/v1/endpoints/12:generateContent",
        ),
    ],
)
def test_the_url_names_the_model(options, url):
    assert send_raw(HI, route=make_route(**options)).url == url


def test_a_stream_has_its_own_method_and_asks_for_events():
    encoded = send_raw(HI, stream=True)
    assert encoded.url == "http://127.0.0.1/v1beta/models/m:streamGenerateContent?alt=sse"
    assert encoded.headers == {"content-type": "application/json", "accept": "text/event-stream"}
    assert send_raw(HI, stream=True, route=make_route(base_url="http://h/v1?k=1")).url.endswith("?k=1&alt=sse")
    assert send_raw(HI).headers["accept"] == "application/json"


@pytest.mark.parametrize("model", ["../x", "a//b", "models/..", "", "./m"])
def test_a_model_that_leads_out_of_its_place_is_refused(model):
    with pytest.raises(InvalidModelError, match="cannot be part of a URL"):
        send_raw(HI, route=make_route(model=model))


def test_all_that_instructs_becomes_one_instruction():
    system = Message("system", [Text("A", {"p": {"x": 1}}), Text("B")], provider_options={"*": {"role": "user"}})
    body = send(system, HI, Message.system("C"))
    assert body["systemInstruction"] == {"role": "user", "parts": [{"text": "A", "x": 1}, {"text": "B"}, {"text": "C"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hi"}]}]


def test_an_instruction_alone_gets_the_content_that_the_wire_asks_for():
    assert contents(Message.system("Tell a joke")) == [{"role": "user", "parts": [{"text": ""}]}]


def test_an_empty_message_of_the_user_is_empty_text_and_one_of_the_assistant_is_nothing():
    assert contents(Message("user", []), Message("assistant", []), HI) == [
        {"role": "user", "parts": [{"text": ""}]},
        {"role": "user", "parts": [{"text": "Hi"}]},
    ]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (Message("system", [Image(data=PNG)]), "a system message holds text only"),
        (Message("robot", [Text("x")]), "role is 'robot'"),  # type: ignore[arg-type]
        (Message("tool", [Text("x")]), "a tool message holds ToolResult parts"),
        (Message("tool", []), "a tool message holds ToolResult parts"),
        (Message("assistant", [ToolResult("1", "x", "f")]), "a ToolResult in a message of the assistant"),
        (Message("user", [Reasoning("x")]), "a Reasoning cannot be part of this message"),
        (Message("user", [ToolCall("1", "f", {})]), "a ToolCall cannot be part of this message"),
        (Message.tool("1", "x"), "no call before has the id '1'"),
        (Message("user", [Text("x", {"p": {"y": float("nan")}})]), r"provider_options\['p'\].y: nan is no JSON number"),
        (Message.user("x\ud800"), "unpaired surrogate"),
        (Message.assistant(ToolCall("1", "f", {"n": float("inf")})), "arguments of `f`.n: inf"),
        (Message.assistant(ServerTool("toolCall", {"toolCall": float("inf")})), "data.toolCall: inf"),
        (Message.assistant(Reasoning("x", [{"thought": float("inf")}])), "details.thought: inf"),
        (Message("user", [Image(path=LocalPath("x.png"))]), "the file 'x.png' was not read"),
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
    encoded = send_raw(Message("user", [Text("Hi")], name="Ann"))
    assert codes(encoded) == ["dropped_part"]


def test_options_of_messages_and_parts_are_merged_into_them():
    message = Message(
        "user", [Text("a", {"*": {"x": 1}, "p": {"y": 2}, "q": {"z": 3}})], provider_options={"p": {"k": 1}}
    )
    assert contents(message) == [{"role": "user", "parts": [{"text": "a", "x": 1, "y": 2}], "k": 1}]


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (Image(data=PNG), {"inlineData": {"mimeType": "image/png", "data": b64encode(PNG).decode()}}),
        (File(data=b"%PDF-1.4", name="a.pdf"), {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjQ="}}),
        (File(url="data:text/plain;base64,aGk="), {"inlineData": {"mimeType": "text/plain", "data": "aGk="}}),
        (Image(url="https://h/a.PNG?x=1"), {"fileData": {"fileUri": "https://h/a.PNG?x=1", "mimeType": "image/png"}}),
        (Video(url="https://youtu.be/x"), {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}}),
        (File(url="gs://b/f", media_type="text/csv"), {"fileData": {"fileUri": "gs://b/f", "mimeType": "text/csv"}}),
        (Audio(url="https://h/sound"), {"fileData": {"fileUri": "https://h/sound"}}),
        (Image(url="https://[::1/a.png#x"), {"fileData": {"fileUri": "https://[::1/a.png#x", "mimeType": "image/png"}}),
    ],
)
def test_media_go_by_value_or_by_uri(part, written):
    assert contents(Message("user", [part])) == [{"role": "user", "parts": [written]}]


def test_vertex_ai_is_told_names_and_types_of_files():
    route = make_route(vertex=True)
    [content] = contents(Message("user", [File(data=b"%PDF-1.4", name="a.pdf")]), route=route)
    assert content["parts"][0]["inlineData"]["displayName"] == "a.pdf"
    with pytest.raises(InvalidInputError, match=r"pass `Audio\(url=…, media_type=…\)`"):
        send(Message("user", [Audio(url="https://h/sound")]), route=route)


def test_options_of_media_stand_beside_them():
    film = Video(url="https://youtu.be/x", provider_options={"p": {"videoMetadata": {"fps": 0.2}}})
    assert contents(Message("user", [film]))[0]["parts"][0]["videoMetadata"] == {"fps": 0.2}


def test_a_turn_with_calls_and_its_results_in_one_content():
    made = make_call_id()
    call = Message.assistant(
        Text("Let me see"),
        ToolCall("a", "weather", {"city": "Rome"}, provider_options={"p": {"thoughtSignature": "AA=="}}),
        ToolCall(made, "weather", {}),
    )
    results = [Message.tool("a", '{"t": 20}'), Message.tool(made, "no", name="weather", is_error=True)]
    assert contents(HI, call, *results, Message.user("And?"))[1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "Let me see"},
                {"functionCall": {"id": "a", "name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "AA=="},
                {"functionCall": {"name": "weather", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "a", "name": "weather", "response": {"t": 20}}},
                {"functionResponse": {"name": "weather", "response": {"error": "no"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "And?"}]},
    ]


@pytest.mark.parametrize(
    ("text", "response"),
    [
        ("20", {"output": "20"}),
        ("[1]", {"output": "[1]"}),
        ("{x", {"output": "{x"}),
        (' {"a":1}', {"a": 1}),
        ("", {"output": ""}),
    ],
)
def test_a_result_is_an_object_or_stands_in_one(text, response):
    [_, content] = contents(Message.assistant(ToolCall("1", "f", {})), Message.tool("1", text))
    assert content["parts"][0]["functionResponse"]["response"] == response


def test_results_may_stand_in_a_message_of_the_user():
    message = Message("user", [ToolResult("1", "x", "f"), Text("go on")])
    assert [list(part) for part in contents(message)[0]["parts"]] == [["functionResponse"], ["text"]]


def test_options_of_results_that_follow_each_other_join_them():
    calls = Message.assistant(ToolCall("1", "f", {}), ToolCall("2", "f", {}))
    second = Message("tool", [ToolResult("2", "b")], provider_options={"p": {"k": 1}})
    _, content = contents(calls, Message.tool("1", "a"), second)
    assert (len(content["parts"]), content["k"]) == (2, 1)


def test_ids_are_known_to_the_gemini_api_and_to_the_newer_vertex_ai_only():
    call = Message.assistant(ToolCall("1", "f", {}))
    places = {
        "gemini": make_route(),
        "v1": make_route(vertex=True),
        "v1beta1": make_route(vertex=True, base_url="http://h/v1beta1/projects/p"),
    }
    has_id = {
        name: "id" in contents(call, route=route)[0]["parts"][0]["functionCall"] for name, route in places.items()
    }
    assert has_id == {"gemini": True, "v1": False, "v1beta1": True}


def test_calls_of_another_model_are_marked_for_models_that_check_signatures():
    calls = Message.assistant(ToolCall("1", "f", {}), ToolCall("2", "f", {}))
    signed = Message.assistant(ToolCall("3", "f", {}, provider_options={"p": {"thoughtSignature": "AA=="}}))
    written = contents(calls, signed, route=make_route(facts=LEVELS))
    told = [part.get("thoughtSignature") for content in written for part in content["parts"]]
    assert told == [SKIP_SIGNATURE, None, "AA=="]
    assert "thoughtSignature" not in contents(calls, route=make_route(facts={}))[0]["parts"][0]


def test_a_call_whose_arguments_are_no_object_goes_in_one():
    call = ToolCall("1", "f", {}, invalid_arguments="[1")
    assert contents(Message.assistant(call))[0]["parts"][0]["functionCall"]["args"] == {"invalid_arguments": "[1"}


def test_thoughts_go_back_to_who_had_them_and_to_nobody_else():
    said = Message.assistant(
        Reasoning("mine", [{"thought": True, "thoughtSignature": "AA=="}], "p"),
        Reasoning("anybody's", [{"thought": True}]),
        Reasoning("theirs", [{"thought": True}], "q"),
        Reasoning("untold"),
        Reasoning("of another wire", [{"type": "reasoning.text"}], "p"),
        Reasoning("two", [{"thought": True}, {"thought": True}], "p"),
        Reasoning("", [{"thoughtSignature": "BB=="}], "p"),
        Refusal("I will not"),
    )
    assert contents(said)[0]["parts"] == [
        {"text": "mine", "thought": True, "thoughtSignature": "AA=="},
        {"text": "anybody's", "thought": True},
        {"text": "", "thoughtSignature": "BB=="},
        {"text": "I will not"},
    ]


def test_records_of_the_providers_tools_go_back_unchanged():
    code = {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "AA=="}
    said = Message.assistant(
        ServerTool("executableCode", code),
        ServerTool("groundingMetadata", {"groundingMetadata": {"webSearchQueries": ["x"]}}),
        ServerTool("web_search", {"type": "web_search_call"}),
    )
    encoded = send_raw(said)
    assert json.loads(encoded.body)["contents"][0]["parts"] == [code]
    assert [warning.message for warning in encoded.warnings] == [
        "messages[0].content[2]: the ServerTool `web_search` was left out: it is no part that gemini knows"
    ]


def test_tools_and_the_choice_of_one():
    body = send(HI, tools=(WEATHER,), tool_choice="weather")
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "Tells it",
                    "parametersJsonSchema": {"type": "object", "properties": {"city": {"type": "string"}}},
                }
            ]
        }
    ]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}}


@pytest.mark.parametrize(("choice", "mode"), [("auto", "AUTO"), ("required", "ANY"), ("none", "NONE")])
def test_choices_have_modes(choice, mode):
    assert send(HI, tools=(WEATHER,), tool_choice=choice)["toolConfig"] == {"functionCallingConfig": {"mode": mode}}
    assert "toolConfig" not in send(HI, tools=(WEATHER,))


def test_references_are_put_in_place_where_they_are_not_understood():
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}
    output = OutputSpec(schema=schema, mode="json_schema")
    kept = send(HI, output=output)["generationConfig"]
    assert kept == {"responseMimeType": "application/json", "responseJsonSchema": schema}
    placed = send(HI, output=output, route=make_route(takes_refs=False))["generationConfig"]["responseJsonSchema"]
    assert placed == {"type": "object", "properties": {"a": {"type": "string"}}}


def test_json_without_a_schema_is_a_type_alone():
    output = OutputSpec(schema={"type": "object"}, mode="json_object")
    assert send(HI, output=output)["generationConfig"] == {"responseMimeType": "application/json"}


def test_a_tool_whose_schema_is_no_json_is_refused():
    with pytest.raises(InvalidInputError, match=r"parameters of the tool `t`.x: nan"):
        send(HI, tools=(ToolSpec(name="t", parameters={"x": float("nan")}),))


def test_provider_options_win_and_their_tools_are_added():
    body = send(
        HI,
        tools=(WEATHER,),
        settings={"temperature": 1.0},
        provider_options={
            "*": {"labels": {"a": "1"}, "generationConfig": {"temperature": 0.5}},
            "p": {"tools": [{"googleSearch": {}}], "labels": {"b": "2"}, "safetySettings": []},
        },
    )
    assert [list(tool) for tool in body["tools"]] == [["functionDeclarations"], ["googleSearch"]]
    assert body["labels"] == {"a": "1", "b": "2"}
    assert (body["generationConfig"], body["safetySettings"]) == ({"temperature": 0.5}, [])
    assert send(HI, provider_options={"p": {"tools": [{"codeExecution": {}}]}})["tools"] == [{"codeExecution": {}}]
    with pytest.raises(InvalidInputError, match=r"provider_options\['p'\].x"):
        send(HI, provider_options={"p": {"x": object()}})
