"""The short way of an answer that is one text: it reads what the long way reads."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.protocols.openai_chat.decode import decode
from turnout.protocols.openai_chat.stream import StreamDecoder
from turnout.protocols.openai_chat.wire import read_strictly
from turnout.routing.route import Route

decoding = import_module("turnout.protocols.openai_chat.decode")  # the package has a function of that name
ROUTE = Route(asked="p/m", provider="p", model="m", protocol="openai_chat", base_url="http://h", url="http://h/c")

texts = st.text(alphabet=" <>/think\n\u00a0é.", max_size=30) | st.sampled_from(
    ("", "<think>a</think>b", " <think>a</think>b", "<thinking", "\u2003<think>x", "Hello!")
)
messages = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": texts | st.none()},
    optional={
        "refusal": st.sampled_from((None, "", "No.")),
        "annotations": st.sampled_from(([], [{"type": "url_citation"}])),
        "tool_calls": st.sampled_from(([], None, [{"id": "c", "function": {"name": "f", "arguments": "{}"}}])),
        "reasoning_content": st.sampled_from((None, "", "Hm.")),
    },
)
choices = st.fixed_dictionaries(
    {"index": st.integers(0, 2), "message": messages},
    optional={
        "finish_reason": st.sampled_from((None, "", "stop", "length", "STOP", "nonsense")),
        "logprobs": st.sampled_from((None, {}, {"content": [{"token": "a", "logprob": -1.0}]})),
    },
)
usages = st.sampled_from(
    (
        None,
        {},
        {"prompt_tokens": 3, "completion_tokens": 5},
        {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, "prompt_tokens_details": {"cached_tokens": 1}},
        {"prompt_tokens_details": {}},
    )
)
bodies = st.fixed_dictionaries(
    {"choices": st.lists(choices, min_size=1, max_size=2)},
    optional={"id": st.sampled_from(("", "x", None)), "model": st.sampled_from(("m", "", None)), "usage": usages},
)


@given(bodies)
def test_the_short_way_reads_what_the_long_way_reads(value):
    body = json.dumps(value).encode()
    long = StreamDecoder(ROUTE).read_whole(read_strictly(body))
    long.raw = body
    assert decode(body, ROUTE) == long


def test_a_plain_answer_takes_the_short_way(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(decoding, "StreamDecoder")
    message = {"role": "assistant", "content": "Hello!", "refusal": None, "annotations": [], "tool_calls": []}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}]})
    assert decode(body.encode(), ROUTE).text == "Hello!"


@pytest.mark.parametrize(
    "extra", [{"x_groq": {"usage": {"prompt_tokens": 1}}}, {"choices": []}, {"error": {"code": 1}}]
)
def test_all_else_takes_the_long_way(monkeypatch: pytest.MonkeyPatch, extra: dict[str, object]):
    message = {"role": "assistant", "content": "Hello!"}
    value = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **extra}
    wire = read_strictly(json.dumps(value).encode())
    assert decoding._read_plain(wire, b"") is None
