"""Settings fitted to the model: efforts, sampling, tool calls, service tier, log probabilities."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from chat_streams import make_route
from hypothesis import given
from hypothesis import strategies as st

from turnout.catalog.types import Model, ReasoningOption
from turnout.messages import Message
from turnout.protocols.openai_chat import StreamDecoder, decode, encode
from turnout.requests import ModelRequest, ModelSettings, ToolSpec
from turnout.responses import TokenLogprob

ALL = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def effort(*values: str | None) -> ReasoningOption:
    return ReasoningOption(type="effort", values=values)


TOGGLE, BUDGET = ReasoningOption(type="toggle"), ReasoningOption(type="budget_tokens")


def sent(facts: Model | None = None, dropped=frozenset(), tools=(), quirks=None, **settings: Any):
    route = make_route(**(quirks or {}))
    route.facts = facts
    request = ModelRequest(messages=[Message.user("Hi")], settings=ModelSettings(**settings), tools=tools)
    encoded = encode(request, route, dropped)
    body = json.loads(encoded.body)
    for name in ("model", "messages", "tools"):
        body.pop(name, None)
    return body, [warning.code for warning in encoded.warnings], encoded


def asked(value: str, *options: ReasoningOption, thinking_field: str | None = None, **facts: Any):
    model = Model(id="p/m", reasoning_options=options, **facts)
    body, codes, _ = sent(model, quirks={"thinking_field": thinking_field}, reasoning_effort=value)
    return body, codes


# -- reasoning effort -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "values", "nearest"),
    [
        ("medium", ("low", "high", "max"), "high"),
        ("minimal", ("low", "medium", "high"), "low"),
        ("max", ("none", "low", "medium", "high"), "high"),
        ("xhigh", ("high", "max"), "max"),
        ("low", ("none", "high"), "high"),
        ("none", ("low", "medium"), "low"),
        ("low", ("none", "default"), "default"),
        ("low", ("none",), "none"),
    ],
)
def test_an_effort_that_the_model_lacks_becomes_the_nearest(value: str, values: tuple[str, ...], nearest: str):
    assert asked(value, effort(*values)) == ({"reasoning_effort": nearest}, ["clamped_setting"])


def test_an_effort_that_the_model_has_is_sent_as_it_is():
    for value in ALL:
        assert asked(value, effort(*ALL), TOGGLE) == ({"reasoning_effort": value}, [])


@given(value=st.sampled_from(ALL), values=st.lists(st.sampled_from([*ALL, "default", None]), unique=True))
def test_no_effort_is_sent_that_the_model_lacks(value: str, values: list[str | None]):
    body, codes = asked(value, effort(*values), supports_reasoning=True)
    assert body.get("reasoning_effort") in {*values, None}
    if body.get("reasoning_effort") != value:
        assert codes in (["clamped_setting"], ["dropped_setting"]) or (value == "none" and None in values)


def test_an_effort_is_sent_where_nothing_is_known_of_the_model():
    for facts in (None, Model(id="p/m")):
        body, codes, encoded = sent(facts, reasoning_effort="xhigh")
        assert (body, codes, encoded.translated) == ({"reasoning_effort": "xhigh"}, [], {"reasoning_effort"})


def test_reasoning_that_cannot_be_steered_is_left_out_with_a_warning():
    assert asked("high", supports_reasoning=True) == ({}, ["dropped_setting"])
    assert asked("none", supports_reasoning=True) == ({}, ["dropped_setting"])
    assert asked("none", supports_reasoning=False) == ({}, [])  # it does not reason at all
    assert asked("none", effort(None, "high")) == ({}, [])  # left out is how it is told


@pytest.mark.parametrize(
    ("field", "on", "off"),
    [
        ("thinking", {"type": "enabled"}, {"type": "disabled"}),
        ("enable_thinking", True, False),
        ("reasoning", {"enabled": True}, {"enabled": False}),
    ],
)
def test_a_switch_is_set_in_the_field_of_the_provider(field: str, on: Any, off: Any):
    assert asked("none", TOGGLE, thinking_field=field) == ({field: off}, [])
    assert asked("low", TOGGLE, thinking_field=field) == ({field: on}, ["clamped_setting"])
    assert asked("none", TOGGLE, effort("low", "max"), thinking_field=field) == ({field: off}, [])
    assert asked("high", TOGGLE, effort("low", "max"), thinking_field=field)[0] == {"reasoning_effort": "max"}


def test_a_switch_or_a_budget_without_a_known_field_is_told():
    for options in ((TOGGLE,), (BUDGET,), (TOGGLE, BUDGET)):
        model = Model(id="p/m", reasoning_options=options, supports_reasoning=True)
        body, codes, encoded = sent(model, reasoning_effort="low")
        assert (body, codes) == ({}, ["dropped_setting"])
        assert "provider_options" in encoded.warnings[0].message


# -- other settings ---------------------------------------------------------------------------------------------------


def test_temperature_is_left_out_with_a_warning_only_where_the_model_is_known_to_take_none():
    given_ = {"temperature": 0.5, "top_p": 0.9, "top_k": 3}
    assert sent(Model(id="p/m"), **given_)[:2] == (given_, [])
    assert sent(Model(id="p/m", supports_temperature=True), **given_)[:2] == (given_, [])
    body, codes, _ = sent(Model(id="p/m", supports_temperature=False), **given_)
    assert (body, codes) == ({"top_k": 3}, ["dropped_setting", "dropped_setting"])
    assert sent(Model(id="p/m", supports_temperature=False), top_k=3)[:2] == ({"top_k": 3}, [])


def test_parallel_calls_are_spoken_of_only_beside_tools():
    assert sent(parallel_tool_calls=False)[:2] == ({}, [])
    body, _, encoded = sent(tools=(ToolSpec(name="f"),), parallel_tool_calls=False)
    assert body == {"parallel_tool_calls": False}
    assert encoded.added == {"parallel_tool_calls"}


def test_what_a_server_refused_is_left_out_with_a_warning():
    dropped = frozenset({"parallel_tool_calls", "service_tier"})
    body, codes, encoded = sent(
        tools=(ToolSpec(name="f"),), dropped=dropped, parallel_tool_calls=True, service_tier="flex"
    )
    assert (body, codes) == ({}, ["dropped_setting", "dropped_setting"])
    assert not encoded.added & dropped
    assert sent(service_tier="flex")[2].translated == {"service_tier"}


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"logprobs": True}, {"logprobs": True}),
        ({"logprobs": False}, {"logprobs": False}),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"logprobs": False, "top_logprobs": 2}, {"logprobs": False}),
    ],
)
def test_the_likeliest_tokens_imply_log_probabilities(settings: dict[str, Any], fields: dict[str, Any]):
    assert sent(**settings)[0] == fields


# -- log probabilities of an answer -----------------------------------------------------------------------------------

TOKEN = {"token": "Hé", "logprob": -0.25, "bytes": [72, 195, 169], "top_logprobs": [{"token": "Ha", "logprob": -2}]}
READ = TokenLogprob(token="Hé", logprob=-0.25, data="Hé".encode(), top=(TokenLogprob(token="Ha", logprob=-2.0),))


def answer(logprobs: Any) -> bytes:
    choice = {"index": 0, "message": {"content": "Hé"}, "finish_reason": "stop", "logprobs": logprobs}
    return json.dumps({"choices": [choice]}).encode()


@pytest.mark.parametrize(
    ("logprobs", "read"),
    [
        (None, None),
        ({"content": None, "refusal": None}, None),
        ({"content": [TOKEN, "x", {"token": 1}]}, [READ]),
        ({"content": [{"token": "a", "logprob": -1, "bytes": ["x"]}]}, [TokenLogprob(token="a", logprob=-1.0)]),
        ({"content": [{"token": "a", "logprob": -1, "bytes": [300]}]}, [TokenLogprob(token="a", logprob=-1.0)]),
        ({"tokens": ["a", "b"], "token_logprobs": [-1, None]}, [TokenLogprob(token="a", logprob=-1.0)]),
        ({"tokens": ["a"]}, None),
        ("odd", None),
    ],
)
def test_log_probabilities_are_read_from_a_whole_answer(logprobs: Any, read: Any):
    assert decode(answer(logprobs), make_route()).logprobs == read


def test_log_probabilities_of_a_stream_are_those_of_the_whole_answer():
    decoder = StreamDecoder(make_route())
    for token in (TOKEN, TOKEN):
        choice = {"index": 0, "delta": {"content": "Hé"}, "logprobs": {"content": [token]}}
        decoder.decode_event(json.dumps({"choices": [choice]}).encode())
    decoder.decode_event(b"[DONE]")
    response = decoder.finish()[1]
    assert response.logprobs == [READ, READ]
    assert msgspec.json.decode(msgspec.json.encode(response.logprobs), type=list[TokenLogprob]) == [READ, READ]


def test_a_lenient_reading_keeps_log_probabilities():
    body = json.loads(answer({"content": [TOKEN]}))
    body["id"] = 7  # so that it is read leniently
    assert decode(json.dumps(body).encode(), make_route()).logprobs == [READ]
