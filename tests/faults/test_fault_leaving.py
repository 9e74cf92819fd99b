"""Whoever leaves a call ends it at the provider too: the connection is closed at once, and nothing is left here."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from fault_answers import Right, answer_rightly, chunk
from fault_site import Host, Site, Wire

from provider import KEY
from turnout import Agent
from turnout.errors import APITimeoutError, StreamClosedError, TurnoutError
from turnout.transport.http import HTTPTransport

HANG_S = 60


class Endless:
    """Answers without an end, and tells when the client has closed."""

    def __init__(self, *, before_head: bool = False) -> None:
        self.before_head = before_head
        self.began = threading.Event()
        self.was_left = threading.Event()

    async def play(self, wire: Wire) -> None:
        right = Right(wire)
        if not self.before_head:
            begun = b"".join(map(chunk, right.events[:5])) if right.is_stream else chunk(right.body[:20])
            await wire.send(right.head("transfer-encoding: chunked") + begun)
        self.began.set()
        await wire.hold()
        self.was_left.set()


async def seen(event: threading.Event) -> bool:
    return await asyncio.to_thread(event.wait, HANG_S)


def make_agent(site: Site, transport: HTTPTransport, protocol: str = "openai_chat", **options: Any) -> Agent[Any]:
    model = {"id": "m", "url": site.url, "api_key": KEY, "protocol": protocol}
    return Agent(model=model, transport=transport, max_retries=2, **options)


async def check_nothing_is_left(site: Site, transport: HTTPTransport) -> None:
    """One request was made, and the transport can be used again."""
    assert len(site.requests) == 1
    site.script = [answer_rightly]
    assert (await make_agent(site, transport).generate("Hi")).text
    pool = transport._pools[asyncio.get_running_loop()]
    assert len(pool._open) == 1
    await transport.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("protocol", ["openai_chat", "anthropic_messages", "openai_responses", "gemini"])
@pytest.mark.parametrize("way", ["break", "aclose", "block", "error", "cancel", "drop"])
async def test_a_stream_that_is_left(host: Host, way: str, protocol: str) -> None:
    endless, transport = Endless(), HTTPTransport()
    async with host.site() as site:
        site.script = [endless.play]
        agent = make_agent(site, transport, protocol)
        if way == "cancel":
            task = asyncio.create_task(agent.stream("Hi").result())
            assert await seen(endless.began)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        else:
            await leave(agent, way)
        assert await seen(endless.was_left)
        await check_nothing_is_left(site, transport)


async def leave(agent: Agent[Any], way: str) -> None:
    """Read until some text is there, and leave."""
    if way == "block":
        async with agent.stream("Hi") as stream:
            async for each in stream:
                if each.type == "text_delta":
                    break
        assert stream.text
        return
    stream = await agent.stream("Hi")
    if way == "error":
        with pytest.raises(KeyError):
            await fail_at_text(stream)
        return
    async for each in stream:
        if each.type == "text_delta":
            break
    if way == "aclose":
        await stream.aclose()
        with pytest.raises(StreamClosedError):
            await stream.result()


async def fail_at_text(stream: Any) -> None:
    async for each in stream:
        if each.type == "text_delta":
            raise KeyError("the reader's own")


@pytest.mark.parametrize("before_head", [True, False])
async def test_a_whole_call_that_is_cancelled(host: Host, before_head: bool) -> None:
    endless, transport = Endless(before_head=before_head), HTTPTransport()
    async with host.site() as site:
        site.script = [endless.play]
        task = asyncio.create_task(make_agent(site, transport).generate("Hi"))
        assert await seen(endless.began)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert await seen(endless.was_left)
        await check_nothing_is_left(site, transport)


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_limit_that_runs_out(host: Host, is_stream: bool) -> None:
    endless, transport = Endless(), HTTPTransport()
    async with host.site() as site:
        site.script = [endless.play]
        agent = make_agent(site, transport, timeouts={"total_s": 0.5, "idle_s": 0.5})
        with pytest.raises(APITimeoutError):
            await (agent.stream("Hi").result() if is_stream else agent.generate("Hi"))
        assert await seen(endless.was_left)
        await check_nothing_is_left(site, transport)


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_loop_that_ends_in_the_middle(host: Host, is_stream: bool) -> None:
    """`asyncio.run` of another thread ends while a call waits: its connection is closed."""
    endless, transport = Endless(), HTTPTransport()

    async def begin(site: Site) -> None:
        agent = make_agent(site, transport)
        task = asyncio.ensure_future(agent.stream("Hi").result() if is_stream else agent.generate("Hi"))
        await seen(endless.began)
        assert not task.done()

    async with host.site() as site:
        site.script = [endless.play]
        await asyncio.to_thread(asyncio.run, begin(site))
        assert await seen(endless.was_left)
        assert len(site.requests) == 1


async def test_a_stream_of_the_sync_twin_that_is_left(host: Host) -> None:
    endless, transport = Endless(), HTTPTransport()

    def leave_it(site: Site) -> str:
        text = ""
        for each in make_agent(site, transport).stream_sync("Hi"):
            if each.type == "text_delta":
                text += each.text
                break
        return text

    async with host.site() as site:
        site.script = [endless.play]
        assert await asyncio.to_thread(leave_it, site)
        assert await seen(endless.was_left)
        assert len(site.requests) == 1


async def test_sync_twins_end_as_the_others_do(host: Host) -> None:
    """A cut answer, without retries: the same error, with the same text, in the thread that asked."""

    async def play(wire: Wire) -> None:
        right = Right(wire)
        await wire.send(right.head("transfer-encoding: chunked") + b"".join(map(chunk, right.pieces[:5])))
        wire.writer.close()

    def ask(site: Site, kind: str) -> TurnoutError:
        agent = Agent(model={"id": "m", "url": site.url, "api_key": KEY}, transport=HTTPTransport(), max_retries=0)
        try:
            if kind == "stream":
                for _ in agent.stream_sync("Hi"):
                    pass
            else:
                agent.generate_sync("Hi")
        except TurnoutError as error:
            return error
        raise AssertionError("it ended well")

    async with host.site() as site:
        site.script = [play]
        cut = await asyncio.to_thread(ask, site, "stream")
        assert (type(cut).__name__, bool(cut.text)) == ("TruncatedStreamError", True)
        site.script = [lambda wire: _reset(wire)]
        lost = await asyncio.to_thread(ask, site, "generate")
        assert type(lost).__name__ == "APIConnectionError"


async def _reset(wire: Wire) -> None:
    wire.reset()
