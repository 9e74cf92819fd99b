"""Wire formats are found by name."""

from __future__ import annotations

import sys

import pytest

from turnout.errors import CallError, ConfigurationError
from turnout.protocols import PROTOCOLS, find_protocol, openai_chat
from turnout.protocols.json_reading import write_again
from turnout.routing.route import Route

CALLS = {
    "openai_chat": '{"choices":[{"message":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":%s}}]}}]}',
    "openai_responses": '{"output":[{"type":"function_call","call_id":"c","name":"f","arguments":%s}]}',
    "anthropic_messages": '{"content":[{"type":"tool_use","id":"c","name":"f","input":%s}]}',
    "gemini": '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":%s}}]}}]}',
    "bedrock_converse": '{"output":{"message":{"content":[{"toolUse":{"toolUseId":"c","name":"f","input":%s}}]}}}',
}
"""Answers of the wire formats whose arguments may come as JSON, and not as its text."""


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
