"""Every recorded exchange decodes to what a plain reading of its JSON says, and its request is written as it was."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
import traffic
from gemini_answers import make_route, stream_bytes

from turnout.chunks import ReasoningDelta, ServerToolChunk, TextDelta, ToolCallDelta, ToolCallEnd, UsageChunk
from turnout.errors import AuthenticationError, BadRequestError, ContentFilterError
from turnout.messages import ServerTool
from turnout.protocols.gemini import decode, decode_error, encode, parse_request
from turnout.usage import Usage

RECORDS = traffic.load_records("gemini")


def is_stream(record: dict[str, Any]) -> bool:
    return record["headers"].get("content-type", "").startswith("text/event-stream")


def is_blocked(record: dict[str, Any]) -> bool:
    return '"blockReason"' in record["body"]


WHOLE = [record for record in RECORDS if record["status"] == 200 and not is_stream(record) and not is_blocked(record)]
STREAMS = [record for record in RECORDS if record["status"] == 200 and is_stream(record)]


def read_events(record: dict[str, Any]) -> list[dict[str, Any]]:
    if not is_stream(record):
        return [json.loads(record["body"])]
    return [json.loads(data) for data in re.findall(r"^data: ?(.*)$", record["body"], re.MULTILINE)]


def read_plainly(record: dict[str, Any]) -> dict[str, Any]:
    """Read a record with nothing but `json`: the reference."""
    text, thoughts, calls, tools, signed = "", "", [], [], []
    metadata: dict[str, Any] = {}
    reason, usage = "", {}
    for event in read_events(record):
        usage = event.get("usageMetadata") or usage
        candidate = event["candidates"][0]
        reason = candidate.get("finishReason") or reason
        for name in ("groundingMetadata", "urlContextMetadata"):
            if candidate.get(name):
                metadata[name] = candidate[name]
        for part in candidate.get("content", {}).get("parts", []):
            if "thoughtSignature" in part:
                signed.append(part["thoughtSignature"])
            if "functionCall" in part:
                calls.append((part["functionCall"]["name"], part["functionCall"].get("args", {})))
            elif part.get("thought"):
                thoughts += part["text"]
            elif "text" in part:
                text += part["text"]
            else:
                tools.append(part)
    reasons = {"STOP": "stop", "MAX_TOKENS": "length", "UNEXPECTED_TOOL_CALL": "tool_calls"}
    return {
        "text": text,
        "reasoning": thoughts,
        "calls": calls,
        "reason": "tool_calls" if calls else reasons[reason],
        "usage": read_usage_plainly(usage),
        "tools": tools + [{name: value} for name, value in metadata.items()],
        "signed": signed,
    }


def read_usage_plainly(usage: dict[str, Any]) -> Usage:
    if "promptTokenCount" not in usage:
        return Usage()
    audio = [d["tokenCount"] for d in usage.get("promptTokensDetails", []) if d["modality"] == "AUDIO"]
    return Usage(
        input_tokens=usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0),
        output_tokens=usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
        total_tokens=usage["totalTokenCount"],
        cached_input_tokens=usage.get("cachedContentTokenCount"),
        reasoning_tokens=usage.get("thoughtsTokenCount"),
        audio_input_tokens=audio[0] if audio else None,
    )


def find_signatures(response: Any) -> list[str]:
    found: list[str] = []
    for part in response.message.content:
        holders = [*getattr(part, "provider_options", {}).values(), *(getattr(part, "details", None) or [])]
        holders += [part.data] if isinstance(part, ServerTool) else []
        found += [holder["thoughtSignature"] for holder in holders if "thoughtSignature" in holder]
    return found


def describe(response: Any) -> dict[str, Any]:
    return {
        "text": response.text,
        "reasoning": response.reasoning,
        "calls": [(call.name, call.arguments) for call in response.tool_calls],
        "reason": response.finish_reason,
        "usage": response.usage,
        "tools": [part.data for part in response.message.content if isinstance(part, ServerTool)],
        "signed": find_signatures(response),
    }


def describe_chunks(chunks: list[Any]) -> dict[str, Any]:
    def join(kind: type[Any]) -> str:
        return "".join([chunk.text for chunk in chunks if isinstance(chunk, kind)])

    ends = [chunk.call for chunk in chunks if isinstance(chunk, ToolCallEnd)]
    for call in ends:
        written = "".join([chunk.text for chunk in chunks if isinstance(chunk, ToolCallDelta) and chunk.id == call.id])
        assert json.loads(written) == call.arguments
    return {
        "text": join(TextDelta),
        "reasoning": join(ReasoningDelta),
        "calls": [(call.name, call.arguments) for call in ends],
        "usage": next((chunk.usage for chunk in chunks if isinstance(chunk, UsageChunk)), Usage()),
        "tools": [chunk.data for chunk in chunks if isinstance(chunk, ServerToolChunk)],
    }


@traffic.parametrize(WHOLE)
def test_a_recorded_whole_answer_is_what_a_plain_reading_says(record):
    response = decode(record["body"].encode(), make_route())
    assert describe(response) == read_plainly(record)
    body = json.loads(record["body"])
    assert (response.model, response.id) == (body["modelVersion"], body["responseId"])
    candidate = body["candidates"][0]
    ids = [part["functionCall"].get("id") for part in candidate["content"].get("parts", []) if "functionCall" in part]
    assert all(call.id and call.id == (given or call.id) for call, given in zip(response.tool_calls, ids, strict=True))
    is_odd = candidate["finishReason"] not in ("STOP", "MAX_TOKENS")
    has_searched = bool(candidate.get("groundingMetadata", {}).get("webSearchQueries"))
    assert [warning.code for warning in response.warnings] == (
        ["finish_message"] * is_odd + ["unpriced_use"] * has_searched
    )
    supports = candidate.get("groundingMetadata", {}).get("groundingSupports", [])
    citations = [citation for part in response.message.content for citation in getattr(part, "citations", [])]
    assert [citation["segment"] for citation in citations if "segment" in citation] == [s["segment"] for s in supports]
    chosen = candidate.get("logprobsResult", {}).get("chosenCandidates", [])
    assert [token.token for token in response.logprobs or []] == [token["token"] for token in chosen]


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
def test_the_events_of_a_recorded_stream_as_a_json_array_are_the_same_answer(record):
    streamed = stream_bytes([record["body"].encode()])[1]
    decoded = decode(json.dumps(read_events(record)).encode(), make_route())
    assert describe(decoded) == describe(streamed)
    assert (decoded.id, decoded.model, decoded.warnings) == (streamed.id, streamed.model, streamed.warnings)


@traffic.parametrize([record for record in RECORDS if record["status"] == 200 and is_blocked(record)])
def test_a_recorded_blocked_prompt_is_an_error(record):
    told = json.loads(record["body"])["promptFeedback"]
    with pytest.raises(ContentFilterError, match=re.escape(told["blockReasonMessage"].rstrip("."))) as caught:
        decode(record["body"].encode(), make_route())
    assert (caught.value.code, caught.value.status) == (told["blockReason"], 200)
    with pytest.raises(ContentFilterError):
        stream_bytes([b"data: " + json.dumps(json.loads(record["body"])).encode() + b"\n\n"])


@traffic.parametrize([record for record in RECORDS if record["status"] != 200])
def test_a_recorded_error_is_of_its_class_and_has_the_words_of_the_provider(record):
    error = decode_error(record["status"], record["headers"], record["body"].encode())
    told = json.loads(record["body"])["error"]
    assert type(error) is (AuthenticationError if "API key" in told["message"] else BadRequestError)
    assert str(error).startswith(told["message"].rstrip("."))
    assert error.code == told["status"]


def to_camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def simplify_part(part: dict[str, Any]) -> dict[str, Any]:
    """Write the keys of a recorded part in one spelling, down to where the caller's own data begin."""
    made: dict[str, Any] = {}
    for key, written in part.items():
        name, value = to_camel(key), written
        if name in ("functionCall", "functionResponse", "inlineData", "fileData"):
            value = {to_camel(inner): item for inner, item in value.items()}
        if name == "inlineData":  # base64 comes in two alphabets, and goes out in the commoner
            value["data"] = value["data"].replace("-", "+").replace("_", "/")
        made[name] = value
    result = made.get("functionResponse", {})
    result.pop("parts", None)  # they come out beside the result, as parts of their own
    return made


def simplify_schema(schema: Any) -> Any:
    """Write a `Schema` as the JSON schema that it stands for."""
    if isinstance(schema, list):
        return [simplify_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        name = to_camel(key)
        if name == "properties":
            made[name] = {inner: simplify_schema(item) for inner, item in value.items()}
        elif name in ("items", "anyOf", "additionalProperties"):
            made[name] = simplify_schema(value)
        else:
            made[name] = value.lower() if name == "type" and isinstance(value, str) else value
    if made.pop("nullable", False):
        made["type"] = [made["type"], "null"]
        made |= {"enum": [*made["enum"], None]} if "enum" in made else {}
    return made


def simplify(body: dict[str, Any]) -> dict[str, Any]:
    """Write a recorded body as turnout does; each line is a difference, and has its reason."""
    made = json.loads(json.dumps(body))
    contents: list[dict[str, Any]] = []
    for content in made["contents"]:
        parts = [simplify_part(part) for part in content["parts"]]
        for raw in content["parts"]:  # media inside a result come out beside it: a `ToolResult` holds text
            parts += [
                simplify_part(part)
                for holder in (raw.get("functionResponse"), raw.get("function_response"))
                for part in (holder or {}).get("parts", [])
            ]
        contents.append({"role": content["role"], "parts": parts})
    made["contents"] = contents
    if "systemInstruction" in made:
        made["systemInstruction"].pop("role")  # an instruction has no speaker
    if not made.get("generationConfig"):
        made.pop("generationConfig", None)  # an empty object says nothing
    config = made.get("generationConfig", {})
    if "responseSchema" in config:
        config["responseJsonSchema"] = simplify_schema(config.pop("responseSchema"))  # JSON schema is taken as well
    if "thinkingConfig" in config:
        config["thinkingConfig"] = {to_camel(key): value for key, value in config["thinkingConfig"].items()}
    functions: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for tool in made.get("tools", []):
        functions += tool.pop("functionDeclarations", [])
        others += [tool] if tool else []
    for each in functions:
        schema = each.pop("parametersJsonSchema", None) or each.pop("parameters_json_schema", None)
        schema = schema or simplify_schema(each.pop("parameters", {}))
        each["parametersJsonSchema"] = {"type": "object", "properties": {}, **schema}  # some servers ask for both
        each.setdefault("description", "")  # the specification asks for one
    if functions or others:  # the functions stand first, in one tool
        made["tools"] = ([{"functionDeclarations": functions}] if functions else []) + others
    return made


@traffic.parametrize(RECORDS)
def test_a_recorded_request_comes_out_as_it_went_in(record):
    parsed = parse_request(json.dumps(record["request"]).encode(), model="m", provider="p")
    encoded = encode(parsed.request, make_route())
    assert json.loads(encoded.body) == simplify(record["request"])
    assert encoded.warnings == ()


@traffic.parametrize([record for record in RECORDS if "aiplatform" not in record["host"]])
def test_a_recorded_url_is_the_one_that_is_written(record):
    base, _, rest = record["path"].partition("/models/")
    model, _, method = rest.partition(":")
    is_streamed = method == "streamGenerateContent"
    parsed = parse_request(json.dumps(record["request"]).encode(), model=model, stream=is_streamed)
    encoded = encode(parsed.request, make_route(base_url=f"https://{record['host']}{base}", model=model))
    query = f"?{record['query']}" if record["query"] else ""
    assert encoded.url == f"https://{record['host']}{record['path']}{query}"


@traffic.parametrize([record for record in RECORDS if "aiplatform" in record["host"]])
def test_a_recorded_url_of_vertex_ai_is_the_one_that_is_written(record):
    base, _, rest = record["path"].partition("/publishers/google/models/")
    model = rest.partition(":")[0]
    parsed = parse_request(json.dumps(record["request"]).encode(), model=model)
    route = make_route(base_url=f"https://{record['host']}{base}", model=model, vertex=True)
    assert encode(parsed.request, route).url == f"https://{record['host']}{record['path']}"
