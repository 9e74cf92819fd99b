"""Every recorded answer is what a plain reading of its JSON says, every recorded request comes out as it went in."""

from __future__ import annotations

import json
from typing import Any

import pytest
import traffic
from anthropic_wire import cut_up, make_route, stream_bytes

from turnout.adaptation.plan import adapt
from turnout.chunks import ReasoningDelta, ServerToolChunk, TextDelta, ToolCallDelta, ToolCallEnd, UsageChunk
from turnout.errors import AuthenticationError, NotFoundError
from turnout.messages import Reasoning, ServerTool, Text
from turnout.protocols.anthropic_messages import decode, decode_error, encode, parse_request
from turnout.usage import Usage

RECORDS = traffic.load_records("anthropic_messages")
FAILURES = {401: AuthenticationError, 404: NotFoundError}
REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


def is_stream(record: dict[str, Any]) -> bool:
    return record["headers"].get("content-type", "").startswith("text/event-stream")


WHOLE = [record for record in RECORDS if record["status"] == 200 and not is_stream(record)]
STREAMS = [record for record in RECORDS if record["status"] == 200 and is_stream(record)]


def read_whole(record: dict[str, Any]) -> dict[str, Any]:
    """Return a whole answer as JSON: that of the record, or the one that its events come to."""
    if not is_stream(record):
        return json.loads(record["body"])
    message: dict[str, Any] = {}
    written: dict[int, str] = {}
    for line in record["body"].splitlines():
        event = json.loads(line[5:]) if line.startswith("data:") else {"type": "ping"}
        if event["type"] == "message_start":
            message = event["message"]
        elif event["type"] == "content_block_start":
            message["content"].append(event["content_block"])
        elif event["type"] == "content_block_delta":
            block, delta = message["content"][event["index"]], event["delta"]
            if delta["type"] == "input_json_delta":
                written[event["index"]] = written.get(event["index"], "") + delta["partial_json"]
            elif delta["type"] == "citations_delta":
                block["citations"] = [*(block.get("citations") or []), delta["citation"]]
            else:
                name = delta["type"].removesuffix("_delta")
                block[name] += delta[name]
        elif event["type"] == "message_delta":
            message |= event["delta"]
            message["usage"] |= event["usage"]
    for index, text in written.items():
        if text:
            message["content"][index]["input"] = json.loads(text)
    return message


def read_plainly(message: dict[str, Any]) -> dict[str, Any]:
    """Read an answer with nothing but its JSON: the reference."""
    blocks, usage = message["content"], message["usage"]
    read, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    given = usage["input_tokens"] + read + written
    thoughts = (usage.get("output_tokens_details") or {}).get("thinking_tokens")
    own = ("text", "thinking", "redacted_thinking", "tool_use")
    return {
        "text": "".join(block["text"] for block in blocks if block["type"] == "text"),
        "citations": [block["citations"] for block in blocks if block["type"] == "text" and block.get("citations")],
        "thoughts": [block for block in blocks if block["type"].endswith("thinking")],
        "reasoning": "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        "calls": [(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"],
        "tools": [block for block in blocks if block["type"] not in own],
        "container": message.get("container"),
        "reason": REASONS[message["stop_reason"]],
        "usage": Usage(
            input_tokens=given,
            output_tokens=usage["output_tokens"],
            total_tokens=given + usage["output_tokens"],
            cached_input_tokens=read,
            cache_write_tokens=written,
            cache_write_1h_tokens=(usage.get("cache_creation") or {}).get("ephemeral_1h_input_tokens"),
            reasoning_tokens=thoughts,
        ),
        "warned": ["unpriced_use"] if (usage.get("server_tool_use") or {}).get("web_search_requests") else [],
    }


def describe(response: Any) -> dict[str, Any]:
    parts = response.message.content
    records = [part for part in parts if isinstance(part, ServerTool)]
    thoughts = [part for part in parts if isinstance(part, Reasoning)]
    assert all(part.provider == "p" for part in thoughts)
    return {
        "text": response.text,
        "citations": [part.citations for part in parts if isinstance(part, Text) and part.citations],
        "thoughts": [detail for part in thoughts for detail in part.details or []],
        "reasoning": response.reasoning,
        "calls": [(call.id, call.name, call.arguments) for call in response.tool_calls],
        "tools": [part.data for part in records if part.name != "container"],
        "container": next((part.data for part in records if part.name == "container"), None),
        "reason": response.finish_reason,
        "usage": response.usage,
        "warned": [warning.code for warning in response.warnings],
    }


def describe_chunks(chunks: list[Any]) -> dict[str, Any]:
    ends = [chunk.call for chunk in chunks if isinstance(chunk, ToolCallEnd)]
    for call in ends:
        written = "".join([chunk.text for chunk in chunks if isinstance(chunk, ToolCallDelta) and chunk.id == call.id])
        assert json.loads(written or "{}") == call.arguments
    return {
        "text": "".join([chunk.text for chunk in chunks if isinstance(chunk, TextDelta)]),
        "reasoning": "".join([chunk.text for chunk in chunks if isinstance(chunk, ReasoningDelta)]),
        "calls": [(call.id, call.name, call.arguments) for call in ends],
        "tools": [chunk.data for chunk in chunks if isinstance(chunk, ServerToolChunk)],
        "usage": next((chunk.usage for chunk in chunks if isinstance(chunk, UsageChunk)), Usage()),
    }


@traffic.parametrize(WHOLE)
def test_a_recorded_whole_answer_is_what_a_plain_reading_says(record):
    response = decode(record["body"].encode(), make_route())
    body = json.loads(record["body"])
    assert describe(response) == read_plainly(body)
    assert (response.id, response.model, response.raw_finish_reason) == (body["id"], body["model"], body["stop_reason"])
    assert response.raw == record["body"].encode()


@traffic.parametrize(STREAMS)
@pytest.mark.parametrize("size", [1, 7, 0, 1 << 30], ids=["1-byte", "7-byte", "random", "at-once"])
def test_a_recorded_stream_is_what_a_plain_reading_says_however_it_is_cut(record, size):
    chunks, response = stream_bytes(cut_up(record["body"].encode(), size))
    expected = read_plainly(read_whole(record))
    assert describe(response) == expected
    assert describe_chunks(chunks) == {name: expected[name] for name in describe_chunks([])}


@traffic.parametrize(STREAMS)
def test_a_recorded_stream_made_whole_decodes_to_the_same_answer(record):
    _, streamed = stream_bytes([record["body"].encode()])
    whole = decode(json.dumps(read_whole(record)).encode(), make_route())
    whole.raw = b""
    assert whole == streamed


@traffic.parametrize([record for record in RECORDS if record["status"] != 200])
def test_a_recorded_error_is_of_its_class_and_has_the_words_of_the_provider(record):
    error = decode_error(record["status"], record["headers"], record["body"].encode())
    told = json.loads(record["body"])["error"]
    assert type(error) is FAILURES[record["status"]]
    assert str(error).startswith(told["message"])
    assert error.code == told["type"]


def simplify(request: dict[str, Any]) -> dict[str, Any]:
    """Write a recorded request as turnout does, each departure with its reason."""
    request = drop_nulls(request)
    if not request.get("stream"):
        request.pop("stream", None)  # false is what is meant without it
    if "output_format" in request:  # its name before it was in `output_config`
        request["output_config"] = {"format": request.pop("output_format")}
    for tool in request.get("tools", []):
        if not tool.get("description"):
            tool.pop("description", None)  # an empty one says nothing
    for message in request["messages"]:
        message["content"] = simplify_content(message["content"])
    if isinstance(request.get("system"), list):
        request["system"] = shorten(request["system"])
    return request


def drop_nulls(value: Any) -> Any:
    """Leave out fields that are null, in arguments excepted: they are the same as none at all."""
    if isinstance(value, list):
        return [drop_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if item is not None}
    return {key: item if key in ("input", "schema") else drop_nulls(item) for key, item in kept.items()}


def simplify_content(content: Any) -> Any:
    if isinstance(content, str):
        return content
    for block in content:
        if block["type"] == "tool_result":
            if block.get("is_error") is False:
                del block["is_error"]  # what is meant without it
            block["content"] = shorten(block["content"])
    return shorten(content)


def shorten(blocks: Any) -> Any:
    """One plain text in a list is that text: "Using a string for content is shorthand", says the description."""
    if isinstance(blocks, list) and len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return blocks[0]["text"]
    return blocks


@traffic.parametrize(RECORDS)
def test_a_recorded_request_comes_out_as_it_went_in(record):
    parsed = parse_request(json.dumps(record["request"]).encode())
    route = make_route(model=parsed.model)
    encoded = encode(adapt(parsed.request, route).request, route)
    assert drop_nulls(json.loads(encoded.body)) == simplify(record["request"])
    assert encoded.warnings == ()
