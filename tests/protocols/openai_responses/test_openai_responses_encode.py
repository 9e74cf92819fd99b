"""Requests as bodies: messages, parts, settings, tools, and what is left out with a warning."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from responses_streams import decoded, encoded, make_route, sent, text_item

from turnout.catalog.types import Model, ReasoningOption
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
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ToolSpec

PNG = b"\x89PNG\r\n\x1a\n0000"
PNG_URL = "data:image/png;base64,iVBORw0KGgowMDAw"
PDF = b"%PDF-1.4 x"
PDF_URL = "data:application/pdf;base64,JVBERi0xLjQgeA=="
PROPERTIES = {"a": {"type": "string"}}
TOOL = ToolSpec(name="look", description="Looks.", parameters={"type": "object", "properties": PROPERTIES})
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def items(*messages: Message, **options: Any) -> Any:
    return encoded(*messages, **options)["input"]


def codes(*messages: Message, **fields: Any) -> list[str]:
    return [warning.code for warning in sent(*messages, **fields).warnings]


# -- the frame --------------------------------------------------------------------------------------------------------


def test_a_plain_request_is_stateless_and_asks_for_encrypted_reasoning():
    request = sent(Message.user("Hi"))
    assert encoded(Message.user("Hi")) == {
        "model": "m",
        "input": [{"role": "user", "content": "Hi"}],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    assert request.added == {"store", "include"}
    assert request.headers == {"content-type": "application/json", "accept": "application/json"}
    assert request.url is None


def test_a_stream_is_asked_for():
    assert encoded(stream=True)["stream"] is True
    assert sent(stream=True).headers["accept"] == "text/event-stream"


@pytest.mark.parametrize(("reasons", "asked"), [(True, True), (None, True), (False, False)])
def test_encrypted_reasoning_is_asked_of_models_that_may_reason(reasons, asked):
    body = encoded(route=make_route(Model(id="p/m", supports_reasoning=reasons)))
    assert ("include" in body) is asked


def test_what_the_server_refused_is_not_sent_again():
    body = encoded(dropped=["store", "include"])
    assert not {"store", "include"} & body.keys()
    assert "store" not in encoded(route=make_route(rejected_fields=("store",)))


@pytest.mark.parametrize(
    "options",
    [{"store": True}, {"previous_response_id": "resp_1"}, {"conversation": "c"}, {"background": True, "store": True}],
)
def test_a_stateful_call_is_the_callers(options):
    body = encoded(provider_options={"p": options})
    assert body == {"model": "m", "input": [{"role": "user", "content": "Hi"}], **options}
    assert sent(provider_options={"p": options}).added == frozenset()


def test_a_call_that_says_that_nothing_is_stored_gets_encrypted_reasoning():
    body = encoded(provider_options={"p": {"store": False, "previous_response_id": "r"}})
    assert body["include"] == ["reasoning.encrypted_content"]


def test_options_are_merged_last_and_lists_of_tools_and_includes_are_joined():
    search = {"type": "web_search"}
    strict = {"type": "function", "name": "look", "strict": True}
    body = encoded(
        tools=(TOOL,),
        provider_options={
            "*": {"metadata": {"a": "1", "b": "1"}, "tools": ["odd"]},
            "p": {
                "metadata": {"b": "2"},
                "tools": [search, strict],
                "include": ["reasoning.encrypted_content", "web_search_call.action.sources"],
            },
            "q": {"metadata": {"c": "3"}},
        },
    )
    assert body["metadata"] == {"a": "1", "b": "2"}
    assert [tool.get("name", tool["type"]) for tool in body["tools"]] == ["look", "web_search"]
    assert body["tools"][0]["strict"] is True
    assert body["include"] == ["reasoning.encrypted_content", "web_search_call.action.sources"]
    assert encoded(tools=(TOOL,), provider_options={"p": {"tools": ["odd"]}})["tools"][1] == "odd"
    assert encoded(provider_options={"p": {"tools": [search]}})["tools"] == [search]


def test_stream_cannot_be_set_in_options():
    with pytest.raises(InvalidInputError, match="call `stream` for a stream"):
        encoded(provider_options={"p": {"stream": True}})
    assert encoded(stream=True, provider_options={"p": {"stream": True}})["stream"] is True


def test_values_that_json_lacks_are_named():
    with pytest.raises(InvalidInputError, match="metadata.a: nan is no JSON number"):
        encoded(provider_options={"p": {"metadata": {"a": float("nan")}}})
    with pytest.raises(InvalidInputError, match=r"request\.input\[0\]\.content: the text has an unpaired surrogate"):
        encoded(Message.user("\ud800"))
    with pytest.raises(InvalidInputError, match=r"settings\.temperature"):
        encoded(settings=ModelSettings(temperature=float("inf")))


# -- messages ---------------------------------------------------------------------------------------------------------


def test_system_messages_at_the_start_are_the_instructions_and_later_ones_are_items():
    body = encoded(Message.system("A", "b"), Message.system("C"), Message.user("Hi"), Message.system("D"))
    assert body["instructions"] == "Ab\n\nC"
    assert body["input"] == [{"role": "user", "content": "Hi"}, {"role": "system", "content": "D"}]


def test_with_the_quirk_all_system_messages_are_the_instructions():
    body = encoded(Message.user("Hi"), Message.system("D"), route=make_route(single_system_message=True))
    assert (body["instructions"], body["input"]) == ("D", [{"role": "user", "content": "Hi"}])


def test_a_system_message_with_fields_of_its_own_is_an_item():
    message = Message("system", [Text("A")], provider_options={"p": {"role": "developer"}})
    assert items(message) == [{"role": "developer", "content": "A"}]
    cached = Message.system(Text("A", {"p": {"prompt_cache_breakpoint": {}}}))
    part = {"type": "input_text", "text": "A", "prompt_cache_breakpoint": {}}
    assert items(cached) == [{"role": "system", "content": [part]}]


@pytest.mark.parametrize("place", [0, 1])
def test_a_system_message_holds_text_only(place):
    messages = [Message.user("Hi")] * place + [Message.system(Image(data=PNG))]
    with pytest.raises(InvalidInputError, match=rf"messages\[{place}\]: a system message holds text only"):
        encoded(*messages)


def test_there_must_be_messages_of_known_roles():
    from turnout.protocols.openai_responses import encode

    with pytest.raises(InvalidInputError, match="messages is empty"):
        encode(ModelRequest(messages=[]), make_route())
    role: Any = "critic"
    with pytest.raises(InvalidInputError, match=r"messages\[0\]\.role is 'critic'"):
        encoded(Message(role, [Text("x")]))


def test_parts_of_the_user():
    user = Message.user(
        "Look",
        Image(data=PNG),
        Image(url="https://x.y/a.png", provider_options={"p": {"detail": "low"}}),
        File(data=PDF, name="a.pdf"),
        File(data=PDF),
        File(url="https://x.y/b.pdf"),
        Image(url=PNG_URL),
    )
    assert items(user) == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look"},
                {"type": "input_image", "image_url": PNG_URL, "detail": "auto"},
                {"type": "input_image", "image_url": "https://x.y/a.png", "detail": "low"},
                {
                    "type": "input_file",
                    "filename": "a.pdf",
                    "file_data": PDF_URL,
                },
                {
                    "type": "input_file",
                    "filename": "file.pdf",
                    "file_data": PDF_URL,
                },
                {"type": "input_file", "file_url": "https://x.y/b.pdf"},
                {"type": "input_image", "image_url": PNG_URL, "detail": "auto"},
            ],
        }
    ]
    assert items(Message("user", [])) == [{"role": "user", "content": ""}]
    by_id = {"type": "input_image", "file_id": "file-1"}
    assert items(Message.user(ServerTool("input_image", by_id))) == [{"role": "user", "content": [by_id]}]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Audio(data=b"RIFF0000WAVE"), "carries no audio"),
        (Video(data=b"\x00\x00\x00\x18ftypmp42"), "carries no video"),
        (Image("cat.png"), "was not read"),
        (ToolCall("c", "f", {}), "a ToolCall cannot be part of this message"),
        (ServerTool("search", {"type": "other"}), "not of this wire format"),
    ],
)
def test_what_a_message_of_the_user_cannot_hold(part, told):
    with pytest.raises(InvalidInputError, match=rf"messages\[0\]\.content\[1\].*{told}"):
        encoded(Message.user("x", part))


def test_names_of_speakers_are_left_out_with_a_warning():
    message = Message("user", [Text("Hi")], name="Ann")
    assert items(message) == [{"role": "user", "content": "Hi"}]
    assert codes(message) == ["dropped_part"]


def test_fields_of_a_message_are_merged_into_its_items():
    message = Message("user", [Text("Hi")], provider_options={"*": {"a": 1}, "p": {"b": 2}, "q": {"c": 3}})
    assert items(message) == [{"role": "user", "content": "Hi", "a": 1, "b": 2}]


# -- what the assistant said and did ----------------------------------------------------------------------------------


def test_what_the_assistant_said_is_short_where_nothing_is_known_of_it():
    assert items(Message.assistant("A", "B")) == [{"role": "assistant", "content": "AB"}]
    assert items(Message("assistant", [])) == [{"role": "assistant", "content": ""}]


def test_a_refusal_goes_back_as_one():
    assert items(Message.assistant("A", Refusal("No."))) == [
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "A", "annotations": []},
                {"type": "refusal", "refusal": "No."},
            ],
        }
    ]


def test_text_with_fields_of_its_own_is_a_part():
    text = Text("A", {"p": {"cache": 1}}, [{"type": "url_citation", "url": "https://x.y"}])
    (item,) = items(Message.assistant(text))
    assert item["content"] == [{"type": "output_text", "text": "A", "annotations": [], "cache": 1}]


def test_an_item_of_this_provider_goes_back_with_its_id_its_phase_and_its_sources():
    first = {**text_item("A", annotations=[{"type": "url_citation", "url": "u"}]), "phase": "commentary"}
    second = {**text_item("B"), "id": "msg_2", "phase": "final_answer"}
    message = decoded(first, second).message
    assert items(message) == [first, second]
    assert items(message, route=make_route(provider="q")) == [{"role": "assistant", "content": "AB"}]


def test_an_item_that_was_cut_keeps_its_status():
    cut = {**text_item("A"), "status": "incomplete"}
    assert items(decoded(cut, status="incomplete").message) == [cut]


def test_reasoning_goes_back_to_its_provider_only():
    detail = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    foreign = {"type": "thinking", "signature": "s"}
    for provider, expected in (("p", [detail]), (None, [detail]), ("q", [])):
        message = Message.assistant(Reasoning("t", [detail, foreign], provider), "A")
        assert items(message) == [*expected, {"role": "assistant", "content": "A"}]
    assert items(Message.assistant(Reasoning("t"), "A")) == [{"role": "assistant", "content": "A"}]


def test_calls_and_results():
    messages = [
        Message.assistant("A", ToolCall("c1", "f", {"a": 1}), ToolCall("c2", "f", {}, "{broken")),
        Message.tool("c1", "R1"),
        Message.tool("c2", "R2", is_error=True),
    ]
    assert items(*messages) == [
        {"role": "assistant", "content": "A"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{broken"},
        {"type": "function_call_output", "call_id": "c1", "output": "R1"},
        {"type": "function_call_output", "call_id": "c2", "output": "R2"},
    ]
    both = Message("user", [ToolResult("c1", "R"), Text("and?")])
    assert items(both)[1] == {"role": "user", "content": "and?"}
    assert len(items(Message("user", [ToolResult("c1", "R")]))) == 1


def test_a_call_of_a_custom_tool_goes_back_as_one_and_so_does_its_result():
    call = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "run", "input": "ls"}
    message = decoded(call).message
    assert items(message, Message.tool("c1", "out")) == [
        call,
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "out"},
    ]
    odd = ToolCall("c1", "run", {"input": 3}, provider_options={"openai_responses": {"type": "custom_tool_call"}})
    assert items(Message.assistant(odd))[0]["input"] == ""


def test_what_a_tool_message_holds():
    record = {"type": "computer_call_output", "call_id": "c", "output": {}}
    assert items(Message("tool", [ToolResult("c", "R"), ServerTool("computer_call_output", record)]))[1] == record
    for content in ([], [Text("x")], [ToolResult("c", "R"), Text("x")]):
        with pytest.raises(InvalidInputError, match="a tool message holds ToolResult parts"):
            encoded(Message("tool", list(content)))
    with pytest.raises(InvalidInputError, match="a ToolResult in a message of the assistant"):
        encoded(Message("assistant", [ToolResult("c", "R")]))


def test_records_of_the_provider_go_back_and_those_of_other_wires_do_not():
    record = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert items(Message.assistant(ServerTool("web_search_call", record), "A"))[0] == record
    foreign = Message.assistant(ServerTool("python", {"type": "function"}), "A", Image(data=PNG))
    assert items(foreign) == [{"role": "assistant", "content": "A"}]
    assert codes(foreign) == ["dropped_part", "dropped_part"]


def test_a_picture_goes_back_as_the_record_that_it_was_made_of():
    record = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBORw0KGgowMDAw"}
    message = decoded(record).message
    assert [part.data for part in message.content if isinstance(part, Image)] == [PNG]
    assert items(message) == [record]
    assert codes(message) == []


# -- settings ---------------------------------------------------------------------------------------------------------


def test_settings_that_the_wire_has():
    settings = ModelSettings(
        temperature=0.5, top_p=0.9, max_output_tokens=50, service_tier="flex", reasoning_effort="low", top_logprobs=2
    )
    body = encoded(settings=settings)
    assert body["include"] == ["message.output_text.logprobs", "reasoning.encrypted_content"]
    given = {name: body[name] for name in body.keys() - {"model", "input", "include", "store"}}
    assert given == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 50,
        "service_tier": "flex",
        "reasoning": {"effort": "low"},
        "top_logprobs": 2,
    }
    assert sent(settings=settings).translated == {"service_tier", "reasoning", "top_logprobs"}


def test_settings_that_the_wire_lacks_are_left_out_with_a_warning():
    settings = ModelSettings(top_k=1, stop=["x"], seed=1, presence_penalty=0.1, frequency_penalty=0.1)
    assert encoded(settings=settings) == encoded()
    assert codes(settings=settings) == ["dropped_setting"] * 5


def test_settings_that_the_model_or_the_server_does_not_take():
    facts = Model(id="p/m", supports_temperature=False)
    assert "temperature" not in encoded(route=make_route(facts), settings=ModelSettings(temperature=1))
    assert codes(route=make_route(facts), settings=ModelSettings(temperature=1, top_p=1)) == ["dropped_setting"] * 2
    settings = ModelSettings(service_tier="flex", max_output_tokens=5)
    assert "service_tier" not in encoded(dropped=["service_tier"], settings=settings)
    assert codes(dropped=["service_tier"], settings=settings) == ["dropped_setting"]


@pytest.mark.parametrize(
    ("settings", "asks"),
    [({"logprobs": True}, True), ({"logprobs": False}, False), ({"logprobs": False, "top_logprobs": 2}, False)],
)
def test_log_probabilities(settings, asks):
    body = encoded(settings=ModelSettings(**settings), provider_options={"p": {"store": True}})
    assert ("include" in body) is asks
    assert "top_logprobs" not in body


def test_parallel_calls_are_said_with_tools_only():
    settings = ModelSettings(parallel_tool_calls=False)
    assert "parallel_tool_calls" not in encoded(settings=settings)
    assert encoded(settings=settings, tools=(TOOL,))["parallel_tool_calls"] is False
    assert "parallel_tool_calls" in sent(settings=settings, tools=(TOOL,)).added


def test_an_effort_is_fitted_to_the_model():
    facts = Model(id="p/m", reasoning_options=(ReasoningOption(type="effort", values=("low", "high")),))
    body = encoded(route=make_route(facts), settings=ModelSettings(reasoning_effort="max"))
    assert body["reasoning"] == {"effort": "high"}
    assert codes(route=make_route(facts), settings=ModelSettings(reasoning_effort="max")) == ["clamped_setting"]
    switch = Model(id="p/m", reasoning_options=(ReasoningOption(type="toggle"),))
    body = encoded(route=make_route(switch, thinking_field="thinking"), settings=ModelSettings(reasoning_effort="high"))
    assert body["thinking"] == {"type": "enabled"}


# -- tools and output -------------------------------------------------------------------------------------------------


def test_tools_and_choices():
    body = encoded(tools=(TOOL, ToolSpec(name="bare", parameters={})), tool_choice="look")
    assert body["tools"] == [
        {"type": "function", "name": "look", "description": "Looks.", "parameters": TOOL.parameters, "strict": False},
        {"type": "function", "name": "bare", "parameters": {"type": "object", "properties": {}}, "strict": False},
    ]
    assert body["tool_choice"] == {"type": "function", "name": "look"}
    assert encoded(tools=(TOOL,), tool_choice="required")["tool_choice"] == "required"
    assert "strict" not in encoded(tools=(TOOL,), route=make_route(takes_strict=False))["tools"][0]
    assert sent(tools=(TOOL,), tool_choice="none").translated == {"tools", "tool_choice"}


def test_structured_output():
    output = OutputSpec(schema=SCHEMA, name="thing", description="A thing.", mode="json_schema")
    strict = {**SCHEMA, "additionalProperties": False}
    held = {"type": "json_schema", "name": "thing", "description": "A thing."}
    assert encoded(output=output)["text"] == {"format": {**held, "schema": strict, "strict": True}}
    loose = encoded(output=output, route=make_route(takes_strict=False))
    assert loose["text"] == {"format": {**held, "schema": SCHEMA}}
    assert encoded(output=OutputSpec(schema=SCHEMA, mode="json_object"))["text"] == {"format": {"type": "json_object"}}
    bare = encoded(output=OutputSpec(schema=SCHEMA, mode="json_schema"))["text"]["format"]
    assert "description" not in bare


def test_references_are_put_in_their_places_where_the_provider_needs_it():
    schema = {"$defs": {"A": {"type": "string"}}, "type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}
    tool = ToolSpec(name="t", parameters=schema)
    (written,) = encoded(tools=(tool,), route=make_route(takes_refs=False))["tools"]
    assert written["parameters"]["properties"] == {"a": {"type": "string"}}


def test_a_format_in_the_options_replaces_the_other_and_verbosity_stands_beside_it():
    output = OutputSpec(schema=SCHEMA, mode="json_schema")
    body = encoded(output=output, provider_options={"p": {"text": {"verbosity": "low"}}})
    assert body["text"]["verbosity"] == "low"
    assert body["text"]["format"]["name"] == "response"
    own = {"type": "json_schema", "name": "n", "schema": {}}
    body = encoded(output=output, provider_options={"p": {"text": {"format": own}}})
    assert body["text"] == {"format": own}


def test_a_format_that_the_server_refused_is_left_out_with_a_warning():
    output = OutputSpec(schema=SCHEMA, mode="json_schema")
    assert "text" not in encoded(output=output, dropped=["text"])
    assert codes(output=output, dropped=["text"]) == ["dropped_setting"]


def test_a_failure_of_the_encoder_that_is_not_about_text_is_not_hidden(monkeypatch):
    def fail(_):
        raise UnicodeEncodeError("utf-8", "x", 0, 1, "boom")

    monkeypatch.setattr(msgspec.json, "encode", fail)
    with pytest.raises(UnicodeEncodeError):
        encoded()
