"""The arguments of an agent and of one call, put together into the `Call` of a run."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, cast

from turnout.agent.settings import check_key
from turnout.call import Call
from turnout.call.media import FetchedMedia
from turnout.context import RequestContext
from turnout.errors import InvalidInputError
from turnout.hooks import make_watch
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
    from turnout.agent.options import CallOptions
    from turnout.agent.settings import AgentSettings
    from turnout.call.budget import Budget
    from turnout.messages import Message
    from turnout.routing.model import Candidate


async def make_call(
    agent: Agent,
    settings: AgentSettings,
    messages: list[Message],
    options: CallOptions,
    context: RequestContext,
    *,
    is_stream: bool,
) -> Call:
    """Return the call of the first step; `messages` are what it asks, the instructions first."""
    timeouts, retries = options.get("timeouts"), options.get("max_retries")
    return Call(
        request=ModelRequest(
            messages=messages,
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
        fetched=FetchedMedia(settings.media),
    )


def _find_budgets(settings: AgentSettings, options: CallOptions) -> tuple[Budget, ...]:
    """Return the budgets of one run: its own, and that of its agent."""
    limit = options.get("max_cost_usd")
    if limit is None:
        return () if settings.budget is None else (settings.budget,)
    from turnout.call.budget import read_budget

    return (read_budget(limit), *(() if settings.budget is None else (settings.budget,)))


async def _choose(
    agent: Agent, settings: AgentSettings, options: CallOptions, context: RequestContext
) -> tuple[Candidate, ...]:
    model = options.get("model")
    if model is None and settings.candidates is not None:
        return settings.candidates
    return read_model(await resolve(agent.model if model is None else model, context))


async def resolve(value: object, context: RequestContext) -> object:
    """Call `value` with the context if it is a function, and await what is awaitable."""
    if value is None or isinstance(value, str):
        return value
    if callable(value):
        value = value(context)
    return await cast("Awaitable[object]", value) if isinstance(value, Awaitable) else value


def read_context(value: object) -> RequestContext:
    """Read the `request_context` argument. Raises `InvalidInputError`."""
    if isinstance(value, RequestContext):
        return value
    if value is not None and not isinstance(value, Mapping):
        raise InvalidInputError(f"request_context= is a {type(value).__name__}: give a dict or a RequestContext")
    return RequestContext(cast("Mapping[str, Any]", value or {}))
