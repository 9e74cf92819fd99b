"""Every body that is sent is what OpenAI's description says, and every answer that is served as well."""

from __future__ import annotations

import json

import pytest
from openai_specs import fields_of, validator
from responses_streams import decoded, encoded, text_item

from turnout.messages import File, Image, Message, Reasoning, Refusal, ServerTool, Text, ToolCall
from turnout.protocols.openai_responses import render_response
from turnout.requests import ModelSettings, OutputSpec, ToolSpec
from turnout.responses import ModelResponse, TokenLogprob
from turnout.usage import Usage

PNG = b"\x89PNG\r\n\x1a\n0000"
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "e",
}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
TOOLS = (ToolSpec(name="f", description="F."), ToolSpec(name="g"))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FEATURES = {
    "text": {},
    "stream": {"stream": True},
    "tools": {"tools": TOOLS, "tool_choice": "required", "settings": ModelSettings(parallel_tool_calls=False)},
    "one tool": {"tools": TOOLS, "tool_choice": "f"},
    "provider's tools": {"tools": TOOLS, "provider_options": {"p": {"tools": [{"type": "web_search"}]}}},
    "output": {"output": OutputSpec(schema=SCHEMA, name="n", description="d", mode="json_schema")},
    "json": {"output": OutputSpec(schema=SCHEMA, mode="json_object")},
    "settings": {
        "settings": ModelSettings(
            temperature=0.5,
            top_p=0.5,
            max_output_tokens=50,
            reasoning_effort="low",
            service_tier="flex",
            top_logprobs=2,
        )
    },
    "stateful": {"provider_options": {"p": {"previous_response_id": "resp_1", "store": True}}},
}
MESSAGES = {
    "text": [Message.user("Hi")],
    "system": [Message.system("S"), Message.user("Hi"), Message.system("T")],
    "image": [Message.user("Look", Image(data=PNG), Image(url="https://x.y/a.png"))],
    "file": [Message.user("Read", File(data=b"%PDF-1", name="a.pdf"), File(url="https://x.y/a.pdf"))],
    "assistant": [Message.user("Hi"), Message.assistant("Ho"), Message.user("Hi")],
    "history": [
        Message.user("Hi"),
        decoded(THOUGHT, SEARCH, {**text_item("Ho"), "phase": "commentary"}, CALL).message,
        Message.tool("c1", "R"),
    ],
    "no ids": [Message.user("Hi"), Message.assistant(ToolCall("c1", "f", {"a": 1})), Message.tool("c1", "R")],
}


@pytest.mark.parametrize("messages", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize("fields", FEATURES.values(), ids=FEATURES)
def test_a_body_is_what_the_description_says(messages, fields):
    body = encoded(*messages, **fields)
    for item in body["input"]:
        for part in item["content"] if item.get("type") == "message" else []:
            part["logprobs"] = []  # the description asks for them; OpenAI took recorded requests without
    told = [error.message[:300] for error in validator("CreateResponse").iter_errors(body)]
    assert told == []
    assert body.keys() <= fields_of("CreateResponse")


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter"])
def test_an_answer_is_what_the_description_says(reason):
    parts = [
        Reasoning("Hm.", [THOUGHT], "p"),
        ServerTool("web_search_call", SEARCH),
        Text("Hi", {"openai_responses@p": {"phase": "commentary"}}),
        Refusal("No."),
        ToolCall("c1", "f", {"a": 1}),
        Image(data=PNG),
    ]
    response = ModelResponse(
        message=Message("assistant", parts),
        finish_reason=reason,
        usage=Usage(input_tokens=3, output_tokens=2),
        logprobs=[TokenLogprob(token="Hi", logprob=-0.5)],
    )
    body = json.loads(render_response(response, model="m", created=5))
    assert [error.message[:300] for error in validator("Response").iter_errors(body)] == []
