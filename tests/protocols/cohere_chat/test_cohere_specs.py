"""Every body that is sent, and every answer that is served, is what Cohere's OpenAPI description says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cohere_wire import PNG, send
from vendor_specs import cohere_validator, load_cohere

from turnout.call.stream import as_chunks
from turnout.messages import Image, Message, Reasoning, Text, ToolCall
from turnout.protocols.cohere_chat import StreamRenderer, render_response
from turnout.requests import OutputSpec, ToolSpec
from turnout.responses import ModelResponse
from turnout.usage import Usage

CITED = {"start": 0, "end": 1, "text": "a", "sources": [{"type": "document", "id": "1", "document": {"a": "b"}}]}
TOOL = ToolSpec(name="weather", description="Tells it", parameters={"properties": {"city": {"type": "string"}}})
HISTORY = (
    Message.system("Be short"),
    Message.user("What is the weather?", Image(data=PNG)),
    Message.assistant(
        Reasoning("hm", [{"type": "thinking"}], "p"),
        Reasoning("I will look", [{"type": "tool_plan"}], "p"),
        ToolCall("1", "weather", {"city": "Rome"}),
    ),
    Message.tool("1", "sunny"),
    Message.assistant(Text("Sunny", citations=[CITED])),
    Message.user("Thanks"),
)
MATRIX: dict[str, dict[str, Any]] = {
    "text": {},
    "stream": {"stream": True},
    "history": {"messages": HISTORY, "tools": (TOOL,)},
    "tool": {"tools": (TOOL,), "tool_choice": "weather"},
    "no-tool": {"tools": (TOOL,), "tool_choice": "none"},
    "schema": {"output": OutputSpec(schema={"type": "object"}, mode="json_schema")},
    "json": {"output": OutputSpec(schema={"type": "object"}, mode="json_object")},
    "settings": {
        "settings": {
            "temperature": 0.5,
            "top_p": 0.5,
            "top_k": 5,
            "max_output_tokens": 5,
            "stop": ["x"],
            "seed": 1,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.1,
            "logprobs": True,
            "reasoning_effort": "none",
        }
    },
    "thinking": {"settings": {"reasoning_effort": "high"}},
    "documents": {"provider_options": {"p": {"documents": ["d"], "citation_options": {"mode": "FAST"}}}},
}


@pytest.mark.parametrize("case", MATRIX)
def test_what_is_sent_is_what_cohere_describes(case):
    fields = dict(MATRIX[case])
    messages = fields.pop("messages", (Message.user("Hi"),))
    cohere_validator(None).validate(send(*messages, **fields))


def test_what_cohere_does_not_describe_would_be_found():
    errors = cohere_validator(None).iter_errors(
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "top_p": 1}
    )
    assert ["top_p" in error.message for error in errors] == [True]


RESPONSE = ModelResponse(
    message=Message.assistant(
        Reasoning("hm", [{"type": "thinking"}], "p"), Text("a", citations=[CITED]), ToolCall("1", "f", {"a": 1})
    ),
    finish_reason="tool_calls",
    usage=Usage(input_tokens=1, output_tokens=2, total_tokens=3, cached_input_tokens=1),
)


def test_an_answer_that_is_served_is_what_cohere_describes():
    cohere_validator("ChatResponseV2").validate(json.loads(render_response(RESPONSE)))


def test_every_event_that_is_served_is_what_cohere_describes():
    renderer = StreamRenderer()
    data = renderer.feed(as_chunks(RESPONSE)) + renderer.finish(RESPONSE)
    events = [json.loads(block.partition(b"data: ")[2]) for block in data.split(b"\n\n") if block]
    names = load_cohere()["components"]["schemas"]["StreamedChatResponseV2"]["discriminator"]["mapping"]
    for event in events:
        cohere_validator(names[event["type"]].rpartition("/")[2]).validate(event)
    assert {event["type"] for event in events} == names.keys() - {"tool-plan-delta", "debug"}
