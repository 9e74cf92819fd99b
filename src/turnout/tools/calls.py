"""Run the tool calls of one step: together, up to a limit, answered in the order of the calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.errors import InvalidInputError
from turnout.schemas.walk import SchemaMismatch
from turnout.tools.execution import convert_arguments, fail, run_tool

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Mapping, Sequence

    from turnout.context import RequestContext
    from turnout.messages import ToolCall
    from turnout.tools.outcome import ToolOutcome
    from turnout.tools.tool import Tool

DEFAULT_LIMIT = 10


async def run_calls(
    calls: Sequence[ToolCall],
    tools: Mapping[str, Tool],
    context: RequestContext | None = None,
    *,
    limit: int = DEFAULT_LIMIT,
) -> AsyncIterator[tuple[ToolCall, ToolOutcome]]:
    """Run `calls`, at most `limit` at once, and yield each with its outcome, in the order of the calls.

    An outcome is yielded as soon as it and all before it are there. Closing the iterator or cancelling it cancels the
    tools that still run and waits until they have ended. No tool's error is raised. Raises `InvalidInputError` for a
    `limit` below 1.
    """
    if limit < 1:
        raise InvalidInputError(f"the limit of tool calls at once is {limit}: give 1 or more")
    import asyncio

    gate = asyncio.Semaphore(limit)

    async def run(call: ToolCall) -> ToolOutcome:
        async with gate:
            return await run_call(call, tools, context)

    tasks = [asyncio.create_task(run(call)) for call in calls]
    try:
        for call, task in zip(calls, tasks, strict=True):
            yield call, await task
    finally:
        await _end(tasks)


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
    except SchemaMismatch as error:
        return fail(f"the arguments of {tool.name} are not valid: {error}. Call it again with valid ones.")
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


async def _end(tasks: list[asyncio.Task[ToolOutcome]]) -> None:
    """Cancel what still runs and wait for its end; a cancel that comes meanwhile is passed on and raised."""
    import asyncio

    cancelled: asyncio.CancelledError | None = None
    running: list[asyncio.Task[ToolOutcome]] = [task for task in tasks if not task.done()]
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
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen: an interrupt of one tool is raised by the loop itself
    if cancelled is not None:
        raise cancelled
