"""What goes to a model of any facts, for any request: valid, and honest about what was done to it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from adaptation_routes import SCHEMA, TIME, WEATHER, ask, route
from turnout.adaptation import adapt
from turnout.adaptation.emulation import EmulationRewriter
from turnout.adaptation.output_tool import OutputToolRewriter
from turnout.adaptation.plan import Adapted, lacks_tools, output_mode
from turnout.messages import Message, ToolCall
from turnout.protocols.openai_chat import encode
from turnout.requests import ModelRequest, ToolSpec
from turnout.routing.route import Route

TOOLS = (WEATHER, TIME)
CALLED = [
    Message.user("Weather?"),
    Message.assistant(ToolCall("1", "get_weather", {"city": "Paris"})),
    Message.tool("1", "sunny", name="get_weather"),
]


def send(request: ModelRequest, where: Route, *refused: str) -> tuple[Adapted, dict[str, Any]]:
    adapted = adapt(request, where, frozenset(refused))
    return adapted, json.loads(encode(adapted.request, where, frozenset(refused)).body)


def words(body: dict[str, Any]) -> str:
    return json.dumps([message["content"] for message in body["messages"]], ensure_ascii=False)


FACTS = [
    *({"tools": tools, "output": output} for tools in (True, False, None) for output in (True, False, None)),
    {"known": False},
]
QUIRKS: list[dict[str, Any]] = [
    {},
    {"response_format": "json_object"},
    {"response_format": "none"},
    {"takes_tools_with_output": False},
    {"takes_forced_tools": False},
    {"rejected_fields": ("tools",)},
    {"offers_tools_once": True},
]
REFUSED = [(), ("tools",), ("tool_choice",), ("response_format",), ("tools", "response_format")]
CHOICES = [None, "auto", "required", "none", "get_weather"]
MODES = [None, "native", "json_schema", "json_object", "tool", "prompt"]


def check(where: Route, request: ModelRequest, adapted: Adapted, body: dict[str, Any], refused: set[str]) -> None:
    codes = {warning.code for warning in adapted.warnings}
    told = words(body)
    choice = request.tool_choice
    assert not refused & {"tools", "tool_choice", "response_format"} & body.keys()
    if lacks_tools(where, frozenset(refused)):
        assert not {"tools", "tool_choice"} & body.keys()
    offered = [tool["function"]["name"] for tool in body.get("tools", [])]
    own = [name for name in offered if name != "final_answer"]
    if "tool_choice" in body:  # it must be about tools that are there
        named = body["tool_choice"]
        assert named in ("auto", "none", "required") or named["function"]["name"] in offered
        assert offered
    if choice == "none":
        assert "- get_weather:" not in told
        assert not own or body.get("tool_choice") == "none"
    elif request.tools and not own:  # they are in words, and the answer is read back
        assert isinstance(adapted.rewriter, EmulationRewriter)
        assert "emulated_tools" in codes
        assert "- get_weather:" in told
        assert ("- get_time:" in told) is (choice != "get_weather")
        assert ("Call a tool now." in told) is (choice in ("required", "get_weather"))
    elif choice in ("required", "get_weather"):
        wire = {"required": "required"}.get(choice, {"type": "function", "function": {"name": choice}})
        assert body.get("tool_choice") == wire or "prompted_tool_choice" in codes
        assert "final_answer" not in offered  # one of the user's own is to be called first
    if request.output is not None:
        held = body.get("response_format", {}).get("type")
        in_words = "It must fit this schema" in told or "which must fit" in told
        by_tool = isinstance(adapted.rewriter, OutputToolRewriter)
        is_called_first = choice in ("required", "get_weather") and isinstance(adapted.rewriter, EmulationRewriter)
        assert held == "json_schema" or in_words or by_tool or adapted.is_output_pending or is_called_first
        assert by_tool is ("final_answer" in offered)
        if not held and in_words and not by_tool:
            assert codes & {"prompted_output", "emulated_tools"}
        if own and held:
            assert where.quirks.takes_tools_with_output
    else:
        assert not adapted.is_output_pending
        assert "response_format" not in body or isinstance(adapted.rewriter, EmulationRewriter)


@pytest.mark.parametrize("quirks", QUIRKS, ids=str)
@pytest.mark.parametrize("facts", FACTS, ids=str)
def test_every_request_is_valid_and_honest(facts: dict[str, Any], quirks: dict[str, Any]) -> None:
    where = route(**facts, **quirks)
    for refused, choice, mode, messages in itertools.product(
        REFUSED, CHOICES, MODES, ([Message.user("Go")], CALLED[:2] + CALLED[2:] + [Message.user("And now?")])
    ):
        for tools in (TOOLS, ()):
            if not tools and choice is not None:
                continue
            output = {"output": True} if mode == "native" else {"mode": mode}
            request = ask(*messages, tools=tools, tool_choice=choice, **output)
            adapted, body = send(request, where, *refused)
            check(where, request, adapted, body, {*refused, *where.quirks.rejected_fields})


def test_a_plain_request_is_not_touched() -> None:
    request = ask()
    assert adapt(request, route(tools=False)).request is request


@pytest.mark.parametrize(
    ("facts", "refused", "mode"),
    [
        ({}, (), "json_schema"),
        ({"known": False}, (), "json_schema"),
        ({"output": None}, (), "tool"),
        ({"output": False, "tools": False}, (), "prompt"),
        ({"output": False, "tools": None}, (), "prompt"),
        ({"output": False, "response_format": "json_object"}, (), "json_object"),
        ({"response_format": "none"}, (), "tool"),
        ({}, ("response_format",), "tool"),
        ({}, ("response_format", "tools"), "prompt"),
        ({}, ("response_format", "tool_choice"), "prompt"),
        ({"output": False, "takes_forced_tools": False}, (), "prompt"),
        ({"known": False}, ("response_format",), "prompt"),
    ],
)
def test_the_mode_of_output(facts: dict[str, Any], refused: tuple[str, ...], mode: str) -> None:
    assert output_mode(route(**facts), frozenset(refused)) == mode


def test_a_mode_that_the_server_refuses_gives_way() -> None:
    _, body = send(ask(mode="json_schema"), route(), "response_format")
    assert body["tools"][0]["function"]["name"] == "final_answer"
    adapted, body = send(ask(mode="tool"), route(), "tools")
    assert body["response_format"]["type"] == "json_schema"
    assert adapted.rewriter is None


def test_a_forced_output_tool_where_no_choice_is_taken() -> None:
    adapted, body = send(ask(mode="tool"), route(takes_forced_tools=False))
    assert body["tool_choice"] == "auto"
    assert "the tool `final_answer`" in words(body)
    assert [warning.code for warning in adapted.warnings] == ["prompted_tool_choice"]


def test_a_tool_of_the_users_may_have_the_same_name() -> None:
    mine = ToolSpec(name="final_answer")
    adapted, body = send(ask(mode="tool", tools=(mine,)), route())
    assert [tool["function"]["name"] for tool in body["tools"]] == ["final_answer", "final_answer_"]
    assert isinstance(adapted.rewriter, OutputToolRewriter)


def test_tools_that_work_through_the_prompt_may_be_offered_once_a_turn() -> None:
    where = route(tools=False, offers_tools_once=True)
    adapted, body = send(ask(*CALLED, tools=TOOLS), where)
    assert "get_time" in words(body)
    assert "- get_weather" not in words(body)
    again, body = send(ask(*CALLED, tools=(WEATHER,)), where)
    assert again.rewriter is None
    assert body["messages"][-2]["content"].startswith('I called get_weather with {"city":"Paris"}')
    assert adapted.warnings
    _, body = send(ask(*CALLED, Message.assistant("Sunny."), Message.user("In Rome?"), tools=(WEATHER,)), where)
    assert "- get_weather" in words(body)


def test_a_history_with_tools_is_told_to_a_model_without_any() -> None:
    adapted, body = send(ask(*CALLED), route(tools=False))
    assert not any({"tool_calls", "tool_call_id"} & message.keys() for message in body["messages"])
    assert "sunny" in words(body)
    assert adapted.warnings == ()


def test_constrained_json_holds_calls_and_answers() -> None:
    adapted, body = send(ask(tools=TOOLS, output=True), route(tools=False))
    schema = body["response_format"]["json_schema"]["schema"]
    assert SCHEMA["properties"] == schema["anyOf"][-1]["properties"]["answer"]["properties"]
    assert "constrained JSON" in adapted.warnings[0].message
    adapted, body = send(ask(tools=TOOLS), route(tools=False, output=False))
    assert "response_format" not in body
    assert "through the prompt" in adapted.warnings[0].message
