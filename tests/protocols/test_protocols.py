"""Wire formats are found by name."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from msgspec import json as fast_json

from turnout.errors import CallError, ConfigurationError
from turnout.messages import Message, Text, ToolCall, ToolResult
from turnout.protocols import PROTOCOLS, find_protocol, openai_chat
from turnout.protocols.json_reading import write_again
from turnout.requests import ModelRequest, ModelSettings, ToolSpec
from turnout.routing.route import Route

CALLS = {
    "openai_chat": '{"choices":[{"message":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":%s}}]}}]}',
    "openai_responses": '{"output":[{"type":"function_call","call_id":"c","name":"f","arguments":%s}]}',
    "anthropic_messages": '{"content":[{"type":"tool_use","id":"c","name":"f","input":%s}]}',
    "gemini": '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":%s}}]}}]}',
    "bedrock_converse": '{"output":{"message":{"content":[{"toolUse":{"toolUseId":"c","name":"f","input":%s}}]}}}',
}
"""Answers of the wire formats whose arguments may come as JSON, and not as its text."""

OWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "openai_chat": ({"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}, {"content": []}),
    "openai_responses": ({"include": ["a"], "text": {"format": {"type": "text"}}}, {"content": []}),
    "anthropic_messages": (
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "tools": [{"name": "f", "cache_control": {}}]},
        {"content": [], "cache_control": {"type": "ephemeral"}},
    ),
    "gemini": ({"tools": [{"googleSearch": {}}], "generationConfig": {"topK": 3}}, {"parts": []}),
    "bedrock_converse": (
        {
            "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}, "top_k": 3},
            "inferenceConfig": {"temperature": 0.5},
            "toolConfig": {"tools": [{"cachePoint": {"type": "default"}}]},
        },
        {"content": [], "cachePoint": {"type": "default"}},
    ),
    "cohere_chat": ({"tools": [{"type": "function"}], "thinking": {"type": "enabled"}}, {"content": []}),
}
"""Options of the caller for a request, and for its messages and parts, that an encoder merges with its own fields."""


def test_every_wire_format_is_found_by_its_name():
    assert find_protocol("openai_chat") is openai_chat
    for name in PROTOCOLS:
        assert callable(find_protocol(name).encode)


@pytest.mark.parametrize("name", ["refusals", "os", ""])
def test_any_other_name_is_an_error_that_tells_the_names(name):
    names = ", ".join(PROTOCOLS)
    with pytest.raises(ConfigurationError, match=f"choose one of {names} with protocol= in the model config"):
        find_protocol(name)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("brackets", [('{"a":', "}"), ("[", "]")])
def test_arguments_at_the_very_limit_of_depth_are_no_recursion_error(name, brackets):
    """What could just be read is written again a few frames deeper."""
    decode = find_protocol(name).decode
    route = Route(asked="p/m", provider="p", model="m", protocol=name, base_url="http://h/v1", url="http://h/v1")
    outcomes: set[bool] = set()
    for depth in range(10, sys.getrecursionlimit() + 10):
        nested = brackets[0] * depth + "1" + brackets[1] * depth
        try:
            outcomes.add(len(decode((CALLS[name] % nested).encode(), route).tool_calls) == 1)
        except CallError:
            outcomes.add(False)
    assert outcomes == {True, False}, "some are read, and some are too deep"


def test_what_was_read_is_written_again():
    assert write_again({"a": [1, "ü", None]}) == '{"a":[1,"ü",null]}'
    endless: list[object] = []
    endless.append(endless)
    assert write_again(endless) is None


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize(
    "settings", [ModelSettings(), ModelSettings(temperature=0.5, top_p=0.5, reasoning_effort="low")]
)
def test_encoding_leaves_what_the_caller_gave_as_it_was(name, settings):
    """The same request is encoded again for a retry or a fallback, and what it holds belongs to somebody else."""
    for_request, for_parts = ({"p": fields} for fields in OWN[name])
    result = Message("tool", [ToolResult("c", "1", "f", provider_options=for_parts)], provider_options=for_parts)
    request = ModelRequest(
        messages=[
            Message("user", [Text("Hi", for_parts)], provider_options=for_parts),
            Message("assistant", [ToolCall("c", "f", {}, None, for_parts)], provider_options=for_parts),
            *(result, Message.tool("c", "2", name="f"), Message.user("Go on")),
        ],
        tools=(ToolSpec(name="f"),),
        settings=settings,
        provider_options=for_request,
    )
    before = fast_json.encode(request)
    route = Route(asked="p/m", provider="p", model="m", protocol=name, base_url="http://h/v1", url="http://h/v1")
    bodies = [json.loads(find_protocol(name).encode(request, route).body) for _ in range(2)]
    assert fast_json.encode(request) == before
    assert bodies[0] == bodies[1]
