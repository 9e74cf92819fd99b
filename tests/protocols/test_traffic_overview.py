"""Of the recordings as a whole: each is of a wire format of ours, decoded or refused, and written again as it was."""

from __future__ import annotations

import base64
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import traffic

from turnout.errors import APIStatusError, ContentFilterError, InvalidInputError, ResponseError
from turnout.protocols import PROTOCOLS, TASK_PROTOCOLS, find_protocol
from turnout.requests import ModelRequest
from turnout.routing.route import Route
from turnout.transport.event_stream import EventStreamParser
from turnout.transport.sse import SSEParser

NAMES = sorted(path.name.removesuffix(".jsonl.gz") for path in traffic.FOLDER.glob("*.jsonl.gz"))
RECORDS = [record for name in NAMES for record in traffic.load_records(name)]
COMPARED = {
    "openai_chat": ["openai_chat/test_openai_chat_traffic_encode.py"],
    "openai_responses": ["openai_responses/test_openai_responses_traffic.py"],
    "anthropic_messages": ["anthropic_messages/test_anthropic_traffic.py"],
    "gemini": ["gemini/test_gemini_traffic.py"],
    "bedrock_converse": ["bedrock_converse/test_bedrock_converse_traffic.py"],
    "cohere_chat": ["cohere_chat/test_cohere_traffic.py"],
    "openai_embeddings": ["test_openai_embeddings.py"],
}
"""Where a recorded request is compared with what turnout writes, field by field, each difference with its reason."""

FIELD_BY_FIELD = {
    "test_a_recorded_request_comes_out_as_it_went_in",
    "test_a_recorded_video_whose_bytes_are_a_picture_is_refused",  # one record that no model could have taken
    "test_recorded_exchanges_are_read_and_written",
}


def make_route(protocol: str) -> Route:
    base = "https://h.example/v1"
    return Route(asked="p/m", provider="p", model="m", protocol=protocol, base_url=base, url=base)


@pytest.mark.skipif(not RECORDS, reason=f"no recorded traffic: {traffic.FOLDER} is absent")
def test_every_recording_is_of_a_wire_format_that_is_compared() -> None:
    assert set(NAMES) <= {*PROTOCOLS, *TASK_PROTOCOLS}
    assert COMPARED.keys() == set(NAMES)
    assert all(record["protocol"] in NAMES for record in RECORDS)


@pytest.mark.skipif(not RECORDS, reason=f"no recorded traffic: {traffic.FOLDER} is absent")
@pytest.mark.parametrize("name", COMPARED)
def test_the_comparisons_leave_no_record_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, int]] = []
    for file in COMPARED[name]:
        path = Path(__file__).parent / file
        monkeypatch.syspath_prepend(path.parent)
        module = import_module(path.stem)
        for test in FIELD_BY_FIELD & vars(module).keys():
            for mark in vars(module)[test].pytestmark:
                compared += [(case.values[0]["source"], case.values[0]["n"]) for case in mark.args[1]]
    assert sorted(compared) == sorted((record["source"], record["n"]) for record in traffic.load_records(name))


def write(protocol: str, request: ModelRequest) -> dict[str, Any]:
    return json.loads(find_protocol(protocol).encode(request, make_route(protocol)).body)


@traffic.parametrize([record for record in RECORDS if record["protocol"] in PROTOCOLS])
def test_a_request_that_was_written_is_read_as_the_same(record: dict[str, Any]) -> None:
    """What turnout writes of a recorded request, it reads and writes again without any change."""
    protocol = record["protocol"]
    wire: Any = find_protocol(protocol)
    parsed = wire.parse_request(json.dumps(record["request"]).encode())
    try:
        once = write(protocol, parsed.request)
    except InvalidInputError as error:
        assert "holds image/jpeg" in error.message  # the one record of a picture that is called a video
        return
    again = wire.parse_request(json.dumps(once).encode())
    assert write(protocol, again.request) == once


@traffic.parametrize([record for record in RECORDS if record["protocol"] in PROTOCOLS])
def test_a_record_is_an_answer_or_the_error_that_it_tells(record: dict[str, Any]) -> None:
    protocol = record["protocol"]
    wire: Any = find_protocol(protocol)
    body = base64.b64decode(record["body_b64"]) if "body_b64" in record else record["body"].encode()
    kind = record["headers"].get("content-type", "")
    if record["status"] != 200:
        error = wire.decode_error(record["status"], record["headers"], body)
        assert isinstance(error, APIStatusError)
        assert "the provider gave no reason" not in error.message
        return
    try:
        if "stream" not in kind:
            response = wire.decode(body, make_route(protocol))
        else:
            parser: Any = EventStreamParser() if "amazon" in kind else SSEParser()
            decoder = wire.StreamDecoder(make_route(protocol))
            for event in [*parser.feed(body), *parser.close()]:
                decoder.decode_event(event.data, event.event)
            _, response = decoder.finish()
    except ContentFilterError as error:
        assert error.code in record["body"]  # a prompt that Google blocked
        return
    except ResponseError:
        assert record["host"].endswith("workers.dev")  # a test server that tells the request
        assert "choices" not in json.loads(record["body"])
        return
    assert response.message.role == "assistant"
    assert not {warning.code for warning in response.warnings} & {"unread_content", "unread_parts"}
