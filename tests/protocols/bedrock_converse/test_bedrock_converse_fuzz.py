"""Hostile bodies, events and requests: an answer or an error of turnout, and nothing else."""

from __future__ import annotations

import json
import random
from typing import Any

from converse_answers import answer, delta, end, make_route, start, stop, stream
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.errors import CallError, InvalidInputError, TurnoutError
from turnout.protocols.bedrock_converse import (
    StreamDecoder,
    decode,
    decode_error,
    encode,
    parse_request,
    render_response,
)

# fmt: off
_NAMES = [
    "output", "message", "content", "role", "stopReason", "usage", "metrics", "trace", "promptRouter", "invokedModelId",
    "text", "toolUse", "toolResult", "toolUseId", "name", "input", "type", "status", "json", "reasoningContent",
    "reasoningText", "signature", "redactedContent", "citationsContent", "citations", "citation", "image", "document",
    "format", "source", "bytes", "s3Location", "uri", "start", "delta", "contentBlockIndex", "inputTokens",
    "outputTokens", "totalTokens", "cacheReadInputTokens", "code", "originalMessage", "messages", "system",
    "toolConfig", "tools", "toolSpec", "inputSchema", "toolChoice", "inferenceConfig", "maxTokens", "outputConfig",
    "textFormat", "structure", "jsonSchema", "schema", "cachePoint", "guardContent", "serviceTier", "effort",
]
# fmt: on
_WORDS = ["user", "assistant", "server_tool_use", "AAAA", "s3://b/c.png", "png", "end_turn", "{}"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(_WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=25,
)
EVENTS = [
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
    "error",
    "messageStart",
]


@settings(max_examples=300, deadline=None)
@given(content=JSON, fields=st.dictionaries(st.sampled_from(_NAMES), JSON, max_size=4), raw=st.binary(max_size=40))
def test_any_body_is_an_answer_or_an_error(content, fields, raw) -> None:
    body = {"output": {"message": {"content": content}}, "stopReason": "end_turn", **fields}
    for data in (json.dumps(body).encode(), json.dumps(content).encode(), raw):
        try:
            response = decode(data, make_route())
        except CallError:
            continue
        again = decode(render_response(response), make_route())
        assert again.text == response.text
    assert decode_error(400, {}, json.dumps(content).encode()).status == 400


@settings(max_examples=300, deadline=None)
@given(events=st.lists(st.tuples(st.sampled_from(EVENTS), JSON | st.binary(max_size=9)), max_size=8))
def test_any_events_are_chunks_or_an_error(events) -> None:
    decoder = StreamDecoder(make_route())
    try:
        for name, told in events:
            decoder.decode_event(told if isinstance(told, bytes) else json.dumps(told).encode(), name)
        decoder.finish()
    except CallError:
        pass


@settings(max_examples=200, deadline=None)
@given(whole=JSON, message=JSON, fields=st.dictionaries(st.sampled_from(_NAMES), JSON, max_size=4))
def test_any_request_is_read_and_written_or_refused(whole, message, fields) -> None:
    body = {"messages": [{"role": "user", "content": message}], **fields}
    for given_body in (whole, body):
        try:
            parsed = parse_request(json.dumps(given_body).encode(), model="m")
            encoded = encode(parsed.request, make_route())
        except InvalidInputError:
            continue
        assert isinstance(json.loads(encoded.body), dict)


def test_deep_structures_are_no_trouble() -> None:
    deep = "[" * 100_000
    for data in (b'{"output": {"message": {"content": ' + deep.encode(), answer({"toolUse": {"input": nest(400)}})):
        try:
            decode(data, make_route())
        except CallError:
            continue
    decoder = StreamDecoder(make_route())
    decoder.decode_event(json.dumps({"start": {"toolUse": {"name": "x"}}}).encode(), "contentBlockStart")
    decoder.decode_event(json.dumps({"delta": {"toolUse": {"input": deep}}}).encode(), "contentBlockDelta")
    decoder.decode_event(b'{"stopReason": "tool_use"}', "messageStop")
    assert decoder.finish()[1].tool_calls[0].invalid_arguments == deep


def nest(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"a": value}
    return value


STREAM = b"".join(
    [
        delta(0, reasoningContent={"text": "Hm."}), stop(0), delta(1, text="So it is."), stop(1),
        start(2, toolUse={"toolUseId": "c", "name": "search"}), delta(2, toolUse={"input": '{"q": "x"}'}), stop(2),
        end("tool_use", inputTokens=3, outputTokens=2, totalTokens=5),
    ]
)  # fmt: skip
WHOLE = answer(
    {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
    {"text": "So it is."},
    {"toolUse": {"toolUseId": "c", "name": "search", "input": {"q": "x"}}},
    usage={"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
)


def mutate(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed))
        changed[place : place + chance.randint(0, 3)] = bytes([chance.randrange(256)] * chance.randint(0, 2))
    return bytes(changed)


def test_damaged_bodies_and_streams_are_answers_or_errors() -> None:
    chance = random.Random(7)
    for _ in range(1500):
        try:
            decode(mutate(WHOLE, chance), make_route())
        except TurnoutError as error:
            assert isinstance(error, CallError)
        try:
            stream([mutate(STREAM, chance)])
        except TurnoutError as error:
            assert isinstance(error, CallError)
