"""How a run begins: the arguments of an agent and of one call, resolved into a `Run`."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, cast

from msgspec import structs

from turnout.agent.inputs import load_messages
from turnout.agent.run import Run
from turnout.agent.runtime import default_runtime, make_runtime
from turnout.agent.settings import check_key, check_options_of
from turnout.call import Call
from turnout.call.media import FetchedMedia
from turnout.context import RequestContext
from turnout.errors import InvalidInputError
from turnout.hooks import make_watch
from turnout.messages import Message
from turnout.requests import (
    ModelRequest,
    merge_deep,
    merge_settings,
    read_headers,
    read_provider_options,
    read_settings,
    read_timeouts,
)
from turnout.routing.model import read_model

if TYPE_CHECKING:
    from turnout.agent.agent import Agent
    from turnout.agent.history import ThreadHistory
    from turnout.agent.inputs import MessagesArgument
    from turnout.agent.options import CallOptions
    from turnout.agent.pending import PendingRun
    from turnout.agent.result import Result
    from turnout.agent.settings import AgentSettings
    from turnout.call import Runtime
    from turnout.call.budget import Budget
    from turnout.routing.model import Candidate
    from turnout.tools import Tool


async def prepare_run(
    agent: Agent,
    settings: AgentSettings,
    messages: MessagesArgument,
    options: CallOptions,
    output: object,
    *,
    is_stream: bool,
) -> Run:
    """Return the run that one call of an agent begins."""
    said = await load_messages(messages, settings.media)
    run = await _make_run(agent, settings, said, options, output, is_stream=is_stream)
    if run.history is not None:
        before, run.warnings = await run.history.recall()
        run.messages = [*before, *said]
        run.new_messages = len(said)
    return _set_out(run)


async def prepare_resumed(
    agent: Agent,
    settings: AgentSettings,
    given: Result[Any] | PendingRun | str | bytes,
    decisions: tuple[list[str], dict[str, str]],
    options: CallOptions,
    *,
    output: object,
) -> Run:
    """Return the run that goes on with one that waits for approval."""
    pending = _read_pending(given)
    if pending.thread is not None:
        options.setdefault("thread", pending.thread)
    run = await _make_run(agent, settings, list(pending.messages), options, output, is_stream=False)
    run.new_messages, run.resumed, run.decisions = pending.new_messages, pending, pending.decide(*decisions)
    if missing := {call.name for call in pending.calls} - run.tools.keys():
        raise InvalidInputError(
            f"the run calls {', '.join(sorted(missing))}: resume it with the agent that it began with, or give tools="
        )
    return _set_out(run)


def make_agent_tool(agent: Agent, name: str | None, description: str | None) -> Tool:
    """Return `agent` as a tool whose one argument is the task."""
    from turnout.tools import tool

    async def ask(request_context: RequestContext, task: str) -> Result[Any]:
        return await agent.generate(task, request_context=request_context)

    about = description or f"Ask the agent {agent.name}. Give it the whole task in words: it sees nothing else."
    return tool(name=name or agent.id, description=about)(ask)


async def _make_run(
    agent: Agent,
    settings: AgentSettings,
    messages: list[Message],
    options: CallOptions,
    output: object,
    *,
    is_stream: bool,
) -> Run:
    check_options_of(options)
    context = _read_context(options.get("request_context"))
    instructions = await _resolve(agent.instructions, context)
    if instructions is not None and not isinstance(instructions, str):
        raise InvalidInputError(f"instructions are a {type(instructions).__name__}: give a string")
    run = Run(
        call=await _make_call(agent, settings, options, context, is_stream=is_stream),
        runtime=_find_runtime(settings),
        messages=messages,
        instructions=instructions or None,
        context=context,
        agent_id=agent.id,
        agent_name=agent.name,
        tools=await _find_tools(settings, options, context),
        history=_find_history(agent, settings, options.get("thread")),
        guards=settings.guards,
    )
    run.watch = run.call.watch
    for name in ("tool_choice", "max_steps", "max_parallel_tools", "stop_when", "prepare_step", "on_step"):
        value = options.get(name)
        value = getattr(settings, name) if value is None else value
        if value is not None:
            setattr(run, name, value)
    if output is not None:
        from turnout.output import read_output

        mode, repairs = options.get("output_mode"), options.get("output_repairs")
        run.output = read_output(
            output, mode or settings.output_mode, settings.output_repairs if repairs is None else repairs
        )
    _check_choice(run)
    return run


def _set_out(run: Run) -> Run:
    """Put the conversation, after the instructions, into the call."""
    asked = [Message.system(run.instructions), *run.messages] if run.instructions else run.messages
    run.call = structs.replace(run.call, request=structs.replace(run.call.request, messages=asked))
    return run


async def _make_call(
    agent: Agent, settings: AgentSettings, options: CallOptions, context: RequestContext, *, is_stream: bool
) -> Call:
    timeouts, retries = options.get("timeouts"), options.get("max_retries")
    return Call(
        request=ModelRequest(
            messages=[],
            settings=merge_settings(settings.settings, read_settings(options.get("settings"))),
            stream=is_stream,
            provider_options=merge_deep(
                settings.provider_options, read_provider_options(options.get("provider_options"))
            ),
        ),
        candidates=await _choose(agent, settings, options, context),
        api_key=check_key(options.get("api_key")) or settings.api_key or None,
        headers={**settings.headers, **read_headers(options.get("headers"))},
        timeouts=settings.timeouts if timeouts is None else read_timeouts(timeouts),
        max_retries=settings.max_retries if retries is None else retries,
        does_restart=settings.does_restart,
        budgets=_find_budgets(settings, options),
        watch=make_watch(settings.hooks),
        does_pace=settings.does_pace,
        check=options.get("check") or settings.check or "raise",
        fetched=FetchedMedia(settings.media) if settings.media is not None else None,
    )


def _find_budgets(settings: AgentSettings, options: CallOptions) -> tuple[Budget, ...]:
    """Return the budgets of one run: its own, and that of its agent."""
    limit = options.get("max_cost_usd")
    if limit is None:
        return () if settings.budget is None else (settings.budget,)
    from turnout.call.budget import Budget

    return (Budget(limit), *(() if settings.budget is None else (settings.budget,)))


async def _choose(
    agent: Agent, settings: AgentSettings, options: CallOptions, context: RequestContext
) -> tuple[Candidate, ...]:
    model = options.get("model")
    if model is None and settings.candidates is not None:
        return settings.candidates
    return read_model(await _resolve(agent.model if model is None else model, context))


def _find_runtime(settings: AgentSettings) -> Runtime:
    if settings.transport is None:
        return default_runtime()
    if settings.runtime is None:
        settings.runtime = make_runtime(settings.transport)
    return settings.runtime


async def _find_tools(settings: AgentSettings, options: CallOptions, context: RequestContext) -> dict[str, Tool]:
    """Return the tools of the run: the call's own, else the agent's, which are read once if no function gives them."""
    given = options.get("tools")
    if given is None and settings.known_tools is not None:
        return settings.known_tools
    wanted = settings.tools if given is None else given
    if not wanted:
        return {}
    from turnout.tools import read_tools

    found = read_tools(cast("Any", await _resolve(wanted, context)))
    if given is None and not callable(wanted):
        settings.known_tools = found
    return found


def _check_choice(run: Run) -> None:
    choice = run.tool_choice
    if choice is None or choice in ("auto", "none"):
        return
    if not run.tools:
        raise InvalidInputError(f"tool_choice={choice!r} without tools: give tools=[…]")
    if choice != "required" and choice not in run.tools:
        raise InvalidInputError(f"tool_choice={choice!r} names no tool: the tools are {', '.join(run.tools)}")


def _find_history(agent: Agent, settings: AgentSettings, thread: object) -> ThreadHistory | None:
    if thread is None:
        return None
    if not isinstance(thread, str) or not thread:
        raise InvalidInputError(f"thread={thread!r}: give the name of a conversation, such as 'user-42'")
    from turnout.agent.history import ThreadHistory
    from turnout.memory import Memory

    if settings.memory is None:
        settings.memory = Memory()
    return ThreadHistory(settings.memory, agent.id, thread)


def _read_pending(given: object) -> PendingRun:
    from turnout.agent.pending import PendingRun
    from turnout.agent.result import Result

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


async def _resolve(value: object, context: RequestContext) -> object:
    """Call `value` with the context if it is a function, and await what is awaitable."""
    if callable(value):
        value = value(context)
    return await cast("Awaitable[object]", value) if isinstance(value, Awaitable) else value


def _read_context(value: object) -> RequestContext:
    if isinstance(value, RequestContext):
        return value
    if value is not None and not isinstance(value, Mapping):
        raise InvalidInputError(f"request_context= is a {type(value).__name__}: give a dict or a RequestContext")
    return RequestContext(cast("Mapping[str, Any]", value or {}))
