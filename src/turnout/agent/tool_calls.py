"""The tool calls of one step while they run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from turnout.messages import ToolCall, ToolResult


class ToolCalls:
    """Runs calls at once, at most `limit` at a time, and gives their results in the order of the calls.

    Nothing runs before `next_result` is first awaited. A reader that is cancelled, or a call of `close`, cancels all
    that is still running.
    """

    def __init__(self, calls: Sequence[ToolCall], run: Callable[[ToolCall], Awaitable[ToolResult]], limit: int) -> None:
        self._calls = calls
        self._run = run
        self._slots = asyncio.Semaphore(limit)
        self._tasks: list[asyncio.Task[ToolResult]] = []
        self._place = 0
        self.results: list[ToolResult] = []

    async def next_result(self) -> ToolResult | None:
        """Return the result of the next call in order, as soon as it is there; `None` after the last."""
        if not self._tasks:
            self._tasks = [asyncio.ensure_future(self._run_in_slot(call)) for call in self._calls]
        if self._place == len(self._tasks):
            return None
        try:
            result = await self._tasks[self._place]
        except BaseException:
            self.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            raise
        self._place += 1
        self.results.append(result)
        return result

    def close(self) -> None:
        """Cancel what is still running. Safe to repeat."""
        for task in self._tasks:
            task.cancel()

    async def _run_in_slot(self, call: ToolCall) -> ToolResult:
        async with self._slots:
            return await self._run(call)
