"""How a run that waited for approval goes on, and how an agent becomes a tool of another."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from turnout.agent.pending import PendingRun
from turnout.agent.result import Result
from turnout.agent.start import find_history, make_run
from turnout.errors import InvalidInputError

if TYPE_CHECKING:
    from turnout.agent.agent import Agent
    from turnout.agent.options import CallOptions
    from turnout.agent.run import Run
    from turnout.agent.settings import AgentSettings
    from turnout.context import RequestContext
    from turnout.tools import Tool


_MOST_REMEMBERED = 10_000
MOST_NESTED = 8
"""How deep agents may call each other as tools: one that reaches itself would go on for ever."""

_depth: ContextVar[int] = ContextVar("turnout_agent_depth", default=0)


async def prepare_resumed(
    agent: Agent,
    settings: AgentSettings,
    given: Result[Any] | PendingRun | str | bytes,
    decisions: tuple[object, object],
    options: CallOptions,
    *,
    output: object,
) -> Run:
    """Return the run that goes on with one that waits for approval."""
    pending = _read_pending(given)
    pending.check()
    if pending.thread is not None:
        options.setdefault("thread", pending.thread)
    run = await make_run(agent, settings, list(pending.messages), options, output, is_stream=False)
    run.new_messages, run.resumed, run.decisions = pending.new_messages, pending, pending.decide(*decisions)
    if missing := {call.name for call in pending.calls} - run.tools.keys():
        raise InvalidInputError(
            f"the run calls {', '.join(sorted(missing))}: resume it with the agent that it began with, or give tools="
        )
    run.history = find_history(agent, settings, options.get("thread"))
    return run


async def run_once(run: Run) -> Result[Any]:
    """Run a resumed run to its end, unless it was resumed before in this process and did not fail."""
    from turnout.agent.loop import run_whole

    identity = "" if run.resumed is None else run.resumed.id
    taken = run.runtime.resumed
    if identity in taken:
        raise InvalidInputError("the pending run was resumed before: its tools would run again; use the result of then")
    while len(taken) >= _MOST_REMEMBERED:
        taken.pop(next(iter(taken)), None)
    taken[identity] = None
    try:
        return await run_whole(run)
    except BaseException:
        taken.pop(identity, None)
        raise


def make_agent_tool(agent: Agent, name: str | None, description: str | None) -> Tool:
    """Return `agent` as a tool whose one argument is the task."""
    from turnout.tools import tool
    from turnout.tools.execution import ToolFailure

    async def ask(request_context: RequestContext, task: str) -> Result[Any]:
        depth = _depth.get()
        if depth >= MOST_NESTED:
            raise ToolFailure(f"agents call each other {depth} deep, which is the limit: answer without this tool")
        token = _depth.set(depth + 1)
        try:
            return await agent.generate(task, request_context=request_context)
        finally:
            _depth.reset(token)

    about = description or f"Ask the agent {agent.name}. Give it the whole task in words: it sees nothing else."
    return tool(name=name or agent.id, description=about)(ask)


def _read_pending(given: object) -> PendingRun:
    if isinstance(given, Result):
        pending = cast("Result[Any]", given).pending
        if pending is None:
            raise InvalidInputError("the result waits for no approval: there is nothing to resume")
        return pending
    if isinstance(given, (str, bytes)):
        return PendingRun.from_json(given)
    if isinstance(given, PendingRun):
        return given
    raise InvalidInputError(f"resume() got a {type(given).__name__}: give a result, its `pending`, or the JSON of that")
