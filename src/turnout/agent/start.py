"""How a run begins: the arguments of an agent and of one call, resolved into a `Run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from turnout.adaptation.instructions import uses_tools
from turnout.agent.arguments import make_call, read_context, resolve
from turnout.agent.inputs import load_messages
from turnout.agent.plan import check_choice
from turnout.agent.run import Run
from turnout.agent.runtime import default_runtime, make_runtime
from turnout.agent.settings import LOOP_OPTIONS, check_options_of
from turnout.errors import InvalidInputError
from turnout.messages import Message
from turnout.responses import Warning

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
    warnings: list[Warning] = []
    if uses_tools(said):
        said = _without_unanswered(said, warnings)
    history = find_history(agent, settings, options.get("thread"))
    new_messages = len(said)
    if history is not None:
        before, found = await history.recall()
        said, warnings = [*before, *said], [*warnings, *found]
    run = await make_run(agent, settings, said, options, output, is_stream=is_stream)
    run.history, run.new_messages, run.warnings = history, new_messages, warnings
    return run


async def make_run(
    agent: Agent,
    settings: AgentSettings,
    messages: list[Message],
    options: CallOptions,
    output: object,
    *,
    is_stream: bool,
) -> Run:
    """Return the run of `messages`."""
    if options:
        check_options_of(options)
    context = read_context(options.get("request_context"))
    instructions = await resolve(agent.instructions, context)
    if instructions is not None and not isinstance(instructions, str):
        raise InvalidInputError(f"instructions are a {type(instructions).__name__}: give a string")
    asked = [Message.system(instructions), *messages] if instructions else messages
    call = await make_call(agent, settings, asked, options, context, is_stream=is_stream)
    run = Run(
        call=call,
        runtime=_find_runtime(settings),
        messages=messages,
        instructions=instructions or None,
        context=context,
        agent_id=agent.id,
        agent_name=agent.name,
        tools=await _find_tools(settings, options, context),
        guards=settings.guards,
        watch=call.watch,
        **settings.loop,
    )
    for name in LOOP_OPTIONS & options.keys():
        if (value := options.get(name)) is not None:
            setattr(run, name, value)
    if output is not None:
        from turnout.output import read_output

        mode, repairs = options.get("output_mode"), options.get("output_repairs")
        run.output = read_output(
            output, mode or settings.output_mode, settings.output_repairs if repairs is None else repairs
        )
    check_choice(run.tool_choice, run.tools)
    return run


def _without_unanswered(messages: list[Message], warnings: list[Warning]) -> list[Message]:
    """Return `messages` without calls of tools that nobody answered, which no provider takes."""
    from turnout.memory import pair_calls

    paired = pair_calls(messages)
    if paired != messages:
        what = "calls of tools without a result (or results without a call) were left out of the messages"
        warnings.append(Warning("unanswered_calls", what))
    return paired


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


def find_history(agent: Agent, settings: AgentSettings, thread: object) -> ThreadHistory | None:
    """Return the thread that a call names; `None` where it names none. Raises `InvalidInputError` for a bad name."""
    if thread is None:
        return None
    if not isinstance(thread, str) or not thread:
        raise InvalidInputError(f"thread={thread!r}: give the name of a conversation, such as 'user-42'")
    from turnout.agent.history import ThreadHistory
    from turnout.memory import Memory

    if settings.memory is None:
        settings.memory = Memory()
    return ThreadHistory(settings.memory, agent.id, thread)
