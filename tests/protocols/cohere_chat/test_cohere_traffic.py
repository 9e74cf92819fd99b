"""Every recorded exchange decodes to what a plain reading of its JSON says, and its request is written as it was."""

from __future__ import annotations

import json
from typing import Any

import traffic
from cohere_wire import make_route

from turnout.protocols.cohere_chat import decode, encode, parse_request
from turnout.usage import Usage

RECORDS = traffic.load_records("cohere_chat")
REASONS = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "TOOL_CALL": "tool_calls", "MAX_TOKENS": "length"}


@traffic.parametrize([record for record in RECORDS if record["status"] == 200])
def test_a_recorded_answer_is_what_a_plain_reading_says(record):
    body = json.loads(record["body"])
    response = decode(record["body"].encode(), make_route())
    message, used, tokens = body["message"], body["usage"]["tokens"], body["usage"]["billed_units"]
    assert response.text == "".join([part["text"] for part in message.get("content", [])])
    assert response.reasoning == message.get("tool_plan", "")
    calls = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls", [])
    ]
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == calls
    assert response.usage == Usage(
        input_tokens=tokens["input_tokens"],
        output_tokens=tokens["output_tokens"],
        total_tokens=tokens["input_tokens"] + tokens["output_tokens"],
        cached_input_tokens=None if used != tokens else body["usage"].get("cached_tokens"),
    )
    assert (response.finish_reason, response.id, response.warnings) == (REASONS[body["finish_reason"]], body["id"], [])


def simplify(body: dict[str, Any]) -> dict[str, Any]:
    """Write a recorded body as turnout does; each line is a difference, and has its reason."""
    made = json.loads(json.dumps(body))
    if made.get("stream") is False:
        del made["stream"]  # that is what no `stream` says
    for tool in made.get("tools", []):
        parameters = tool["function"]["parameters"]
        tool["function"]["parameters"] = {"type": "object", "properties": {}, **parameters}
    return made


@traffic.parametrize(RECORDS)
def test_a_recorded_request_comes_out_as_it_went_in(record):
    route = make_route(base_url=f"https://{record['host']}/v2")
    route.model = record["request"]["model"]
    encoded = encode(parse_request(json.dumps(record["request"]).encode(), provider="p").request, route)
    assert json.loads(encoded.body) == simplify(record["request"])
    assert (encoded.url, encoded.warnings) == (f"https://{record['host']}{record['path']}", ())
