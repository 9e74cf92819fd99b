"""One process of a benchmark: one subject, some groups of figures, printed as JSON.

    python measure.py SUBJECT GROUP,GROUP URL BUDGET_S

It runs in the subject's own environment, with the standard library alone. `URL` is that of the upstream, without the
number of chunks. Times are CPU microseconds of this process (user and system, all threads), but for the first token.
Each figure is measured for about `BUDGET_S` seconds of CPU after a warm-up.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HELLO = [("user", "Hello! What can you do for me?")]
CHUNKS = 2_000
PACED_US = 1_000
SLOW_US = 400_000
IDLE_US = 10_000_000
AT_A_TIME = 50
LONG_CHUNKS = 50_000
LONG_HISTORY = 2_000


def history(size: int) -> list[tuple[str, str]]:
    """Return a conversation of about `size` messages of some 80 characters, which the user closes."""
    roles = ("user", "assistant")
    size += 1 - size % 2
    text = "and then we talked about how the next part should be done, and by whom."
    return [(roles[at % 2], f"Message {at}: {text}") for at in range(size)]


def resident_kb() -> float:
    """Return the resident memory of this process in KB."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return float(line.split()[1])
    raise RuntimeError("/proc/self/status has no VmRSS")


class Measurement:
    """The figures of one subject against one upstream."""

    def __init__(self, subject: Any, url: str, budget_s: float) -> None:
        self.subject = subject
        self.origin = url
        self.budget_s = budget_s
        self.warm = 5 if budget_s > 0.05 else 1
        """How often twenty calls are made before they are measured: an interpreter specialises what runs often."""

    def url(self, chunks: int = 20, pace_us: int = 0) -> str:
        return f"{self.origin}/{chunks}/{pace_us}/v1"

    def open(self, chunks: int = 20, pace_us: int = 0, messages: Any = HELLO, *, is_sync: bool = False) -> Any:
        return self.subject.open_client(self.url(chunks, pace_us), messages, is_sync)

    async def repeat(self, work: Callable[[], Awaitable[object]], batch: int = 1, warm: int = 1) -> float:
        """Return the CPU microseconds of one of the things of which `work` does `batch`."""
        for _ in range(warm):
            await work()
        done, started = 0, time.process_time()
        while (taken := time.process_time() - started) < self.budget_s or not done:
            await work()
            done += batch
        return taken * 1e6 / done

    # -- groups of figures

    # One client is open at a time: some subjects read their URL from the environment.

    async def measure_calls(self) -> dict[str, float]:
        client = self.open()
        text = await self.subject.call(client)
        if len(text) < 50:
            raise RuntimeError(f"the answer is {text!r}")

        async def one_after_the_other() -> None:
            for _ in range(20):
                await self.subject.call(client)

        async def a_hundred_at_once() -> None:
            await asyncio.gather(*[self.subject.call(client) for _ in range(100)])

        figures = {
            "call_us": await self.repeat(one_after_the_other, 20, warm=self.warm),
            "parallel_us": await self.repeat(a_hundred_at_once, 100, warm=2),
        }
        await self.subject.close(client)
        return figures

    def measure_sync(self) -> dict[str, float]:
        try:
            client = self.open(is_sync=True)
        except NotImplementedError:
            return {}
        for _ in range(20 * self.warm):
            self.subject.call_sync(client)
        done, started = 0, time.process_time()
        while (taken := time.process_time() - started) < self.budget_s or not done:
            for _ in range(20):
                self.subject.call_sync(client)
            done += 20
        return {"sync_us": taken * 1e6 / done}

    async def measure_chunks(self) -> dict[str, float]:
        client = self.open(CHUNKS)

        async def read() -> None:
            text = await self.subject.stream(client, int)
            if len(text) != CHUNKS * 6:
                raise RuntimeError(f"{len(text)} characters came of {CHUNKS * 6}")

        chunk_us = await self.repeat(read, CHUNKS)
        await self.subject.close(client)
        paced = self.open(CHUNKS // 4, PACED_US)

        async def read_paced() -> None:
            await asyncio.gather(*[self.subject.stream(paced, int) for _ in range(4)])

        paced_us = await self.repeat(read_paced, CHUNKS, warm=0)
        await self.subject.close(paced)
        return {"chunk_us": chunk_us, "paced_chunk_us": paced_us}

    async def measure_first_token(self) -> dict[str, float]:
        client = self.open(3)
        took: list[float] = []
        started = 0.0

        def seen() -> None:
            took.append(time.perf_counter() - started)

        async def ask() -> None:
            nonlocal started
            for _ in range(10):
                started = time.perf_counter()
                await self.subject.stream(client, seen)

        await self.repeat(ask)
        await self.subject.close(client)
        return {"first_token_us": statistics.median(took) * 1e6}

    async def measure_memory(self, count: int = 500, pace_us: int = SLOW_US) -> dict[str, float]:
        client = self.open()
        for _ in range(50):
            await self.subject.call(client)
        resident = resident_kb()
        await self.subject.close(client)
        client = self.open(10_000, pace_us)
        await self._hold_streams(client, 20)
        before = resident_kb()
        grown, cpu_us = await self._hold_streams(client, count)
        await self.subject.close(client)
        return {"resident_mb": resident / 1024, "stream_kb": (grown - before) / count, "open_us": cpu_us / count}

    async def measure_crowd(self) -> dict[str, float]:
        # A slow pace: else the chunks of the first streams count as the opening of the last.
        figures = await self.measure_memory(5_000, IDLE_US)
        return {"crowd_kb": figures["stream_kb"], "crowd_us": figures["open_us"]}

    async def _hold_streams(self, client: Any, count: int) -> tuple[float, float]:
        """Open `count` streams, some at a time; return the resident KB and the CPU microseconds once each has text."""
        tasks: list[asyncio.Task[str]] = []
        started = time.process_time()
        while len(tasks) < count:
            tasks += await self._open_streams(client, min(AT_A_TIME, count - len(tasks)))
        cpu_us = (time.process_time() - started) * 1e6
        await asyncio.sleep(1)
        resident = resident_kb()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=3)  # some go on reading
        return resident, cpu_us

    async def _open_streams(self, client: Any, count: int) -> list[asyncio.Task[str]]:
        all_seen = asyncio.Event()
        seen = 0

        def note() -> None:
            nonlocal seen
            seen += 1
            if seen == count:
                all_seen.set()

        tasks = [asyncio.create_task(self.subject.stream(client, note)) for _ in range(count)]
        ended = asyncio.create_task(all_seen.wait())
        await asyncio.wait([ended, *tasks], timeout=60, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if seen < count:
            done = [task for task in tasks if task.done()]
            raise RuntimeError(f"{seen} of {count} streams have text after a minute: {done[:1]}")
        return tasks

    async def measure_length(self) -> dict[str, float]:
        client = self.open(LONG_CHUNKS)
        started = time.process_time()
        text = await self.subject.stream(client, int)
        long_us = (time.process_time() - started) * 1e6 / LONG_CHUNKS
        if len(text) != LONG_CHUNKS * 6:
            raise RuntimeError(f"{len(text)} characters came of {LONG_CHUNKS * 6}")
        await self.subject.close(client)
        figures = {"long_chunk_us": long_us}
        for name, size in (("history_20_us", 20), ("history_2000_us", LONG_HISTORY)):
            talk = self.open(messages=history(size))
            figures[name] = await self.repeat(lambda talk=talk: self.subject.call(talk), size + 1, warm=2)
            await self.subject.close(talk)
        return figures

    # -- all of it

    def run(self, group: str) -> dict[str, float]:
        if group == "sync":
            return self.measure_sync()
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(getattr(self, f"measure_{group}")())


def main() -> None:
    name, groups, url, budget_s = sys.argv[1:5]
    subject = importlib.import_module(f"subjects.{name}")
    measurement = Measurement(subject, url, float(budget_s))
    figures: dict[str, float] = {}
    for group in groups.split(","):
        figures |= measurement.run(group)
    print("\n" + json.dumps(figures), flush=True)
    os._exit(0)  # tasks that cannot be cancelled, and threads that do not end, are not waited for


if __name__ == "__main__":
    main()
