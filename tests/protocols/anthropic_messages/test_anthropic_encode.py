"""Messages, tools, output and places as this wire has them."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from anthropic_wire import ask, codes, encode_all, encode_body, make_route

from turnout.errors import InvalidInputError
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
)
from turnout.protocols import json_values
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ToolSpec

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
PDF = b"%PDF-1.7"
OWN = {"anthropic_messages@p": {"caller": 1}}
CACHE = {"cache_control": {"type": "ephemeral"}}
TOOL = ToolSpec(
    name="look", description="Look.", parameters={"type": "object", "properties": {"x": {"type": "string"}}}
)


def content_of(*parts: object, role: str = "user", provider: str | None = None):
    message = Message(role, list(parts), provider=provider)
    return encode_body([Message.user("Hi"), message])["messages"][1]["content"]


def test_a_text_is_the_least_that_the_wire_must_have():
    encoded = encode_all("Hi")
    assert json.loads(encoded.body) == {
        "model": "m",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    assert encoded.headers == {
        "content-type": "application/json", "accept": "application/json", "anthropic-version": "2023-06-01",
    }  # fmt: skip
    assert (encoded.url, encoded.warnings) == (None, ())


def test_a_stream_is_asked_for_in_the_body_and_in_the_header():
    encoded = encode_all(ask(stream=True))
    assert json.loads(encoded.body)["stream"] is True
    assert encoded.headers["accept"] == "text/event-stream"


def test_system_messages_become_one_prompt():
    assert encode_body([Message.system("Be brief."), Message.user("Hi")])["system"] == "Be brief."
    encoded = encode_all([
        Message("system", [Text("A", {"p": CACHE})]), Message.user("Hi"),
        Message("system", [Text("B"), Text(" ")], provider_options={"*": CACHE}),
    ])  # fmt: skip
    body = json.loads(encoded.body)
    assert body["system"] == [{"type": "text", "text": "A", **CACHE}, {"type": "text", "text": "B", **CACHE}]
    assert codes(encoded) == ["moved_message"]


def test_a_system_message_that_says_so_stays_in_its_place():
    own = Message("system", [Text("Now in French.")], provider_options={"p": {"role": "system"}})
    encoded = encode_all([Message.user("Hi"), own])
    assert json.loads(encoded.body)["messages"][1] == {"role": "system", "content": "Now in French."}
    assert encoded.warnings == ()


def test_every_part_of_a_user():
    assert content_of(
        Text("See", {"anthropic_messages": CACHE}), Text("\n"), Image(data=PNG), Image(url="https://h/a.png"),
        File(data=PDF, name="r.pdf"), File(url="https://h/r.pdf"), File(data=b"a,b", media_type="text/csv"),
        File(data=PNG), ServerTool("container_upload", {"type": "container_upload", "file_id": "f"}),
    ) == [
        {"type": "text", "text": "See", **CACHE},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64encode(PNG).decode()}},
        {"type": "image", "source": {"type": "url", "url": "https://h/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": b64encode(PDF).decode()},
            "title": "r.pdf",
        },
        {"type": "document", "source": {"type": "url", "url": "https://h/r.pdf"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64encode(PNG).decode()}},
        {"type": "container_upload", "file_id": "f"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Audio(data=b"RIFF\0\0\0\0WAVE"), "carries no Audio"),
        (Image(data=b"II*\0" + bytes(20)), "JPEG, PNG, GIF and WebP"),
        (File(data=b"PK\x03\x04", media_type="application/zip"), "carries no application/zip"),
        (File(data=b"\xff\xfe\xfd", media_type="text/plain"), "not UTF-8"),
        (Image(path=LocalPath("cat.png")), "was not read"),
        (ToolCall("c", "f", {}), "cannot be part of this message"),
        (ServerTool("x", {}), "cannot be part of this message"),
    ],
)
def test_what_the_wire_cannot_carry_is_an_error_that_names_the_place(part, told):
    with pytest.raises(InvalidInputError, match=r"^messages\[1\]\.content\[0\].*" + told):
        content_of(part)


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([], "messages is empty"),
        ([Message.system("Be brief.")], "nothing but instructions"),
        ([Message.user("\n")], "the message is empty"),
        ([Message("robot", [Text("Hi")])], "role is 'robot'"),  # pyright: ignore[reportArgumentType]
        ([Message("system", [Image(url="https://h/a.png")])], "a system message holds text only"),
        ([Message("tool", [Text("Hi")])], "a tool message holds ToolResult parts"),
        ([Message("assistant", [ToolResult("c", "x")])], "a ToolResult in a message of the assistant"),
        ([Message.user("\ud800")], "unpaired surrogate"),
    ],
)
def test_messages_that_cannot_be_sent(messages, told):
    with pytest.raises(InvalidInputError, match=told):
        encode_body(messages)


def test_an_answer_goes_back_with_what_its_provider_wants_back():
    thought = {"type": "thinking", "thinking": "Hm", "signature": "s"}
    record = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    cited = {"type": "web_search_result_location", "url": "https://h"}
    parts = [
        Reasoning("Hm", [thought], "p"), Reasoning("Other", [thought], "q"), Reasoning("None"),
        Reasoning("Foreign", [{"type": "reasoning.text"}, "x"], "p"),
        Text("Yes", citations=[cited, {"type": "url_citation"}]), Text(""), Refusal("No"),
        ServerTool("web_search", record), ToolCall("c 1", "f", {"x": 1}, provider_options=OWN),
        ToolCall("c2", "f", {}, "{broken"),
    ]  # fmt: skip
    written = content_of(*parts, role="assistant", provider="p")
    assert written[:4] == [
        thought, {"type": "text", "text": "Yes", "citations": [cited]}, {"type": "text", "text": "No"}, record,
    ]  # fmt: skip
    assert written[4]["id"].startswith("call_")
    assert (written[4]["input"], written[4]["caller"]) == ({"x": 1}, 1)
    assert written[5] == {"type": "tool_use", "id": "c2", "name": "f", "input": {"INVALID_JSON": "{broken"}}


def test_what_an_assistant_cannot_send_back_is_a_warning():
    parts = [Text("Hi"), Image(url="https://h/a.png"), ServerTool("w", {"type": "web_search_call"})]
    encoded = encode_all([Message("assistant", parts), Message("user", [Text("Go on")], name="Ann")])
    assert codes(encoded) == ["dropped_part", "dropped_part", "dropped_part"]
    assert [message["content"] for message in json.loads(encoded.body)["messages"]] == ["Hi", "Go on"]


def test_citations_of_another_provider_stay_behind():
    cited = {"type": "char_location"}
    assert content_of(Text("Yes", citations=[cited]), role="assistant", provider="q") == "Yes"


def test_an_answer_without_anything_is_left_out_and_one_to_go_on_with_ends_in_no_blank():
    messages = [Message.user("Hi"), Message.assistant(" "), Message.user("Say"), Message.assistant("It is ")]
    assert [each["content"] for each in encode_body(messages)["messages"]] == ["Hi", "Say", "It is"]
    assert encode_body([Message.user("Hi"), Message("assistant", [ToolCall("c", "f", {})])])["messages"][1]["content"]
    own = Message("assistant", [], provider_options={"p": {"content": []}})
    assert encode_body([Message.user("Hi"), own])["messages"][1] == {"role": "assistant", "content": []}


def test_results_of_tools_and_what_the_user_says_then_are_one_message():
    calls = Message("assistant", [ToolCall("a", "f", {}), ToolCall("functions.f:0", "f", {})])
    body = encode_body([
        Message.user("Hi"), calls, Message.tool("a", "1"), Message.tool("functions.f:0", "bad", is_error=True),
        Message("user", [Text("And?")], provider_options={}), Message.user("Well?"),
    ])  # fmt: skip
    odd = body["messages"][1]["content"][1]["id"]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "1"},
        {"type": "tool_result", "tool_use_id": odd, "content": "bad", "is_error": True},
        {"type": "text", "text": "And?"},
    ]
    assert body["messages"][3] == {"role": "user", "content": "Well?"}


def test_options_of_a_message_are_merged_in_and_a_cache_mark_goes_to_its_last_block():
    message = Message("user", [Text("A"), Text("B")], provider_options={"p": {**CACHE, "extra": 1}})
    assert encode_body(message)["messages"][0] == {
        "role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B", **CACHE}], "extra": 1,
    }  # fmt: skip
    result = Message("tool", [ToolResult("c", "1", provider_options={"p": CACHE})])
    assert encode_body(result)["messages"][0]["content"][0]["cache_control"] == CACHE["cache_control"]
    assert "system" not in encode_body(
        [Message("system", [Text("")], provider_options={"p": CACHE}), Message.user("Hi")]
    )


@pytest.mark.parametrize("record", [{"id": "c1"}, {"id": 7}])
def test_the_container_of_a_turn_goes_on_with_it_and_not_into_the_next(record):
    answer = Message("assistant", [ToolCall("a", "f", {}), ServerTool("container", record)])
    going_on = encode_body([Message.user("Hi"), answer, Message.tool("a", "1")])
    assert going_on.get("container") == ("c1" if record["id"] == "c1" else None)
    assert "container" not in encode_body(
        [Message.user("Hi"), answer, Message.tool("a", "1"), Message.assistant("x"), Message.user("y")]
    )
    assert encode_body([Message.user("Hi"), answer]).get("container") == going_on.get("container")


@pytest.mark.parametrize(
    ("choice", "parallel", "written"),
    [
        (None, None, None),
        ("auto", None, {"type": "auto"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ("look", True, {"type": "tool", "name": "look", "disable_parallel_tool_use": False}),
        ("none", False, {"type": "none"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, None),
    ],
)
def test_tools_and_how_they_are_chosen(choice, parallel, written):
    settings = ModelSettings(parallel_tool_calls=parallel)
    request = ModelRequest(messages=[Message.user("Hi")], tools=(TOOL,), tool_choice=choice, settings=settings)
    body = encode_body(request)
    assert body["tools"] == [{"name": "look", "description": "Look.", "input_schema": TOOL.parameters}]
    assert body.get("tool_choice") == written


def test_tools_are_written_as_the_place_takes_them():
    reference = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "integer"}}}
    request = ModelRequest(
        messages=[Message.user("Hi")], tools=(ToolSpec(name="f", parameters=reference),), tool_choice="auto"
    )
    encoded = encode_all(request, make_route(quirks={"takes_refs": False, "rejected_fields": ("tool_choice",)}))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert json.loads(encoded.body)["tools"] == [{"name": "f", "input_schema": schema}]
    assert "tool_choice" not in json.loads(encoded.body)
    assert encoded.translated == {"tools"}


def test_options_add_the_tools_of_the_provider_and_fields_to_ones_own():
    search = {"type": "web_search_20250305", "name": "web_search"}
    tools = [{"name": "look", **CACHE}, search, "odd"]
    request = ModelRequest(messages=[Message.user("Hi")], tools=(TOOL,), provider_options={"p": {"tools": tools}})
    written = encode_body(request)["tools"]
    assert written[0] == {"name": "look", "description": "Look.", "input_schema": TOOL.parameters, **CACHE}
    assert written[1:] == [search, "odd"]
    assert encode_body(ask(options={"tools": [search]}))["tools"] == [search]


CLOSED = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}


def ask_for(schema, mode="json_schema", **fields):
    return ModelRequest(messages=[Message.user("Hi")], output=OutputSpec(schema=schema, mode=mode), **fields)


def test_structured_output_is_a_closed_schema():
    encoded = encode_all(ask_for(CLOSED))
    assert json.loads(encoded.body)["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {"n": {"type": "integer", "description": "minimum: 1"}},
            "required": ["n"],
            "additionalProperties": False,
        },
    }
    assert (encoded.translated, encoded.warnings) == ({"output_config", "response_format"}, ())


def test_the_rest_of_a_schema_that_structured_output_knows():
    definitions = {
        "A": {"type": "string", "format": "email"},
        "B": {"type": "string", "format": "odd", "description": "B"},
    }
    schema = {
        "type": ["object", "null"], "additionalProperties": False, "$defs": definitions,
        "properties": {
            "a": {"$ref": "#/$defs/A"}, "b": {"oneOf": [{"$ref": "#/$defs/B"}, {"const": 1}]},
            "c": {"type": "array", "items": {"enum": [1]}, "minItems": 1, "maxItems": 2},
        },
    }  # fmt: skip
    written = encode_body(ask_for(schema))["output_config"]["format"]["schema"]
    assert written["properties"]["b"] == {"anyOf": [{"$ref": "#/$defs/B"}, {"const": 1}]}
    assert written["properties"]["c"]["description"] == "maxItems: 2"
    assert written["properties"]["c"]["minItems"] == 1
    assert written["$defs"]["A"] == definitions["A"]
    assert written["$defs"]["B"] == {"type": "string", "description": 'B (format: "odd")'}
    inlined = encode_body(ask_for(schema), make_route(quirks={"takes_refs": False}))
    assert inlined["output_config"]["format"]["schema"]["properties"]["a"] == definitions["A"]


DEEP: dict = {"type": "string"}
for _ in range(150):
    DEEP = {"type": "array", "items": DEEP}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"x": {}}},
        {"type": "object", "properties": {"x": True}},
        {"type": "object", "properties": {"x": {"type": "integer"}}, "additionalProperties": True},
        {"type": "object", "properties": {"x": {"type": "object", "patternProperties": {"a": {}}}}},
        DEEP,
    ],
)
def test_a_schema_that_cannot_be_held_to_is_asked_for_in_the_prompt(schema):
    encoded = encode_all(ask_for(schema))
    body = json.loads(encoded.body)
    assert "output_config" not in body
    assert "Answer with JSON" in body["system"]
    assert codes(encoded) == ["prompted_output"]


def test_json_mode_and_a_server_without_output_config_leave_it_to_the_prompt():
    encoded = encode_all(ask_for(CLOSED, "json_object"))
    assert "output_config" not in json.loads(encoded.body)
    assert codes(encoded) == ["prompted_output"]
    refused = encode_all(ask_for(CLOSED), make_route(quirks={"rejected_fields": ("output_config",)}))
    assert "Answer with JSON" in json.loads(refused.body)["system"]


def test_options_win_and_some_are_no_fields():
    encoded = encode_all(ask(options={"metadata": {"user_id": "u"}, "max_tokens": 9, "anthropic_beta": ["a", "b"]}))
    body = json.loads(encoded.body)
    assert (body["metadata"], body["max_tokens"]) == ({"user_id": "u"}, 9)
    assert "anthropic_beta" not in body
    assert encoded.joined_headers["anthropic-beta"] == "a,b"
    with pytest.raises(InvalidInputError, match="cannot be set here"):
        encode_all(ask(options={"stream": True}))
    assert "stream" not in encode_body(ask(options={"stream": False}))
    with pytest.raises(InvalidInputError, match="no JSON number"):
        encode_all(ask(options={"x": float("nan")}))


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("https://h/anthropic?k=1", "https://h/anthropic/v1/messages?k=1"),
        ("https://h/zen/v1", None),
    ],
)
def test_a_base_url_without_the_version_gets_it(base_url, url):
    assert encode_all("Hi", make_route(base_url=base_url)).url == url


@pytest.mark.parametrize("end", ["", "/publishers/anthropic", "/publishers/anthropic/models"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_on_vertex_the_model_is_in_the_url(end, is_stream):
    base = "https://eu-aiplatform.googleapis.com/v1/projects/x/locations/eu"
    encoded = encode_all(ask(stream=is_stream), make_route("vertex_anthropic", base + end, model="claude@1"))
    verb = "streamRawPredict" if is_stream else "rawPredict"
    assert encoded.url == f"{base}/publishers/anthropic/models/claude@1:{verb}"
    body = json.loads(encoded.body)
    assert body.get("stream", False) is is_stream
    assert (body["anthropic_version"], "model" in body) == ("vertex-2023-10-16", False)
    assert "anthropic-version" not in encoded.headers


def test_on_bedrock_the_model_is_in_the_url_and_betas_in_the_body():
    route = make_route("bedrock_anthropic", "https://b", model="us.claude-1:0/x", headers={"anthropic-beta": "b, c"})
    whole, streamed = encode_all(ask(options={"anthropic_beta": "a"}), route), encode_all(ask(stream=True), route)
    assert whole.url == "https://b/model/us.claude-1:0%2Fx/invoke"
    assert streamed.url == "https://b/model/us.claude-1:0%2Fx/invoke-with-response-stream"
    body = json.loads(whole.body)
    assert (body["anthropic_version"], body["anthropic_beta"]) == ("bedrock-2023-05-31", ["a", "b", "c"])
    assert "stream" not in json.loads(streamed.body)
    assert "anthropic_beta" not in encode_body("Hi", make_route("bedrock_anthropic", "https://b"))
    with pytest.raises(InvalidInputError, match="cannot be part of a URL"):
        encode_all("Hi", make_route("bedrock_anthropic", "https://b", model=".."))


def test_the_variants_are_the_same_functions():
    from turnout.protocols import bedrock_anthropic, find_protocol, vertex_anthropic

    assert find_protocol("vertex_anthropic") is vertex_anthropic
    assert bedrock_anthropic.encode is vertex_anthropic.encode


def test_what_json_cannot_hold_is_an_error_wherever_it_stands(monkeypatch):
    request = ModelRequest(messages=[Message.user("Hi")], tools=(ToolSpec(name="f", description="\ud800"),))
    with pytest.raises(InvalidInputError, match=r"request\.tools\[0\]\.description"):
        encode_all(request)
    monkeypatch.setattr(json_values, "check_value", lambda *_: None)
    with pytest.raises(UnicodeEncodeError):
        encode_all(request)


def test_a_tool_of_the_client_may_have_any_name():
    body = encode_body(
        ModelRequest(
            messages=[Message.user("Hi")],
            tools=(ToolSpec(name="f"),),
            provider_options={"p": {"tools": [{"name": ["f"]}, {"name": "f", "cache_control": {"type": "ephemeral"}}]}},
        )
    )
    assert body["tools"][0]["cache_control"] == {"type": "ephemeral"}
    assert body["tools"][1:] == [{"name": ["f"]}]
