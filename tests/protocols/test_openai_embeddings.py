"""The wire format of OpenAI's embeddings."""

from __future__ import annotations

import json
import sys
from array import array
from base64 import b64encode

import pytest
import traffic
from msgspec import json as fast_json
from msgspec import structs
from openai import OpenAI
from openai_specs import validator

from provider import Provider, reply
from turnout.catalog.quirks import Quirks
from turnout.errors import InvalidInputError, NotFoundError, RateLimitError, ResponseError
from turnout.messages import Image, Message
from turnout.protocols import find_protocol
from turnout.protocols.openai_embeddings import (
    asks_for_base64,
    decode,
    encode,
    parse_request,
    render_response,
)
from turnout.requests import EmbeddingRequest, ModelRequest
from turnout.responses import EmbeddingResponse
from turnout.routing.route import Route
from turnout.usage import Usage

RECORDS = traffic.load_records("openai_embeddings")
ROUTE = Route(
    asked="p/m", provider="p", model="m", protocol="openai_embeddings", base_url="http://h/v1",
    url="http://h/v1/embeddings", secrets=("sk-secret",),
)  # fmt: skip


def request(*texts: str, **fields) -> EmbeddingRequest:
    return EmbeddingRequest(messages=[Message.user(*texts)], **fields)


def written(request, dropped=frozenset(), **quirks):
    encoded = encode(request, structs.replace(ROUTE, quirks=Quirks(**quirks)), dropped)
    return json.loads(encoded.body), encoded


def answer(*items, **fields) -> bytes:
    return json.dumps({"data": list(items), **fields}).encode()


def test_it_is_found_by_its_name_and_for_embeddings_alone():
    assert find_protocol("openai_embeddings").encode is encode
    with pytest.raises(InvalidInputError, match="`p/m` is at an endpoint for embeddings: call `embed` with it"):
        encode(ModelRequest(messages=[Message.user("a")]), ROUTE)


def test_the_body_holds_what_was_given_and_nothing_else():
    body, encoded = written(request("a", "b"))
    assert body == {"model": "m", "input": ["a", "b"], "encoding_format": "base64"}
    assert (encoded.added, encoded.translated, encoded.warnings) == ({"encoding_format"}, frozenset(), ())
    body, encoded = written(
        request("a", dimensions=5, provider_options={"p": {"encoding_format": "float", "user": "u"}})
    )
    assert body == {"model": "m", "input": ["a"], "encoding_format": "float", "dimensions": 5, "user": "u"}
    assert encoded.added == frozenset()
    assert written(request("a", provider_options={"*": {"x": 1}, "q": {"y": 1}}))[0]["x"] == 1
    assert request("a").texts == ["a"]
    assert EmbeddingRequest(messages=[Message.user(Image("https://h/i"))]).texts == []


def test_refused_fields_are_left_out():
    body, encoded = written(request("a", dimensions=5), frozenset({"encoding_format"}), rejected_fields=("dimensions",))
    assert body == {"model": "m", "input": ["a"]}
    assert [warning.code for warning in encoded.warnings] == ["dropped_setting"]


def test_what_json_cannot_hold_is_named(monkeypatch):
    with pytest.raises(InvalidInputError, match=r"request\.input\[1\]: the text has an unpaired surrogate"):
        encode(request("a", "\ud800"), ROUTE)
    with pytest.raises(InvalidInputError, match=r"provider_options\['p'\].x: nan is no JSON number"):
        encode(request("a", provider_options={"p": {"x": float("nan")}}), ROUTE)

    def fail(_):
        raise UnicodeEncodeError("utf-8", "x", 0, 1, "boom")

    monkeypatch.setattr(fast_json, "encode", fail)
    with pytest.raises(UnicodeEncodeError):
        encode(request("a"), ROUTE)


def test_vectors_come_in_the_order_of_their_index():
    packed = b64encode(array("f", [1.5, -2.0]).tobytes()).decode()
    body = answer(
        {"index": 1, "embedding": [0.1, 2]}, {"index": 0, "embedding": packed, "object": "embedding"},
        model="m-1", id="e", usage={"prompt_tokens": 7, "total_tokens": 7},
    )  # fmt: skip
    response = decode(body, ROUTE)
    assert response.vectors == [array("f", [1.5, -2.0]), array("d", [0.1, 2])]
    assert (response.model, response.id, response.finish_reason) == ("m-1", "e", "stop")
    assert response.usage == Usage(input_tokens=7, output_tokens=0, total_tokens=7)
    assert repr(response) == "EmbeddingResponse(2 vectors, m-1, 7 in + 0 out tokens)"
    without = decode(answer({"embedding": [1.0]}, {"index": 0, "embedding": [2.0]}), ROUTE)
    assert [vector[0] for vector in without.vectors] == [1, 2], "without an index, in the order in which they came"
    assert without.usage == Usage()


def test_options_for_all_and_for_one_provider_are_merged_deeply():
    options = {"*": {"extra": {"a": 1, "b": 1}}, "p": {"extra": {"b": 2}}}
    assert written(request("a", provider_options=options))[0]["extra"] == {"a": 1, "b": 2}


@pytest.mark.parametrize("beside", [{"id": 5, "model": 5}, {"model": ["m"]}, {"usage": {"prompt_tokens": "3"}}])
def test_what_stands_beside_the_vectors_does_not_cost_them(beside):
    response = decode(answer({"embedding": [1.0]}, **beside), ROUTE)
    assert response.vectors == [array("d", [1.0])]
    assert (response.id, response.model) == (("5", "5") if "id" in beside else (None, None))
    assert response.usage == Usage()


@pytest.mark.parametrize("usage", [{"total_tokens": 3}, {"input_tokens": 3}, {"prompt_tokens": 3, "total_tokens": 9}])
def test_usage_has_several_spellings(usage):
    assert decode(answer({"embedding": [1.0]}, usage=usage), ROUTE).usage.input_tokens == 3


def test_on_a_big_endian_machine_the_bytes_are_turned(monkeypatch):
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    turned = array("f", [1.5])
    turned.byteswap()
    assert decode(answer({"embedding": b64encode(turned.tobytes()).decode()}), ROUTE).vectors[0][0] == 1.5


@pytest.mark.parametrize(
    ("body", "said", "is_retryable"),
    [
        (b"", "a body that holds no embeddings", True),
        (b'{"data": [{"embedd', "a body that holds no embeddings", True),
        (b"<html><title>Hi</title>", "a web page", False),
        (b'{"choices": []}', "check that the model is one for embeddings", False),
        (b'{"data": [{"embedding": [[1.0]]}]}', "a body that holds no embeddings", False),
        (answer({"embedding": [1.0], "index": 2}), "`index` does not count from 0", True),
        (answer({"embedding": "Q"}), "no base64 of single-precision", True),
        (answer({"embedding": "QQ=="}), "no base64 of single-precision", True),
        (answer({"embedding": ""}), "empty or holds what is no number", True),
        (answer({"embedding": b64encode(array("f", [float("inf")]).tobytes()).decode()}), "is no number", True),
    ],
)
def test_a_body_that_is_no_answer_is_an_error(body, said, is_retryable):
    with pytest.raises(ResponseError, match=said) as caught:
        decode(body, ROUTE)
    assert caught.value.is_retryable is is_retryable


def test_an_error_inside_a_200_is_that_error():
    with pytest.raises(RateLimitError) as caught:
        decode(b'{"error": {"message": "slow down sk-secret", "type": "rate_limit_error"}}', ROUTE)
    assert "sk-secret" not in str(caught.value)
    with pytest.raises(NotFoundError):
        decode(b'{"object": "error", "message": "no such model", "code": 404}', ROUTE)


@traffic.parametrize(RECORDS)
def test_recorded_exchanges_are_read_and_written(record):
    asked = record["request"]
    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    route = structs.replace(ROUTE, model=asked["model"])
    body = json.loads(encode(request(*texts, dimensions=asked.get("dimensions")), route).body)
    assert body == {**asked, "input": texts}
    response = decode(record["body"].encode(), route)
    assert len(response.vectors) == len(texts)
    assert {len(vector) for vector in response.vectors} == {asked.get("dimensions") or 1536}
    assert response.usage.input_tokens
    assert all(0.9 < sum(number * number for number in vector) < 1.1 for vector in response.vectors)


# -- served -----------------------------------------------------------------------------------------------------------

ANSWER = EmbeddingResponse(
    message=Message("assistant", []),
    finish_reason="stop",
    usage=Usage(input_tokens=3, output_tokens=0, total_tokens=3),
    model="m-1",
    vectors=[array("d", [0.5, -1.0]), array("f", [0.25, 2.0])],
)


def asked(**fields):
    return json.dumps({"model": "m", "input": "a", **fields}).encode()


def test_a_request_of_a_client_is_read():
    body = asked(dimensions=5, user="u", encoding_format="base64", x=None)
    parsed = parse_request(body)
    assert (parsed.model, asks_for_base64(body)) == ("m", True)
    assert parsed.request == request("a", dimensions=5, provider_options={"*": {"user": "u"}})
    parsed = parse_request(asked(input=["a", "b"]))
    assert (parsed.request, asks_for_base64(asked())) == (request("a", "b"), False)
    assert written(parsed.request)[0] == {"model": "m", "input": ["a", "b"], "encoding_format": "base64"}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": None}, "model is missing"),
        ({"input": None}, "input is no text"),
        ({"input": []}, "input is no text"),
        ({"input": [1, 2]}, "input is no text"),
        ({"dimensions": True}, "dimensions is True"),
        ({"dimensions": 0}, "dimensions is 0"),
        ({"encoding_format": ["x"]}, r"encoding_format is \['x'\]"),
    ],
)
def test_what_is_wrong_in_a_request_is_named(fields, told):
    with pytest.raises(InvalidInputError, match=told):
        parse_request(asked(**fields))


@pytest.mark.parametrize("is_base64", [False, True])
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_an_answer_that_is_served_is_described_and_read_the_same(is_base64, byteorder, monkeypatch):
    monkeypatch.setattr(sys, "byteorder", byteorder)
    body = render_response(ANSWER, model="named", is_base64=is_base64)
    again = decode(body, ROUTE)
    assert [list(vector) for vector in again.vectors] == [list(vector) for vector in ANSWER.vectors]
    assert (again.model, again.usage) == ("named", ANSWER.usage)
    if not is_base64:  # the description has decimals alone
        assert list(validator("CreateEmbeddingResponse").iter_errors(json.loads(body))) == []


def test_usage_that_is_not_known_is_left_out():
    body = json.loads(render_response(structs.replace(ANSWER, usage=Usage())))
    assert (body["model"], "usage" in body) == ("m-1", False)


@pytest.mark.parametrize("fields", [{}, {"encoding_format": "float", "dimensions": 2}])
def test_the_sdk_reads_what_is_served_and_its_requests_are_read(provider: Provider, fields):
    provider.script(reply(render_response(ANSWER, is_base64=not fields)))
    with OpenAI(base_url=provider.url, api_key="sk-x", max_retries=0) as client:
        told = client.embeddings.create(model="m", input=["one", "two"], **fields)
    assert [each.embedding for each in told.data] == [list(vector) for vector in ANSWER.vectors]
    assert (told.model, told.usage.prompt_tokens) == ("m-1", 3)
    sent = provider.requests[-1].body
    read = parse_request(sent).request
    assert (read.texts, read.dimensions, asks_for_base64(sent)) == (
        ["one", "two"],
        fields.get("dimensions"),
        not fields,
    )
