"""Every recorded exchange decodes to what a plain reading of its JSON says."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
import traffic
from chat_streams import make_route, stream_bytes

from turnout.chunks import ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, ToolCallEnd, UsageChunk
from turnout.errors import BadRequestError, NotFoundError, RateLimitError, ResponseError
from turnout.messages import ServerTool
from turnout.protocols.openai_chat import decode, decode_error, encode, parse_messages
from turnout.requests import ModelRequest
from turnout.usage import Usage

RECORDS = traffic.load_records("openai_chat")
FAILURES = {400: BadRequestError, 404: NotFoundError, 429: RateLimitError}


def is_stream(record: dict[str, Any]) -> bool:
    return record["headers"].get("content-type", "").startswith("text/event-stream")


def is_answer(record: dict[str, Any]) -> bool:
    return record["status"] == 200 and (is_stream(record) or '"choices"' in record["body"])


WHOLE = [record for record in RECORDS if is_answer(record) and not is_stream(record)]
STREAMS = [record for record in RECORDS if is_answer(record) and is_stream(record)]


def read_events(body: str) -> list[dict[str, Any]]:
    found = re.findall(r"^data: ?(\{.*)$", body, re.MULTILINE)
    return [json.loads(data) for data in found]


def read_plainly(record: dict[str, Any]) -> dict[str, Any]:
    """Read a record with nothing but `json`: the reference."""
    bodies = read_events(record["body"]) if is_stream(record) else [json.loads(record["body"])]
    said: dict[str, str] = {"content": "", "reasoning": "", "refusal": ""}
    calls: dict[int, list[str]] = {}
    reason, usage, tools = "", None, {}
    for body in bodies:
        usage = body.get("usage") or (body.get("x_groq") or {}).get("usage") or usage
        for choice in body["choices"][:1]:
            message = choice.get("message") or choice.get("delta") or {}
            said["content"] += message.get("content") or ""
            said["refusal"] += message.get("refusal") or ""
            said["reasoning"] += message.get("reasoning") or message.get("reasoning_content") or ""
            if not message.get("reasoning") and not message.get("reasoning_content"):
                said["reasoning"] += "".join(
                    part.get("text") or part.get("summary") or "" for part in message.get("reasoning_details") or []
                )
            for place, call in enumerate(message.get("tool_calls") or []):
                held = calls.setdefault(call.get("index", place), ["", ""])
                held[0] += call["function"].get("name") or ""
                held[1] += call["function"].get("arguments") or ""
            for tool in message.get("executed_tools") or []:
                tools[tool["index"]] = tool
            reason = choice.get("finish_reason") or reason
    text = said["content"]
    if text.startswith("<think>"):
        said["reasoning"], text = text.removeprefix("<think>").split("</think>", 1)
    return {
        "text": text,
        "reasoning": said["reasoning"],
        "refusal": said["refusal"] or None,
        "calls": [(name, json.loads(arguments or "{}")) for name, arguments in calls.values()],
        "reason": "tool_calls" if calls else reason or "stop",
        "usage": read_usage_plainly(usage),
        "tools": list(tools.values()),
    }


def read_usage_plainly(usage: dict[str, Any] | None) -> Usage:
    if usage is None:
        return Usage()
    inputs, outputs = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    cached = [inputs.get("cached_tokens"), usage.get("cached_tokens"), usage.get("num_cached_tokens")]
    return Usage(
        input_tokens=usage["prompt_tokens"],
        # In every record the total is the sum, but for Google's two, which leave the thoughts out of the output.
        output_tokens=usage["total_tokens"] - usage["prompt_tokens"],
        total_tokens=usage["total_tokens"],
        cached_input_tokens=next((count for count in cached if count is not None), None),
        cache_write_tokens=inputs.get("cache_write_tokens"),
        reasoning_tokens=outputs.get("reasoning_tokens"),
        audio_input_tokens=inputs.get("audio_tokens"),
        audio_output_tokens=outputs.get("audio_tokens"),
    )


def describe(response: Any) -> dict[str, Any]:
    return {
        "text": response.text,
        "reasoning": response.reasoning,
        "refusal": response.refusal,
        "calls": [(call.name, call.arguments) for call in response.tool_calls],
        "reason": response.finish_reason,
        "usage": response.usage,
        "tools": [part.data for part in response.message.content if isinstance(part, ServerTool)],
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
        "refusal": join(RefusalDelta) or None,
        "calls": [(call.name, call.arguments) for call in ends],
        "usage": next((chunk.usage for chunk in chunks if isinstance(chunk, UsageChunk)), Usage()),
    }


@traffic.parametrize(WHOLE)
def test_a_recorded_whole_answer_is_what_a_plain_reading_says(record):
    response = decode(record["body"].encode(), make_route())
    assert describe(response) == read_plainly(record)
    body = json.loads(record["body"])
    assert (response.model, response.id) == (body["model"] or None, body["id"] or None)
    ids = [call["id"] for call in body["choices"][0]["message"].get("tool_calls") or []]
    assert all(call.id and call.id == (given or call.id) for call, given in zip(response.tool_calls, ids, strict=True))
    usage = body.get("usage") or {}
    searches = usage.get("server_tool_use_details") or usage.get("server_tool_use") or {}
    assert [warning.code for warning in response.warnings] == [
        *["inferred_finish_reason"] * (not body["choices"][0]["finish_reason"]),
        *["unpriced_use"] * bool(searches.get("web_search_requests")),
        *["unpriced_tier"] * (body.get("service_tier") == "provisioned"),
    ]


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
    expected = read_plainly(record)
    assert describe(response) == expected
    assert describe_chunks(chunks) == {name: expected[name] for name in describe_chunks([])}


@traffic.parametrize(STREAMS)
def test_a_recorded_stream_made_whole_decodes_to_the_same_answer(record):
    chunks, streamed = stream_bytes([record["body"].encode()])
    assert chunks
    events = read_events(record["body"])
    message: dict[str, Any] = {}
    reason, usage = None, None
    calls: dict[int, dict[str, Any]] = {}
    for event in events:
        usage = event.get("usage") or (event.get("x_groq") or {}).get("usage") or usage
        for choice in event["choices"][:1]:
            delta = choice["delta"]
            for name in ("content", "reasoning", "refusal"):
                if delta.get(name):
                    message[name] = message.get(name, "") + delta[name]
            for name in ("reasoning_details", "executed_tools"):
                message[name] = message.get(name, []) + (delta.get(name) or [])
            for call in delta.get("tool_calls") or []:
                held = calls.setdefault(call["index"], {"id": "", "function": {"name": "", "arguments": ""}})
                held["id"] += call.get("id") or ""
                held["function"]["name"] += call["function"].get("name") or ""
                held["function"]["arguments"] += call["function"]["arguments"]
            reason = choice.get("finish_reason") or reason
    message["tool_calls"] = list(calls.values())
    whole = {
        "id": events[0]["id"],
        "model": events[0]["model"],
        "choices": [{"message": message, "finish_reason": reason}],
        "usage": usage,
    }
    decoded = decode(json.dumps(whole).encode(), make_route())
    assert describe(decoded) == describe(streamed)
    assert (decoded.id, decoded.model) == (streamed.id, streamed.model)
    assert decoded.warnings == streamed.warnings


@traffic.parametrize([record for record in RECORDS if record["status"] != 200])
def test_a_recorded_error_is_of_its_class_and_has_the_words_of_the_provider(record):
    error = decode_error(record["status"], record["headers"], record["body"].encode())
    told = json.loads(record["body"])["error"]
    assert type(error) is FAILURES[record["status"]]
    assert str(error).startswith(told["message"].rstrip("."))
    assert error.code == str(told["code"])
    assert error.param == told.get("param")
    assert error.body == record["body"].encode()


@traffic.parametrize([record for record in RECORDS if record["status"] == 200 and not is_answer(record)])
def test_a_recorded_200_that_is_no_answer_says_to_check_the_base_url(record):
    with pytest.raises(ResponseError, match="check the base URL") as caught:
        decode(record["body"].encode(), make_route())
    assert not caught.value.is_retryable


def simplify(message: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a recorded message what turnout does not carry, and write the rest as turnout does."""
    kept = {key: value for key, value in message.items() if value is not None}
    for name in ("reasoning", "reasoning_content"):
        kept.pop(name, None)  # thoughts go back only as `reasoning_details`, to the provider that gave them
    if kept.get("annotations") == []:
        kept.pop("annotations")
    if kept["role"] == "developer":
        kept["role"] = "system"  # the same to every provider that knows both
    if not kept.get("tool_calls"):
        kept.pop("tool_calls", None)
    if isinstance(kept.get("content"), list):
        kept["content"] = simplify_parts(kept["content"], kept["role"])
    if kept["role"] == "assistant":
        kept.setdefault("content", "" if "tool_calls" not in kept else None)
        if kept.get("tool_calls") and not kept["content"]:
            kept["content"] = None  # "" and null say the same
    for call in kept.get("tool_calls") or []:
        call.pop("index", None)  # Mistral's own numbering
        call["function"]["arguments"] = json.loads(call["function"]["arguments"] or "{}")
    return kept


def simplify_parts(parts: list[dict[str, Any]], role: str) -> Any:
    parts = [{key: value for key, value in part.items() if value is not None} for part in parts]
    if any("cache_control" in part for part in parts):
        return parts
    if role == "assistant":
        return "".join(part["text"] for part in parts)
    return parts[0]["text"] if [part["type"] for part in parts] == ["text"] else parts


def is_carried_letter_by_letter(message: dict[str, Any]) -> bool:
    parts = message["content"] if isinstance(message.get("content"), list) else []
    return not any(part["type"] == "document_url" for part in parts)


def find_carried(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages but for those with files in Mistral's own form, which goes out as OpenAI's."""
    return [message for message in record["request"]["messages"] if is_carried_letter_by_letter(message)]


@traffic.parametrize([record for record in RECORDS if find_carried(record)])
def test_recorded_messages_come_out_as_they_went_in(record):
    given = find_carried(record)
    parsed = parse_messages(given, provider="p")
    body = json.loads(encode(ModelRequest(messages=parsed), make_route()).body)
    written = body["messages"]
    for message in written:
        message.pop("annotations", None)
        if message.get("tool_calls") and not message["content"]:
            message["content"] = None
        for call in message.get("tool_calls") or []:
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    assert written == [simplify(json.loads(json.dumps(message))) for message in given]
