"""Streams: awaited or not, left early, cut, silent, and what is there afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from provider import Provider, Reply, answer, cut, error, event, events, reply, silence, stream
from turnout import Agent, AgentStream
from turnout.errors import (
    APITimeoutError,
    AuthenticationError,
    InvalidInputError,
    MalformedStreamError,
    ProviderStreamError,
    ResponseError,
    StreamClosedError,
    StreamError,
    TruncatedStreamError,
)

STORY = "Once upon a time there was a switch."
AGENT = Agent(model="ovhcloud/gpt-oss-120b", max_retries=0)


async def wait_for(fact: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60  # of a failure alone
    while not fact():
        await asyncio.sleep(0.005)
        assert time.monotonic() < deadline, what


async def wait_until_closed(provider: Provider) -> None:
    """Wait until the provider, which would hold it for a minute, has seen the connection close."""
    await wait_for(lambda: provider.closes, "the connection was never closed")


async def test_a_stream_works_awaited_not_awaited_and_entered(provider: Provider) -> None:
    provider.script(stream())
    texts = []
    async for chunk in await AGENT.stream("Hi"):
        texts.append(getattr(chunk, "text", ""))
    async for chunk in AGENT.stream("Hi"):
        texts.append(getattr(chunk, "text", ""))
    async with AGENT.stream("Hi") as entered:
        async for chunk in entered:
            texts.append(getattr(chunk, "text", ""))
    assert "".join(texts) == STORY * 3


async def test_text_stream_yields_text_only_and_the_rest_is_there_afterwards(provider: Provider) -> None:
    provider.script(stream([event({"reasoning": "hm"}), *events()]))
    running = await AGENT.stream("Hi")
    assert running.finish_reason is None
    pieces = [piece async for piece in running.text_stream]
    assert "".join(pieces) == STORY == running.text
    assert running.reasoning == "hm"
    assert running.usage.total_tokens == 18
    assert running.cost.total is not None
    assert running.finish_reason == "stop"
    assert running.tool_calls == []


async def test_result_is_what_generate_returns(provider: Provider) -> None:
    provider.script(reply(answer(STORY)), stream())
    whole = await AGENT.generate("Hi")
    running = await AGENT.stream("Hi")
    streamed = await running.result()
    for name in ("text", "reasoning", "refusal", "usage", "cost", "finish_reason", "model", "provider", "messages"):
        assert getattr(streamed, name) == getattr(whole, name), name
    assert streamed.response.model == whole.response.model
    assert streamed.timing.first_chunk_s is not None
    assert await running.result() is streamed


async def test_nothing_is_sent_before_the_stream_is_awaited(provider: Provider) -> None:
    AGENT.stream("Hi")
    await asyncio.sleep(0.05)
    assert provider.requests == []


async def test_await_raises_what_goes_wrong_before_the_first_chunk(provider: Provider) -> None:
    provider.script(error(401, "bad key"))
    with pytest.raises(AuthenticationError):
        await AGENT.stream("Hi")
    unawaited = AGENT.stream("Hi")
    with pytest.raises(AuthenticationError):
        async for _ in unawaited:
            pass


async def leave_by_break(running: AgentStream) -> None:
    async for _ in running:
        break


async def leave_by_exception(running: AgentStream) -> None:
    with pytest.raises(ZeroDivisionError):
        async for _ in running:
            _ = 1 / 0


async def leave_text_stream(running: AgentStream) -> None:
    async for _ in running.text_stream:
        break


async def leave_by_cancellation(running: AgentStream) -> None:
    async def read() -> None:
        async for _ in running:
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_exception, leave_text_stream, leave_by_cancellation])
async def test_leaving_closes_the_connection_at_once_though_the_stream_is_held(
    provider: Provider, leave: object
) -> None:
    provider.script(stream(events()[:5], hold=True))
    running = await AGENT.stream("Hi")
    await leave(running)  # type: ignore[operator]
    await wait_until_closed(provider)
    assert running.text.startswith("Once")
    with pytest.raises((StreamClosedError, asyncio.CancelledError)):
        await running.result()


async def test_a_stream_that_is_dropped_closes_its_connection(provider: Provider) -> None:
    provider.script(stream(events()[:5], hold=True))
    running = await AGENT.stream("Hi")
    del running
    await wait_until_closed(provider)


async def test_cancelling_before_the_first_chunk_closes_the_connection(provider: Provider) -> None:
    provider.script(silence())
    for begin in (AGENT.generate, AGENT.stream):
        provider.requests.clear()
        provider.closes.clear()
        task = asyncio.ensure_future(begin("Hi"))
        await wait_for(lambda: provider.requests, "no request came")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await wait_until_closed(provider)


async def test_leaving_does_not_disturb_the_next_call(provider: Provider) -> None:
    provider.script(stream(events()[:5], hold=True), stream())
    await leave_by_break(await AGENT.stream("Hi"))
    assert (await AGENT.stream("Hi").result()).text == STORY


async def test_an_error_in_the_body_of_the_loop_is_not_changed(provider: Provider) -> None:
    provider.script(stream())
    with pytest.raises(KeyError, match="mine"):
        async with AGENT.stream("Hi") as running:
            async for _ in running:
                raise KeyError("mine")


async def test_a_stream_is_read_once(provider: Provider) -> None:
    provider.script(stream())
    running = await AGENT.stream("Hi")
    assert len([chunk async for chunk in running]) > 5
    with pytest.raises(StreamClosedError, match="second time"):
        async for _ in running:
            pass
    assert (await running.result()).text == STORY


async def test_two_tasks_cannot_read_one_stream(provider: Provider) -> None:
    provider.script(stream(events()[:3], hold=True))
    running = await AGENT.stream("Hi")
    chunks = aiter(running)
    for _ in range(5):
        await anext(chunks)
    first = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0.02)
    with pytest.raises(InvalidInputError, match="two tasks"):
        await running.result()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first


CUTS: list[tuple[str, Reply]] = [
    ("reset", cut(events()[:5])),
    ("clean end", stream(events()[:5])),
    ("end inside an event", stream([*events()[:5], b'data: {"choices": [{"del'])),
]


@pytest.mark.parametrize(("name", "play"), CUTS, ids=[name for name, _ in CUTS])
async def test_a_stream_that_ends_too_early_raises_with_its_text(provider: Provider, name: str, play: Reply) -> None:
    provider.script(play)
    seen = []
    running = await AGENT.stream("Hi")
    with pytest.raises(TruncatedStreamError) as caught:
        async for chunk in running:
            seen.append(chunk)
    assert caught.value.text == "Once upon a time" == running.text
    assert caught.value.provider == "ovhcloud"
    assert len(caught.value.attempts) == 1
    assert seen[-1].type == "text_delta"
    assert len(provider.requests) == 1
    with pytest.raises(TruncatedStreamError):
        await running.result()


async def test_done_without_a_finish_reason_is_complete_with_a_warning(provider: Provider) -> None:
    provider.script(stream([*events()[:5], b"data: [DONE]\n\n"]))
    response = await AGENT.stream("Hi").result()
    assert (response.text, response.finish_reason) == ("Once upon a time", "stop")
    assert any(warning.code == "inferred_finish_reason" for warning in response.warnings)


async def test_a_finish_reason_without_done_is_complete(provider: Provider) -> None:
    provider.script(stream(events()[:-2]))
    response = await AGENT.stream("Hi").result()
    assert (response.text, response.finish_reason, response.usage.total_tokens) == (STORY, "stop", None)
    assert response.cost.total is None


async def test_an_error_inside_the_stream_is_raised_with_the_text_so_far(provider: Provider) -> None:
    provider.script(stream([*events()[:4], b'data: {"error": {"message": "engine died", "code": "dead"}}\n\n']))
    running = await AGENT.stream("Hi")
    with pytest.raises(ProviderStreamError, match="engine died") as caught:
        async for _ in running:
            pass
    assert caught.value.text == "Once upon a"
    assert caught.value.code == "dead"


async def test_an_unreadable_event_is_raised(provider: Provider) -> None:
    provider.script(stream([*events()[:4], b"data: this is not json\n\n", *events()[4:]]))
    running = await AGENT.stream("Hi")
    with pytest.raises(MalformedStreamError) as caught:
        async for _ in running:
            pass
    assert caught.value.text == "Once upon a"


async def test_every_cut_of_a_stream_is_noticed(provider: Provider) -> None:
    """Cut at every byte: until the finish reason was read it is an error, and never a shorter answer."""
    whole = b"".join(events(["Hé", "llo"], usage=None))
    finish_at = whole.index(b'"stop"')
    replies = []
    for position in range(len(whole) + 1):
        replies.append(stream([whole[:position]]))
    provider.script(*replies)
    for position in range(len(replies)):
        running = AGENT.stream("Hi")
        try:
            response = await running.result()
        except StreamError as caught:
            assert position < finish_at + 200
            assert "Héllo".startswith(caught.text)
        else:
            assert position > finish_at
            assert (response.text, response.finish_reason) == ("Héllo", "stop")


async def test_a_stream_in_any_pieces_is_the_same(provider: Provider) -> None:
    whole = b"".join(events(["Héllo", " wörld 🚂"]))
    for size in (1, 2, 3, 7, 64):
        provider.script(stream([whole[at : at + size] for at in range(0, len(whole), size)]))
        response = await AGENT.stream("Hi").result()
        assert response.text == "Héllo wörld 🚂"
        assert response.usage.total_tokens == 18


async def test_the_connection_of_a_finished_stream_is_used_again(provider: Provider) -> None:
    provider.script(stream())
    for _ in range(5):
        await AGENT.stream("Hi").result()
        await asyncio.sleep(0.01)
    assert provider.connections == 1


async def test_a_whole_answer_to_a_stream_request_is_streamed(provider: Provider) -> None:
    provider.script(reply(answer("Whole", reasoning="hm")))
    running = await AGENT.stream("Hi")
    types = [chunk.type async for chunk in running]
    assert types[2:-2] == [
        "reasoning_start", "reasoning_delta", "reasoning_end", "text_start", "text_delta", "text_end", "usage",
    ]  # fmt: skip
    assert running.text == "Whole"


async def test_an_html_page_is_no_stream(provider: Provider) -> None:
    provider.script(reply(b"<html><title>Welcome</title></html>", content_type="text/html"))
    with pytest.raises(ResponseError, match="base URL"):
        await AGENT.stream("Hi")
    with pytest.raises(ResponseError, match="base URL"):
        await AGENT.generate("Hi")


async def test_an_empty_stream_is_truncated(provider: Provider) -> None:
    provider.script(stream([]))
    with pytest.raises(TruncatedStreamError):
        await AGENT.stream("Hi")


async def test_silence_before_the_first_chunk(provider: Provider) -> None:
    agent = Agent(model="ovhcloud/gpt-oss-120b", max_retries=0, timeouts={"first_chunk_s": 0.2})
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    for before in (b"", head, head + b": keep-alive\n\n", head + event({"role": "assistant"})):
        provider.script(silence(before))
        with pytest.raises(APITimeoutError) as caught:
            await agent.stream("Hi")
        assert (caught.value.kind, caught.value.limit_s) == ("first_chunk", 0.2)
        assert "no chunk came within 0.2 s: raise `first_chunk_s` in timeouts=" in str(caught.value)


async def test_silence_between_chunks(provider: Provider) -> None:
    provider.script(stream(events()[:4], hold=True))
    running = await Agent(model="ovhcloud/gpt-oss-120b").stream("Hi", timeouts={"idle_s": 0.2})
    with pytest.raises(APITimeoutError) as caught:
        async for _ in running:
            pass
    assert (caught.value.kind, caught.value.text) == ("idle", "Once upon a")
    assert len(provider.requests) == 1


async def test_keep_alive_comments_count_as_life(provider: Provider) -> None:
    told = events()
    provider.script(stream([told[1], *[b": still here\n\n"] * 8, *told[2:]], pause_s=0.06))
    response = await AGENT.stream("Hi", timeouts={"idle_s": 0.3}).result()
    assert response.text == STORY


async def test_the_total_of_a_stream_can_be_limited(provider: Provider) -> None:
    provider.script(stream(pause_s=0.05))
    running = await AGENT.stream("Hi", timeouts={"total_s": 0.2})
    with pytest.raises(APITimeoutError) as caught:
        await running.result()
    assert caught.value.kind == "total"


async def test_a_thousand_streams_at_once(provider: Provider) -> None:
    provider.script(stream(pause_s=0.02))
    responses = await asyncio.gather(*(AGENT.stream(f"Hi {n}").result() for n in range(1000)))
    assert {response.text for response in responses} == {STORY}
    assert len(provider.requests) == 1000


async def test_a_stream_that_was_closed_before_it_began_says_so(provider: Provider) -> None:
    running = AGENT.stream("Hi")
    await running.aclose()
    with pytest.raises(StreamClosedError):
        await running.result()
    assert provider.requests == []
    assert repr(running) == "AgentStream(left, 0 characters)"


async def test_closing_while_another_task_reads_ends_its_wait(provider: Provider) -> None:
    provider.script(stream(events()[:3], hold=True))
    running = await AGENT.stream("Hi")
    assert repr(running).startswith("AgentStream(open")

    async def read() -> None:
        async for _ in running:
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    running.close()
    with pytest.raises(StreamClosedError) as caught:
        await task
    assert caught.value.text == "Once upon"


async def test_an_error_that_failed_the_opening_is_raised_again(provider: Provider) -> None:
    provider.script(error(401))
    running = AGENT.stream("Hi")
    for _ in range(2):
        with pytest.raises(AuthenticationError):
            await running
    assert len(provider.requests) == 1
    assert repr(running) == "AgentStream(not sent, 0 characters)"


async def test_a_refusal_or_a_tool_call_in_a_whole_answer_is_streamed(provider: Provider) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ran = {"type": "search", "output": "found"}
    provider.script(reply(answer(None, refusal="No.", tool_calls=[call], executed_tools=[ran])))  # type: ignore[arg-type]
    running = await AGENT.stream("Hi")
    types = [chunk.type async for chunk in running]
    assert sorted(types[2:-2]) == ["refusal_delta", "server_tool", "tool_call_end", "tool_call_start", "usage"]
    assert running.tool_calls[0].name == "f"
    assert running.warnings == (await running.result()).warnings


async def test_a_whole_answer_that_never_ends_is_limited(provider: Provider) -> None:
    provider.script(silence(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"))
    with pytest.raises(APITimeoutError):
        await AGENT.stream("Hi", timeouts={"first_chunk_s": 0.2})
    await wait_until_closed(provider)


async def test_bytes_after_the_end_are_not_waited_for(provider: Provider) -> None:
    async def babble(exchange: object) -> None:
        await exchange.head(200, "text/event-stream")  # type: ignore[attr-defined]
        for piece in events():
            await exchange.send(piece)  # type: ignore[attr-defined]
        while True:
            await exchange.send(b": and\n\n")  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)

    provider.script(babble)
    assert (await asyncio.wait_for(AGENT.stream("Hi").result(), 5)).text == STORY


async def test_an_error_event_without_a_blank_line_at_the_end_is_raised(provider: Provider) -> None:
    provider.script(stream([*events()[:3], b'data: {"error": {"message": "died"}}']))
    running = await AGENT.stream("Hi")
    with pytest.raises(ProviderStreamError, match="died") as caught:
        await running.result()
    assert caught.value.text == "Once upon"


async def test_a_finish_reason_followed_by_silence_or_a_cut_is_a_whole_answer(provider: Provider) -> None:
    for play in (stream(events()[:-2], hold=True), cut(events()[:-2])):
        provider.script(play)
        response = await AGENT.stream("Hi", timeouts={"idle_s": 0.2}).result()
        assert (response.text, response.finish_reason) == (STORY, "stop")


@pytest.mark.parametrize("content_type", ["Application/JSON", "text/plain", "application/problem+json"])
async def test_a_whole_answer_under_any_content_type_is_read_once(provider: Provider, content_type: str) -> None:
    provider.script(reply(answer("Whole"), content_type=content_type))
    assert (await AGENT.stream("Hi").result()).text == "Whole"
    assert len(provider.requests) == 1


async def test_events_under_another_content_type_are_still_events(provider: Provider) -> None:
    provider.script(reply(b"".join(events()), content_type="application/octet-stream"))
    assert (await AGENT.stream("Hi").result()).text == STORY


async def test_two_tasks_that_open_one_stream_send_once(provider: Provider) -> None:
    provider.script(stream(pause_s=0.01))
    running = AGENT.stream("Hi")
    outcomes = await asyncio.gather(running.result(), running.result(), return_exceptions=True)
    assert len(provider.requests) == 1
    assert [type(outcome).__name__ for outcome in outcomes] == ["Result", "InvalidInputError"]
    assert outcomes[0].text == STORY  # type: ignore[union-attr]


async def test_closing_while_it_opens_ends_the_wait_and_not_the_task(provider: Provider) -> None:
    provider.script(silence())
    running = AGENT.stream("Hi")

    async def read() -> str:
        try:
            await running
        except StreamClosedError:
            return "closed"
        return "opened"

    task = asyncio.create_task(read())
    await wait_for(lambda: provider.requests, "no request came")
    running.close()
    assert await task == "closed"
    await wait_until_closed(provider)


async def test_a_cancelled_reader_leaves_no_cancellation_behind(provider: Provider) -> None:
    provider.script(stream(events()[:3], hold=True))
    running = await AGENT.stream("Hi")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(running.result(), 0.1)
    with pytest.raises(StreamClosedError, match="cancelled"):
        await running.result()


async def test_text_alone_cannot_follow_an_answer_that_begins_again(provider: Provider) -> None:
    provider.script(cut(events(["Hello wor"])[:2]), stream())
    agent = Agent(model=["ovhcloud/gpt-oss-120b", "ovhcloud/gpt-oss-20b"], restart_broken_stream=True)
    pieces = []
    with pytest.raises(StreamError, match="begins again"):
        async for piece in agent.stream("Hi").text_stream:
            pieces.append(piece)
    assert pieces == ["Hello wor"]


async def test_warnings_are_there_while_the_stream_runs(provider: Provider) -> None:
    provider.script(stream(pause_s=0.01))
    running = await Agent(model="ovhcloud/no-such-model").stream("Hi")
    assert [warning.code for warning in running.warnings] == ["unknown_model"]
    running.close()


async def test_iterating_after_the_result_was_taken_is_an_error(provider: Provider) -> None:
    provider.script(stream())
    running = await AGENT.stream("Hi")
    await running.result()
    with pytest.raises(StreamClosedError, match="second time"):
        async for _ in running:
            pass
