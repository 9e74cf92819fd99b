"""How streams end: what the reader got is what the error says."""

from __future__ import annotations

import pytest
from fault_answers import Right, chunk
from fault_site import Host, Wire

from provider import KEY
from turnout import Agent
from turnout.errors import TruncatedStreamError
from turnout.transport.http import HTTPTransport


@pytest.mark.parametrize("protocol", ["openai_chat", "anthropic_messages", "openai_responses", "gemini"])
async def test_an_event_that_lacks_its_blank_line_is_read_before_the_error(host: Host, protocol: str) -> None:
    """The stream is cut right behind an event: its text was given to the reader, and is in `.text`, or in neither."""

    async def play(wire: Wire) -> None:
        right = Right(wire)
        begun, last = b"".join(right.events[:5]), right.events[5].rstrip(b"\r\n")
        await wire.send(right.head("transfer-encoding: chunked") + chunk(begun))
        await wire.send(chunk(last) + b"0\r\n\r\n")

    transport, seen = HTTPTransport(), []
    async with host.site() as site:
        site.script = [play]
        model = {"id": "m", "url": site.url, "api_key": KEY, "protocol": protocol}
        stream = await Agent(model=model, transport=transport).stream("Hi")
        with pytest.raises(TruncatedStreamError) as caught:
            async for each in stream:
                if each.type == "text_delta":
                    seen.append(each.text)
        assert "".join(seen) == caught.value.text != ""
        assert len(site.requests) == 1
        await transport.aclose()


async def test_a_first_event_that_lacks_its_blank_line_is_tried_again(host: Host) -> None:
    """Nothing was given to the reader: another try may answer."""

    async def cut(wire: Wire) -> None:
        right = Right(wire)
        await wire.send(right.chunked([b"".join(right.events[1:2]).rstrip()]))

    async def rightly(wire: Wire) -> None:
        await wire.send(Right(wire).chunked())

    transport = HTTPTransport()
    async with host.site() as site:
        site.script = [cut, rightly]
        agent = Agent(model={"id": "m", "url": site.url, "api_key": KEY}, transport=transport)
        result = await agent.stream("Hi").result()
        assert [attempt.status for attempt in result.attempts] == [200, 200]
        assert len(site.requests) == 2
        await transport.aclose()
