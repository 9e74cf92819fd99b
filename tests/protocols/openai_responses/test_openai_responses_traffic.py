"""Every recorded exchange decodes to what a plain reading of its JSON says, and its request comes out as it went in."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
import traffic
from responses_streams import make_route, stream_bytes

from turnout.chunks import ReasoningDelta, TextDelta, ToolCallDelta, ToolCallEnd, UsageChunk
from turnout.errors import AuthenticationError, BadRequestError, NotFoundError
from turnout.messages import Reasoning, ServerTool, Text
from turnout.protocols.openai_responses import decode, decode_error, encode, parse_request
from turnout.requests import ModelRequest
from turnout.usage import Usage

RECORDS = traffic.load_records("openai_responses")
REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}
SERVER_TOOLS = re.compile(
    r"(web_search|file_search|code_interpreter|mcp|tool_search)_(call|output)|mcp_list_tools|compaction"
)


def is_stream(record: dict[str, Any]) -> bool:
    return record["headers"].get("content-type", "").startswith("text/event-stream")


WHOLE = [record for record in RECORDS if record["status"] == 200 and not is_stream(record)]
STREAMS = [record for record in RECORDS if record["status"] == 200 and is_stream(record)]
FAILURES = [record for record in RECORDS if record["status"] != 200]


def read_events(body: str) -> list[dict[str, Any]]:
    return [json.loads(data) for data in re.findall(r"^data: ?(\{.*)$", body, re.MULTILINE)]


def read_plainly(response: dict[str, Any]) -> dict[str, Any]:
    """Read an answer with nothing but `json`: the reference."""
    output = response["output"]
    thoughts = [item for item in output if item["type"] == "reasoning"]
    calls = [item for item in output if item["type"] == "function_call"]
    reason = (response["incomplete_details"] or {}).get("reason")
    done = response["status"] in ("completed", "complete")
    texts = [part for item in output if item["type"] == "message" for part in item["content"]]
    return {
        "text": "".join([part["text"] for part in texts]),
        "citations": [citation for part in texts for citation in part["annotations"]],
        "reasoning": "".join(
            [
                "\n\n".join([part["text"] for part in [*item["summary"], *(item.get("content") or [])]])
                for item in thoughts
            ]
        ),
        "calls": [(item["call_id"], item["name"], json.loads(item["arguments"])) for item in calls],
        "reason": REASONS[reason] if reason else ("tool_calls" if calls else "stop") if done else "other",
        "usage": read_usage_plainly(response["usage"]),
        "tools": [item for item in output if SERVER_TOOLS.fullmatch(item["type"])],
        "model": response["model"],
        "id": response["id"],
        "warned": find_warnings(response),
    }


def find_warnings(response: dict[str, Any]) -> list[str]:
    billed = ("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call")
    items = [item for item in response["output"] if item["type"] in billed]
    used = [item for item in items if item.get("action", {}).get("type", "search") == "search"]
    return [
        *["unfinished_answer"] * (response["status"] in ("queued", "in_progress")),
        *["unpriced_use"] * bool(used),
        *["unpriced_tier"] * (response.get("service_tier") not in (None, "auto", "default")),
    ]


def read_usage_plainly(usage: dict[str, Any] | None) -> Usage:
    if usage is None:
        return Usage()
    inputs, outputs = usage["input_tokens_details"], usage["output_tokens_details"]
    return Usage(
        input_tokens=usage["input_tokens"],
        output_tokens=usage["output_tokens"],
        total_tokens=usage["total_tokens"],
        cached_input_tokens=inputs.get("cached_tokens"),
        cache_write_tokens=inputs.get("cache_write_tokens"),
        reasoning_tokens=outputs.get("reasoning_tokens"),
    )


def describe(response: Any) -> dict[str, Any]:
    parts = response.message.content
    return {
        "text": response.text,
        "citations": [citation for part in parts if isinstance(part, Text) for citation in part.citations],
        "reasoning": response.reasoning,
        "calls": [(call.id, call.name, call.arguments) for call in response.tool_calls],
        "reason": response.finish_reason,
        "usage": response.usage,
        "tools": [part.data for part in parts if isinstance(part, ServerTool)],
        "model": response.model,
        "id": response.id,
        "warned": [warning.code for warning in response.warnings],
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
        "usage": next((chunk.usage for chunk in chunks if isinstance(chunk, UsageChunk)), Usage()),
    }


@traffic.parametrize(WHOLE)
def test_a_recorded_whole_answer_is_what_a_plain_reading_says(record):
    body = json.loads(record["body"])
    response = decode(record["body"].encode(), make_route())
    assert describe(response) == read_plainly(body)


@traffic.parametrize(STREAMS)
@pytest.mark.parametrize("size", [1, 7, 0, 1 << 30], ids=["1-byte", "7-byte", "random", "at-once"])
def test_a_recorded_stream_is_what_a_plain_reading_says_however_it_is_cut(record, size):
    body = record["body"].encode()
    chance = random.Random(len(body))
    pieces: list[bytes] = []
    start = 0
    while start < len(body):
        step = size or chance.randint(1, 400)
        pieces.append(body[start : start + step])
        start += step
    chunks, response = stream_bytes(pieces)
    told = read_events(record["body"])
    last = next(each["response"] for each in told if each["type"] in ("response.completed", "response.incomplete"))
    expected = read_plainly(last)
    assert describe(response) == expected
    assert describe_chunks(chunks) == {name: expected[name] for name in describe_chunks([])}
    assert "".join([each["delta"] for each in told if each["type"] == "response.output_text.delta"]) == response.text
    whole = decode(json.dumps(last).encode(), make_route())
    assert whole.message == response.message
    assert whole.warnings == response.warnings


@traffic.parametrize(FAILURES)
def test_a_recorded_error_is_of_its_class_and_has_the_words_of_the_provider(record):
    error = decode_error(record["status"], record["headers"], record["body"].encode())
    told = json.loads(record["body"])["error"]
    kinds = {"invalid_api_key": AuthenticationError, "model_not_found": NotFoundError}
    assert type(error) is kinds.get(told["code"], BadRequestError)
    assert str(error).startswith(told["message"].rstrip(".")[:400])
    assert (error.code, error.param) == (told["code"], told["param"])


def is_there(record: dict[str, Any]) -> bool:
    """Tell whether a recorded answer says something: one that was asked for in the background may not yet."""
    return is_stream(record) or bool(json.loads(record["body"])["output"])


@traffic.parametrize([record for record in WHOLE + STREAMS if is_there(record)])
def test_recorded_reasoning_goes_back_as_it_came(record):
    """The next turn holds every item that the provider made, unchanged but for what says nothing."""
    if is_stream(record):
        output = next(
            each["response"]["output"] for each in reversed(read_events(record["body"])) if "response" in each
        )
        _, response = stream_bytes([record["body"].encode()])
    else:
        output = json.loads(record["body"])["output"]
        response = decode(record["body"].encode(), make_route())
    request = ModelRequest(messages=[response.message])
    items = json.loads(encode(request, make_route()).body)["input"]
    expected = [tidy_item(item) for item in output if has_content(item)]
    assert [tidy_item(item) for item in items] == expected
    foreign = json.loads(encode(request, make_route(provider="other")).body)["input"]
    assert not any(item.get("type") == "reasoning" for item in foreign)
    for part in response.message.content:
        assert not isinstance(part, Reasoning) or part.details


def has_content(item: dict[str, Any]) -> bool:
    return item["type"] != "message" or any(part["text"] for part in item["content"])


def tidy_item(item: dict[str, Any]) -> dict[str, Any]:
    if item["type"] == "function_call":  # a status says only that the call is whole
        return {**item, "arguments": json.loads(item["arguments"]), "status": "completed"}
    if item["type"] == "message":  # probabilities are no part of a request
        parts = [{key: each for key, each in part.items() if key != "logprobs"} for part in item["content"]]
        return {**item, "content": parts}
    return item


def expect(request: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded body as it should come out: each change has its reason."""
    body = drop_nulls(request)  # null says what an absent field says
    body["input"] = expect_input(body["input"])
    if body.get("stream") is False:
        del body["stream"]  # the wire's default
    stateful = {"previous_response_id", "conversation", "background"} & body.keys()
    if not stateful:
        body["store"] = False  # calls are stateless unless the client says otherwise
        # and then encrypted reasoning is asked for, before what the client asks for
        body["include"] = list(dict.fromkeys(["reasoning.encrypted_content", *body.get("include", [])]))
    first = body["input"][0]
    if "instructions" not in body and first.get("role") in ("system", "developer") and "content" in first:
        body["instructions"] = first["content"]  # messages that instruct, at the start, are the instructions
        del body["input"][0]
    if "tools" in body:  # functions come before the provider's own tools, and say whether they are strict
        tools = [expect_tool(tool) if tool["type"] == "function" else tool for tool in body["tools"]]
        body["tools"] = sorted(tools, key=lambda tool: tool["type"] != "function")
    return body


def expect_tool(tool: dict[str, Any]) -> dict[str, Any]:
    defaults = (("defer_loading", False), ("description", ""))
    kept = {key: item for key, item in tool.items() if item is not None and (key, item) not in defaults}
    return {"strict": False, **kept}


def expect_input(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]  # the short form of a message
    return [expect_item(item) for item in given]


def expect_item(item: dict[str, Any]) -> dict[str, Any]:
    item = dict(item)
    if item.get("type") == "function_call":
        item["arguments"] = json.loads(item["arguments"])  # white space in JSON says nothing
    elif item.get("type") == "message" and item["role"] == "user":
        del item["type"]  # the default
    elif item.get("type") == "message":
        item["content"] = [{key: each for key, each in part.items() if key != "logprobs"} for part in item["content"]]
    if item.get("role") == "user":
        plain = [part for part in item["content"] if set(part) == {"type", "text"}] if "content" in item else []
        if len(plain) == 1 == len(item["content"]):
            item["content"] = plain[0]["text"]  # one text, in short
    return item


READ_ITEMS = (None, "message", "function_call", "function_call_output")
"""The types of items that turnout has words for; those of any other type go out as they came."""


def drop_nulls(request: dict[str, Any]) -> dict[str, Any]:
    body = {key: item for key, item in request.items() if item is not None}
    if "reasoning" in body:
        body["reasoning"] = {
            key: item for key, item in body["reasoning"].items() if item is not None or key != "effort"
        }
    if isinstance(body["input"], list):
        body["input"] = [
            {key: each for key, each in item.items() if each is not None or item.get("type") not in READ_ITEMS}
            for item in body["input"]
        ]
    return body


@traffic.parametrize(RECORDS)
def test_a_recorded_request_comes_out_as_it_went_in(record):
    parsed = parse_request(json.dumps(record["request"]).encode())
    assert parsed.model == record["request"]["model"]
    route = make_route()
    route.model = parsed.model
    body = json.loads(encode(parsed.request, route).body)
    for item in body["input"]:
        if item.get("type") == "function_call":
            item["arguments"] = json.loads(item["arguments"])
    assert body == expect(record["request"])
