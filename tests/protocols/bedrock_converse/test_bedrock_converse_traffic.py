"""Every recorded exchange decodes to what a plain reading of it says, and every request is written as it was sent."""

from __future__ import annotations

import base64
import json
import random
import struct
from typing import Any

import pytest
import traffic
from converse_answers import make_route, stream

from turnout.chunks import ReasoningDelta, ServerToolChunk, TextDelta, ToolCallDelta, ToolCallEnd, UsageChunk
from turnout.errors import BadRequestError, InvalidInputError
from turnout.messages import Reasoning, ServerTool
from turnout.protocols.bedrock_converse import decode, decode_error, encode, parse_request
from turnout.usage import Usage

RECORDS = traffic.load_records("bedrock_converse")
WHOLE = [record for record in RECORDS if record["status"] == 200 and "body" in record]
STREAMS = [record for record in RECORDS if record["status"] == 200 and "body_b64" in record]
KEPT = ("stopReason", "usage", "serviceTier", "performanceConfig")
REASONS = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}


def read_frames(data: bytes) -> list[dict[str, Any]]:
    """Read a recorded stream with nothing but `struct` and `json`; the type of an event is found in its headers."""
    events: list[dict[str, Any]] = []
    while data:
        total, headers = struct.unpack(">II", data[:8])
        block, payload = data[12 : 12 + headers], data[12 + headers : total - 4]
        name = block.split(b":event-type\x07\x00")[1]
        events.append({"type": name[1 : 1 + name[0]].decode(), **json.loads(payload)})
        data = data[total:]
    return events


def gather_blocks(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the events of a stream together as the whole answer that they are."""
    blocks: dict[int, dict[str, Any]] = {}
    inputs: dict[int, str] = {}
    whole: dict[str, Any] = {}
    for event in events:
        index = event.get("contentBlockIndex")
        if event["type"] == "contentBlockStart":
            blocks[index] = {name: dict(value) for name, value in event["start"].items()}
        elif event["type"] == "contentBlockDelta":
            for name, value in event["delta"].items():
                if name == "text":
                    held = blocks.setdefault(index, {"text": ""})
                    held["text"] += value
                elif name == "reasoningContent":
                    blocks.setdefault(index, {name: {}})[name].update(value)
                elif name == "toolUse":
                    inputs[index] = inputs.get(index, "") + value["input"]
                    blocks[index][name]["input"] = json.loads(inputs[index])
                else:
                    blocks[index][name]["content"] = value
        elif event["type"] in ("messageStop", "metadata"):
            whole |= {name: value for name, value in event.items() if name in KEPT}
    return {"output": {"message": {"content": list(blocks.values())}}, **whole}


def find_warnings(body: dict[str, Any], uses: list[dict[str, Any]]) -> list[str]:
    has_tools = any(use.get("type") == "server_tool_use" for use in uses)
    is_usual = body.get("serviceTier", {}).get("type", "default") == "default" and (
        body.get("performanceConfig", {}).get("latency", "standard") == "standard"
    )
    return ["unpriced_use"] * has_tools + ["unpriced_tier"] * (not is_usual)


def read_plainly(body: dict[str, Any]) -> dict[str, Any]:
    """Read a whole answer with nothing but `json`: the reference."""
    blocks = body["output"]["message"]["content"]
    uses = [block["toolUse"] for block in blocks if "toolUse" in block]
    thoughts = [block["reasoningContent"] for block in blocks if "reasoningContent" in block]
    usage = body["usage"]
    read, written = usage.get("cacheReadInputTokens"), usage.get("cacheWriteInputTokens")
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"] + (read or 0) + (written or 0)
    return {
        "text": "".join([block.get("text", "") for block in blocks]),
        "reasoning": "".join([thought.get("reasoningText", {}).get("text", "") for thought in thoughts]),
        "details": [
            thought
            for thought in thoughts
            if "redactedContent" in thought or "signature" in thought.get("reasoningText", {})
        ],
        "calls": [
            (use["toolUseId"], use["name"], use["input"]) for use in uses if use.get("type") != "server_tool_use"
        ],
        "records": [
            block
            for block in blocks
            if block.get("toolUse", {}).get("type") == "server_tool_use" or "toolResult" in block
        ],
        "reason": REASONS[body["stopReason"]],
        "usage": Usage(
            input_tokens=usage["totalTokens"] - usage["outputTokens"],
            output_tokens=usage["outputTokens"],
            total_tokens=usage["totalTokens"],
            cached_input_tokens=read,
            cache_write_tokens=written,
        ),
        "warned": find_warnings(body, uses),
    }


def describe(response: Any) -> dict[str, Any]:
    parts = response.message.content
    return {
        "warned": [warning.code for warning in response.warnings],
        "text": response.text,
        "reasoning": response.reasoning,
        "details": [detail for part in parts if isinstance(part, Reasoning) for detail in part.details or []],
        "calls": [(call.id, call.name, call.arguments) for call in response.tool_calls],
        "records": [part.data for part in parts if isinstance(part, ServerTool)],
        "reason": response.finish_reason,
        "usage": response.usage,
    }


def describe_chunks(chunks: list[Any]) -> dict[str, Any]:
    def join(kind: type[Any]) -> str:
        return "".join([chunk.text for chunk in chunks if isinstance(chunk, kind)])

    ends = [chunk.call for chunk in chunks if isinstance(chunk, ToolCallEnd)]
    for call in ends:
        written = "".join([chunk.text for chunk in chunks if isinstance(chunk, ToolCallDelta) and chunk.id == call.id])
        assert json.loads(written or "{}") == call.arguments
    return {
        "text": join(TextDelta),
        "reasoning": join(ReasoningDelta),
        "calls": [(call.id, call.name, call.arguments) for call in ends],
        "records": [chunk.data for chunk in chunks if isinstance(chunk, ServerToolChunk)],
        "usage": next((chunk.usage for chunk in chunks if isinstance(chunk, UsageChunk)), Usage()),
    }


@traffic.parametrize(WHOLE)
def test_a_recorded_whole_answer_is_what_a_plain_reading_says(record) -> None:
    response = decode(record["body"].encode(), make_route())
    assert describe(response) == read_plainly(json.loads(record["body"]))
    assert response.raw == record["body"].encode()


@traffic.parametrize(STREAMS)
@pytest.mark.parametrize("size", [1, 7, 0, 1 << 30], ids=["1-byte", "7-byte", "random", "at-once"])
def test_a_recorded_stream_is_what_a_plain_reading_says_however_it_is_cut(record, size) -> None:
    body = base64.b64decode(record["body_b64"])
    chance = random.Random(len(body))
    pieces: list[bytes] = []
    place = 0
    while place < len(body):
        step = size or chance.randint(1, 400)
        pieces.append(body[place : place + step])
        place += step
    chunks, response = stream(pieces)
    expected = read_plainly(gather_blocks(read_frames(body)))
    assert describe(response) == expected
    told = describe_chunks(chunks)
    assert told == {name: expected[name] for name in told}


@traffic.parametrize(STREAMS)
def test_a_recorded_stream_made_whole_decodes_to_the_same_answer(record) -> None:
    body = base64.b64decode(record["body_b64"])
    whole = decode(json.dumps(gather_blocks(read_frames(body))).encode(), make_route())
    assert whole.message == stream([body])[1].message


@traffic.parametrize([record for record in RECORDS if record["status"] != 200])
def test_a_recorded_error_is_a_bad_request_with_the_words_of_bedrock(record) -> None:
    error = decode_error(record["status"], record["headers"], record["body"].encode())
    assert type(error) is BadRequestError
    assert str(error).startswith(json.loads(record["body"])["message"].rstrip("."))


def simplify(request: dict[str, Any]) -> dict[str, Any]:
    """Write what a recorded request says as turnout does; every change says why."""
    body = json.loads(json.dumps(request))
    for name in ("system", "inferenceConfig"):
        if not body.get(name):
            body.pop(name, None)  # an empty one says nothing
    for message in body["messages"]:
        message["content"] = [simplify_block(block) for block in message["content"]]
    for tool in body.get("toolConfig", {}).get("tools", []):
        if "toolSpec" in tool:
            schema = tool["toolSpec"]["inputSchema"]["json"]
            tool["toolSpec"]["inputSchema"]["json"] = {"type": "object", "properties": {}, **schema}  # both are wanted
    held = body.get("outputConfig", {}).get("textFormat", {}).get("structure", {}).get("jsonSchema")
    if held:
        held["schema"] = json.loads(held["schema"])  # JSON in a text: how it is spaced says nothing
        for field in held["schema"]["properties"].values():
            if "minLength" in field:  # Claude's structured output does not know it: it is told in words
                field["description"] = f"minLength: {field.pop('minLength')}"
    if body.get("additionalModelRequestFields", {}).get("thinking", {}).get("type") in ("enabled", "adaptive"):
        drop_refused(body)
    return body


def simplify_block(block: dict[str, Any]) -> dict[str, Any]:
    result = block.get("toolResult")
    if result and "type" not in result and result.get("status") == "success":
        del result["status"]  # what it is by itself; few models take the field
    return block


def drop_refused(body: dict[str, Any]) -> None:
    """Claude does not think where it must call a tool, which Bedrock answers with a 400."""
    if set(body.get("toolConfig", {}).get("toolChoice", {})) & {"any", "tool"}:
        del body["additionalModelRequestFields"]


def is_picture_as_video(record: dict[str, Any]) -> bool:
    blocks = [block for message in record["request"]["messages"] for block in message["content"]]
    return any(block.get("video", {}).get("source", {}).get("bytes", "").startswith("/9j/") for block in blocks)


@traffic.parametrize([record for record in RECORDS if is_picture_as_video(record)])
def test_a_recorded_video_whose_bytes_are_a_picture_is_refused(record) -> None:
    parsed = parse_request(json.dumps(record["request"]).encode())
    with pytest.raises(InvalidInputError, match="the Video holds image/jpeg"):
        encode(parsed.request, make_route())


@traffic.parametrize([record for record in RECORDS if not is_picture_as_video(record)])
def test_a_recorded_request_comes_out_as_it_went_in(record) -> None:
    segments = record["path"].split("/")
    parsed = parse_request(
        json.dumps(record["request"]).encode(), model=segments[2], stream=segments[3] == "converse-stream"
    )
    encoded = encode(parsed.request, make_route(parsed.model))
    assert encoded.url is not None
    assert encoded.url.endswith(record["path"])
    written = json.loads(encoded.body)
    held = written.get("outputConfig", {}).get("textFormat", {}).get("structure", {}).get("jsonSchema")
    if held:
        held["schema"] = json.loads(held["schema"])
    assert written == simplify(record["request"])
