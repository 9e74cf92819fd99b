"""One fault in one kind of call: run it, and say how it ended and what it left behind."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fault_answers import BACKUP, OBJECT, STORY, Right, answer_rightly, call_tool
from fault_site import Host, Site, Wire

from provider import KEY
from turnout import Agent
from turnout.errors import TurnoutError
from turnout.transport.http import HTTPTransport

HANG_S = 120.0
"""Nothing takes a tenth of this: what does not end by then hangs."""

KINDS = ("generate", "stream", "tools", "tools, streamed", "structured", "fallback", "fallback, streamed")

Fault = Any  # of `fault_list`, which imports nothing from here

LIMITS = {"max_body_bytes": 2_000_000, "max_head_bytes": 65_536, "max_event_bytes": 1_000_000}
"""Of the transport, lower than they are by default: what is endless ends sooner."""


@dataclass
class Person:
    name: str
    age: int
    field: str


@dataclass
class Outcome:
    """How a call ended, and what the servers saw of it."""

    ending: str
    text: str = ""
    attempts: int = 0
    requests: int = 0
    injected: int = 0
    backup_requests: int = 0
    tool_runs: int = 0
    seconds: float = 0.0
    sent: int = 0
    complaints: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """Complaints for which a busy machine may be the reason: a reset overtakes the text before it."""


class Cell:
    """One fault in one kind of call."""

    def __init__(  # noqa: PLR0917 - what a cell is
        self,
        fault: Fault,
        kind: str,
        host: Host,
        contexts: dict[str, ssl.SSLContext],
        seed: int,
        protocol: str | None = None,
        patience: int = 1,
    ) -> None:
        self.fault = fault
        self.kind = kind
        self.host = host
        self.contexts = contexts
        self.protocol = protocol
        self.patience = patience
        self.again = partial(type(self), fault, kind, host, contexts, seed, protocol)
        self.rng = random.Random(f"{fault.name} {kind} {seed}")
        self.is_stream = "stream" in kind
        self.text = json.dumps(OBJECT) if kind == "structured" else STORY
        self.outcome = Outcome("")
        self.seen: list[str] = []
        self.restarts = 0
        self.does_restart = False

    @property
    def expected(self) -> str:
        return self.fault.expect(self.kind)

    async def run(self) -> Outcome:
        """Run the call, and look at what it has left."""
        outcome, transport = self.outcome, self._open_transport()
        tls = self.contexts[self.fault.tls] if self.fault.tls else None
        began = time.monotonic()
        async with self.host.site(tls) as site, self.host.site() as backup:
            closed = socket.socket()
            closed.bind(("127.0.0.1", 0))  # and never listening: refused, and given to nobody else meanwhile
            self.closed_port = closed.getsockname()[1]
            self._prepare(site, backup)
            self.config, self.timeouts = self._make_config(site), self._make_timeouts()
            agent = self._make_agent(backup, transport)
            try:
                async with asyncio.timeout(HANG_S):
                    if self.fault.warm is not None:
                        await Agent(model=self.config, transport=transport).generate("Hi", max_retries=0)
                        await _eventually(lambda: site.is_warm)
                        await asyncio.sleep(0.02 * self.patience)  # for what is in the air
                    await self._call(agent)
            except TurnoutError as error:
                self._note(error)
            except TimeoutError:
                outcome.ending = "HANGS"
            outcome.seconds = time.monotonic() - began
            outcome.requests = len(site.requests) - (self.fault.warm is not None)
            outcome.backup_requests = len(backup.requests)
            outcome.sent = site.sent
            if self.fault.is_before_all:
                outcome.injected = max(outcome.injected, outcome.attempts)
            closed.close()
            await self._look_for_leaks(transport, site, backup)
        return outcome

    def _open_transport(self) -> HTTPTransport:
        return HTTPTransport(ssl_context=self.contexts["client"], **{**LIMITS, **self.fault.limits})

    def _prepare(self, site: Site, backup: Site) -> None:
        fault, script = self.fault, []
        site.patience = self.patience
        backup.script = [partial(answer_rightly, text=BACKUP)]
        if fault.warm is not None:
            script.append(fault.warm)
        if "tools" in self.kind:
            script.append(call_tool)
        site.script = [*script, self._injected]
        if fault.is_on_connect:
            site.on_connect = self._inject_on_connect

    async def _injected(self, wire: Wire) -> None:
        self.outcome.injected += 1
        await self.fault.play(wire, Right(wire, self.text), self.rng)

    async def _inject_on_connect(self, wire: Wire) -> None:
        self.outcome.injected += 1
        await self.fault.play(wire, None, self.rng)

    def _make_config(self, site: Site) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.closed_port}/v1" if self.fault.is_refused else site.url
        config = {"id": "story-teller", "url": url.replace("http://", f"{self.fault.scheme}://"), "api_key": KEY}
        return config if self.protocol is None else {**config, "protocol": self.protocol}

    def _make_timeouts(self) -> dict[str, float]:
        limits = self.fault.timeouts or {"total_s": HANG_S, "first_chunk_s": HANG_S, "idle_s": HANG_S}
        timeouts = {name: limit_s * self.patience for name, limit_s in limits.items()}
        if self.is_stream and self.fault.timeouts and not self.fault.has_total:
            timeouts.pop("total_s")
        return timeouts

    def _make_agent(self, backup: Site, transport: HTTPTransport) -> Agent[Any]:
        self.transport, models = transport, [self.config]
        if "fallback" in self.kind:
            models.append({"id": "backup", "url": backup.url, "api_key": KEY})
        options: dict[str, Any] = {"tools": [self._tool()]} if "tools" in self.kind else {}
        return Agent(
            model=models,
            transport=transport,
            timeouts=self.timeouts,
            restart_broken_stream=self.does_restart,
            **options,
        )

    def _tool(self) -> Callable[[str], str]:
        def look_up(word: str) -> str:
            """Say what a word means."""
            self.outcome.tool_runs += 1
            return f"{word}: what sends a train to another track"

        return look_up

    async def _call(self, agent: Agent[Any]) -> None:
        if self.is_stream:
            result = await self._read_stream(agent)
        elif self.kind == "structured":
            result = await agent.generate("Who was it?", output=Person, output_repairs=0)
            if result.object != Person(**OBJECT):
                self.outcome.complaints.append(f"the object is {result.object!r}")
        else:
            result = await agent.generate("Tell me a story")
        self.outcome.attempts = len(result.attempts)
        self.outcome.text = result.text
        ending = {self.text: "answer", BACKUP: "backup"}.get(result.text.strip())
        if ending is None and self.kind == "structured" and json.loads(result.text) == OBJECT:
            ending = "answer"
        self.outcome.ending = ending or f"a wrong answer: {result.text[:60]!r}"

    async def _read_stream(self, agent: Agent[Any]) -> Any:
        stream = await agent.stream("Tell me a story")
        async for each in stream:
            if each.type == "text_delta":
                self.seen.append(each.text)
            elif each.type == "fallback":  # drop what came before
                self.seen.clear()
                self.restarts += 1
        result = await stream.result()
        if "".join(self.seen) != result.text:
            self.outcome.complaints.append(
                f"the chunks say {''.join(self.seen)[:60]!r}, the result {result.text[:60]!r}"
            )
        return result

    def _note(self, error: TurnoutError) -> None:
        outcome = self.outcome
        outcome.ending = type(error).__name__
        outcome.attempts = len(error.attempts)
        kind = getattr(error, "kind", None)
        if kind is not None:
            outcome.ending += f" ({kind})"
        outcome.text = "".join(self.seen)
        if error.text != outcome.text:
            outcome.complaints.append(f".text is {error.text[:60]!r}, and the reader got {outcome.text[:60]!r}")
        told = f"{error!r} {error} {error.body!r} {error.__dict__!r}"
        if KEY in told:
            outcome.complaints.append("the error holds the key")
        if not str(error).strip():
            outcome.complaints.append("the error says nothing")

    async def _look_for_leaks(self, transport: HTTPTransport, site: Site, backup: Site) -> None:
        complaints = self.outcome.complaints
        for pool in transport._pools.values():
            idle = {connection for group in pool._idle.values() for connection in group}
            if pool._open - idle:
                complaints.append(f"{len(pool._open - idle)} connections are in use after the end")
        await transport.aclose()
        if not await _eventually(lambda: site.open == backup.open == 0):
            complaints.append(f"{site.open + backup.open} connections are open after the transport has closed")
        complaints += [f"the faulty server failed: {error!r}" for error in (*site.errors, *backup.errors)]


def judge(cell: Cell) -> list[str]:
    """Return what is wrong with the end of `cell`: nothing, where it is as the list of faults says."""
    fault, outcome, expected = cell.fault, cell.outcome, cell.expected
    wrong = [*outcome.complaints, *outcome.doubts]
    if outcome.ending != expected:
        wrong.append(f"it ends as {outcome.ending!r}, not {expected!r}")
    if outcome.text and not (cell.text.startswith(outcome.text) or outcome.text == BACKUP):
        wrong.append(f"the text is no part of one answer: {outcome.text[:80]!r}")
    has_failed = expected not in ("answer", "backup")
    if has_failed and cell.is_stream and bool(outcome.text) != fault.emits:
        wrong.append(f"the text before the error is {outcome.text[:60]!r}")
    most, tries = fault.most_requests(cell.kind), fault.tries_of(cell.kind)
    if outcome.requests > most or (outcome.requests < tries and not fault.is_on_connect and not fault.is_refused):
        wrong.append(f"{outcome.requests} requests, where {most} are the most and {tries} the tries")
    if has_failed and outcome.attempts != tries:
        wrong.append(f"{outcome.attempts} attempts, not {tries}")
    if outcome.backup_requests != (expected == "backup"):
        wrong.append(f"the backup got {outcome.backup_requests} requests")
    if "tools" in cell.kind and outcome.tool_runs != (0 if fault.is_before_all else 1):
        wrong.append(f"the tool ran {outcome.tool_runs} times")
    if outcome.sent > fault.most_sent:
        wrong.append(f"the server could send {outcome.sent:,} bytes before it was stopped")
    if not outcome.injected:
        wrong.append("the fault was not played")
    return wrong


async def _eventually(fact: Callable[[], bool]) -> bool:
    end = time.monotonic() + HANG_S / 4
    while not fact():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.002)
    return True


async def run_all(cells: list[Cell], at_a_time: int) -> None:
    """Run `cells`, so many at a time, in order."""
    waiting = iter(cells)

    async def work() -> None:
        for cell in waiting:
            await cell.run()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_a_time):
            group.create_task(work())


def is_the_machines(cell: Cell) -> bool:
    """Whether a machine that is too busy may be why `cell` ended wrongly: in another error, say, or after other tries.

    No machine is so busy that a broken answer looks whole, that two answers are glued, or that something is left.
    """
    has_failed = cell.outcome.ending.partition(" ")[0].endswith("Error")
    text = cell.outcome.text
    is_glued = bool(text) and not (cell.text.startswith(text) or text == BACKUP)
    runs_too_often = cell.outcome.tool_runs > ("tools" in cell.kind)
    return (has_failed or cell.expected in ("answer", "backup")) and not (
        cell.outcome.complaints or is_glued or runs_too_often or cell.outcome.ending.startswith(("HANGS", "a wrong"))
    )


async def find_wrong(cells: list[Cell], tell: Callable[[str], object] = print) -> list[str]:
    """Run `cells`, and return what is wrong with them.

    Some faults need a pause or a time limit, and a machine may be too busy for it: what went wrong so that this may be
    why is run again, three times and with more patience, and is told of. A mistake goes wrong again.
    """
    await run_all([cell for cell in cells if cell.fault.timeouts is None], 12)
    await run_all([cell for cell in cells if cell.fault.timeouts is not None], 64)
    suspicious = [cell for cell in cells if judge(cell)]
    again = [cell.again(patience=8) for cell in suspicious if is_the_machines(cell) for _ in range(3)]
    await run_all(again, 4)
    at_first = [told for cell in suspicious for told in _describe(cell)]
    tell("\n".join([f"{len(suspicious)} of {len(cells):,} cells ended wrongly at first", *at_first]))
    for_good = [cell for cell in suspicious if not is_the_machines(cell)]
    return [told for cell in (*for_good, *again) for told in _describe(cell)]


def _describe(cell: Cell) -> list[str]:
    return [f"{cell.fault.name}, {cell.kind}: {complaint}" for complaint in judge(cell)]
