"""Settings and reasoning as Gemini's wire has them."""

from __future__ import annotations

import json

import pytest
from gemini_answers import codes, make_route, send, send_raw

from turnout.catalog.types import ReasoningOption
from turnout.errors import InvalidInputError
from turnout.messages import Message
from turnout.requests import ToolSpec

HI = Message.user("Hi")
TOOL = ToolSpec(name="t")


def config(settings, **options):
    encoded = send_raw(HI, settings=settings, route=make_route(**options))
    return send(HI, settings=settings, route=make_route(**options)).get("generationConfig"), codes(encoded)


def test_every_setting_has_its_field():
    body = send(
        HI,
        settings={
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "max_output_tokens": 100,
            "stop": ["a"],
            "seed": 7,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.2,
            "top_logprobs": 3,
            "service_tier": "flex",
        },
    )
    assert body["serviceTier"] == "flex"
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "maxOutputTokens": 100,
        "stopSequences": ["a"],
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 3,
    }


def test_logprobs_are_asked_for_with_or_without_a_number_and_can_be_turned_off():
    assert config({"logprobs": True}) == ({"responseLogprobs": True}, [])
    assert config({"logprobs": False, "top_logprobs": 3}) == ({"responseLogprobs": False}, [])


def test_a_model_without_temperature_gets_none():
    found = config({"temperature": 1.0, "top_p": 0.5, "seed": 1}, facts={"supports_temperature": False})
    assert found == ({"seed": 1}, ["dropped_setting", "dropped_setting"])
    assert config({"seed": 1}, facts={"supports_temperature": False}) == ({"seed": 1}, [])


def test_what_was_refused_before_is_left_out_with_a_warning():
    encoded = send_raw(HI, settings={"seed": 1, "service_tier": "flex"}, dropped=frozenset({"seed", "serviceTier"}))
    assert (send(HI), codes(encoded)) == (json.loads(encoded.body), ["dropped_setting"] * 2)
    assert config({"seed": 1}, rejected_fields=("seed",)) == (None, ["dropped_setting"])


def test_fields_of_another_name_are_told_for_a_server_that_refuses_them():
    encoded = send_raw(HI, settings={"service_tier": "flex", "reasoning_effort": "low", "seed": 1})
    assert encoded.translated == {"serviceTier", "thinkingConfig"}
    assert send_raw(HI, settings={"seed": 1}).translated == frozenset()


def test_vertex_ai_has_no_field_for_the_service_tier():
    encoded = send_raw(HI, settings={"service_tier": "flex"}, route=make_route(vertex=True))
    assert codes(encoded) == ["dropped_setting"]
    assert "X-Vertex-AI-LLM-Shared-Request-Type" in encoded.warnings[0].message


def test_calls_one_by_one_cannot_be_asked_for():
    assert codes(send_raw(HI, tools=(TOOL,), settings={"parallel_tool_calls": False})) == ["dropped_setting"]
    assert codes(send_raw(HI, tools=(TOOL,), settings={"parallel_tool_calls": True})) == []
    assert codes(send_raw(HI, settings={"parallel_tool_calls": False})) == []


def test_a_value_that_json_lacks_is_refused():
    with pytest.raises(InvalidInputError, match=r"settings.temperature: nan"):
        send(HI, settings={"temperature": float("nan")})


def think(effort, *options, **facts):
    facts = {"reasoning_options": options or None, **facts} if options or facts else None
    found, warned = config({"reasoning_effort": effort}, facts=facts)
    return (found or {}).get("thinkingConfig"), warned


def levels(*values):
    return ReasoningOption(type="effort", values=values)


BUDGET = ReasoningOption(type="budget_tokens", min=128, max=10_000)
SWITCH = ReasoningOption(type="toggle")


@pytest.mark.parametrize(
    ("effort", "option", "level", "warned"),
    [
        ("low", levels("low", "high"), "LOW", []),
        ("medium", levels("low", "high"), "HIGH", ["clamped_setting"]),
        ("max", levels("minimal", "low"), "LOW", ["clamped_setting"]),
    ],
)
def test_levels_are_the_nearest_that_the_model_has(effort, option, level, warned):
    assert think(effort, option) == ({"thinkingLevel": level, "includeThoughts": True}, warned)


def test_no_thinking_at_all_is_the_least_level_and_tells_no_thoughts():
    assert think("none", levels("minimal", "low")) == ({"thinkingLevel": "MINIMAL"}, ["clamped_setting"])


def test_efforts_that_are_no_levels_cannot_be_sent():
    assert think("low", levels("none", "default")) == (None, ["dropped_setting"])


@pytest.mark.parametrize(
    ("effort", "options", "budget", "warned"),
    [
        ("medium", (BUDGET,), 5000, []),
        ("max", (BUDGET, SWITCH), 10_000, []),
        ("minimal", (ReasoningOption(type="budget_tokens", min=2000, max=10_000),), 2000, []),
        ("minimal", (ReasoningOption(type="budget_tokens", max=2),), 1, []),
        ("low", (ReasoningOption(type="budget_tokens"),), -1, ["clamped_setting"]),
    ],
)
def test_a_budget_is_a_share_of_the_largest(effort, options, budget, warned):
    assert think(effort, *options) == ({"thinkingBudget": budget, "includeThoughts": True}, warned)


def test_a_budget_of_nothing_turns_thinking_off_where_it_can_be():
    assert think("none", BUDGET, SWITCH) == ({"thinkingBudget": 0}, [])
    assert think("none", ReasoningOption(type="budget_tokens", min=0)) == ({"thinkingBudget": 0}, [])
    assert think("none", BUDGET) == ({"thinkingBudget": 128}, ["clamped_setting"])


def test_a_switch_alone_is_high_or_minimal():
    assert think("high", SWITCH) == ({"thinkingLevel": "HIGH", "includeThoughts": True}, [])
    assert think("none", SWITCH) == ({"thinkingLevel": "MINIMAL"}, ["clamped_setting"])


def test_a_model_that_does_not_reason_is_told_nothing():
    assert think("none", supports_reasoning=False) == (None, [])
    assert think("low", supports_reasoning=False) == (None, ["dropped_setting"])


def test_reasoning_that_cannot_be_steered_is_left_alone():
    assert config({"reasoning_effort": "low"}, facts={"reasoning_options": ()}) == (None, ["dropped_setting"])


def test_a_model_that_nothing_is_known_of_gets_a_level():
    assert think("low") == ({"thinkingLevel": "LOW", "includeThoughts": True}, [])
    assert think("none") == ({"thinkingBudget": 0}, [])
    assert think("high", supports_reasoning=True) == ({"thinkingLevel": "HIGH", "includeThoughts": True}, [])


@pytest.mark.parametrize("own", [{"thinkingBudget": 99}, {"thinkingLevel": "LOW"}])
def test_how_much_to_think_is_told_one_way_alone(own):
    options = {"p": {"generationConfig": {"thinkingConfig": own}}}
    body = send(HI, settings={"reasoning_effort": "high", "seed": 1}, provider_options=options)
    assert body["generationConfig"] == {"seed": 1, "thinkingConfig": own}


@pytest.mark.parametrize("own", [{"thinkingConfig": {"includeThoughts": False}}, {"thinkingConfig": 1}, 1])
def test_other_fields_of_ones_own_leave_the_effort(own):
    options = {"p": {"generationConfig": own}}
    encoded = send_raw(HI, settings={"reasoning_effort": "high"}, provider_options=options)
    written = json.loads(encoded.body)["generationConfig"]
    level = {"thinkingLevel": "HIGH", "includeThoughts": True}
    assert written in (own, {"thinkingConfig": {**level, "includeThoughts": False}})
    assert written != {"thinkingConfig": level}
