"""Settings as fields of the body, and how much a model is asked to think."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from converse_answers import make_facts, make_route, warned_body
from msgspec import structs

from turnout.catalog.types import ReasoningOption
from turnout.errors import InvalidInputError
from turnout.messages import Message, Reasoning, ToolCall
from turnout.protocols.bedrock_converse import encode
from turnout.requests import ModelRequest, ModelSettings, ToolSpec

HI = Message.user("Hi")
MORE = "additionalModelRequestFields"
TOGGLE = ReasoningOption(type="toggle")
EFFORT = ReasoningOption(type="effort", values=("low", "medium", "high"))
BUDGET = ReasoningOption(type="budget_tokens", min=1024)
SEARCH = ToolSpec(name="search")


def settle(route: Any = None, *, tools: tuple[ToolSpec, ...] = (), **settings: Any) -> tuple[dict[str, Any], list[str]]:
    """Return what the settings come to beside the messages, and the warnings."""
    request = ModelRequest(messages=[HI], settings=ModelSettings(**settings), tools=tools)
    body, warnings = warned_body(request, route)
    del body["messages"]
    return body, warnings


def test_the_settings_that_the_wire_has() -> None:
    body, warnings = settle(temperature=0.5, top_p=0.9, max_output_tokens=9, stop=["a"], service_tier="flex")
    assert body == {
        "inferenceConfig": {"temperature": 0.5, "topP": 0.9, "maxTokens": 9, "stopSequences": ["a"]},
        "serviceTier": {"type": "flex"},
    }
    assert warnings == []


def test_settings_that_the_wire_lacks_are_told() -> None:
    body, warnings = settle(
        top_k=1, seed=1, presence_penalty=1, frequency_penalty=1, logprobs=True, top_logprobs=1,
        parallel_tool_calls=False, tools=(SEARCH,),
    )  # fmt: skip
    assert body.keys() == {"toolConfig"}
    assert len(warnings) == 7
    assert all(warning.startswith("dropped_setting: `") for warning in warnings)
    assert "additionalModelRequestFields" in warnings[0]
    assert settle(parallel_tool_calls=False) == ({}, [])
    assert settle(parallel_tool_calls=True, tools=(SEARCH,))[1] == []


def test_settings_are_fitted_to_what_the_wire_takes() -> None:
    body, warnings = settle(temperature=1.5, top_p=2.0, stop=["", "a"])
    assert body["inferenceConfig"] == {"temperature": 1, "topP": 1, "stopSequences": ["a"]}
    assert [warning.partition(":")[0] for warning in warnings] == ["clamped_setting"] * 2 + ["dropped_setting"]


def test_a_model_without_temperature_gets_none() -> None:
    body, warnings = settle(make_route(facts=make_facts(supports_temperature=False)), temperature=0.5)
    assert body == {}
    assert warnings == ["dropped_setting: `temperature` was left out: the model takes none, and answers without it"]


def test_fields_that_were_refused_are_left_out() -> None:
    settings = ModelSettings(temperature=0.5, top_p=0.9, service_tier="flex", stop=["a"])
    request = ModelRequest(messages=[HI], settings=settings)
    encoded = encode(request, make_route(), frozenset({"topP", "serviceTier"}))
    body = json.loads(encoded.body)
    assert body["inferenceConfig"] == {"temperature": 0.5, "stopSequences": ["a"]}
    assert "serviceTier" not in body
    assert [warning.code for warning in encoded.warnings] == ["dropped_setting"] * 2
    assert encoded.translated == {"stopSequences"}


def test_a_value_that_json_lacks_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"settings\.temperature"):
        encode(ModelRequest(messages=[HI], settings=ModelSettings(temperature=math.nan)), make_route())


@pytest.mark.parametrize(
    ("effort", "written", "code"),
    [
        ("high", {"outputConfig": {"effort": "high"}}, None),
        ("minimal", {"outputConfig": {"effort": "low"}}, "clamped_setting"),
        ("none", {}, "dropped_setting"),
    ],
)
def test_a_model_that_the_catalog_does_not_know_is_asked_by_the_field_of_the_wire(effort, written, code) -> None:
    for route in (make_route(), make_route(facts=make_facts())):
        body, warnings = settle(route, reasoning_effort=effort)
        assert body == written
        assert [warning.partition(":")[0] for warning in warnings] == [code] * (code is not None)


@pytest.mark.parametrize(
    ("options", "effort", "written"),
    [
        ((EFFORT,), "high", {MORE: {"thinking": {"type": "adaptive"}}, "outputConfig": {"effort": "high"}}),
        ((TOGGLE, BUDGET), "low", {MORE: {"thinking": {"type": "enabled", "budget_tokens": 2048}}}),
        ((TOGGLE, BUDGET), "none", {MORE: {"thinking": {"type": "disabled"}}}),
    ],
)
def test_without_a_quirk_a_model_is_asked_as_claude_is(options, effort, written) -> None:
    route = make_route(facts=make_facts(*options, max_output=64_000))
    assert settle(route, reasoning_effort=effort) == (written, [])


def test_a_model_that_always_thinks_is_asked_to_think_least() -> None:
    body, warnings = settle(make_route(facts=make_facts(EFFORT)), reasoning_effort="none")
    assert body == {"outputConfig": {"effort": "low"}}
    assert warnings[0].startswith("clamped_setting")


def test_a_budget_leaves_room_in_the_limit() -> None:
    body, warnings = settle(make_route(facts=make_facts(BUDGET)), reasoning_effort="high", max_output_tokens=4000)
    assert body[MORE]["thinking"]["budget_tokens"] == 3000
    assert warnings[0].startswith("clamped_setting")


@pytest.mark.parametrize(
    ("field", "options", "effort", "written", "code"),
    [
        ("reasoningConfig", (TOGGLE, EFFORT), "high", {"type": "enabled", "maxReasoningEffort": "high"}, None),
        (
            "reasoningConfig",
            (TOGGLE, EFFORT),
            "max",
            {"type": "enabled", "maxReasoningEffort": "high"},
            "clamped_setting",
        ),
        ("reasoningConfig", (TOGGLE, EFFORT), "none", {"type": "disabled"}, None),
        ("reasoning_effort", (EFFORT,), "low", "low", None),
        ("reasoning_effort", (ReasoningOption(type="effort", values=("none", "low")),), "none", "none", None),
        ("reasoning_config", (TOGGLE,), "low", "high", "clamped_setting"),
        ("reasoning_config", (TOGGLE,), "high", "high", None),
        ("reasoning_config", (TOGGLE,), "none", None, None),
        ("reasoning_effort", (TOGGLE,), "high", "high", None),
        ("reasoning_effort", (TOGGLE,), "none", None, None),
        ("reasoning_effort", (EFFORT,), "none", None, "dropped_setting"),
        ("reasoning", (EFFORT,), "low", {"effort": "low"}, None),
        ("reasoning", (ReasoningOption(type="effort", values=("none", "low")),), "none", {"effort": "none"}, None),
        ("reasoning", (EFFORT,), "none", None, "dropped_setting"),
    ],
)
def test_a_quirk_names_the_field_of_another_maker(field, options, effort, written, code) -> None:
    route = make_route(facts=make_facts(*options), thinking_field=field)
    body, warnings = settle(route, reasoning_effort=effort)
    assert body == ({} if written is None else {MORE: {field: written}})
    assert [warning.partition(":")[0] for warning in warnings] == [code] * (code is not None)


def test_what_reasons_as_it_likes_is_told_nothing() -> None:
    facts = structs.replace(make_facts(), reasoning_options=())
    body, warnings = settle(make_route(facts=facts, thinking_field="reasoning_config"), reasoning_effort="high")
    assert body == {}
    assert warnings == ["dropped_setting: `reasoning_effort` was left out: the model's reasoning cannot be steered"]


@pytest.mark.parametrize(("effort", "count"), [("none", 0), ("low", 1)])
def test_a_model_that_does_not_reason_is_not_asked_to(effort, count) -> None:
    body, warnings = settle(make_route(facts=make_facts(supports_reasoning=False)), reasoning_effort=effort)
    assert body == {}
    assert len(warnings) == count


@pytest.mark.parametrize(
    "own",
    [
        {MORE: {"thinking": {"type": "disabled"}}},
        {MORE: {"reasoning_effort": "low"}},
        {"outputConfig": {"effort": "max"}},
    ],
)
def test_options_that_say_how_to_think_win_over_the_effort(own) -> None:
    request = ModelRequest(messages=[HI], settings=ModelSettings(reasoning_effort="high"), provider_options={"p": own})
    body, warnings = warned_body(request, make_route(facts=make_facts(EFFORT)))
    assert {name: body[name] for name in own} == own
    assert not (body.keys() - own.keys() - {"messages"})
    assert warnings == []


def think(kind: str = "adaptive", **fields: Any) -> dict[str, dict[str, Any]]:
    thinking = {"type": kind, "budget_tokens": 2000} if kind == "enabled" else {"type": kind}
    return {"p": {MORE: {"thinking": thinking, **fields}}}


@pytest.mark.parametrize("choice", ["required", "search"])
def test_a_model_that_must_call_a_tool_does_not_think(choice) -> None:
    request = ModelRequest(messages=[HI], tools=(SEARCH,), tool_choice=choice, provider_options=think(top_k=5))
    body, warnings = warned_body(request)
    assert body[MORE] == {"top_k": 5}
    assert warnings == [
        "dropped_setting: `thinking` was left out: the model cannot think where it is made to call a tool"
    ]
    body, _ = warned_body(ModelRequest(messages=[HI], tools=(SEARCH,), tool_choice=choice, provider_options=think()))
    assert MORE not in body


def test_sampling_that_is_refused_beside_thinking_is_left_out() -> None:
    settings = ModelSettings(temperature=0.5, top_p=0.5)
    request = ModelRequest(messages=[HI], settings=settings, provider_options=think(top_k=5))
    body, warnings = warned_body(request)
    assert "inferenceConfig" not in body
    assert body[MORE] == {"thinking": {"type": "adaptive"}}
    assert len(warnings) == 3
    settings = ModelSettings(temperature=1.0, top_p=0.99, max_output_tokens=5000)
    body, warnings = warned_body(ModelRequest(messages=[HI], settings=settings, provider_options=think()))
    assert body["inferenceConfig"] == {"temperature": 1.0, "topP": 0.99, "maxTokens": 5000}
    assert warnings == []


@pytest.mark.parametrize(
    ("history", "is_kept"),
    [
        ([Message.assistant(ToolCall("c", "search", {})), Message.tool("c", "a")], False),
        (
            [
                Message.assistant(Reasoning("", [{"redactedContent": "AAAA"}]), ToolCall("c", "search", {})),
                Message.tool("c", "a"),
            ],
            True,
        ),
        ([Message.assistant("Hm."), Message.user("b")], True),
        ([Message.assistant("Hm.")], True),
    ],
)
def test_a_turn_with_tools_that_was_begun_without_thoughts_goes_on_without(history, is_kept) -> None:
    request = ModelRequest(messages=[HI, *history], tools=(SEARCH,), provider_options=think("enabled"))
    body, warnings = warned_body(request)
    assert (MORE in body) == is_kept
    assert len(warnings) == (not is_kept)


@pytest.mark.parametrize(
    "odd",
    [
        {"toolConfig": "x"},
        {"toolConfig": {"toolChoice": "x"}},
        {"inferenceConfig": {"topP": "x"}},
        {"messages": ["x", {}, {}]},
    ],
)
def test_odd_options_beside_thinking_are_the_servers_to_refuse(odd) -> None:
    options = {**think("enabled")["p"], **odd}
    body = json.loads(encode(ModelRequest(messages=[HI], provider_options={"p": options}), make_route()).body)
    assert {name: body[name] for name in odd} == odd


@pytest.mark.parametrize("more", [{"top_k": 1}, {"thinking": "x"}, {"thinking": {"type": "disabled"}}])
def test_other_fields_of_a_model_stay_as_they_are(more) -> None:
    request = ModelRequest(messages=[HI], settings=ModelSettings(temperature=0.5), provider_options={"p": {MORE: more}})
    body, warnings = warned_body(request)
    assert (body[MORE], body["inferenceConfig"], warnings) == (more, {"temperature": 0.5}, [])
