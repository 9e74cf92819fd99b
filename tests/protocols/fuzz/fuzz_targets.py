"""What is done with one input: all that a call and a gateway would do with such bytes, and what must hold then."""

from __future__ import annotations

import json
import math
from itertools import count
from random import Random
from typing import Any

import msgspec
from fuzz_corpus import FRAMED, SECRET, Kind, make_route

from turnout.adaptation.plan import adapt
from turnout.call.stream import as_chunks
from turnout.chunks import ErrorChunk, TextDelta
from turnout.errors import APIStatusError, CallError, InvalidInputError, TurnoutError, UnsupportedFeatureError
from turnout.messages import Message, ToolCall
from turnout.protocols import PROTOCOLS, find_protocol, tool_calls
from turnout.requests import ModelRequest, ToolSpec
from turnout.responses import ModelResponse
from turnout.transport.event_stream import EventStreamParser
from turnout.transport.sse import SSEParser

SERVED = tuple(name for name in PROTOCOLS if hasattr(find_protocol(name), "render_response"))
Outcome = tuple[list[Any], ModelResponse | tuple[type[CallError], str]]


def run(protocol: str, kind: Kind, data: bytes, chance: Random) -> None:
    """Do with `data` what is done with bytes of this kind; raises where a rule is broken."""
    if kind == "request":
        run_request(protocol, data, chance)
    elif kind == "error":
        run_error(protocol, data, chance)
    elif kind == "stream":
        run_stream(protocol, data, chance)
    else:
        run_whole(protocol, data, chance)


def run_whole(protocol: str, data: bytes, chance: Random) -> None:
    """A body is an answer, which can be served and sent back, or a `CallError`."""
    try:
        response = find_protocol(protocol).decode(data, make_route(protocol))
    except CallError as error:
        check_error(error, chance)
        return
    assert response.raw == data or protocol not in PROTOCOLS
    if protocol in PROTOCOLS:
        check_chunks(as_chunks(response), response)
        follow(as_chunks(response), response, chance)


def run_stream(protocol: str, data: bytes, chance: Random) -> None:
    """A stream is chunks and an answer, or a `CallError`, and the same however it is cut."""
    chunks, result = read_stream(protocol, [data])
    pieces = [data[at : at + 1] for at in range(len(data))] if len(data) < 1500 else cut(data, chance)
    again = read_stream(protocol, pieces)
    is_same = again == (chunks, result) or repr(again) == repr((chunks, result))  # NaN is not equal to itself
    assert is_same, f"cut otherwise it is {describe(again)}, and not {describe((chunks, result))}"
    if isinstance(result, ModelResponse):
        check_chunks(chunks, result)
        follow(chunks, result, chance)


def read_stream(protocol: str, pieces: list[bytes]) -> Outcome:
    """Return the chunks of a stream that comes in `pieces` and its answer, or the error that it ends with."""
    numbers = count()
    tool_calls.urandom = lambda size: next(numbers).to_bytes(size, "big")  # calls without ids get the same ones again
    parser: Any = EventStreamParser() if protocol in FRAMED else SSEParser()
    decoder = find_protocol(protocol).StreamDecoder(make_route(protocol))
    chunks: list[Any] = []
    try:
        for piece in [*pieces, None]:
            for event in parser.close() if piece is None else parser.feed(piece):
                if not decoder.is_complete:
                    chunks += decoder.decode_event(event.data, event.event)
                assert isinstance(decoder.text, str)
        last, response = decoder.finish()
    except CallError as error:
        assert error.message
        return chunks, (type(error), str(error))
    return chunks + last, response


def cut(data: bytes, chance: Random) -> list[bytes]:
    """Return `data` in pieces of random sizes."""
    longest = chance.choice((7, 40, 400))
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        step = chance.randint(1, longest)
        pieces.append(data[at : at + step])
        at += step
    return pieces


def run_error(protocol: str, data: bytes, chance: Random) -> None:
    """The body of an error answer is an `APIStatusError` without the secret, which every server of ours can tell."""
    status = chance.choice((400, 401, 403, 404, 413, 422, 429, 500, 503, 529, 302, 418))
    headers = {"x-amzn-errortype": "ThrottlingException:http://h"} if chance.random() < 0.2 else {}
    error = find_protocol(protocol).decode_error(status, headers, data, [SECRET])
    assert isinstance(error, APIStatusError)
    assert SECRET not in str(error)
    check_error(error, chance)


def check_error(error: TurnoutError, chance: Random) -> None:
    """An error has words, and each wire format can tell it."""
    assert error.message
    assert len(error.message) < 2000
    served: Any = find_protocol(chance.choice(SERVED))
    if hasattr(served, "render_error"):
        assert isinstance(json.loads(served.render_error(error)), dict)


def run_request(protocol: str, data: bytes, chance: Random) -> None:
    """A request is read or refused by `InvalidInputError`, and written for any other wire format."""
    served: Any = find_protocol(protocol)
    try:
        request = served.parse_request(data).request
    except InvalidInputError as error:
        assert error.message
        return
    for message in request.messages:
        check_message(message)
    for target in {protocol, chance.choice(PROTOCOLS)} if protocol in PROTOCOLS else {protocol}:
        send(request, target)


def send(request: ModelRequest, protocol: str) -> None:
    """Encode a request: JSON by the letter of the standard comes of it, or an error of ours."""
    route = make_route(protocol)
    try:
        adapted = adapt(request, route).request if protocol in PROTOCOLS else request
        encoded = find_protocol(protocol).encode(adapted, route)
    except (InvalidInputError, UnsupportedFeatureError) as error:
        assert error.message
        return
    assert isinstance(json.loads(encoded.body, parse_constant=_refuse_constant), dict)


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def check_chunks(chunks: list[Any], response: ModelResponse) -> None:
    """The text of the chunks is that of the answer, in another order where blocks came mixed; counts are counts."""
    told = "".join([chunk.text for chunk in chunks if isinstance(chunk, TextDelta)])
    assert sorted(told) == sorted(response.text), (
        f"the chunks say {told!r:.200}, the answer says {response.text!r:.200}"
    )
    for name in response.usage.__struct_fields__:
        count = getattr(response.usage, name)
        assert count is None or (type(count) is int and count >= 0), f"usage.{name} is {count!r:.99}"
    for token in response.logprobs or []:
        assert math.isfinite(token.logprob)


def check_message(message: Message) -> None:
    """A message is of its types, and survives JSON, as a thread stores it."""
    assert msgspec.json.decode(msgspec.json.encode(message), type=Message) is not None


def follow(chunks: list[Any], response: ModelResponse, chance: Random) -> None:
    """Serve an answer on some wire format, read it there, and send it back to a model with the results of its calls."""
    check_message(response.message)
    name = chance.choice(SERVED)
    served: Any = find_protocol(name)
    whole = served.decode(served.render_response(response), make_route(name))
    assert isinstance(whole, ModelResponse)
    if not any(isinstance(chunk, ErrorChunk) for chunk in chunks):
        renderer = served.StreamRenderer()
        data = b"".join([renderer.feed([chunk]) for chunk in chunks]) + renderer.finish(response)
        _, again = read_stream(name, [data])
        assert isinstance(again, ModelResponse), f"a stream that {name} serves cannot be read: {again}"
    calls = [part for part in response.message.content if isinstance(part, ToolCall)]
    results = [Message.tool(call.id, "done") for call in calls]
    history = [Message.user("Hi"), response.message, *results, *([] if results else [Message.user("And?")])]
    tools = tuple(ToolSpec(name=each) for each in {call.name for call in calls})
    send(ModelRequest(messages=history, tools=tools), chance.choice(PROTOCOLS))


def describe(outcome: Outcome) -> str:
    """Return an outcome in short, for a message."""
    return f"{len(outcome[0])} chunks and {outcome[1]!r:.300}"
