"""What the observers of a run are told of it; nothing here runs where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.hooks import RunEnd, RunStart, ToolEnd, ToolStart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.agent.result import Result
    from turnout.agent.run import Run
    from turnout.hooks import Watch
    from turnout.messages import ToolCall
    from turnout.tools import Tool, ToolOutcome


def start_run(run: Run, watch: Watch, *, is_stream: bool = False) -> None:
    """Say that `run` begins."""
    watch.start_run(
        RunStart(
            agent_id=run.agent_id,
            agent_name=run.agent_name,
            model=run.call.candidates[0].label,
            is_stream=is_stream,
            thread=run.history.thread if run.history else None,
            instructions=run.instructions,
            messages=run.messages,
        )
    )


def end_run(watch: Watch, result: Result[Any] | None = None, error: BaseException | None = None) -> None:
    """Say that the run has ended, and give the result the warnings of hooks that failed."""
    if result is None:
        watch.end_run(RunEnd(error=error))
        return
    watch.end_run(
        RunEnd(
            finish_reason=result.finish_reason, usage=result.usage, cost=result.cost, message=result.response.message
        )
    )
    result.warnings += watch.take_warnings()


async def run_watched(call: ToolCall, tools: Mapping[str, Tool], run: Run, watch: Watch) -> ToolOutcome:
    """Run one tool call as `run_call` does, and say when it begins and ends."""
    from turnout.tools import run_call

    tool = tools.get(call.name)
    description = tool.description if tool is not None else ""
    event = ToolStart(name=call.name, call_id=call.id, arguments=call.arguments, description=description)
    started = watch.start_tool(event)
    try:
        outcome = await run_call(call, tools, run.context)
    except BaseException as error:
        watch.end_tool(started, ToolEnd(is_error=True, error=error))
        raise
    watch.end_tool(started, ToolEnd(content=outcome.content, is_error=outcome.is_error, error=outcome.error))
    return outcome
