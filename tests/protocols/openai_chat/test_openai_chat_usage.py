"""Usage, wherever and however it is told."""

from __future__ import annotations

import json

import pytest
from chat_streams import DONE, STOP, make_route, stream

from turnout.chunks import ErrorChunk, UsageChunk
from turnout.protocols.openai_chat import decode
from turnout.usage import Usage


def usage_of(usage, **body):
    _, response = stream([json.dumps({"choices": [], "usage": usage, **body}).encode(), STOP])
    return response.usage


def test_usage_comes_once_at_the_end_whether_with_choices_or_without_and_the_last_wins():
    def event(tokens, choices):
        usage = {"prompt_tokens": 3, "completion_tokens": tokens}
        return json.dumps({"choices": choices, "usage": usage}).encode()

    choice = {"index": 0, "delta": {"content": "a"}}
    chunks, response = stream([event(1, [choice]), event(2, [choice]), STOP, event(3, []), DONE])
    assert [chunk for chunk in chunks if isinstance(chunk, UsageChunk)] == chunks[-1:] == [UsageChunk(response.usage)]
    assert response.usage == Usage(input_tokens=3, output_tokens=3, total_tokens=6)


def test_usage_null_after_usage_does_not_wipe_it_out():
    with_usage = json.dumps({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}).encode()
    _, response = stream([with_usage, json.dumps({"choices": [], "usage": None}).encode(), STOP])
    assert response.usage.input_tokens == 3


def test_usage_of_groq():
    event = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    event["x_groq"] = {"id": "r", "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
    _, response = stream([json.dumps(event).encode()])
    assert response.usage == Usage(input_tokens=1, output_tokens=2, total_tokens=3)


def test_an_error_of_groq_in_its_own_field_is_an_error_chunk():
    event = json.dumps({"choices": [{"index": 0, "delta": {}}], "x_groq": {"error": "over_capacity"}}).encode()
    chunks, _ = stream([event, STOP])
    assert chunks == [ErrorChunk("over_capacity")]
    odd = json.dumps({"choices": [{"index": 0, "delta": {}}], "x_groq": "odd"}).encode()
    assert stream([odd, STOP])[0] == []


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(input_tokens=5, output_tokens=2, total_tokens=7)),
        ({"input_tokens": 5, "output_tokens": 2}, Usage(input_tokens=5, output_tokens=2, total_tokens=7)),
        ({"prompt_tokens": 5}, Usage(input_tokens=5)),
        ({"prompt_tokens": 5.0, "completion_tokens": True}, Usage(input_tokens=5)),
        ({"input_tokens": "5", "output_tokens_details": {"reasoning_tokens": 2.0}}, Usage(reasoning_tokens=2)),
        (
            {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 2}},
            Usage(input_tokens=5, cached_input_tokens=2),
        ),
        ({"prompt_tokens": -1, "completion_tokens": "2", "total_tokens": 2.5}, Usage()),
        ("odd", Usage()),
        ([1], Usage()),
        (
            {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 4},
            Usage(input_tokens=9, output_tokens=1, total_tokens=10, cached_input_tokens=4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": "odd", "cached_tokens": 2},
            Usage(input_tokens=9, output_tokens=1, total_tokens=10, cached_input_tokens=2),
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 8,
                "total_tokens": 17,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1, "audio_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 3},
            },
            Usage(
                input_tokens=9,
                output_tokens=8,
                total_tokens=17,
                cached_input_tokens=4,
                cache_write_tokens=1,
                reasoning_tokens=5,
                audio_input_tokens=2,
                audio_output_tokens=3,
            ),
        ),
    ],
)
def test_usage_in_every_form(usage, expected):
    assert usage_of(usage) == expected


def test_thoughts_that_a_provider_counts_beside_the_output_are_added_to_it():
    beside = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45}
    assert usage_of({**beside, "completion_tokens_details": {"reasoning_tokens": 30}}).output_tokens == 35
    assert usage_of(beside).output_tokens == 35  # Google tells them in the total only
    assert usage_of({**beside, "completion_tokens_details": {"reasoning_tokens": 3}}).output_tokens == 5


def test_cached_tokens_that_a_provider_counts_beside_the_input_are_added_to_it():
    beside = {"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 90}
    told = usage_of({**beside, "cache_creation_input_tokens": 20})
    assert (told.input_tokens, told.cached_input_tokens, told.cache_write_tokens) == (120, 90, 20)
    assert told.total_tokens == 125
    few = {**beside, "cache_read_input_tokens": 4, "total_tokens": 19}
    assert (usage_of(few).input_tokens, usage_of(few).output_tokens) == (14, 5)


@pytest.mark.parametrize(
    "empty", [{}, {"prompt_tokens": None, "total_tokens": None}, {"prompt_tokens_details": {}}, {"prompt_tokens": "?"}]
)
def test_an_empty_usage_after_usage_does_not_wipe_it_out(empty):
    told = json.dumps({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}).encode()
    later = [
        json.dumps({"choices": [], **fields}).encode() for fields in ({"usage": empty}, {"x_groq": {"usage": empty}})
    ]
    _, response = stream([told, *later, STOP])
    assert response.usage.input_tokens == 3


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({"server_tool_use": {"web_search_requests": 2}}, "web_search_requests (2)"),
        ({"server_tool_use_details": {"web_search_requests": 1}}, "web_search_requests (1)"),
        ({"num_sources_used": 3}, "num_sources_used (3)"),
        ({"num_search_queries": 4, "prompt_tokens": 1.0}, "num_search_queries (4)"),
        ({"num_sources_used": 0, "server_tool_use": {}}, None),
        ({"num_sources_used": "?", "server_tool_use": {"web_search_requests": -1}}, None),
    ],
)
def test_searches_that_cost_more_than_their_tokens_are_told(usage, told):
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    body = {"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1} | usage}
    whole = decode(json.dumps(body).encode(), make_route())
    piece = {"choices": [{**choice, "delta": choice["message"], "message": None}], "usage": body["usage"]}
    _, streamed = stream([json.dumps(piece).encode(), STOP])
    assert (whole.usage.total_tokens, whole.warnings) == (2, streamed.warnings)
    assert [warning.code for warning in whole.warnings] == (["unpriced_use"] if told else [])
    assert told is None or told in str(whole.warnings[0])


@pytest.mark.parametrize("tier", ["flex", "priority", "provisioned", "default", "on_demand", "auto", "", None, 7, [1]])
def test_a_service_tier_with_prices_of_its_own_is_told(tier):
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    body = {"choices": [choice], "service_tier": tier}
    whole = decode(json.dumps(body).encode(), make_route())
    piece = {"choices": [{**choice, "delta": choice["message"], "message": None}], "service_tier": tier}
    _, streamed = stream([json.dumps(piece).encode(), json.dumps({"choices": []}).encode(), STOP])
    assert whole.warnings == streamed.warnings
    assert [warning.code for warning in whole.warnings] == (
        ["unpriced_tier"] if tier in ("flex", "priority", "provisioned", 7) else []
    )
