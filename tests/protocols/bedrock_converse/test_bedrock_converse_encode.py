"""Requests as bytes: messages, media, tools, structured output. Every body is held against AWS's own description."""

from __future__ import annotations

import base64
import json
import math

import pytest
from converse_answers import BASE, body_of, make_route, warned_body

from turnout.errors import InvalidInputError, InvalidModelError
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
from turnout.protocols.bedrock_converse import encode
from turnout.requests import ModelRequest, OutputSpec, ToolSpec

HI = Message.user("Hi")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
JPEG = b"\xff\xd8\xff" + bytes(8)
PDF = b"%PDF-1.4"
POINT = {"cachePoint": {"type": "default"}}
SEARCH = ToolSpec(name="search", description="Find it.", parameters={"properties": {"q": {"type": "string"}}})
CALL = ToolCall("c1", "search", {"q": "x"})
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def refused(*messages: Message, **fields: object) -> str:
    with pytest.raises(InvalidInputError) as caught:
        encode(ModelRequest(messages=list(messages), **fields), make_route())  # pyright: ignore[reportArgumentType]
    return str(caught.value)


def dropped(*messages: Message, **fields: object) -> tuple[object, list[str]]:
    body, warnings = warned_body(ModelRequest(messages=list(messages), **fields))  # pyright: ignore[reportArgumentType]
    return body["messages"], warnings


def test_a_plain_request() -> None:
    body = body_of(Message.system("Be brief."), HI)
    assert body == {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "system": [{"text": "Be brief."}],
    }


@pytest.mark.parametrize(
    ("model", "segment"),
    [
        ("us.amazon.nova-micro-v1:0", "us.amazon.nova-micro-v1%3A0"),
        (
            "arn:aws:bedrock:us-east-1:1:prompt-router/a/b",
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprompt-router%2Fa%2Fb",
        ),
    ],
)
def test_the_url_names_the_model_and_the_method(model, segment) -> None:
    encoded = encode(ModelRequest(messages=[HI]), make_route(model))
    assert encoded.url == f"{BASE}/model/{segment}/converse"
    assert encoded.headers["accept"] == "application/json"
    encoded = encode(ModelRequest(messages=[HI], stream=True), make_route(model))
    assert encoded.url == f"{BASE}/model/{segment}/converse-stream"
    assert encoded.headers["accept"] == "application/vnd.amazon.eventstream"


@pytest.mark.parametrize("model", ["", ".", ".."])
def test_a_model_that_leads_out_of_its_place_is_refused(model) -> None:
    with pytest.raises(InvalidModelError, match="cannot be part of a URL"):
        encode(ModelRequest(messages=[HI]), make_route(model))


def test_messages_of_one_role_become_one() -> None:
    body = body_of(
        HI,
        Message.user("there"),
        Message.assistant("Yes?"),
        Message.assistant("I hear."),
        Message.user("Good."),
    )
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "Hi"}, {"text": "there"}]},
        {"role": "assistant", "content": [{"text": "Yes?"}, {"text": "I hear."}]},
        {"role": "user", "content": [{"text": "Good."}]},
    ]


def test_a_conversation_with_tools() -> None:
    body = body_of(
        HI,
        Message.assistant("Let me see.", CALL, ToolCall("c 2", "search", {}, "{broken")),
        Message.tool("c1", "found"),
        Message.tool("c 2", " ", is_error=True),
        Message.user("Go on."),
        tools=(SEARCH,),
    )
    said, answered = body["messages"][1:]
    other = said["content"][2]["toolUse"]["toolUseId"]
    assert other.startswith("call_")
    assert said["content"] == [
        {"text": "Let me see."},
        {"toolUse": {"toolUseId": "c1", "name": "search", "input": {"q": "x"}}},
        {"toolUse": {"toolUseId": other, "name": "search", "input": {"INVALID_JSON": "{broken"}}},
    ]
    assert answered["content"] == [
        {"toolResult": {"toolUseId": "c1", "content": [{"text": "found"}]}},
        {"toolResult": {"toolUseId": other, "content": [{"text": "(empty)"}], "status": "error"}},
        {"text": "Go on."},
    ]
    assert body["toolConfig"] == {
        "tools": [
            {
                "toolSpec": {
                    "name": "search",
                    "description": "Find it.",
                    "inputSchema": {"json": {"type": "object", "properties": {"q": {"type": "string"}}}},
                }
            }
        ]
    }


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        ("auto", {"auto": {}}),
        ("required", {"any": {}}),
        ("search", {"tool": {"name": "search"}}),
    ],
)
def test_tool_choices(choice, written) -> None:
    tool = ToolSpec(
        name="search", parameters={"$defs": {"a": {"type": "string"}}, "properties": {"q": {"$ref": "#/$defs/a"}}}
    )
    request = ModelRequest(messages=[HI], tools=(tool,), tool_choice=choice)
    encoded = encode(request, make_route(takes_refs=False))
    config = json.loads(encoded.body)["toolConfig"]
    assert config["toolChoice"] == written
    assert config["tools"][0]["toolSpec"]["inputSchema"]["json"]["properties"] == {"q": {"type": "string"}}
    assert "description" not in config["tools"][0]["toolSpec"]
    assert encoded.added == (frozenset() if choice == "auto" else {"tool_choice"})


def test_without_calls_no_tool_is_offered_where_none_may_be_called() -> None:
    assert "toolConfig" not in body_of(HI, tools=(SEARCH,), tool_choice="none")


def test_with_calls_the_tools_are_told_though_none_may_be_called() -> None:
    messages = [HI, Message.assistant(CALL), Message.tool("c1", "found")]
    body, warnings = warned_body(ModelRequest(messages=messages, tools=(SEARCH,), tool_choice="none"))
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["search"]
    assert "toolChoice" not in body["toolConfig"]
    assert warnings[0].startswith('dropped_setting: `tool_choice` "none" was left out')


def test_with_calls_and_no_tools_the_names_that_were_called_are_told() -> None:
    body = body_of(HI, Message.assistant(CALL), Message.tool("c1", "found"))
    spec = {"name": "search", "inputSchema": {"json": {"type": "object"}}}
    assert body["toolConfig"] == {"tools": [{"toolSpec": spec}]}


def test_the_records_of_bedrocks_own_tools_go_back_unchanged_and_need_no_tools() -> None:
    record = {"toolUse": {"toolUseId": "t", "name": "nova_code_interpreter", "input": {}, "type": "server_tool_use"}}
    result = {"toolResult": {"toolUseId": "t", "content": [{"json": {"a": 1}}], "type": "x"}}
    said = Message.assistant(ServerTool("nova_code_interpreter", record), ServerTool("nova_code_interpreter", result))
    body = body_of(HI, said, HI)
    assert body["messages"][1]["content"] == [record, result]
    assert "toolConfig" not in body


def test_what_another_wire_made_does_not_go_back() -> None:
    foreign = ServerTool("web_search_call", {"type": "web_search_call", "id": "x"})
    messages, warnings = dropped(HI, Message.assistant("Hm.", foreign, Image(data=PNG)), HI)
    assert messages[1] == {"role": "assistant", "content": [{"text": "Hm."}]}  # pyright: ignore[reportIndexIssue]
    assert [warning.partition(":")[0] for warning in warnings] == ["dropped_part", "dropped_part"]


def test_reasoning_goes_back_to_its_owner_alone_and_as_it_came() -> None:
    signed = {"reasoningText": {"text": "Hm.", "signature": "s"}}
    redacted = {"redactedContent": "AAAA"}
    body = body_of(
        HI,
        Message.assistant(
            Reasoning("Hm.", [signed], "p"),
            Reasoning("", [redacted], None),
            Reasoning("Theirs.", [signed], "q"),
            Reasoning("Unsigned."),
            Reasoning("Odd.", [{"type": "thinking"}], "p"),
            "So.",
            Refusal("No."),
        ),
        HI,
    )
    assert body["messages"][1]["content"] == [
        {"reasoningContent": signed},
        {"reasoningContent": redacted},
        {"text": "So."},
        {"text": "No."},
    ]


def test_citations_go_back_to_their_owner() -> None:
    cited = {"title": "T", "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 3}}}
    text = Text("So it is.", citations=[cited, {"type": "url_citation"}])
    block = {"citationsContent": {"content": [{"text": "So it is."}], "citations": [cited]}}
    assert body_of(HI, Message.assistant(text), HI)["messages"][1]["content"] == [block]
    foreign = Message("assistant", [text], provider="q")
    assert body_of(HI, foreign, HI)["messages"][1]["content"] == [{"text": "So it is."}]


def test_blank_texts_do_not_go_out() -> None:
    body = body_of(Message.system(" "), Message.user("Hi", "\n"), Message.assistant(" "), Message.user("Ho"))
    assert body == {"messages": [{"role": "user", "content": [{"text": "Hi"}, {"text": "Ho"}]}]}
    assert "messages[0]: the message is empty" in refused(Message.user(" "))
    assert "nothing but instructions" in refused(Message.system("Be brief."))
    assert "messages is empty" in refused()


def test_an_answer_to_go_on_with_has_no_blanks_at_its_end() -> None:
    assert body_of(HI, Message.assistant("So: "))["messages"][1]["content"] == [{"text": "So:"}]
    last = body_of(HI, Message.assistant(Reasoning("", [{"redactedContent": "AAAA"}])))["messages"][1]["content"]
    assert last == [{"reasoningContent": {"redactedContent": "AAAA"}}]


def test_a_late_instruction_moves_or_stays_where_it_is_asked_to() -> None:
    body, warnings = warned_body(ModelRequest(messages=[HI, Message.system("Be brief.")]))
    assert body["system"] == [{"text": "Be brief."}]
    assert warnings[0].startswith("moved_message: messages[1]")
    stays = Message("system", [Text("Be brief.")], provider_options={"p": {"role": "system"}})
    assert body_of(HI, stays)["messages"][1] == {"role": "system", "content": [{"text": "Be brief."}]}


def test_images_films_sound_and_documents() -> None:
    body = body_of(
        Message.user(
            "What is this?",
            Image(data=PNG),
            Image(url=f"data:image/jpeg;base64,{b64(JPEG)}"),
            Image(url="s3://bucket-1/cat.jpg"),
            Video(url="s3://bucket-1/film", media_type="video/3gpp"),
            Video(data=b"\x1aE\xdf\xa3" + bytes(8)),
            Audio(data=b"RIFF\x00\x00\x00\x00WAVE"),
            File(data=PDF, name="my_report (1).pdf"),
            File(data=PDF, name="my report (1).pdf"),
            File(data=b"a,b", media_type="text/csv"),
            File(data=b"x = 1", media_type="text/x-python"),
            File(data=JPEG),
            File(url="s3://bucket-1/report.docx", name="r.docx"),
        )
    )
    place = {"s3Location": {"uri": "s3://bucket-1/cat.jpg"}}
    assert body["messages"][0]["content"][1:] == [
        {"image": {"format": "png", "source": {"bytes": b64(PNG)}}},
        {"image": {"format": "jpeg", "source": {"bytes": b64(JPEG)}}},
        {"image": {"format": "jpeg", "source": place}},
        {"video": {"format": "three_gp", "source": {"s3Location": {"uri": "s3://bucket-1/film"}}}},
        {"video": {"format": "webm", "source": {"bytes": b64(b"\x1aE\xdf\xa3" + bytes(8))}}},
        {"audio": {"format": "wav", "source": {"bytes": b64(b"RIFF\x00\x00\x00\x00WAVE")}}},
        {"document": {"format": "pdf", "source": {"bytes": b64(PDF)}, "name": "my report (1)"}},
        {"document": {"format": "pdf", "source": {"bytes": b64(PDF)}, "name": "my report (1) 2"}},
        {"document": {"format": "csv", "source": {"bytes": b64(b"a,b")}, "name": "Document 3"}},
        {"document": {"format": "txt", "source": {"bytes": b64(b"x = 1")}, "name": "Document 4"}},
        {"image": {"format": "jpeg", "source": {"bytes": b64(JPEG)}}},
        {"document": {"format": "docx", "source": {"s3Location": {"uri": "s3://bucket-1/report.docx"}}, "name": "r"}},
    ]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Image(url="https://example.com/cat.png"), "carries no Image by URL but s3://"),
        (Image(url="s3://[bucket/cat"), "the URL does not show its type"),
        (Image(url="s3://bucket-1/cat"), "the URL does not show its type"),
        (Image(data=b"BM" + bytes(10)), "carries no image/bmp: convert it to one of png, jpeg, gif, webp"),
        (Image(path="cat.png"), "was not read"),
        (CALL, "a ToolCall cannot be part of this message"),
        (ServerTool("x", {"type": "x"}), "a ServerTool cannot be part of this message"),
    ],
)
def test_what_the_wire_cannot_carry_is_refused_with_its_place(part, told) -> None:
    message = refused(Message.user("Hi", part))
    assert message.startswith("messages[0].content[1]: ")
    assert told in message


def test_parts_in_messages_where_they_have_no_place_are_refused() -> None:
    result = ToolResult("c1", "found")
    assert "a system message holds text only" in refused(Message.system("a", Image(data=PNG)))
    assert "use `Message.tool(…)`" in refused(Message.assistant(result))
    assert "a tool message holds ToolResult parts and no others" in refused(Message("tool", [Text("a")]))
    assert "messages[0].role is 'x'" in refused(Message("x", []))  # pyright: ignore[reportArgumentType]


def test_who_speaks_is_told_to_be_left_out() -> None:
    messages, warnings = dropped(Message("user", [Text("Hi")], name="Ann"))
    assert messages == [{"role": "user", "content": [{"text": "Hi"}]}]
    assert warnings == ["dropped_part: messages[0]: the name of who speaks was left out: bedrock_converse has no names"]


def test_cache_points_and_guarded_content_of_parts_and_messages() -> None:
    guarded = {"guardContent": {"text": {"qualifiers": ["query"]}}}
    body = body_of(
        Message("system", [Text("Be brief.", {"p": POINT})]),
        Message(
            "system", [Text("Be kind."), ServerTool("cachePoint", POINT)], provider_options={"bedrock_converse": POINT}
        ),
        Message(
            "user",
            [
                Text("Hi", {"*": guarded}),
                Image(data=PNG, provider_options={"p": {"guardContent": {}}}),
                File(data=PDF, provider_options={"p": {"document": {"citations": {"enabled": True}}, **POINT}}),
                ServerTool("guardContent", {"guardContent": {"text": {"text": "a"}}}),
                Text("\n", {"p": POINT}),
            ],
            provider_options={"p": POINT, "q": {"x": 1}},
        ),
        Message.assistant(ToolCall("c1", "search", {}, provider_options={"p": POINT}), ServerTool("c", POINT)),
        Message("tool", [ToolResult("c1", "a", provider_options={"p": {"toolResult": {"content": [{"json": {}}]}}})]),
    )
    assert body["system"] == [{"text": "Be brief."}, POINT, {"text": "Be kind."}, POINT, POINT]
    assert body["messages"][0]["content"] == [
        {"guardContent": {"text": {"text": "Hi", "qualifiers": ["query"]}}},
        {"guardContent": {"image": {"format": "png", "source": {"bytes": b64(PNG)}}}},
        {
            "document": {
                "format": "pdf",
                "source": {"bytes": b64(PDF)},
                "name": "Document 1",
                "citations": {"enabled": True},
            }
        },
        POINT,
        {"guardContent": {"text": {"text": "a"}}},
        {"text": "\n"},
        POINT,
        POINT,
    ]
    assert body["messages"][1]["content"][1:] == [POINT, POINT]
    assert body["messages"][2]["content"] == [{"toolResult": {"toolUseId": "c1", "content": [{"json": {}}]}}]


def test_fields_of_a_message_go_with_it() -> None:
    request = ModelRequest(messages=[HI, Message("user", [], provider_options={"p": {"content": [{"text": "a"}]}}), HI])
    body = json.loads(encode(request, make_route()).body)
    assert [message["content"] for message in body["messages"]] == [[{"text": "Hi"}], [{"text": "a"}, {"text": "Hi"}]]
    request = ModelRequest(messages=[HI, Message("user", [Text("a")], provider_options={"p": {"x": 1}}), HI])
    assert len(json.loads(encode(request, make_route()).body)["messages"]) == 3


def test_odd_options_of_messages_are_the_servers_to_refuse() -> None:
    odd = Message("assistant", [], provider_options={"p": {"content": "x"}})
    record = Message.assistant(ServerTool("x", {"toolUse": {"input": 1}}))
    body = json.loads(encode(ModelRequest(messages=[HI, odd, record, odd]), make_route()).body)
    assert [message["content"] for message in body["messages"][1:]] == ["x", [{"toolUse": {"input": 1}}], "x"]
    assert "toolConfig" not in body


def test_options_of_the_request_are_merged_in_last_and_tools_are_added() -> None:
    options = {
        "*": {"requestMetadata": {"a": "1"}},
        "bedrock_converse": {"performanceConfig": {"latency": "optimized"}, "requestMetadata": {"a": "2"}},
        "p": {
            "stream": False,
            "additionalModelRequestFields": {"top_k": 20},
            "guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "DRAFT"},
            "toolConfig": {
                "tools": [
                    {"toolSpec": {"name": "search", "strict": True}},
                    {"toolSpec": {"name": "other", "inputSchema": {"json": {}}}},
                    {"systemTool": {"name": "nova_grounding"}},
                    POINT,
                ]
            },
        },
        "q": {"x": 1},
    }
    body = body_of(HI, tools=(SEARCH,), provider_options=options)
    assert body["requestMetadata"] == {"a": "2"}
    assert body["performanceConfig"] == {"latency": "optimized"}
    assert body["additionalModelRequestFields"] == {"top_k": 20}
    tools = body["toolConfig"]["tools"]
    assert [next(iter(tool)) for tool in tools] == ["toolSpec", "toolSpec", "systemTool", "cachePoint"]
    assert tools[0]["toolSpec"]["strict"] is True
    assert tools[0]["toolSpec"]["description"] == "Find it."
    alone = body_of(HI, provider_options={"p": {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}})
    assert alone["toolConfig"] == {"tools": [{"systemTool": {"name": "nova_grounding"}}]}
    odd = encode(
        ModelRequest(messages=[HI], tools=(SEARCH,), provider_options={"p": {"toolConfig": {"tools": ["x"]}}}),
        make_route(),
    )
    assert json.loads(odd.body)["toolConfig"]["tools"][1] == "x"


def test_options_that_no_request_can_have_are_refused() -> None:
    assert "stream: cannot be set here" in refused(HI, provider_options={"p": {"stream": True}})
    assert "provider_options.x: nan" in refused(HI, provider_options={"p": {"x": math.nan}})
    assert "surrogate" in refused(Message.user("\ud800"))
    assert "arguments of `search`" in refused(HI, Message.assistant(ToolCall("c", "search", {"q": math.inf})))
    assert "parameters of the tool `t`" in refused(HI, tools=(ToolSpec(name="t", parameters={"x": math.nan}),))


def test_what_the_writer_refuses_and_the_check_does_not_find_is_raised_as_it_is(monkeypatch) -> None:
    def refuse(_: object) -> bytes:
        raise UnicodeEncodeError("utf-8", "x", 0, 1, "boom")

    monkeypatch.setattr("msgspec.json.encode", refuse)
    with pytest.raises(UnicodeEncodeError):
        encode(ModelRequest(messages=[HI]), make_route())


def test_structured_output_is_a_text_format() -> None:
    output = OutputSpec(schema=SCHEMA, name="thing", description="A thing.", mode="json_schema")
    encoded = encode(ModelRequest(messages=[HI], output=output), make_route())
    held = json.loads(encoded.body)["outputConfig"]["textFormat"]
    assert held["type"] == "json_schema"
    schema = json.loads(held["structure"]["jsonSchema"].pop("schema"))
    assert held["structure"]["jsonSchema"] == {"name": "thing", "description": "A thing."}
    assert schema == {
        "type": "object",
        "properties": {"a": {"type": "integer", "description": "minimum: 1"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert encoded.translated == {"outputConfig", "response_format"}
    body = body_of(HI, output=OutputSpec(schema=SCHEMA, mode="json_schema"), route=make_route(takes_refs=False))
    assert body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["name"] == "response"


@pytest.mark.parametrize(
    ("output", "dropped_fields"),
    [
        (OutputSpec(schema={"type": "object"}, mode="json_schema"), frozenset[str]()),  # free keys
        (OutputSpec(schema=SCHEMA, mode="json_schema"), frozenset({"outputConfig"})),
        (OutputSpec(schema=SCHEMA, mode="json_object"), frozenset[str]()),
    ],
)
def test_output_that_the_wire_cannot_hold_to_is_asked_for_in_the_prompt(output, dropped_fields) -> None:
    encoded = encode(ModelRequest(messages=[HI], output=output), make_route(), dropped_fields)
    assert b"outputConfig" not in encoded.body
    assert [warning.code for warning in encoded.warnings] == ["prompted_output"]
    assert (b"JSON" in encoded.body) == (output.mode == "json_schema")
