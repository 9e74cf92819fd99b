"""Every body that is sent is what Anthropic's OpenAPI description has, and every answer that is served as well."""

from __future__ import annotations

import json
from typing import Any

import pytest
import traffic
from anthropic_wire import BUDGET, EFFORT, encode_body, make_route
from vendor_specs import anthropic_validator, tell

from turnout.call.stream import as_chunks
from turnout.errors import RateLimitError
from turnout.messages import File, Image, Message, Reasoning, ServerTool, Text, ToolCall
from turnout.protocols.anthropic_messages import StreamRenderer, decode, render_response
from turnout.protocols.anthropic_messages.serve import render_error
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ToolSpec

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


def check(value: Any, name: str) -> None:
    assert tell(anthropic_validator(name), value) == []


TOOL = ToolSpec(name="weather", description="Tells it", parameters={"properties": {"city": {"type": "string"}}})
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result", "url": "https://h", "title": "T", "encrypted_content": "e"}],
}
CITED = {
    "type": "web_search_result_location", "url": "https://h", "title": "T", "cited_text": "x", "encrypted_index": "e",
}  # fmt: skip
HISTORY = [
    Message.system("Be short"),
    Message.user("What is the weather?", Image(data=PNG), File(data=b"%PDF-1.7", name="r.pdf"), File(data=b"x")),
    Message.assistant(
        Reasoning("hm", [{"type": "thinking", "thinking": "hm", "signature": "s"}], "p"),
        Reasoning("", [{"type": "redacted_thinking", "data": "x"}], "p"),
        Text("Let me see", citations=[CITED]), ServerTool("web_search", SEARCH), ServerTool("web_search", FOUND),
        ToolCall("functions.weather:0", "weather", {"city": "Rome"}), ToolCall("b", "weather", {}, "{"),
    ),
    Message.tool("functions.weather:0", "sunny"),
    Message.tool("b", "broken", is_error=True),
    Message.user(Text("And?", {"*": {"cache_control": {"type": "ephemeral"}}}), Image(url="https://h/a.png")),
]  # fmt: skip
MATRIX: dict[str, dict[str, Any]] = {
    "text": {},
    "history": {"messages": HISTORY, "tools": (TOOL,)},
    "settings": {"settings": {"temperature": 1.5, "top_p": 0.5, "top_k": 3, "stop": ["x"], "service_tier": "auto"}},
    "tools": {"tools": (TOOL,), "tool_choice": "required", "settings": {"parallel_tool_calls": False}},
    "named-tool": {"tools": (TOOL,), "tool_choice": "weather"},
    "no-tool": {"tools": (TOOL,), "tool_choice": "none"},
    "effort": {"settings": {"reasoning_effort": "high"}, "facts": {"reasoning_options": (EFFORT,)}},
    "budget": {
        "settings": {"reasoning_effort": "high"},
        "facts": {"reasoning_options": (BUDGET,), "max_output": 32000},
    },
    "both": {"settings": {"reasoning_effort": "high"}, "facts": {"reasoning_options": (EFFORT, BUDGET)}},
    "unknown": {"settings": {"reasoning_effort": "minimal"}},
    "off": {"settings": {"reasoning_effort": "none"}},
    "output": {"output": OutputSpec(schema=TOOL.parameters | {"type": "object"}, mode="json_schema")},
    "output-prompt": {"output": OutputSpec(schema={"type": "object"}, mode="json_schema")},
    "options": {
        "options": {"tools": [{"type": "web_search_20250305", "name": "web_search"}], "metadata": {"user_id": "u"}}
    },
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("features", MATRIX.values(), ids=list(MATRIX))
def test_every_body_is_what_the_description_has(features, stream):
    request = ModelRequest(
        messages=features.get("messages") or [Message.user("Hi")],
        tools=features.get("tools", ()),
        tool_choice=features.get("tool_choice"),
        output=features.get("output"),
        settings=ModelSettings(**features.get("settings", {})),
        provider_options={"p": features["options"]} if "options" in features else {},
        stream=stream,
    )
    check(encode_body(request, make_route(**features.get("facts", {}))), "CreateMessageParams")


@pytest.mark.parametrize("protocol", ["vertex_anthropic", "bedrock_anthropic"])
def test_the_clouds_get_the_same_but_for_their_own_fields(protocol):
    body = encode_body(HISTORY, make_route(protocol))
    assert body.pop("anthropic_version")
    check({"model": "m", **body}, "CreateMessageParams")


def test_answers_and_streams_and_errors_that_are_served():
    response = decode(
        json.dumps({"content": [SEARCH | {"caller": {"type": "direct"}}], "id": "x", "model": "m"}).encode(),
        make_route(),
    )
    check(json.loads(render_response(response)), "Message")
    check(json.loads(render_error(RateLimitError("Slow down"))), "ErrorResponse")
    renderer = StreamRenderer(model="m")
    data = b"".join([renderer.feed([chunk]) for chunk in as_chunks(response)]) + renderer.finish(response)
    for line in data.decode().splitlines():
        if line.startswith("data: "):
            check(json.loads(line[6:]), "MessageStreamEvent")


OF_THE_DESCRIPTION = {"text", "thinking", "redacted_thinking", "tool_use"}


ANSWERS = [
    record
    for record in traffic.load_records("anthropic_messages")
    if record["status"] == 200 and record["headers"]["content-type"].startswith("application/json")
]


@traffic.parametrize(ANSWERS[::4])
def test_a_recorded_answer_that_is_served_again_is_what_the_description_has(record):
    response = decode(record["body"].encode(), make_route())
    body = json.loads(render_response(response))
    body["container"] = None
    body["content"] = [block for block in body["content"] if block["type"] in OF_THE_DESCRIPTION]
    for block in body["content"]:
        if block["type"] == "tool_use":
            block["caller"] = {"type": "direct"}
        elif block["type"] == "text":
            block["citations"] = None
    check(body, "Message")
