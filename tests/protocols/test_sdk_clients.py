"""The vendors' SDKs read every answer that is served: written ones, and recorded ones of every provider.

Each answer goes out on each wire format that an SDK speaks, whole and as a stream; what the SDK tells is compared with
what turnout read. Errors of every class come as the exception that the SDK has for them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
import traffic
from google import genai
from google.genai import errors as google_errors
from google.genai import types
from pydantic import BaseModel

from provider import Provider, reply, stream
from turnout.call.stream import as_chunks
from turnout.errors import (
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TurnoutError,
)
from turnout.messages import Image, Message, Reasoning, Refusal, Text, ToolCall
from turnout.protocols import PROTOCOLS, find_protocol
from turnout.responses import ModelResponse
from turnout.routing.route import Route
from turnout.transport.event_stream import EventStreamParser
from turnout.transport.sse import SSEParser
from turnout.usage import Usage

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
WIRES = ("openai_chat", "openai_responses", "anthropic_messages", "gemini")
ASKED: Any = [{"role": "user", "content": "Hi"}]


class Place(BaseModel):
    """What structured output is asked for."""

    city: str


class Told(NamedTuple):
    """What an SDK, or turnout, says of an answer."""

    text: str
    calls: list[tuple[str, Any]]
    reason: str
    tokens: tuple[int, int]


class Clients:
    """The SDKs, pointed at one scripted server."""

    def __init__(self, server: Provider, stack: ExitStack) -> None:
        root = server.url.removesuffix("/v1")
        self.openai = stack.enter_context(openai.OpenAI(base_url=server.url, api_key="k", max_retries=0))
        self.anthropic = stack.enter_context(anthropic.Anthropic(api_key="k", base_url=root, max_retries=0))
        self.google = genai.Client(
            api_key="k", http_options=types.HttpOptions(base_url=root, api_version="v1beta")
        )  # it has no context manager; its connections close with the server


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def clients(server: Provider) -> Iterator[Clients]:
    with ExitStack() as stack:
        yield Clients(server, stack)


# -- what each SDK tells ----------------------------------------------------------------------------------------------


def read_chat(clients: Clients, *, is_stream: bool) -> Told:
    if is_stream:
        return gather_chat(clients.openai.chat.completions.create(model="m", messages=ASKED, stream=True))
    completion = clients.openai.chat.completions.create(model="m", messages=ASKED)
    choice = completion.choices[0]
    calls: list[Any] = list(choice.message.tool_calls or [])
    named = [(call.function.name, call.function.arguments) for call in calls]
    usage = completion.usage
    tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
    return Told(choice.message.content or "", named, choice.finish_reason, tokens)


def gather_chat(events: Any) -> Told:
    """Put the pieces of a stream together; the SDK's own way (`stream`) raises for an answer that was cut."""
    text, reason, tokens = "", "", (0, 0)
    calls: dict[int, list[str]] = {}
    for event in events:
        if event.usage:
            tokens = (event.usage.prompt_tokens, event.usage.completion_tokens)
        for choice in event.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for call in choice.delta.tool_calls or []:
                held = calls.setdefault(call.index, ["", ""])
                held[0] += call.function.name or ""
                held[1] += call.function.arguments or ""
    return Told(text, [(name, written) for name, written in calls.values()], reason, tokens)


def read_responses(clients: Clients, *, is_stream: bool) -> Told:
    if is_stream:
        with clients.openai.responses.stream(model="m", input="Hi") as events:
            made: Any = [event for event in events if event.type in ("response.completed", "response.incomplete")]
            response = made[-1].response
    else:
        response = clients.openai.responses.create(model="m", input="Hi")
    calls = [(item.name, item.arguments) for item in response.output if item.type == "function_call"]
    reason = response.incomplete_details.reason if response.incomplete_details else response.status
    usage = response.usage
    return Told(response.output_text, calls, reason, (usage.input_tokens, usage.output_tokens) if usage else (0, 0))


def read_messages(clients: Clients, *, is_stream: bool) -> Told:
    asked: Any = {"model": "m", "max_tokens": 9, "messages": ASKED}
    if is_stream:
        with clients.anthropic.messages.stream(**asked) as events:
            message: Any = events.get_final_message()
    else:
        message = clients.anthropic.messages.create(**asked)
    text = "".join([block.text for block in message.content if block.type == "text"])
    calls = [(block.name, json.dumps(block.input)) for block in message.content if block.type == "tool_use"]
    usage = message.usage
    given = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return Told(text, calls, message.stop_reason, (given, usage.output_tokens))


def read_gemini(clients: Clients, *, is_stream: bool) -> Told:
    models = clients.google.models
    if is_stream:
        answers = list(models.generate_content_stream(model="m", contents="Hi"))
    else:
        answers = [models.generate_content(model="m", contents="Hi")]
    candidates = [answer.candidates[0] for answer in answers if answer.candidates]
    parts = [part for candidate in candidates if candidate.content for part in candidate.content.parts or []]
    text = "".join([part.text for part in parts if part.text and not part.thought])
    calls = [
        (part.function_call.name or "", json.dumps(part.function_call.args)) for part in parts if part.function_call
    ]
    reasons = [candidate.finish_reason.name for candidate in candidates if candidate.finish_reason]
    usage = next((answer.usage_metadata for answer in reversed(answers) if answer.usage_metadata), None)
    thoughts = (usage.thoughts_token_count or 0) if usage else 0
    tokens = (usage.prompt_token_count or 0, (usage.candidates_token_count or 0) + thoughts) if usage else (0, 0)
    return Told(text, calls, reasons[-1], tokens)


READERS: dict[str, Callable[..., Told]] = {
    "openai_chat": read_chat,
    "openai_responses": read_responses,
    "anthropic_messages": read_messages,
    "gemini": read_gemini,
}
REASONS: dict[str, dict[str, set[str]]] = {
    "stop": {
        "openai_chat": {"stop"}, "openai_responses": {"completed"}, "gemini": {"STOP"},
        "anthropic_messages": {"end_turn", "stop_sequence", "pause_turn"},
    },
    "length": {
        "openai_chat": {"length"}, "openai_responses": {"max_output_tokens"}, "gemini": {"MAX_TOKENS"},
        "anthropic_messages": {"max_tokens", "model_context_window_exceeded"},
    },
    "tool_calls": {
        "openai_chat": {"tool_calls"}, "openai_responses": {"completed"}, "anthropic_messages": {"tool_use"},
        "gemini": {"STOP", "UNEXPECTED_TOOL_CALL"},
    },
    "content_filter": {
        "openai_chat": {"content_filter"}, "openai_responses": {"content_filter"}, "anthropic_messages": {"refusal"},
        "gemini": {"SAFETY", "RECITATION", "PROHIBITED_CONTENT"},
    },
    "other": {
        "openai_chat": {"stop"}, "openai_responses": {"completed", "incomplete", "in_progress"},
        "anthropic_messages": {"end_turn"}, "gemini": {"OTHER"},
    },
}  # fmt: skip
"""What each wire format says of each finish reason."""

# -- answers ----------------------------------------------------------------------------------------------------------

CALLS = [ToolCall("c1", "weather", {"city": "Rome", "days": [1, {"x": None}]}), ToolCall("c2", "now", {})]
COUNTS = Usage(
    input_tokens=30, output_tokens=20, total_tokens=50, cached_input_tokens=10, cache_write_tokens=5, reasoning_tokens=7
)
WRITTEN: dict[str, tuple[list[Any], str]] = {
    "text": ([Text("Grüße, 世界 🚂\n\u2028")], "stop"),
    "nothing": ([], "stop"),
    "cut": ([Text("Half an ans")], "length"),
    "filtered": ([Text("I")], "content_filter"),
    "odd": ([Text("I")], "other"),
    "calls": (CALLS, "tool_calls"),
    "text and calls": ([Text("Let me see"), *CALLS], "tool_calls"),
    "thoughts": ([Reasoning("Hm.", [{"signature": "s"}], "q"), Text("Hello")], "stop"),
    "several texts": ([Text("One. "), Text("Two.")], "stop"),
    "a picture": ([Text("See"), Image(data=PNG)], "stop"),
    "JSON": ([Text('{"city": "Rome"}')], "stop"),
}


def write(parts: list[Any], reason: str, **fields: Any) -> ModelResponse:
    return ModelResponse(
        message=Message("assistant", parts), finish_reason=reason, usage=COUNTS, id="r-1", model="m", **fields
    )  # pyright: ignore[reportArgumentType]


def serve(server: Provider, wire: str, response: ModelResponse, *, is_stream: bool) -> None:
    """Let the server answer with `response` on a wire format."""
    served: Any = find_protocol(wire)
    if not is_stream:
        server.script(reply(served.render_response(response, model="m")))
        return
    renderer = served.StreamRenderer(model="m")
    pieces = [renderer.feed([chunk]) for chunk in as_chunks(response)]
    server.script(stream([piece for piece in [*pieces, renderer.finish(response)] if piece]))


def check(told: Told, response: ModelResponse, wire: str) -> None:
    usage = response.usage
    refusal = (response.refusal or "") if wire == "gemini" else ""  # elsewhere it has a place of its own
    assert told.text == response.text + refusal
    assert [(name, json.loads(written)) for name, written in told.calls] == [
        (call.name, call.arguments) for call in response.tool_calls
    ]
    declined = {"refusal"} if response.refusal and wire == "anthropic_messages" else set()
    assert told.reason in REASONS[response.finish_reason][wire] | declined
    assert told.tokens == (usage.input_tokens or 0, usage.output_tokens or 0)


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("case", WRITTEN)
def test_the_sdk_reads_what_is_served(
    server: Provider, clients: Clients, wire: str, case: str, is_stream: bool
) -> None:
    response = write(*WRITTEN[case])
    serve(server, wire, response, is_stream=is_stream)
    check(READERS[wire](clients, is_stream=is_stream), response, wire)


def decode_record(record: dict[str, Any]) -> ModelResponse | None:
    """Return the answer in a record; `None` for an error."""
    protocol = record["protocol"]
    wire: Any = find_protocol(protocol)
    route = Route(asked="p/m", provider="p", model="m", protocol=protocol, base_url="http://h", url="http://h")
    body = base64.b64decode(record["body_b64"]) if "body_b64" in record else record["body"].encode()
    kind = record["headers"].get("content-type", "")
    try:
        if "stream" not in kind:
            return wire.decode(body, route)
        parser: Any = EventStreamParser() if "amazon" in kind else SSEParser()
        decoder = wire.StreamDecoder(route)
        for event in [*parser.feed(body), *parser.close()]:
            decoder.decode_event(event.data, event.event)
        return decoder.finish()[1]
    except TurnoutError:
        return None


def choose_records() -> list[dict[str, Any]]:
    """Return one record of each kind of answer (parts, finish reason, usage) of each provider."""
    found: dict[Any, dict[str, Any]] = {}
    for protocol in PROTOCOLS:
        for record in traffic.load_records(protocol):
            response = decode_record(record) if record["status"] == 200 else None
            if response is not None:
                parts = tuple(sorted({type(part).__name__ for part in response.message.content}))
                usage = (response.usage.input_tokens is None, response.usage.reasoning_tokens is None)
                is_stream = "stream" in record["headers"].get("content-type", "")
                found.setdefault((record["host"], is_stream, parts, response.finish_reason, usage), record)
    return list(found.values())


@traffic.parametrize(choose_records())
def test_the_sdks_read_recorded_answers_of_every_provider(server: Provider, clients: Clients, record: Any) -> None:
    response = decode_record(record)
    assert response is not None
    for wire in WIRES:
        for is_stream in (False, True):
            serve(server, wire, response, is_stream=is_stream)
            check(READERS[wire](clients, is_stream=is_stream), response, wire)


def test_a_refusal_is_one_to_the_sdks_that_know_it(server: Provider, clients: Clients) -> None:
    response = write([Refusal("No.")], "content_filter", refusal="No.")
    for is_stream in (False, True):
        serve(server, "openai_responses", response, is_stream=is_stream)
        assert read_responses(clients, is_stream=is_stream).text == ""
        serve(server, "anthropic_messages", response, is_stream=is_stream)
        assert read_messages(clients, is_stream=is_stream).reason == "refusal"
    serve(server, "openai_chat", response, is_stream=False)
    assert clients.openai.chat.completions.create(model="m", messages=ASKED).choices[0].message.refusal == "No."


# -- structured output ------------------------------------------------------------------------------------------------


def test_the_sdks_parse_structured_output(server: Provider, clients: Clients) -> None:
    response = write([Text('{"city": "Rome"}')], "stop")
    rome = Place(city="Rome")
    serve(server, "openai_chat", response, is_stream=False)
    chat = clients.openai.chat.completions.parse(model="m", messages=ASKED, response_format=Place)
    assert chat.choices[0].message.parsed == rome
    serve(server, "openai_chat", response, is_stream=True)
    with clients.openai.chat.completions.stream(model="m", messages=ASKED, response_format=Place) as events:
        assert events.get_final_completion().choices[0].message.parsed == rome
    serve(server, "openai_responses", response, is_stream=False)
    assert clients.openai.responses.parse(model="m", input="Hi", text_format=Place).output_parsed == rome
    serve(server, "openai_responses", response, is_stream=True)
    with clients.openai.responses.stream(model="m", input="Hi", text_format=Place) as told:
        assert told.get_final_response().output_parsed == rome
    serve(server, "anthropic_messages", response, is_stream=False)
    message = clients.anthropic.messages.parse(model="m", max_tokens=9, messages=ASKED, output_format=Place)
    assert message.parsed_output == rome
    serve(server, "gemini", response, is_stream=False)
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Place)
    assert clients.google.models.generate_content(model="m", contents="Hi", config=config).parsed == rome


# -- errors -----------------------------------------------------------------------------------------------------------

FAILURES: list[tuple[TurnoutError, int, str]] = [
    (BadRequestError("no such field", status=400), 400, "BadRequestError"),
    (ContextLengthError("too long", status=400), 400, "BadRequestError"),
    (AuthenticationError("no key", status=401), 401, "AuthenticationError"),
    (PermissionDeniedError("not yours", status=403), 403, "PermissionDeniedError"),
    (NotFoundError("no such model", status=404), 404, "NotFoundError"),
    (RateLimitError("slow down", status=429), 429, "RateLimitError"),
    (ServerError("broke", status=500), 500, "InternalServerError"),
    (ServerError("away", status=503), 503, "InternalServerError"),
]


@pytest.mark.parametrize(("error", "status", "name"), FAILURES, ids=[f"{f[1]}-{f[0].message}" for f in FAILURES])
def test_the_sdks_raise_their_errors(
    server: Provider, clients: Clients, error: TurnoutError, status: int, name: str
) -> None:
    for wire in WIRES:
        served: Any = find_protocol(wire)
        render = (
            getattr(served, "render_error", None)
            or __import__(f"turnout.protocols.{wire}.serve", fromlist=["render_error"]).render_error
        )
        server.script(reply(render(error), status))
        kinds = {"anthropic_messages": getattr(anthropic, name, None), "gemini": google_errors.APIError}
        kind = kinds.get(wire) or getattr(openai, name)
        for is_stream in (False, True):
            with pytest.raises(kind, match=error.message) as caught:
                READERS[wire](clients, is_stream=is_stream)
            told = caught.value.code if wire == "gemini" else caught.value.status_code
            assert told == status


BREAKS: dict[str, type[Exception]] = {
    "openai_chat": openai.APIError,
    "anthropic_messages": anthropic.APIStatusError,
    "gemini": google_errors.APIError,
}


@pytest.mark.parametrize("wire", BREAKS)
def test_the_sdk_raises_what_breaks_a_stream(server: Provider, clients: Clients, wire: str) -> None:
    served: Any = find_protocol(wire)
    renderer = served.StreamRenderer(model="m")
    begun = renderer.feed(as_chunks(write([Text("Half")], "stop"))[:2])
    server.script(stream([begun, renderer.fail("the provider broke")]))
    with pytest.raises(BREAKS[wire], match="the provider broke"):
        READERS[wire](clients, is_stream=True)


def test_the_responses_sdk_is_told_what_breaks_a_stream(server: Provider, clients: Clients) -> None:
    renderer: Any = find_protocol("openai_responses").StreamRenderer(model="m")  # pyright: ignore[reportCallIssue]
    begun = renderer.feed(as_chunks(write([Text("Half")], "stop"))[:2])
    server.script(stream([begun, renderer.fail("the provider broke")]))
    told = list(clients.openai.responses.create(model="m", input="Hi", stream=True))
    assert told[-1].type == "response.failed"
    assert told[-1].response.error is not None
    assert told[-1].response.error.message == "the provider broke"
