"""How a run begins: the arguments of an agent and of one call, resolved into a `Run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from msgspec import structs

from turnout.agent.arguments import make_call, read_context, resolve
from turnout.agent.inputs import load_messages
from turnout.agent.run import Run
from turnout.agent.runtime import default_runtime, make_runtime
from turnout.agent.settings import check_options_of
from turnout.errors import InvalidInputError
from turnout.messages import Message

if TYPE_CHECKING:
    from turnout.agent.agent import Agent
    from turnout.agent.history import ThreadHistory
    from turnout.agent.inputs import MessagesArgument
    from turnout.agent.options import CallOptions
    from turnout.agent.settings import AgentSettings
    from turnout.call import Runtime
    from turnout.context import RequestContext
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
    run = await make_run(agent, settings, said, options, output, is_stream=is_stream)
    if run.history is not None:
        before, run.warnings = await run.history.recall()
        run.messages = [*before, *said]
        run.new_messages = len(said)
    return set_out(run)


async def make_run(
    agent: Agent,
    settings: AgentSettings,
    messages: list[Message],
    options: CallOptions,
    output: object,
    *,
    is_stream: bool,
) -> Run:
    """Return the run of `messages`; `set_out` then puts them into its call."""
    check_options_of(options)
    context = read_context(options.get("request_context"))
    instructions = await resolve(agent.instructions, context)
    if instructions is not None and not isinstance(instructions, str):
        raise InvalidInputError(f"instructions are a {type(instructions).__name__}: give a string")
    run = Run(
        call=await make_call(agent, settings, options, context, is_stream=is_stream),
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


def set_out(run: Run) -> Run:
    """Put the conversation, after the instructions, into the call."""
    asked = [Message.system(run.instructions), *run.messages] if run.instructions else run.messages
    run.call = structs.replace(run.call, request=structs.replace(run.call.request, messages=asked))
    return run


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

    found = read_tools(cast("Any", await resolve(wanted, context)))
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
