"""The options of one call, shared by `generate`, `stream` and their sync twins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from turnout.agent.run import StepHook
    from turnout.call.budget import Budget
    from turnout.context import RequestContext
    from turnout.requests import ModelSettings, OutputMode, Timeouts
    from turnout.routing.model import ModelArgument


ToolsArgument = Sequence[Any]
"""Tools: functions, `Tool` objects, other agents, in a list."""

if TYPE_CHECKING:
    CostLimit: TypeAlias = float | Decimal | str | Budget

CheckMode = Literal["raise", "warn", "off"]
"""What to do when the catalog says that a model lacks what a call needs."""


class DirectOptions(TypedDict, total=False):
    """Options of one call without an agent."""

    request_context: RequestContext | Mapping[str, Any] | None
    """Facts about the request for functions that choose the model or the instructions."""

    requestContext: RequestContext | Mapping[str, Any] | None
    """The same as `request_context`."""

    settings: ModelSettings | Mapping[str, Any] | None
    """Settings such as ``{"temperature": 0.3}``."""

    provider_options: Mapping[str, Mapping[str, Any]] | None
    """Fields merged into the body for one provider: ``{"ovhcloud": {"top_k": 5}}``."""

    headers: Mapping[str, str] | None
    """Headers to send with the request."""

    api_key: str | None
    """The key to use instead of the one in the environment."""

    timeouts: Timeouts | Mapping[str, Any] | None
    """Time limits in seconds, such as ``{"first_chunk_s": 30}``."""

    max_retries: int | None
    """Tries after the first, for errors that may pass."""

    max_steps: int | None
    """The most model calls of one run."""

    tools: ToolsArgument | None
    """Functions and tools that the model may call."""

    tool_choice: str | None
    """``"auto"``, ``"required"``, ``"none"`` or the name of a tool; the latter three hold for the first step."""

    max_parallel_tools: int | None
    """How many tools of one step run at a time; 10 where it is not set."""

    max_tool_chars: int | None
    """The longest result of a tool that the model gets, in characters; 200,000 where it is not set."""

    stop_when: StepHook | None
    """A function of the `RunState` that ends the run after a step when it returns true."""

    prepare_step: StepHook | None
    """A function of the `RunState` that may return a `StepPlan` for the step that begins."""

    on_step: StepHook | None
    """A function of the `RunState` after each step, which may return a `StepPlan` for all that follow."""

    output_mode: OutputMode | None
    """How the model is held to the output's type, instead of what its facts suggest."""

    output_repairs: int | None
    """How often an answer that does not fit is sent back to the model; 1 where it is not set."""

    check: CheckMode | None
    """What a lack that the catalog tells of leads to: ``"raise"`` (an error), ``"warn"`` or ``"off"``."""

    max_cost_usd: CostLimit | None
    """The most that the run may cost, in USD."""


class CallOptions(DirectOptions, total=False):
    """Options of one call; each wins over the agent's own."""

    model: ModelArgument | None
    """Another model for this call."""

    thread: str | None
    """The conversation that this call goes on with, such as ``"user-42"``."""


_NAMES = frozenset(CallOptions.__annotations__)


def check_options(options: CallOptions) -> CallOptions:
    """Return `options` with `request_context` in our spelling. Raises `TypeError` for an option that does not exist."""
    for name in options:
        if name not in _NAMES:
            import difflib

            from turnout.requests import ModelSettings, snake_keys

            (setting,) = snake_keys({name: None})
            if setting in ModelSettings.__struct_fields__:
                raise TypeError(f"`{name}` is a setting of the model: pass settings={{{setting!r}: …}}")
            near = difflib.get_close_matches(name, _NAMES, 1)
            hint = f": did you mean `{near[0]}`?" if near else f": the options are {', '.join(sorted(_NAMES))}"
            raise TypeError(f"`{name}` is no option of a call{hint}")
    if "requestContext" in options:
        given = options.pop("requestContext")
        options.setdefault("request_context", given)
    return options
