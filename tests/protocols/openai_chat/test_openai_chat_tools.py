"""Tools and structured output on the wire, and the recorded exchanges that have them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import traffic
from chat_streams import make_route, stream_bytes

from turnout.messages import Message, ToolCall
from turnout.output import Output
from turnout.protocols.openai_chat import decode, encode
from turnout.requests import ModelRequest, OutputSpec, ToolSpec
from turnout.responses import ModelResponse
from turnout.tools import Tool, find_fault

PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NESTED = {
    "type": "object",
    "properties": {
        "left": {"$ref": "#/$defs/Place"},
        "right": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]},
    },
    "required": ["left"],
    "$defs": {"Place": PLACE},
}
TOOL = ToolSpec(name="find", description="Find it.", parameters=NESTED)


def body_of(request: ModelRequest, *dropped: str, **quirks: Any) -> dict[str, Any]:
    return json.loads(encode(request, make_route(**quirks), frozenset(dropped)).body)


def ask(**fields: Any) -> ModelRequest:
    return ModelRequest(messages=[Message.user("Go")], **fields)


def test_a_tool_is_a_function_with_its_schema() -> None:
    body = body_of(ask(tools=(TOOL, ToolSpec(name="now", parameters={}))))
    assert body["tools"][0] == {
        "type": "function",
        "function": {"name": "find", "description": "Find it.", "parameters": NESTED},
    }
    assert body["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert not {"tool_choice", "response_format"} & body.keys()


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("none", "none"),
        ("find", {"type": "function", "function": {"name": "find"}}),
    ],
)
def test_a_tool_choice(choice: str, written: object) -> None:
    assert body_of(ask(tools=(TOOL,), tool_choice=choice))["tool_choice"] == written
    assert "tool_choice" not in body_of(ask(tool_choice=choice))


def test_references_are_put_in_place_where_they_are_not_understood() -> None:
    output = OutputSpec(schema=NESTED, mode="json_schema")
    body = body_of(ask(tools=(TOOL,), output=output), takes_refs=False, takes_strict=False)
    for schema in (body["tools"][0]["function"]["parameters"], body["response_format"]["json_schema"]["schema"]):
        assert "$" not in json.dumps(schema)
        assert schema["properties"]["left"] == PLACE
        assert schema["properties"]["right"]["anyOf"][0] == PLACE


def test_strict_schemas_are_made_to_fit() -> None:
    output = OutputSpec(schema=NESTED, name="Pair", description="Two places.", mode="json_schema")
    held = body_of(ask(output=output))["response_format"]
    assert held["type"] == "json_schema"
    held = held["json_schema"]
    assert (held["name"], held["description"], held["strict"]) == ("Pair", "Two places.", True)
    assert held["schema"]["required"] == ["left", "right"]
    assert held["schema"]["additionalProperties"] is False
    assert held["schema"]["$defs"]["Place"]["additionalProperties"] is False
    assert NESTED["required"] == ["left"]  # the schema that was given stays as it is


def test_a_schema_that_cannot_be_strict_goes_as_it_is() -> None:
    free = {"type": "object", "additionalProperties": {"type": "integer"}}
    held = body_of(ask(output=OutputSpec(schema=free, mode="json_schema")))["response_format"]["json_schema"]
    assert held == {"name": "response", "schema": free}
    output = OutputSpec(schema=NESTED, mode="json_schema")
    held = body_of(ask(output=output), takes_strict=False)["response_format"]["json_schema"]
    assert held == {"name": "response", "schema": NESTED}


def test_json_mode() -> None:
    body = body_of(ask(output=OutputSpec(schema=NESTED, mode="json_object")))
    assert body["response_format"] == {"type": "json_object"}


def test_the_fields_may_be_refused_by_the_server_and_are_known() -> None:
    request = ask(tools=(TOOL,), tool_choice="required", output=OutputSpec(schema=NESTED, mode="json_object"))
    encoded = encode(request, make_route())
    assert {"tools", "tool_choice", "response_format"} <= encoded.translated
    options = {"p": {"tool_choice": "auto"}}
    encoded = encode(ask(tools=(TOOL,), tool_choice="required", provider_options=options), make_route())
    assert "tool_choice" not in encoded.translated  # it is the caller's own
    assert json.loads(encoded.body)["tool_choice"] == "auto"


# -- what real models answered -----------------------------------------------------------------------------------------

RECORDS = [
    record
    for record in traffic.load_records("openai_chat")
    if record["status"] == 200 and isinstance(record["request"], dict) and '"choices"' in record["body"]
]
WITH_TOOLS = [record for record in RECORDS if record["request"].get("tools")]
WITH_SCHEMA = [
    record for record in RECORDS if (record["request"].get("response_format") or {}).get("type") == "json_schema"
]


def read(record: dict[str, Any]) -> ModelResponse:
    if record["headers"].get("content-type", "").startswith("text/event-stream"):
        return stream_bytes([record["body"].encode()])[1]
    return decode(record["body"].encode(), make_route())


def find_faults(record: dict[str, Any]) -> list[str]:
    """Return what is wrong with the tool calls of an answer, by the tools that were offered."""
    offered = [each["function"] for each in record["request"]["tools"] if "function" in each]
    tools = {
        each["name"]: Tool(lambda: None, name=each["name"], parameters=each.get("parameters") or {"type": "object"})
        for each in offered
    }
    found = [find_fault(call, tools) for call in read(record).tool_calls]
    return [fault.content for fault in found if fault is not None]


@traffic.parametrize(WITH_TOOLS)
def test_every_recorded_call_fits_the_tool_that_was_offered(record: dict[str, Any]) -> None:
    assert find_faults(record) == []


SAID_TWICE = "test_structured_output_with_tools/strict/openai_gpt_4o_completions/async_stream.yaml"
"""The model wrote the same object twice, a line each, which is no JSON: the first is taken."""


@traffic.parametrize(WITH_SCHEMA)
def test_every_recorded_output_is_read_as_json_reads_it(record: dict[str, Any]) -> None:
    text = read(record).text
    if not text:
        assert read(record).tool_calls or read(record).refusal
        return
    expected = json.loads(text.splitlines()[0] if record["source"].endswith(SAID_TWICE) else text)
    schema = record["request"]["response_format"]["json_schema"]["schema"]
    assert Output[Any](schema).parse(text) == expected


@pytest.mark.skipif(not RECORDS, reason=f"no recorded traffic: {traffic.FOLDER} is absent")
def test_so_many_calls_and_outputs_were_recorded() -> None:
    calls: list[ToolCall] = [call for record in WITH_TOOLS for call in read(record).tool_calls]
    assert (len(WITH_TOOLS), len(calls)) == (223, 156)
    assert (len(WITH_SCHEMA), sum(bool(read(record).text) for record in WITH_SCHEMA)) == (44, 27)
