"""What an agent was made with, kept until a run begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from turnout.context import RequestContext
from turnout.errors import InvalidInputError
from turnout.requests import ModelSettings, Timeouts
from turnout.routing.model import Candidate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from turnout.agent.options import CallOptions
    from turnout.call import Runtime  # noqa: TC004 - no JSON is read into it
    from turnout.guards import Guard
    from turnout.hooks import HooksArgument
    from turnout.media import MediaLimits

    GuardsArgument: TypeAlias = Guard | Sequence[Guard]
    WatchArgument: TypeAlias = HooksArgument
    MediaArgument: TypeAlias = MediaLimits | Mapping[str, Any]

Instructions = str | Callable[[RequestContext], str | None] | Callable[[RequestContext], Awaitable[str | None]]
"""Instructions, or a function of the request context that returns them."""

ToolsFunction = Callable[[RequestContext], Sequence[Any]] | Callable[[RequestContext], Awaitable[Sequence[Any]]]
"""A function of the request context that returns the tools of a run."""

LOOP_OPTIONS = frozenset(
    (
        *("tool_choice", "max_steps", "max_parallel_tools", "max_tool_chars"),
        *("stop_when", "prepare_step", "on_step"),
    )
)
"""The options of the loop, which an agent and a call have in common."""

_CHECKS = ("raise", "warn", "off")


class AgentSettings(Struct, kw_only=True):
    """The arguments of an `Agent`, read; `None` is "not given". What is made once for all its runs is kept here too."""

    candidates: tuple[Candidate, ...] | None
    tools: Any = None
    tool_choice: str | None = None
    max_parallel_tools: int | None = None
    max_tool_chars: int | None = None
    max_steps: int | None = None
    stop_when: Any = None
    prepare_step: Any = None
    on_step: Any = None
    output_mode: Any = None
    output_repairs: int | None = None
    check: Any = None
    settings: ModelSettings = ModelSettings()
    provider_options: dict[str, dict[str, Any]] = {}
    headers: dict[str, str] = {}
    api_key: str | None = None
    timeouts: Timeouts = Timeouts()
    max_retries: int | None = None
    does_restart: bool = False
    memory: Any = None
    media: Any = None
    budget: Any = None
    does_pace: bool = False
    hooks: tuple[Any, ...] = ()
    guards: tuple[Any, ...] = ()
    transport: Any = None
    runtime: Runtime | None = None
    loop: dict[str, Any] = {}
    known_tools: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return "AgentSettings([hidden])"  # keys and headers are among them

    def complete(self, media: object, max_cost_usd: object, hooks: object, guards: object) -> None:
        """Check the values, and read what most agents are made without: that is imported only where it is given.

        Raises `InvalidInputError` for a value that no run could take.
        """
        check_key(self.api_key)
        check_options_of(self)
        if self.memory is not None and not hasattr(self.memory, "recall"):
            raise InvalidInputError(f"memory= is a {type(self.memory).__name__}: give a `Memory`")
        if self.transport is not None and not hasattr(self.transport, "send"):
            raise InvalidInputError(f"transport= is a {type(self.transport).__name__}: give one with `send`")
        self.loop = {name: value for name in LOOP_OPTIONS if (value := getattr(self, name)) is not None}
        if media is not None:
            from turnout.media import read_media_limits

            self.media = read_media_limits(media)
        if max_cost_usd is not None:
            from turnout.call.budget import read_budget

            self.budget = read_budget(max_cost_usd, "agent")
        if hooks is not None:
            from turnout.hooks import read_hooks

            self.hooks = read_hooks(hooks)
        if guards is not None:
            from turnout.guards import read_guards

            self.guards = read_guards(guards)


def check_options_of(given: AgentSettings | CallOptions) -> None:
    """Check the counts and choices that an agent and a call have in common."""
    read: Callable[[str], Any] = given.get if isinstance(given, dict) else lambda name: getattr(given, name)
    check_count("max_retries", read("max_retries"), 0)
    check_count("max_steps", read("max_steps"), 1)
    check_count("max_parallel_tools", read("max_parallel_tools"), 1)
    check_count("max_tool_chars", read("max_tool_chars"), 1)
    check_count("output_repairs", read("output_repairs"), 0)
    if read("check") not in (None, *_CHECKS):
        raise InvalidInputError(f"check={read('check')!r} is not known: take one of {', '.join(_CHECKS)}")
    for name in ("stop_when", "prepare_step", "on_step"):
        if read(name) is not None and not callable(read(name)):
            raise InvalidInputError(f"{name}= is a {type(read(name)).__name__}: give a function of the RunState")
    choice = read("tool_choice")
    if choice is not None and not isinstance(choice, str):
        raise InvalidInputError(
            f"tool_choice= is a {type(choice).__name__}: give 'auto', 'required', 'none' or the name of a tool"
        )


def check_key(value: object) -> str | None:
    """Return an API key; an empty one is none. Raises `InvalidInputError` for anything but a string."""
    if value is not None and not isinstance(value, str):
        raise InvalidInputError(f"api_key= is a {type(value).__name__}: give a string")
    return value or None


def check_count(name: str, value: object, least: int) -> None:
    """Raise `InvalidInputError` unless `value` is `None`, or a whole number of at least `least`."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise InvalidInputError(f"{name}={value!r}: give a whole number of {least} or more")
