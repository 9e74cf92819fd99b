"""Every body that is sent is what OpenAI's description says, unless a quirk asks for what it does not know."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_streams import make_route
from vendor_specs import find_openai_faults

from turnout.catalog.types import Model, ReasoningOption
from turnout.messages import Audio, File, Image, Message, Reasoning, Refusal, Text, ToolCall, Video
from turnout.protocols.openai_chat import encode
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ToolSpec

PNG = b"\x89PNG\r\n\x1a\n0000"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
TOOLS = (ToolSpec(name="f", description="F.", parameters=SCHEMA), ToolSpec(name="g"))
FEATURES: dict[str, dict[str, Any]] = {
    "text": {},
    "stream": {"stream": True},
    "tools": {"tools": TOOLS, "tool_choice": "required", "settings": ModelSettings(parallel_tool_calls=False)},
    "one tool": {"tools": TOOLS, "tool_choice": "f"},
    "no tool": {"tools": TOOLS, "tool_choice": "none"},
    "a tool of the provider": {
        "tools": TOOLS,
        "provider_options": {"p": {"tools": [{"type": "custom", "custom": {"name": "c"}}]}},
    },
    "output": {"output": OutputSpec(schema=SCHEMA, name="n", description="d", mode="json_schema")},
    "json": {"output": OutputSpec(schema=SCHEMA, mode="json_object")},
    "reasoning": {"settings": ModelSettings(reasoning_effort="xhigh")},
    "settings": {
        "settings": ModelSettings(
            temperature=0.5, top_p=0.5, max_output_tokens=50, stop=["x", "y"], seed=3, presence_penalty=0.5,
            frequency_penalty=-0.5, reasoning_effort="low", service_tier="flex", top_logprobs=2,
        )
    },
    "logprobs": {"settings": ModelSettings(logprobs=True)},
    "options": {"provider_options": {"p": {"user": "u", "metadata": {"a": "b"}, "stream_options": None}}},
}  # fmt: skip
MESSAGES = {
    "text": [Message.user("Hi")],
    "system": [Message.system("S"), Message.user("Hi"), Message.system("T")],
    "names": [Message("user", [Text("Hi")], name="ann")],
    "image": [Message.user("Look", Image(data=PNG), Image(url="https://x.y/a.png"))],
    "audio": [Message.user("Listen", Audio(data=b"RIFF0000WAVE"))],
    "file": [Message.user("Read", File(data=b"%PDF-1", name="a.pdf"))],
    "assistant": [Message.user("Hi"), Message.assistant("Ho", Refusal("No.")), Message.user("Hi")],
    "history": [
        Message.user("Hi"),
        Message.assistant(
            Reasoning("Hm."), Text("Let me see"), ToolCall("c1", "f", {"a": "b"}), ToolCall("c2", "g", {}, "{")
        ),
        Message.tool("c1", "R"),
        Message.tool("c2", "broken", is_error=True),
    ],
    "calls alone": [Message.user("Hi"), Message.assistant(ToolCall("c1", "f", {"a": 1})), Message.tool("c1", "R")],
}


def find_faults(messages: list[Message], route: Any, fields: dict[str, Any]) -> list[str]:
    return find_openai_faults(json.loads(encode(ModelRequest(messages=messages, **fields), route).body))


@pytest.mark.parametrize("messages", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize("fields", FEATURES.values(), ids=FEATURES)
def test_a_body_is_what_the_description_says(messages, fields):
    assert find_faults(messages, make_route(), fields) == []


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_limit_is_described_under_both_names(field):
    fields = {"settings": ModelSettings(max_output_tokens=5)}
    assert find_faults(MESSAGES["text"], make_route(max_tokens_field=field), fields) == []


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh"])
def test_an_effort_that_the_model_has_is_described(effort):
    route = make_route()
    route.facts = Model(id="p/m", reasoning_options=(ReasoningOption(type="effort", values=(effort,)),))
    assert find_faults(MESSAGES["text"], route, {"settings": ModelSettings(reasoning_effort=effort)}) == []


def test_what_openai_does_not_describe_goes_to_those_that_take_it():
    """Nobody but others has these: a video, `top_k`, Mistral's name of the seed."""
    assert find_faults([Message.user(Video(url="https://x.y/a.mp4"))], make_route(), {}) != []
    assert find_faults(MESSAGES["text"], make_route(), {"settings": ModelSettings(top_k=3)}) == [
        "[]: the field 'top_k' is not described"
    ]
    route = make_route(seed_field="random_seed")
    assert find_faults(MESSAGES["text"], route, {"settings": ModelSettings(seed=3)}) == [
        "[]: the field 'random_seed' is not described"
    ]
