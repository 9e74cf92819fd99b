"""Run one tool: check and convert the arguments, call the function, render what it returns."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from turnout.context import RequestContext
from turnout.errors import InvalidToolError
from turnout.schemas.walk import SchemaMismatch
from turnout.tools.outcome import ToolOutcome
from turnout.tools.results import make_writable, render_result
from turnout.tools.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_MESSAGE = 4000
"""Characters of an exception's message that the model is shown."""


async def run_tool(tool: Tool, arguments: dict[str, Any], context: RequestContext | None = None) -> ToolOutcome:
    """Run `tool` with `arguments` (plain JSON) and return what the model is to read.

    Arguments that do not fit, an exception, a timeout and a result that is no JSON are outcomes with `is_error`; a
    traceback is never shown. A plain function runs in a thread of its own and does not hold the loop up; it cannot be
    stopped from outside, so after a timeout or a cancel it goes on unheard. Cancellation, `KeyboardInterrupt` and
    `SystemExit` are passed on.
    """
    try:
        converted = convert_arguments(tool, arguments)
    except (SchemaMismatch, InvalidToolError) as error:
        return explain_arguments(tool, error)
    given: tuple[RequestContext, ...] = ()
    if tool.signature.takes_context:
        told = context if context is not None else RequestContext()
        if tool.signature.context_keyword:
            converted = {**converted, tool.signature.context_keyword: told}
        else:
            given = (told,)
    return await _run_limited(tool, given, converted)


def convert_arguments(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return `arguments` as the function takes them. Raises `SchemaMismatch` that a model can act on."""
    return tool.signature.convert(arguments)


def explain_arguments(tool: Tool, error: SchemaMismatch | InvalidToolError) -> ToolOutcome:
    """Return the outcome of a call whose arguments do not fit, or whose schema turned out to be wrong."""
    if isinstance(error, InvalidToolError):
        return fail(f"{tool.name} cannot be called: {error.message}", error)
    return fail(f"the arguments of {tool.name} are not valid: {error}. Call it again with valid ones.")


def fail(reason: str, error: Exception | None = None) -> ToolOutcome:
    """Return the outcome of a call that went wrong."""
    return ToolOutcome(content=f"Error: {make_writable(reason)}", is_error=True, error=error)


async def _run_limited(tool: Tool, given: tuple[Any, ...], converted: dict[str, Any]) -> ToolOutcome:
    import asyncio

    clock = asyncio.timeout(tool.timeout_s)
    try:
        async with clock:
            value = await _call(tool.function, given, converted)
    except TimeoutError as error:
        if clock.expired():
            return fail(f"{tool.name} timed out after {tool.timeout_s:g} s", error)
        return _tell(tool, error)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return fail(f"{tool.name} was cancelled from inside")
    except Exception as error:  # noqa: BLE001 # boundary: a tool may raise anything
        return _tell(tool, error)
    try:
        content = render_result(value, returns_nothing=tool.signature.returns_nothing)
    except Exception as error:  # noqa: BLE001 # boundary: what a result's own methods raise
        return fail(f"{tool.name} {error}", error)
    return ToolOutcome(content=content, value=value)


def _tell(tool: Tool, error: Exception) -> ToolOutcome:
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 # boundary: an exception that cannot even be shown
        message = ""
    if isinstance(error, (ToolFailure, InvalidToolError)):
        return fail(message, error)
    if len(message) > MAX_MESSAGE:
        message = f"{message[:MAX_MESSAGE]}… ({len(message)} characters)"
    what = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return fail(f"{tool.name} failed: {what}", error)


class ToolFailure(Exception):
    """Raised by a tool whose message is meant for the model as it stands."""


async def _call(function: Callable[..., Any], given: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
    if is_async(function):
        return await _finish(function(*given, **arguments))
    value = await _call_in_thread(function, given, arguments)
    return await _finish(value) if hasattr(value, "__await__") else value


async def _finish(value: Awaitable[Any]) -> Any:
    """Await `value` in a task of its own: a tool that cancels its task must not look like a caller who gave up."""
    import asyncio

    async def wait() -> Any:
        return await value

    return await asyncio.create_task(wait())


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether calling `function` gives a coroutine; partials, tools and callable objects are looked into."""
    import inspect
    from functools import partial

    while isinstance(function, (partial, Tool)):
        function = function.func if isinstance(function, partial) else function.function  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)  # pyright: ignore[reportUnknownArgumentType]


async def _call_in_thread(function: Callable[..., Any], given: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
    """Call in a daemon thread of its own, with the caller's context variables.

    The loop's own threads are few and serve name look-up as well, and the interpreter waits for them at its end: a tool
    that hangs must hold up neither.
    """
    import asyncio
    import contextvars
    import threading

    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if not done.done():
            done.set_result((value, error))

    def work() -> None:
        value, raised = None, None
        try:
            value = function(*given, **arguments)
        except BaseException as error:  # noqa: BLE001 # boundary: it is raised again in the loop
            raised = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, value, raised)

    threading.Thread(target=contextvars.copy_context().run, args=(work,), name="turnout tool", daemon=True).start()
    value, error = await done
    if isinstance(error, (StopIteration, StopAsyncIteration, asyncio.CancelledError)):
        raise RuntimeError(f"raised {type(error).__name__}") from error  # noqa: TRY004 - neither can be raised from a task
    if error is not None:
        raise error
    return value
