"""What may be changed between the steps of a run, and what a hook is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct, structs

from turnout.context import RequestContext
from turnout.errors import InvalidInputError
from turnout.messages import Message

if TYPE_CHECKING:
    from turnout.agent.result import Step  # noqa: TC004 - no JSON is read into it
    from turnout.call import Call
    from turnout.tools import Tool


class StepPlan(Struct, kw_only=True, frozen=True):
    """Changes to a run, returned by `prepare_step` (for the step that begins) or `on_step` (for all that follow).

    `model` is all that ``Agent(model=…)`` takes but a function; `tools` a list of tools, or of names of the run's
    tools; `tool_choice` and `settings` as in a call; `messages` the conversation to send, without the instructions;
    `instructions` in their place. `None` leaves things as they are. A mapping with these names does the same.
    """

    model: Any = None
    tools: Sequence[Any] | None = None
    tool_choice: str | None = None
    messages: Sequence[Any] | None = None
    instructions: str | None = None
    settings: Any = None


class RunState(Struct, kw_only=True, frozen=True):
    """What a hook is told of a run.

    `number` is that of the step that begins (from 1), `steps` those that have ended, `messages` the conversation
    without the instructions, `context` the request context.
    """

    number: int
    steps: list[Step]
    messages: list[Message]
    context: RequestContext


def read_plan(value: object, hook: str) -> StepPlan | None:
    """Read what a hook returned. Raises `InvalidInputError` for anything but a `StepPlan`, a mapping or None."""
    if value is None or isinstance(value, StepPlan):
        return value
    if isinstance(value, Mapping):
        given = dict(cast("Mapping[str, Any]", value))
        unknown = given.keys() - set(StepPlan.__struct_fields__)
        if not unknown:
            return StepPlan(**given)
        value = f"mapping with {', '.join(sorted(map(str, unknown)))}"
    else:
        value = type(value).__name__
    raise InvalidInputError(f"{hook} returned a {value}: its fields are {', '.join(StepPlan.__struct_fields__)}")


def read_messages(value: Any) -> list[Message]:
    """Read the messages of a plan."""
    from turnout.agent.inputs import read_messages

    return read_messages(value)


def pick_tools(wanted: Any, known: dict[str, Tool]) -> dict[str, Tool]:
    """Return the tools of a plan; a name stands for one of the run's."""
    from turnout.tools import read_tools

    if not isinstance(wanted, (list, tuple)):
        raise InvalidInputError(
            f"a plan's tools are a {type(wanted).__name__}: give a list of tools, or of their names"
        )
    items = cast("Sequence[Any]", wanted)
    return read_tools([known.get(item, item) if isinstance(item, str) else item for item in items])


def check_choice(choice: str | None, tools: dict[str, Tool]) -> None:
    """Raise `InvalidInputError` for a `tool_choice` that no tool can answer."""
    if choice is None or choice in ("auto", "none"):
        return
    if not tools:
        raise InvalidInputError(f"tool_choice={choice!r} without tools: give tools=[…]")
    if choice != "required" and choice not in tools:
        raise InvalidInputError(f"tool_choice={choice!r} names no tool: the tools are {', '.join(tools)}")


def change_call(call: Call, plan: StepPlan) -> Call:
    """Return `call` with the model and the settings of a plan."""
    from turnout.requests import merge_settings, read_settings
    from turnout.routing.model import read_model

    if plan.model is not None:
        call = structs.replace(call, candidates=read_model(plan.model))
    if plan.settings is not None:
        settings = merge_settings(call.request.settings, read_settings(plan.settings))
        call = structs.replace(call, request=structs.replace(call.request, settings=settings))
    return call
