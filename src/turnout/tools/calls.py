"""Run the tool calls of one step: together, up to a limit, answered in the order of the calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from turnout.errors import InvalidInputError, InvalidToolError
from turnout.schemas.walk import SchemaMismatch
from turnout.tools.execution import convert_arguments, explain_arguments, fail, run_tool

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from turnout.context import RequestContext
    from turnout.messages import ToolCall
    from turnout.tools.outcome import ToolOutcome
    from turnout.tools.tool import Tool

DEFAULT_LIMIT = 10
R = TypeVar("R")


class CallRunner(Generic[R]):
    """Runs the calls of a step together, at most `limit` at once; gives what `run` returns in the order of the calls.

    Nothing runs before `next_result` is first awaited. When its awaiter is cancelled, or a call raises, all that still
    runs is cancelled and waited for. Raises `InvalidInputError` for a `limit` below 1.
    """

    def __init__(
        self, calls: Sequence[ToolCall], run: Callable[[ToolCall], Awaitable[R]], *, limit: int = DEFAULT_LIMIT
    ) -> None:
        if limit < 1:
            raise InvalidInputError(f"the limit of tool calls at once is {limit}: give 1 or more")
        self._calls = calls
        self._run = run
        self._limit = limit
        self._tasks: list[asyncio.Task[R]] | None = None
        self._place = 0

    async def next_result(self) -> R | None:
        """Return the result of the next call, as soon as it and all before it are there; `None` after the last."""
        if self._tasks is None:
            self._tasks = self._start()
        if self._place == len(self._tasks):
            return None
        import asyncio

        task = self._tasks[self._place]
        try:
            await asyncio.wait([task])  # awaited itself, it would take a cancel for itself alone, and the others run on
            result = task.result()
        except BaseException:
            await _end(self._tasks)
            raise
        self._place += 1
        return result

    def close(self) -> None:
        """Cancel what still runs, and wait for nothing. Safe to repeat, and from any thread."""
        for task in self._tasks or ():
            loop = task.get_loop()
            if not task.done() and not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)

    @property
    def is_running(self) -> bool:
        """Whether calls have begun and not ended yet."""
        return any(not task.done() for task in self._tasks or ())

    async def wait_closed(self) -> None:
        """Cancel what still runs, and wait for its end."""
        await _end(self._tasks or [])

    def _start(self) -> list[asyncio.Task[R]]:
        import asyncio

        gate = asyncio.Semaphore(self._limit)

        async def run(call: ToolCall) -> R:
            async with gate:
                return await self._run(call)

        tasks = [asyncio.create_task(run(call)) for call in self._calls]
        for task in tasks:
            task.add_done_callback(_see)
        return tasks


async def run_call(call: ToolCall, tools: Mapping[str, Tool], context: RequestContext | None = None) -> ToolOutcome:
    """Run one call, or return its fault: an unknown tool, arguments that are no JSON object or do not fit."""
    tool = tools.get(call.name)
    if tool is None or call.invalid_arguments is not None:
        fault = find_fault(call, tools)
        if fault is not None:
            return fault
    return await run_tool(tools[call.name], call.arguments, context)


def find_fault(call: ToolCall, tools: Mapping[str, Tool]) -> ToolOutcome | None:
    """Return the outcome of a call that cannot be run as it is, or `None`: look before asking a person to approve it.

    The tool is unknown, or what the model wrote as arguments is no JSON object or does not fit.
    """
    tool = tools.get(call.name)
    if tool is None:
        return fail(_name_unknown(call.name, list(tools)))
    if call.invalid_arguments is not None:
        return fail(_quote_invalid(call.name, call.invalid_arguments))
    try:
        convert_arguments(tool, call.arguments)
    except (SchemaMismatch, InvalidToolError) as error:
        return explain_arguments(tool, error)
    return None


def _name_unknown(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    available = f"The tools are: {', '.join(known)}." if known else "There are no tools: answer without one."
    return f"there is no tool {name[:100]!r}.{hint} {available}"


def _quote_invalid(name: str, written: str) -> str:
    import msgspec

    try:
        value = msgspec.json.decode(written)
        reason = f"they are a {type(value).__name__}"
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        reason = str(error)
    shown = written if len(written) <= 500 else f"{written[:500]}… ({len(written)} characters)"
    return f"the arguments of {name} are no JSON object ({reason}): {shown}\nCall it again with a JSON object."


async def _end(tasks: list[asyncio.Task[R]]) -> None:
    """Cancel what still runs and wait for its end; a cancel that comes meanwhile is passed on and raised."""
    import asyncio

    cancelled: asyncio.CancelledError | None = None
    running: list[asyncio.Task[R]] = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    while running:
        try:
            await asyncio.wait(list(running))
        except asyncio.CancelledError as error:
            cancelled = error
            for task in running:
                task.cancel()
        running = [task for task in running if not task.done()]
    if cancelled is not None:
        raise cancelled


def _see(task: asyncio.Task[Any]) -> None:
    """Look at the error of a task, which somebody else may have left: asyncio would complain about it."""
    if not task.cancelled():
        task.exception()
