"""The steps of a run: one model call each, whole or streamed, and the tools that run between them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from turnout.agent.steps import Steps, plain_result
from turnout.agent.watching import end_run, start_run
from turnout.call import open_stream, send
from turnout.chunks import Chunk, FallbackChunk, Finish, Start, StepFinish, StepStart, TextDelta, ToolResultChunk
from turnout.errors import TurnoutError
from turnout.responses import Timing, Warning

if TYPE_CHECKING:
    from turnout.agent.guarding import GuardedChunks
    from turnout.agent.result import Result
    from turnout.agent.run import Run
    from turnout.call import Answer, ModelStream
    from turnout.messages import ToolResult
    from turnout.output import PartialOutput
    from turnout.tools import CallRunner


async def run_whole(run: Run) -> Result[Any]:
    """Run to the end and return the result."""
    if run.watch is None:
        return await _run_steps(run)
    start_run(run, run.watch)
    try:
        result = await _run_steps(run)
    except BaseException as error:
        end_run(run.watch, error=error)
        raise
    end_run(run.watch, result)
    return result


async def _run_steps(run: Run) -> Result[Any]:
    started = time.monotonic()
    answer: Answer | None = None
    if run.is_plain:  # one model call: nothing else is paid for
        answer = await send(run.call, run.runtime)
        if not answer.response.is_paused:
            return plain_result(run, answer, Timing(total_s=time.monotonic() - started))
    steps = Steps(run)
    tools = steps.resume()
    while True:
        if tools is None:
            tools = await steps.begin_tools(answer or await send(await steps.next_call(), run.runtime))
        while tools is not None and await tools.next_result() is not None:
            pass
        await steps.finish_step()
        if steps.is_done:
            return steps.make_result(Timing(total_s=time.monotonic() - started))
        tools = answer = None


class StreamedRun:
    """A run whose chunks come in batches; `result` is there once a batch was empty."""

    __slots__ = (
        *("_first_chunk_s", "_guarded", "_opened", "_partial", "_run", "_started", "_steps", "_stream", "_tools"),
        *("result",),
    )

    def __init__(self, run: Run) -> None:
        self._run = run
        self._steps = Steps(run)
        self._started = time.monotonic()
        self._first_chunk_s: float | None = None
        self._stream: ModelStream | None = None
        self._tools: CallRunner[ToolResult] | None = None
        self._partial: PartialOutput | None = None
        self._guarded: GuardedChunks | None = None
        self._opened: list[Chunk] = []
        self.result: Result[Any] | None = None

    @property
    def text(self) -> str:
        """The text of the step that is running, as far as it may be shown."""
        if self._guarded is not None:
            return self._guarded.text
        return self._stream.text if self._stream else ""

    @property
    def warnings(self) -> list[Warning]:
        """The warnings so far."""
        return [*self._steps.warnings, *(self._stream.warnings if self._stream else [])]

    async def open(self) -> None:
        """Send the first request; returns when its first chunk is there, raises what goes wrong before."""
        if self._run.watch is not None:
            start_run(self._run, self._run.watch, is_stream=True)
        await self._open_step()
        self._first_chunk_s = time.monotonic() - self._started

    async def next_batch(self) -> list[Chunk]:
        """Return the next chunks; an empty list is the end."""
        if self._opened:
            batch, self._opened = self._opened, []
            return batch
        while self.result is None:
            if self._tools is not None:
                result = await self._tools.next_result()
                if result is not None:
                    return [ToolResultChunk(result.call_id, result.name or "", result.content, result.is_error)]
                self._tools = None
                return await self._finish_step()
            if self._stream is None:
                break
            batch = await self._stream.next_batch()
            batch = self._show(batch) if batch else await self._end_answer(self._stream)
            if batch:
                return batch
        return []

    def close(self) -> None:
        """Close the connection, and cancel the tools that run, at once."""
        if self._stream is not None:
            self._stream.close()
        if self._tools is not None:
            self._tools.close()
        self.fail(None)

    @property
    def has_tools_running(self) -> bool:
        """Whether tools of this run have begun and not ended yet."""
        return self._tools is not None and self._tools.is_running

    async def wait_closed(self) -> None:
        """Wait until the tools that were cancelled have ended."""
        if self._tools is not None:
            await self._tools.wait_closed()

    def fail(self, error: BaseException | None) -> None:
        """Note that the run has ended before its end: by `error`, or because nobody reads on. Safe to repeat."""
        if self._guarded is not None and isinstance(error, TurnoutError):
            error.text = self._guarded.text  # what the guards let pass, and no more
        if self._run.watch is not None and self.result is None:
            end_run(self._run.watch, error=error)

    async def _open_step(self) -> None:
        steps, run, call = self._steps, self._run, await self._steps.next_call()
        is_first = self._stream is None
        self._guarded = None
        if run.guards:
            from turnout.agent.guarding import GuardedChunks

            self._guarded = GuardedChunks(run.guards, steps.guard_context())
        stream = self._stream = await open_stream(call, run.runtime)
        exchange = stream.reader.exchange
        opening: list[Chunk] = [StepStart(steps.number)]
        if is_first:
            warnings = (*steps.warnings, *stream.warnings)
            opening.insert(0, Start(exchange.route.asked, exchange.route.provider, warnings))
        self._partial = None
        if run.output is not None and not exchange.is_output_pending:
            from turnout.output import PartialOutput

            self._partial = PartialOutput(run.output)
        self._opened = opening

    def _show(self, batch: list[Chunk]) -> list[Chunk]:
        """Return what may be shown of a batch, with what it adds to the structured output."""
        if self._guarded is None and self._partial is None:
            return batch
        if self._guarded is not None:
            batch = self._guarded.feed(batch)
        return self._add_output(batch)

    def _add_output(self, batch: list[Chunk]) -> list[Chunk]:
        if self._partial is None:
            return batch
        if self._run.output is not None and any(type(chunk) is FallbackChunk for chunk in batch):
            from turnout.output import PartialOutput

            self._partial = PartialOutput(self._run.output)  # another answer begins
        text = "".join([chunk.text for chunk in batch if type(chunk) is TextDelta])
        return [*batch, *self._partial.feed(text)] if text else batch

    async def _end_answer(self, stream: ModelStream) -> list[Chunk]:
        """Take in an answer that is whole; its tools run next."""
        answer: Answer | None = stream.answer
        if answer is None:
            return []
        self._tools = await self._steps.begin_tools(answer)
        last: list[Chunk] = []
        if self._guarded is not None and not self._steps.is_refused:
            last += self._add_output(self._guarded.release(answer.response))
        if self._tools is not None:
            return last
        partial, self._partial = self._partial, None
        if partial is not None:
            last += partial.finish()
        return [*last, *await self._finish_step()]

    async def _finish_step(self) -> list[Chunk]:
        steps = self._steps
        await steps.finish_step()
        step = steps.steps[-1]
        closing: list[Chunk] = [StepFinish(len(steps.steps), step.finish_reason, step.total_usage, step.total_cost)]
        if steps.is_done:
            timing = Timing(first_chunk_s=self._first_chunk_s, total_s=time.monotonic() - self._started)
            result = self.result = steps.make_result(timing)
            if self._run.watch is not None:
                end_run(self._run.watch, result)
            return [*closing, Finish(result.finish_reason, result.usage, result.cost)]
        if steps.is_mending:
            closing.append(FallbackChunk(step.model, step.model, "the output did not fit, and was sent back"))
        await self._open_step()
        return closing
