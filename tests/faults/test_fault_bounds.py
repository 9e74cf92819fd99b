"""What never ends takes no more than the bounds: memory, and bytes read of the server."""

from __future__ import annotations

import random
import ssl
import tracemalloc

import pytest
from fault_answers import Right, chunk
from fault_kinds import Fault
from fault_list import FAULTS
from fault_runs import Cell, judge
from fault_site import Host, Wire

from provider import KEY, event
from turnout import Agent
from turnout.errors import InvalidInputError, MalformedStreamError, ResponseError
from turnout.transport.http import HTTPTransport
from turnout.transport.sse import Event, SSEParser

ENDLESS = [
    fault
    for fault in FAULTS
    if "endless" in fault.name or "never ends" in fault.name or "10 MB" in fault.name or "bomb" in fault.name
]
MOST = 14_000_000
"""Bytes at once, those of the server and of the test among them; the faults send hundreds of millions."""


@pytest.mark.parametrize("kind", ["generate", "stream"])
@pytest.mark.parametrize("fault", ENDLESS, ids=lambda fault: fault.name)
async def test_what_never_ends_takes_bounded_memory(
    host: Host, contexts: dict[str, ssl.SSLContext], fault: Fault, kind: str
) -> None:
    warm = Cell(fault, kind, host, contexts, 0)
    await warm.run()  # so that what is made once is made
    tracemalloc.start()
    try:
        cell = Cell(fault, kind, host, contexts, 1)
        await cell.run()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert judge(cell) == []
    assert peak < MOST


def test_there_are_such_faults() -> None:
    assert len(ENDLESS) >= 9


@pytest.mark.parametrize(
    ("name", "limits", "kind", "error"),
    [
        ("a body that never ends", {"max_event_bytes": 50_000}, "stream", MalformedStreamError),
        ("a body that never ends", {"max_body_bytes": 50_000}, "stream", ResponseError),
        ("a body that never ends", {"max_body_bytes": 50_000}, "generate", ResponseError),
    ],
)
async def test_the_bounds_are_settings_and_the_error_names_them(
    host: Host, limits: dict[str, int], name: str, kind: str, error: type[Exception]
) -> None:
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    transport = HTTPTransport(**limits)  # type: ignore[arg-type]
    async with host.site() as site:
        site.script = [lambda wire: fault.play(wire, Right(wire), random.Random(1))]
        agent = Agent(model={"id": "m", "url": site.url, "api_key": KEY}, transport=transport)
        with pytest.raises(error, match=f"50000 bytes.*{next(iter(limits))}"):
            await (agent.generate("Hi") if kind == "generate" else agent.stream("Hi").result())
        assert len(site.requests) == 1
        assert site.sent < 8_000_000  # what the kernel keeps on the way
        await transport.aclose()


async def test_a_stream_of_many_small_events_ends_at_the_bound_of_the_body(host: Host) -> None:
    """Nothing else would end it: each event is small, and none is late."""

    async def play(wire: Wire) -> None:
        await wire.send(Right(wire).head("transfer-encoding: chunked"))
        await wire.send_endlessly(chunk(event({"content": "more "}) * 20))

    transport = HTTPTransport(max_body_bytes=1_000_000)
    async with host.site() as site:
        site.script = [play]
        agent = Agent(model={"id": "m", "url": site.url, "api_key": KEY}, transport=transport)
        with pytest.raises(ResponseError, match="max_body_bytes") as caught:
            await agent.stream("Hi").result()
        assert caught.value.text.startswith("more more more")
        assert len(site.requests) == 1
        await transport.aclose()


def test_a_bound_that_bounds_nothing_is_refused() -> None:
    for name in ("max_body_bytes", "max_head_bytes", "max_event_bytes", "waiting_bytes"):
        with pytest.raises(InvalidInputError, match=name):
            HTTPTransport(**{name: 0})


@pytest.mark.parametrize("rest", [b"data: " + b"x" * 100, b"data: " + b"x" * 100 + b"\n\ndata: late\n\n"])
@pytest.mark.parametrize("ends", [True, False])
def test_the_events_before_one_that_is_too_long_are_given(rest: bytes, ends: bool) -> None:
    """However the pieces are cut: whether a stream has begun must not depend on it."""
    parser = SSEParser(max_event_bytes=50)
    assert parser.feed(b"data: one\n\n: note\n\ndata: two\n\n" + rest) == [Event(b"one"), Event(b"two")]
    with pytest.raises(MalformedStreamError, match="longer than 50 bytes"):
        parser.close() if ends else parser.feed(b"data: three\n\n")
    parser = SSEParser(max_event_bytes=50)
    assert parser.feed(b"data: one\n\nda") == [Event(b"one")]
    assert parser.feed(b"ta: two\n\n" + rest) == [Event(b"two")]
    with pytest.raises(MalformedStreamError):
        parser.feed(b"x")
    parser = SSEParser(max_event_bytes=50)
    with pytest.raises(MalformedStreamError):
        parser.feed(rest)
