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
from turnout.errors import TurnoutError
from turnout.transport.http import HTTPTransport

CALLS = int(os.environ.get("TURNOUT_CALLS", "600"))
HARMFUL = [fault for fault in FAULTS if not (fault.is_before_all or fault.tls or fault.timeouts)]


async def test_each_call_gets_its_own_answer_or_an_error(host: Host) -> None:
    """Every answer repeats the number that was asked with: what belongs to another call would show."""
    rng, asked, endings = random.Random(3), Counter[str](), Counter[str]()

    async def play(wire: Wire) -> None:
        number = wire.request.json["messages"][-1]["content"]
        asked[str(number)] += 1
        right = Right(wire, f"The answer to {number} is {number}, and no other number than {number}.")
        if rng.random() < 0.2:
            await rng.choice(HARMFUL).play(wire, right, rng)
        else:
            await wire.send(right.chunked() if right.is_stream or rng.random() < 0.5 else right.framed())

    limits = {"max_body_bytes": 200_000, "max_head_bytes": 20_000, "max_event_bytes": 100_000}
    transport = HTTPTransport(max_connections_per_host=12, **limits)

    async def ask(agent: Agent, number: str, *, is_stream: bool) -> None:
        seen: list[str] = []
        own = f"The answer to {number} is {number}, and no other number than {number}."
        try:
            if is_stream:
                async for each in await agent.stream(number):
                    if each.type == "text_delta":
                        seen.append(each.text)
                assert "".join(seen) == own
            else:
                assert (await agent.generate(number)).text == own
            endings["answer"] += 1
        except TurnoutError as error:
            endings[type(error).__name__] += 1
            assert own.startswith("".join(seen))
            assert error.text == "".join(seen)
            assert type(error).__name__ != "StreamClosedError"

    async with host.site() as site:
        site.script = [play]
        agent = Agent(model={"id": "m", "url": site.url, "api_key": KEY}, transport=transport)
        waiting = iter(range(CALLS))

        async def work() -> None:
            for number in waiting:
                task = asyncio.create_task(ask(agent, f"n{number:05}", is_stream=bool(number % 3)))
                if rng.random() < 0.15:
                    for _ in range(rng.randrange(30)):
                        await asyncio.sleep(rng.choice([0, 0, 0.001]))
                    task.cancel()
                async with asyncio.timeout(120):
                    await asyncio.wait([task])
                if task.cancelled():
                    endings["cancelled"] += 1
                else:
                    task.result()

        async with asyncio.TaskGroup() as group:
            for _ in range(24):
                group.create_task(work())
        assert endings.total() == CALLS
        assert endings["answer"] > CALLS / 2
        assert max(asked.values()) <= 4  # three tries, and one where a kept connection was lost
        pool = transport._pools[asyncio.get_running_loop()]
        assert len(pool._open) == sum(map(len, pool._idle.values())) <= 12
        assert sum(pool._used.values()) <= 12
        assert not pool._waiters
        await transport.aclose()
        assert not pool._used
