"""Every recorded request comes out as it went in: parsed as a server does, encoded as a client does."""

from __future__ import annotations

import json
from typing import Any

import traffic
from chat_streams import make_route

from turnout.protocols.openai_chat import encode, parse_request

RECORDS = traffic.load_records("openai_chat")


def expect(request: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded body as it should come out: each change has its reason."""
    body = {key: item for key, item in request.items() if item is not None}  # null says what an absent field says
    body["messages"] = [expect_message(message) for message in body["messages"]]
    if body.get("stream") is False:
        del body["stream"]  # the wire's default
    if "stream" in body:
        body["stream_options"] = {"include_usage": True, **body.get("stream_options", {})}  # usage is always wanted
    if "max_completion_tokens" in body:
        body["max_tokens"] = body.pop("max_completion_tokens")  # spelled as the quirks of the provider have it
    if "random_seed" in body:
        body["seed"] = body.pop("random_seed")  # likewise
    if body.get("tools") == []:
        del body["tools"]  # no tools
    for tool in [tool for tool in body.get("tools", []) if "function" in tool]:
        tool["type"] = "function"  # the default
        tool["function"].setdefault("description", "")
    if body.get("tool_choice") == "any":
        body["tool_choice"] = "required"  # Mistral's word and everybody's for the same
    return body


def expect_message(message: dict[str, Any]) -> dict[str, Any]:
    kept = {key: item for key, item in message.items() if item is not None}
    if kept["role"] == "developer":
        kept["role"] = "system"  # the same to every provider that knows both
    if kept["role"] != "assistant":
        if isinstance(kept["content"], list):
            kept["content"] = expect_parts(kept["content"])
        return kept
    for name in ("reasoning", "reasoning_content", "annotations"):
        kept.pop(name, None)  # thoughts go back as `reasoning_details` only; sources are no part of a request
    if isinstance(kept.get("content"), list) and not any("cache_control" in part for part in kept["content"]):
        kept["content"] = "".join([part["text"] for part in kept["content"]])
    if not kept.get("tool_calls"):
        kept.pop("tool_calls", None)
    for call in kept.get("tool_calls", []):
        call.pop("index", None)  # Mistral's own numbering
        call["function"]["arguments"] = json.loads(call["function"]["arguments"] or "{}")
    if not kept.get("content"):
        kept["content"] = None if "tool_calls" in kept else ""  # "" and null say the same
    return kept


def expect_parts(parts: list[dict[str, Any]]) -> Any:
    parts = [{key: item for key, item in part.items() if item is not None} for part in parts]
    for part in parts:
        if part["type"] == "document_url":  # Mistral's own form goes out as OpenAI's
            url = part.pop("document_url")
            name = "file.pdf" if url.startswith("data:") else url.rpartition("/")[2]
            part |= {"type": "file", "file": {"filename": name, "file_data": url}}
    return parts[0]["text"] if len(parts) == 1 and set(parts[0]) == {"type", "text"} else parts


@traffic.parametrize(RECORDS)
def test_a_recorded_request_comes_out_as_it_went_in(record):
    request = json.loads(json.dumps(record["request"]))
    parsed = parse_request(json.dumps(request).encode())
    assert parsed.model == request["model"]
    route = make_route()
    route.model = parsed.model
    body = json.loads(encode(parsed.request, route).body)
    for message in body["messages"]:
        if message.get("tool_calls") and not message["content"]:
            message["content"] = None
        for call in message.get("tool_calls") or []:
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    assert body == expect(request)
