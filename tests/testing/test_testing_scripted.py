"""ScriptedModel: every kind of item, whole and streamed, over the whole road."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from turnout import testing
from turnout.agent.runtime import make_runtime
from turnout.call import Answer, Call, open_stream, send
from turnout.chunks import Chunk, ReasoningDelta, TextDelta, ToolCallDelta
from turnout.errors import (
    APIConnectionError,
    AuthenticationError,
    ContextLengthError,
    InvalidModelError,
    RateLimitError,
    ServerError,
    TruncatedStreamError,
    TurnoutError,
)
from turnout.messages import Message, Reasoning, Refusal, ToolCall
from turnout.requests import ModelRequest, ToolSpec
from turnout.routing import read_model
from turnout.testing import Reply, ScriptedModel, ScriptedRequest, ScriptError
from turnout.transport.http import HTTPTransport
from turnout.usage import Usage


def call(model: Any, text: str = "Hi", *, streams: bool = False, retries: int = 0, **request: Any) -> Call:
    asked = ModelRequest(messages=[Message.user(text)], stream=streams, **request)
    return Call(request=asked, candidates=read_model(model), max_retries=retries)


async def ask(model: Any, text: str = "Hi", **options: Any) -> Answer:
    return await send(call(model, text, **options), make_runtime(HTTPTransport()))


async def ask_streamed(model: Any, text: str = "Hi", **options: Any) -> tuple[list[Chunk], Answer]:
    running = await open_stream(call(model, text, streams=True, **options), make_runtime(HTTPTransport()))
    chunks: list[Chunk] = []
    while batch := await running.next_batch():
        chunks += batch
    assert running.answer is not None
    return chunks, running.answer


CALL = ToolCall("c1", "look", {"city": "Paris", "n": [1, 2]})
WEIRD = ToolCall("c2", "look", {}, '{"broken')
ITEMS: list[tuple[object, list[object], str]] = [
    ("Hello there, friend.", ["Hello there, friend."], "stop"),
    (" spaces \n kept ", [" spaces \n kept "], "stop"),
    ({"name": "Ada"}, ['{"name":"Ada"}'], "stop"),
    (CALL, [CALL], "tool_calls"),
    (
        [Reasoning("Let me think."), "Yes.", CALL, WEIRD],
        [Reasoning("Let me think."), "Yes.", CALL, WEIRD],
        "tool_calls",
    ),
    (Message.assistant("As a message"), ["As a message"], "stop"),
    (Reply("Cut off", finish_reason="length"), ["Cut off"], "length"),
    (lambda request: request.text.upper(), ["HI"], "stop"),
]


@pytest.mark.parametrize(("item", "content", "finish_reason"), ITEMS)
async def test_each_item_answers_whole_and_streamed_alike(
    item: object, content: list[object], finish_reason: str
) -> None:
    model = ScriptedModel([item, item])
    whole = await ask(model)
    _, streamed = await ask_streamed(model)
    expected = Message.assistant(*content)  # type: ignore[arg-type]
    for answer in (whole, streamed):
        assert [type(part) for part in answer.response.message.content] == [type(part) for part in expected.content]
        assert answer.response.text == expected.text
        assert answer.response.tool_calls == [part for part in expected.content if isinstance(part, ToolCall)]
        assert answer.response.finish_reason == finish_reason
        assert answer.warnings == []
    assert whole.response.usage == streamed.response.usage
    assert whole.response.usage.input_tokens == 5
    assert (whole.response.usage.output_tokens or 0) > 0
    assert model.remaining == 0


async def test_a_stream_comes_by_words_and_arguments_in_pieces() -> None:
    chunks, answer = await ask_streamed(ScriptedModel([[Reasoning("so so"), "one two three", CALL]]))
    assert [chunk.text for chunk in chunks if isinstance(chunk, TextDelta)] == ["one", " two", " three"]
    assert [chunk.text for chunk in chunks if isinstance(chunk, ReasoningDelta)] == ["so", " so"]
    assert len([chunk for chunk in chunks if isinstance(chunk, ToolCallDelta)]) == 2
    assert answer.response.usage.reasoning_tokens


async def test_a_refusal_and_usage_as_they_are_given() -> None:
    usage = Usage(input_tokens=3, output_tokens=4, total_tokens=7, cached_input_tokens=2, reasoning_tokens=1)
    model = ScriptedModel([Refusal("No."), Reply("x", usage=usage), Reply("x", usage=False), Reply("", model="other")])
    assert (await ask(model)).response.refusal == "No."
    assert (await ask(model)).response.usage == usage
    assert (await ask(model)).response.usage == Usage()
    last = await ask(model)
    assert (last.response.text, last.response.model) == ("", "other")


async def test_what_was_asked_is_kept_without_the_key() -> None:
    model = ScriptedModel(["a", "b"], model="ovhcloud/gpt-oss-120b")
    tool = ToolSpec(name="look")
    answer = await ask(model, "Weather?", tools=(tool,))
    await ask_streamed(model)
    first, second = model.requests
    assert (first.text, first.tools, first.is_stream, second.is_stream) == ("Weather?", ["look"], False, True)
    assert first.messages == [Message.user("Weather?")]
    assert first.body["model"] == "gpt-oss-120b"
    assert answer.provider == "ovhcloud"
    assert answer.cost.total is not None
    assert ScriptedRequest(body={}).text == ""
    assert "key-" not in repr(model.requests)
    assert repr(model) == "ScriptedModel(0 of 2 answers left)"


ERRORS = [
    (RateLimitError("slow down", retry_after_s=0.01), RateLimitError, 429),
    (ServerError("broken"), ServerError, 500),
    (ServerError("odd", status=503), ServerError, 503),
    (ContextLengthError("too long"), ContextLengthError, 400),
    (AuthenticationError("bad key"), AuthenticationError, 401),
    (APIConnectionError("reset"), APIConnectionError, None),
    (APIConnectionError, APIConnectionError, None),
    (ZeroDivisionError("mine"), ZeroDivisionError, None),
]


@pytest.mark.parametrize(("item", "kind", "status"), ERRORS)
async def test_errors_come_as_the_wire_would_bring_them(
    item: object, kind: type[Exception], status: int | None
) -> None:
    with pytest.raises(kind) as caught:
        await ask(ScriptedModel([item]))
    assert getattr(caught.value, "status", None) == status
    if isinstance(item, TurnoutError):
        assert item.message in str(caught.value)


async def test_retries_and_fallbacks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.call.dispatch.random.random", lambda: 0.0)
    model = ScriptedModel([RateLimitError("slow", retry_after_s=0.01), ServerError("x"), "third time"])
    answer = await ask(model, retries=2)
    assert [attempt.status for attempt in answer.attempts] == [429, 500, 200]
    assert answer.attempts[1].waited_s == 0.01
    broken, sound = ScriptedModel([ServerError("x")]), ScriptedModel(["here"])
    answer = await ask([{"model": broken, "max_retries": 0}, sound])
    assert answer.response.text == "here"
    assert len(broken.requests) == len(sound.requests) == 1


async def test_answers_break_where_the_script_says() -> None:
    with pytest.raises(TruncatedStreamError) as caught:
        await ask_streamed(ScriptedModel([Reply("one two three", breaks_after=3)]))
    assert caught.value.text == "one two"
    with pytest.raises(APIConnectionError, match="as the script says"):
        await ask(ScriptedModel([Reply("one two three", breaks_after=1)]))


async def test_leaving_a_stream_closes_it() -> None:
    running = await open_stream(call(ScriptedModel(["one two"]), streams=True), make_runtime(HTTPTransport()))
    running.close()
    with pytest.raises(APIConnectionError, match="closed before its end"):
        await running.reader.exchange.http.receive()


async def test_functions_see_the_request_and_may_be_async() -> None:
    async def answer(request: ScriptedRequest) -> object:
        await asyncio.sleep(0)
        return [f"{len(request.messages)} messages", CALL]

    model = ScriptedModel(answer)
    for _ in range(3):
        assert (await ask(model)).response.tool_calls == [CALL]


async def test_a_script_that_ends_says_so_and_is_not_retried() -> None:
    model = ScriptedModel(["one"])
    await ask(model)
    with pytest.raises(ScriptError, match=r"has 1 answers, and request 2 \('More\?'\) finds none left") as caught:
        await ask(model, "More?", retries=2)
    assert len(caught.value.attempts) == 1
    again = ScriptedModel(["one", "two"], repeats_last=True)
    assert [(await ask(again)).response.text for _ in range(4)] == ["one", "two", "two", "two"]
    with pytest.raises(ScriptError):
        await ask(ScriptedModel([]))


@pytest.mark.parametrize("script", [[5], [None], [["text", 5]], [Reply(5)], [int]])
def test_what_is_no_answer_is_refused_at_once(script: list[object]) -> None:
    with pytest.raises(ScriptError, match="is no answer of a scripted model: give a string"):
        ScriptedModel(script)


async def test_what_a_function_returns_is_read_as_well() -> None:
    with pytest.raises(ScriptError, match="a int is no answer"):
        await ask(ScriptedModel([lambda request: 5]))


async def test_a_thousand_at_once_take_one_answer_each() -> None:
    model = ScriptedModel([str(number) for number in range(1000)])
    answers = await asyncio.gather(*(ask(model) for _ in range(1000)))
    assert {answer.response.text for answer in answers} == {str(number) for number in range(1000)}


def test_a_model_that_is_none_is_still_refused() -> None:
    with pytest.raises(InvalidModelError):
        read_model(object())


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        getattr(testing, "Nothing")  # noqa: B009 - a name that the checker would refuse
