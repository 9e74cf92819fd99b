"""The arguments of an agent and of one call, put together into the `Call` of a run."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, cast

from msgspec import structs

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
    call = Call(
        request=ModelRequest(
            messages=messages,
            settings=settings.settings,
            stream=is_stream,
            provider_options=settings.provider_options,
        ),
        candidates=settings.candidates or (),
        api_key=settings.api_key or None,
        headers=settings.headers,
        timeouts=settings.timeouts,
        max_retries=settings.max_retries,
        does_restart=settings.does_restart,
        budgets=() if settings.budget is None else (settings.budget,),
        watch=make_watch(settings.hooks),
        does_pace=settings.does_pace,
        check=settings.check or "raise",
        fetched=FetchedMedia(settings.media),
    )
    if options:
        _apply(call, options)
    if options.get("model") is not None or settings.candidates is None:
        call.candidates = await _choose(agent, options, context)
    return call


def _apply(call: Call, options: CallOptions) -> None:
    """Let what one call was given win over what its agent was made with."""
    request, fields = call.request, read_provider_options(options.get("provider_options"))
    call.request = structs.replace(
        request,
        settings=merge_settings(request.settings, read_settings(options.get("settings"))),
        provider_options=merge_deep(request.provider_options, fields),
    )
    call.headers = {**call.headers, **read_headers(options.get("headers"))}
    call.api_key = check_key(options.get("api_key")) or call.api_key
    call.check = options.get("check") or call.check
    if (timeouts := options.get("timeouts")) is not None:
        call.timeouts = read_timeouts(timeouts)
    if (retries := options.get("max_retries")) is not None:
        call.max_retries = retries
    if (limit := options.get("max_cost_usd")) is not None:
        from turnout.call.budget import read_budget

        call.budgets = (read_budget(limit), *call.budgets)


async def _choose(agent: Agent, options: CallOptions, context: RequestContext) -> tuple[Candidate, ...]:
    model = options.get("model")
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
