"""One run of an agent, ready to go: all that was resolved before the first step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from turnout.agent.plan import RunState
from turnout.call import Call, Runtime
from turnout.context import RequestContext
from turnout.messages import Message
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.agent.history import ThreadHistory  # noqa: TC004
    from turnout.agent.pending import PendingRun  # noqa: TC004
    from turnout.guards import Guard  # noqa: TC004
    from turnout.hooks import Watch  # noqa: TC004
    from turnout.output import Output  # noqa: TC004
    from turnout.tools import Tool  # noqa: TC004

StepHook = Callable[[RunState], Any]
"""A function of the run's state, sync or async; see `StepPlan` for what it may return."""


class Run(Struct, kw_only=True):
    """One run: the call of its first step, the runtime, and the conversation without the instructions.

    `new_messages` counts those at the end of `messages` that the thread does not hold yet. `resumed` is the pending run
    that this one goes on with, and `decisions` what was decided about its calls: `None` is approved, a text the reason
    for which it was denied.
    """

    call: Call
    runtime: Runtime
    messages: list[Message]
    instructions: str | None = None
    context: RequestContext = RequestContext()
    agent_id: str = "agent"
    agent_name: str = "agent"
    tools: dict[str, Tool] = {}
    tool_choice: str | None = None
    output: Output[Any] | None = None
    max_steps: int = 10
    max_parallel_tools: int = 10
    max_tool_chars: int = 200_000
    stop_when: StepHook | None = None
    prepare_step: StepHook | None = None
    on_step: StepHook | None = None
    history: ThreadHistory | None = None
    new_messages: int = 0
    resumed: PendingRun | None = None
    decisions: dict[str, str | None] = {}
    warnings: list[Warning] = []
    guards: tuple[Guard, ...] = ()
    watch: Watch | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the run is one model call and nothing more."""
        return not (
            self.tools or self.output or self.guards or self.history or self.resumed or self.warnings
            or self.stop_when or self.prepare_step or self.on_step
        )  # fmt: skip
