"""Minutes of mixed load with faults: memory, sockets and tasks must stay flat.

    python benchmarks/soak.py                # ten minutes
    python benchmarks/soak.py --minutes 3

A faulty provider (that of `tests/faults/`) runs in a process of its own; this process makes calls of every kind
(whole, streamed, with tools, structured, with a fallback, cancelled, left early) over one transport. Once a minute all
calls end, and what is left is counted. The exit code is 1 when something grows, leaks, is another answer than the one
that was asked for, or ends in what is no error of turnout.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "tests" / "faults")]

WORKERS = 24
FAULTY = 0.25
"""How many of the requests meet a fault."""
TIMEOUTS: dict[str, Any] = {"connect_s": 5, "first_chunk_s": 1.5, "idle_s": 1.5, "total_s": 4}
LIMITS: dict[str, Any] = {"max_body_bytes": 2_000_000, "max_head_bytes": 65_536, "max_event_bytes": 1_000_000}
TOLERATED_MB = 6.0
"""What the memory may grow between the first third and the last, whatever the length: the allocator's own noise."""
TOLERATED_BLOCKS = 0.02
"""What the number of live memory blocks may grow by, as a part of the whole."""
KEY = "sk-soak-secret"


@dataclass
class Person:
    name: str
    age: int
    field: str


@dataclass
class Sample:
    """What is left when no call is being made."""

    minutes: float
    calls: int
    faults: int
    memory_mb: float
    blocks: int
    sockets: int
    tasks: int
    connections: int
    server_connections: int

    def row(self) -> str:
        return (
            f"{self.minutes:7.1f} {self.calls:9,} {self.faults:8,} {self.memory_mb:10.1f} {self.blocks:9,}"
            f" {self.sockets:8} {self.tasks:6} {self.connections:12} {self.server_connections:8}"
        )


HEADING = " minute     calls   faults  memory MB    blocks  sockets  tasks  connections  at peer"


# -- the provider


async def serve() -> None:
    """Run the faulty provider until standard input ends; print its port."""
    from fault_answers import OBJECT, STORY, Right, answer_rightly, call_tool
    from fault_list import FAULTS
    from fault_site import Site, Wire

    rng = random.Random(7)
    faults = [fault for fault in FAULTS if not fault.is_before_all and not fault.tls]
    weights = [0.1 if fault.timeouts else 1.0 for fault in faults]  # else all workers would wait all the time
    played: Counter[str] = Counter()
    site = Site(None)  # type: ignore[arg-type] # it shares this loop

    async def play(wire: Wire) -> None:
        if wire.request.path == "/stats":
            body = json.dumps({"faults": played.total(), "kinds": len(played), "open": site.open - 1}).encode()
            await wire.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            wire.writer.close()
            return
        site.requests.clear()
        asked = wire.request.json
        text = (
            json.dumps(OBJECT)
            if "field" in str(asked.get("response_format", "")) + str(asked["messages"][0])
            else STORY
        )
        if rng.random() < FAULTY and "/faulty/" in wire.request.path:
            (fault,) = rng.choices(faults, weights)
            played[fault.name] += 1
            await fault.play(wire, Right(wire, text), rng)
        elif asked.get("tools") and not any(message["role"] == "tool" for message in asked["messages"]):
            await call_tool(wire)
        else:
            await answer_rightly(wire, text)

    site.script = [play]
    await site.start()
    print(site.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await site.stop()


# -- the load


class Load:
    """Calls of every kind, one after the other in each of some workers."""

    def __init__(self, port: int, seed: int) -> None:
        from fault_answers import OBJECT, STORY

        from turnout import Agent
        from turnout.transport.http import HTTPTransport

        self.story, self.person = STORY, Person(**OBJECT)
        self.transport = HTTPTransport(**LIMITS)
        self.stats_url = f"http://127.0.0.1:{port}/stats"
        faulty = {"id": "faulty", "url": f"http://127.0.0.1:{port}/faulty/v1", "api_key": KEY}
        healthy = {"id": "healthy", "url": f"http://127.0.0.1:{port}/healthy/v1", "api_key": KEY}
        self.agent = Agent(model=faulty, transport=self.transport, timeouts=TIMEOUTS, tools=[look_up])
        self.plain = Agent(model=faulty, transport=self.transport, timeouts=TIMEOUTS)
        self.safe = Agent(model=[faulty, healthy], transport=self.transport, timeouts=TIMEOUTS)
        self.rng = random.Random(seed)
        self.endings: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self.kinds = [self.generate, self.stream, self.tools, self.structured, self.fallback, self.cancel, self.leave]

    def check(self, answer: object, expected: object) -> None:
        """Note an answer that is another one."""
        if answer != expected:
            self.unexpected.append(f"an answer is {answer!r:.200}")

    async def generate(self) -> None:
        self.check((await self.plain.generate("Tell me a story")).text.strip(), self.story)

    async def stream(self) -> None:
        await self.read(await self.plain.stream("Tell me a story"))

    async def tools(self) -> None:
        if self.rng.random() < 0.5:
            self.check((await self.agent.generate("What does switch mean?")).text.strip(), self.story)
            return
        await self.read(await self.agent.stream("What does switch mean?"))

    async def read(self, stream: Any) -> None:
        """Read a stream to its end; what came is the beginning of the answer, whatever the end."""
        seen: list[str] = []
        try:
            async for each in stream:
                if each.type == "text_delta":
                    seen.append(each.text)  # noqa: PERF401 - what came before an error counts
        except BaseException:
            self.check(self.story.startswith("".join(seen)), expected=True)
            raise
        self.check("".join(seen).strip(), self.story)

    async def structured(self) -> None:
        self.check((await self.plain.generate("Who was it?", output=Person)).object, self.person)

    async def fallback(self) -> None:
        self.check((await self.safe.generate("Tell me a story")).text.strip(), self.story)

    async def cancel(self) -> None:
        """Begin a call of some kind, and cancel it at any moment."""
        task = asyncio.create_task(self.rng.choice([self.generate, self.stream, self.tools])())
        await asyncio.sleep(self.rng.random() ** 3 * 0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def leave(self) -> None:
        """Leave a stream after some chunks."""
        left = self.rng.randrange(1, 12)
        async for _ in await self.plain.stream("Tell me a story"):
            left -= 1
            if not left:
                break

    async def run_until(self, end: float) -> None:
        """Make calls until `end`; return when all have ended."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work(end))

    async def _work(self, end: float) -> None:
        from turnout.errors import StreamClosedError, TurnoutError

        while time.monotonic() < end:
            call = self.rng.choice(self.kinds)
            try:
                async with asyncio.timeout(60):
                    await call()
                self.endings["answered"] += 1
            except StreamClosedError as error:  # only who closes a stream may see it
                self.unexpected.append(f"{call.__name__}: {error!r}")
            except TurnoutError as error:
                self.endings[type(error).__name__] += 1
            except TimeoutError:
                self.unexpected.append(f"{call.__name__} hangs")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                self.unexpected.append(f"{call.__name__}: {error!r}")

    async def sample(self, began: float) -> Sample:
        """Count what is left between two rounds."""
        gc.collect()
        await asyncio.sleep(0.3)  # the provider sees what was closed
        gc.collect()
        pools = list(self.transport._pools.values())
        stats = json.loads(await asyncio.to_thread(_fetch, self.stats_url))
        return Sample(
            minutes=(time.monotonic() - began) / 60,
            calls=self.endings.total(),
            faults=stats["faults"],
            memory_mb=_memory_mb(),
            blocks=sys.getallocatedblocks(),
            sockets=_count_sockets(),
            tasks=len(asyncio.all_tasks()) - 1,
            connections=sum(len(pool._open) for pool in pools),
            server_connections=stats["open"],
        )


def look_up(word: str) -> str:
    """Say what a word means."""
    return f"{word}: what sends a train to another track"


def _fetch(url: str) -> bytes:
    with urlopen(url, timeout=30) as answer:
        return answer.read()


def _memory_mb() -> float:
    statm = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(statm[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _count_sockets() -> int:
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += str(entry.readlink()).startswith("socket:")
    return count


# -- the verdict


def judge(samples: list[Sample], load: Load, left: tuple[int, int]) -> list[str]:
    """Return what has grown or leaked: nothing, where all is flat."""
    third = max(len(samples) // 3, 1)
    early, late = samples[1 : 1 + third], samples[-third:]
    wrong: list[str] = []

    def mean(of: list[Sample], name: str) -> float:
        return sum(getattr(sample, name) for sample in of) / len(of)

    memory = mean(late, "memory_mb") - mean(early, "memory_mb")
    blocks = mean(late, "blocks") / mean(early, "blocks") - 1
    print(f"\nmemory {memory:+.1f} MB, live blocks {blocks:+.2%} from the first third to the last")
    is_short = samples[-1].minutes < 1
    if is_short:
        print("too short for a verdict on memory")
    if memory > TOLERATED_MB and not is_short:
        wrong.append(f"the memory grew by {memory:.1f} MB")
    if blocks > TOLERATED_BLOCKS and not is_short:
        wrong.append(f"the live blocks grew by {blocks:.2%}")
    for sample in samples:
        if sample.tasks:
            wrong.append(f"minute {sample.minutes:.1f}: {sample.tasks} tasks are left")
        if sample.connections > WORKERS or sample.server_connections > sample.connections:
            wrong.append(
                f"minute {sample.minutes:.1f}: {sample.connections} connections here and {sample.server_connections}"
                f" at the peer, for {WORKERS} workers"
            )
    sockets, connections = left
    if sockets or connections:
        wrong.append(f"{sockets} sockets and {connections} connections are left after the end")
    return [*wrong, *load.unexpected[:20]]


async def soak(minutes: float, port: int) -> int:
    """Run the load; return the exit code."""
    load = Load(port, seed=1)
    began, every = time.monotonic(), min(60.0, minutes * 60 / 6)
    print(f"{HEADING}\n{'-' * len(HEADING)}")
    await load.run_until(began + min(every / 4, 5))  # so that all is imported and cached
    sockets = _count_sockets() - sum(len(pool._open) for pool in load.transport._pools.values())
    samples = [await load.sample(began)]
    print(samples[-1].row(), flush=True)
    for number in range(1, round(minutes * 60 / every) + 1):
        await load.run_until(began + number * every)
        samples.append(await load.sample(began))
        print(samples[-1].row(), flush=True)
    await load.transport.aclose()
    await asyncio.sleep(0.3)
    left = (_count_sockets() - sockets, json.loads(await asyncio.to_thread(_fetch, load.stats_url))["open"])
    wrong = judge(samples, load, left)
    print("endings:", ", ".join(f"{name} {count:,}" for name, count in load.endings.most_common()))
    for line in wrong:
        print(f"WRONG: {line}")
    print("NOT FLAT" if wrong else "flat: memory, sockets and tasks")
    return 1 if wrong else 0


def main() -> int:
    """Start the provider, run the load, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return 0
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout is not None
        try:
            return asyncio.run(soak(options.minutes, int(provider.stdout.readline())))
        finally:
            assert provider.stdin is not None
            provider.stdin.close()


if __name__ == "__main__":
    sys.exit(main())
