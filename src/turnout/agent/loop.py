"""The steps of a run: one model call each, whole or streamed, and the result that they make."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from turnout.agent.result import Result, Step
from turnout.call import Answer, Call, Runtime, open_stream, send
from turnout.chunks import Chunk, Finish, Start, StepFinish, StepStart
from turnout.messages import Message
from turnout.responses import Timing, Warning

if TYPE_CHECKING:
    from turnout.call import ModelStream


class Run(Struct, kw_only=True):
    """One run of an agent, ready to go: the call, the runtime, and the conversation without the instructions."""

    call: Call
    runtime: Runtime
    messages: list[Message]


async def run_whole(run: Run) -> Result:
    """Run to the end and return the result."""
    started = time.monotonic()
    answer = await send(run.call, run.runtime)
    return make_result(run, [answer], Timing(total_s=time.monotonic() - started))


def make_result(run: Run, answers: list[Answer], timing: Timing) -> Result:
    """Return the result of a run whose steps were `answers`."""
    steps = [Step.of(answer) for answer in answers]
    last = answers[-1]
    usage, cost = steps[0].usage, steps[0].cost
    for step in steps[1:]:
        usage, cost = usage + step.usage, cost + step.cost
    return Result(
        model=last.asked,
        provider=last.provider,
        finish_reason=last.response.finish_reason,
        usage=usage,
        cost=cost,
        response=last.response,
        messages=[*run.messages, *(answer.response.message for answer in answers)],
        steps=steps,
        attempts=[attempt for answer in answers for attempt in answer.attempts],
        warnings=list(dict.fromkeys(warning for answer in answers for warning in answer.warnings)),
        timing=timing,
    )


class StreamedRun:
    """A run whose chunks come in batches; `result` is there once a batch was empty."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._started = time.monotonic()
        self._first_chunk_s: float | None = None
        self._stream: ModelStream | None = None
        self._has_begun = False
        self.result: Result | None = None

    @property
    def text(self) -> str:
        """The text of the step that is running."""
        return self._stream.text if self._stream else ""

    @property
    def warnings(self) -> list[Warning]:
        """The warnings so far."""
        return self._stream.warnings if self._stream else []

    async def open(self) -> None:
        """Send the first request; returns when its first chunk is there, raises what goes wrong before."""
        self._stream = await open_stream(self._run.call, self._run.runtime)
        self._first_chunk_s = time.monotonic() - self._started

    async def next_batch(self) -> list[Chunk]:
        """Return the next chunks; an empty list is the end."""
        stream = self._stream
        if stream is None or self.result is not None:
            return []
        batch = await stream.next_batch()
        if not self._has_begun:
            self._has_begun = True
            return [*self._opening(stream), *batch]
        if not batch and stream.answer is not None:
            return self._closing(stream.answer)
        return batch

    def close(self) -> None:
        """Close the connection at once."""
        if self._stream is not None:
            self._stream.close()

    def _opening(self, stream: ModelStream) -> list[Chunk]:
        route, warnings = stream.reader.exchange.route, tuple(stream.warnings)
        return [Start(route.asked, route.provider, warnings), StepStart(1)]

    def _closing(self, answer: Answer) -> list[Chunk]:
        timing = Timing(first_chunk_s=self._first_chunk_s, total_s=time.monotonic() - self._started)
        self.result = result = make_result(self._run, [answer], timing)
        return [
            StepFinish(1, answer.response.finish_reason, answer.response.usage, answer.cost),
            Finish(result.finish_reason, result.usage, result.cost),
        ]
