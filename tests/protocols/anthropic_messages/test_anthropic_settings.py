"""Settings: what is sent, fitted or left out, and what is said of it."""

from __future__ import annotations

import json

import pytest
from anthropic_wire import BUDGET, EFFORT, TOGGLE, ask, codes, encode_all, encode_body, make_route

from turnout.catalog.types import ReasoningOption
from turnout.errors import InvalidInputError
from turnout.messages import Message, Reasoning, ToolCall, ToolResult
from turnout.requests import ModelRequest, ModelSettings, ToolSpec

ADAPTIVE = {"type": "adaptive"}


@pytest.mark.parametrize(
    ("facts", "limit"),
    [
        ({"context": 1000}, 4096),
        ({"max_output": 900}, 900),
        ({"max_output": 900, "context": 10_000}, 900),
        ({"max_output": 8000, "context": 10_000}, 10_000 - 4 - 2500),
        ({"max_output": 8000, "context": 2000}, 1024),
    ],
)
def test_the_limit_that_the_wire_must_have_comes_from_the_facts(facts, limit):
    assert encode_body("word " * 2000, make_route(**facts))["max_tokens"] == limit


def test_settings_that_the_wire_has():
    encoded = encode_all(ask(
        temperature=0.5, top_p=0.9, top_k=5, max_output_tokens=7, stop=["END", " \n"], service_tier="standard_only",
    ))  # fmt: skip
    body = json.loads(encoded.body)
    expected = {
        "temperature": 0.5, "top_p": 0.9, "top_k": 5, "max_tokens": 7, "stop_sequences": ["END"],
        "service_tier": "standard_only",
    }  # fmt: skip
    assert {name: body[name] for name in expected} == expected
    assert codes(encoded) == ["dropped_setting"]
    assert encoded.translated == expected.keys() - {"max_tokens"}


def test_settings_that_the_wire_lacks_are_told():
    encoded = encode_all(ask(seed=1, presence_penalty=1.0, frequency_penalty=1.0, logprobs=True, top_logprobs=2))
    assert codes(encoded) == ["dropped_setting"] * 5
    assert json.loads(encoded.body).keys() == {"model", "max_tokens", "messages"}


def test_settings_are_fitted_to_the_model_and_the_server():
    hot = encode_all(ask(temperature=1.5))
    assert (json.loads(hot.body)["temperature"], codes(hot)) == (1, ["clamped_setting"])
    fixed = encode_all(ask(temperature=0.5, top_k=1), make_route(supports_temperature=False))
    assert ("temperature" in json.loads(fixed.body), codes(fixed)) == (False, ["dropped_setting"] * 2)
    refusing = encode_all(ask(top_p=0.5), make_route(quirks={"rejected_fields": ("top_p",)}))
    assert ("top_p" in json.loads(refusing.body), codes(refusing)) == (False, ["dropped_setting"])
    with pytest.raises(InvalidInputError, match="settings.temperature"):
        encode_all(ask(temperature=float("nan")))


@pytest.mark.parametrize(
    ("options", "effort", "sent", "warned"),
    [
        (None, "minimal", {"thinking": ADAPTIVE, "output_config": {"effort": "low"}}, []),
        (None, "none", {"thinking": {"type": "disabled"}}, []),
        ((), "high", {}, ["dropped_setting"]),
        ((), "none", {}, []),
        ((EFFORT,), "high", {"thinking": ADAPTIVE, "output_config": {"effort": "high"}}, []),
        ((EFFORT,), "max", {"thinking": ADAPTIVE, "output_config": {"effort": "high"}}, ["clamped_setting"]),
        ((EFFORT,), "none", {"output_config": {"effort": "low"}}, ["clamped_setting"]),
        ((BUDGET,), "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}, []),
        ((BUDGET,), "none", {}, []),
        ((EFFORT, BUDGET), "none", {}, []),
        (
            (EFFORT, BUDGET),
            "low",
            {"thinking": {"type": "enabled", "budget_tokens": 2048}, "output_config": {"effort": "low"}},
            [],
        ),
        ((TOGGLE,), "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}, ["clamped_setting"]),
        ((TOGGLE, EFFORT), "none", {"thinking": {"type": "disabled"}}, []),
        (
            (ReasoningOption(type="budget_tokens", min=2000, max=3000),),
            "max",
            {"thinking": {"type": "enabled", "budget_tokens": 3000}},
            [],
        ),
    ],
)
def test_an_effort_is_asked_for_as_the_model_is_steered(options, effort, sent, warned):
    route = make_route(reasoning_options=options, max_output=64_000) if options is not None else make_route()
    encoded = encode_all(ask(reasoning_effort=effort), route)
    body = json.loads(encoded.body)
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == sent
    assert codes(encoded) == warned


def test_a_model_that_is_known_not_to_reason_is_not_asked_to():
    route = make_route(supports_reasoning=False)
    assert codes(encode_all(ask(reasoning_effort="low"), route)) == ["dropped_setting"]
    assert codes(encode_all(ask(reasoning_effort="none"), route)) == []


@pytest.mark.parametrize(
    ("limit", "budget", "warned"), [(4000, 3000, "clamped_setting"), (1200, None, "dropped_setting")]
)
def test_a_budget_leaves_room_for_the_answer(limit, budget, warned):
    encoded = encode_all(ask(reasoning_effort="high", max_output_tokens=limit), make_route(reasoning_options=(BUDGET,)))
    assert json.loads(encoded.body).get("thinking", {}).get("budget_tokens") == budget
    assert codes(encoded) == [warned]


@pytest.mark.parametrize("options", [{"thinking": ADAPTIVE}, {"output_config": {"effort": "max"}}])
def test_who_says_himself_how_to_think_is_not_overruled(options):
    body = encode_body(ask(reasoning_effort="low", options=options))
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == options


def test_sampling_that_cannot_go_with_thinking_is_left_out():
    encoded = encode_all(ask(reasoning_effort="low", temperature=0.2, top_p=0.5, top_k=3))
    assert json.loads(encoded.body).keys() == {"model", "max_tokens", "messages", "thinking", "output_config"}
    assert codes(encoded) == ["dropped_setting"] * 3
    kept = encode_all(ask(reasoning_effort="low", temperature=1.0, top_p=0.96))
    assert (json.loads(kept.body)["top_p"], codes(kept)) == (0.96, [])


def thinking_with(messages, **fields):
    request = ModelRequest(messages=messages, settings=ModelSettings(reasoning_effort="low"), **fields)
    return encode_all(request, make_route(reasoning_options=(BUDGET,), max_output=9000))


def test_thinking_by_a_budget_gives_way_to_a_forced_tool():
    tools = (ToolSpec(name="f"),)
    forced = thinking_with([Message.user("Hi")], tools=tools, tool_choice="required")
    assert ("thinking" in json.loads(forced.body), codes(forced)) == (False, ["dropped_setting"])
    free = thinking_with([Message.user("Hi")], tools=tools, tool_choice="auto")
    assert "thinking" in json.loads(free.body)


def test_a_turn_that_was_begun_without_thoughts_goes_on_without_them():
    call, result = ToolCall("c", "f", {}), Message.tool("c", "1")
    thought = Reasoning("Hm", [{"type": "thinking", "thinking": "Hm", "signature": "s"}], "p")
    begun = thinking_with([Message.user("Hi"), Message("assistant", [call]), result])
    assert ("thinking" in json.loads(begun.body), codes(begun)) == (False, ["dropped_setting"])
    for messages in (
        [Message.user("Hi"), Message("assistant", [thought, call]), result],
        [Message.user("Hi"), Message.assistant("Yes"), Message.user("Well?")],
        [Message.user("Hi"), Message("assistant", [call]), result, Message.assistant("So")],
    ):
        assert "thinking" in json.loads(thinking_with(messages).body)


@pytest.mark.parametrize("content", [None, 5, "Hi", [], {}, ["Hi"], [5], [{}], [{"type": "tool_result"}]])
def test_content_of_the_callers_own_is_sent_as_it_is_and_left_as_it_was(content):
    """Thinking looks at it; what the user says after results stands behind it where it is a list."""
    given = {"p": {"content": content}}
    before = json.dumps(given)
    call = Message("assistant", [ToolCall("c", "f", {})], provider_options=given)
    told = Message("tool", [ToolResult("c", "1")], provider_options=given)
    sent = json.loads(thinking_with([Message.user("Hi"), call, told]).body)["messages"]
    assert [message["content"] for message in sent] == ["Hi", content, content]
    sent = json.loads(thinking_with([Message.user("Hi"), call, told, Message.user("Go on")]).body)["messages"]
    behind = [*content, {"type": "text", "text": "Go on"}] if isinstance(content, list) else "Go on"
    assert (sent[1]["content"], sent[-1]["content"]) == (content, behind if behind[1:] else "Go on")
    assert json.dumps(given) == before


@pytest.mark.parametrize("top_p", [None, "0.5", [], {}])
def test_what_is_no_number_is_the_servers_to_refuse(top_p):
    body = encode_body(ask(reasoning_effort="low", options={"top_p": top_p}))
    assert body["top_p"] == top_p
