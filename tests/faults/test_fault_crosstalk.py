"""Many calls at once over few connections, with faults and cancellations: each gets its own answer, or an error."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter

from fault_answers import Right
from fault_list import FAULTS
from fault_site import Host, Wire

from provider import KEY
from turnout import Agent
from turnout.errors import StreamClosedError, TurnoutError
from turnout.transport.http import HTTPTransport

CALLS = int(os.environ.get("TURNOUT_CALLS", "600"))
HARMFUL = [fault for fault in FAULTS if not (fault.is_before_all or fault.tls or fault.timeouts)]


class Crowd:
    """Calls over one transport, each with a number that its answer has to repeat."""

    def __init__(self, url: str, transport: HTTPTransport, rng: random.Random) -> None:
        self.agent = Agent(model={"id": "m", "url": url, "api_key": KEY}, transport=transport)
        self.rng = rng
        self.endings = Counter[str]()

    async def run(self) -> None:
        waiting = iter(range(CALLS))

        async def work() -> None:
            for number in waiting:
                await self._one(number)

        await asyncio.gather(*(work() for _ in range(24)))

    async def _one(self, number: int) -> None:
        task = asyncio.create_task(self._ask(f"n{number:05}", is_stream=bool(number % 3)))
        if self.rng.random() < 0.15:
            for _ in range(self.rng.randrange(30)):
                await asyncio.sleep(self.rng.choice([0, 0, 0.001]))
            task.cancel()
        async with asyncio.timeout(120):
            await asyncio.wait([task])
        self.endings["cancelled" if task.cancelled() else task.result()] += 1

    async def _ask(self, number: str, *, is_stream: bool) -> str:
        seen: list[str] = []
        try:
            text = await self._read_stream(number, seen) if is_stream else (await self.agent.generate(number)).text
        except TurnoutError as error:
            assert own_answer(number).startswith("".join(seen))
            assert error.text == "".join(seen)
            assert not isinstance(error, StreamClosedError)
            return type(error).__name__
        assert text == own_answer(number)
        return "answer"

    async def _read_stream(self, number: str, seen: list[str]) -> str:
        async for each in await self.agent.stream(number):
            if each.type == "text_delta":
                seen.append(each.text)
        return "".join(seen)


def own_answer(number: object) -> str:
    return f"The answer to {number} is {number}, and no other number than {number}."


async def test_each_call_gets_its_own_answer_or_an_error(host: Host) -> None:
    """Every answer repeats the number that was asked with: what belongs to another call would show."""
    rng, asked = random.Random(3), Counter[str]()

    async def play(wire: Wire) -> None:
        number = wire.request.json["messages"][-1]["content"]
        asked[str(number)] += 1
        right = Right(wire, own_answer(number))
        if rng.random() < 0.2:
            await rng.choice(HARMFUL).play(wire, right, rng)
        else:
            await wire.send(right.chunked() if right.is_stream or rng.random() < 0.5 else right.framed())

    limits = {"max_body_bytes": 200_000, "max_head_bytes": 20_000, "max_event_bytes": 100_000}
    transport = HTTPTransport(max_connections_per_host=12, **limits)
    async with host.site() as site:
        site.script = [play]
        crowd = Crowd(site.url, transport, rng)
        await crowd.run()
        assert crowd.endings.total() == CALLS
        assert crowd.endings["answer"] > CALLS / 2
        assert max(asked.values()) <= 4  # three tries, and one where a kept connection was lost
        pool = transport._pools[asyncio.get_running_loop()]
        assert len(pool._open) == sum(map(len, pool._idle.values())) <= 12
        assert sum(pool._used.values()) <= 12
        assert not pool._waiters
        await transport.aclose()
        assert not pool._used


async def test_threads_with_loops_of_their_own_share_a_transport(host: Host) -> None:
    """Each loop has its connections; a fault in one harms no other, and each closes its own."""

    async def play(wire: Wire) -> None:
        right = Right(wire, own_answer(wire.request.json["messages"][-1]["content"]))
        if len(wire.site.requests) % 7 == 0:
            wire.reset()
        else:
            await wire.send(right.chunked() if right.is_stream else right.framed())

    transport = HTTPTransport(max_connections_per_host=4)
    async with host.site() as site:
        site.script = [play]
        crowds = [Crowd(site.url, transport, random.Random(number)) for number in range(3)]
        await asyncio.gather(*(asyncio.to_thread(asyncio.run, crowd.run()) for crowd in crowds))
        for crowd in crowds:
            assert crowd.endings.total() == CALLS
            assert crowd.endings["answer"] > CALLS / 2
        assert not transport._pools
        for _ in range(1000):
            if not site.open:
                break
            await asyncio.sleep(0.01)
        assert site.open == 0
