"""The arguments of `embed`, made a plan: the candidates, what their requests may hold, the limits of the call."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from turnout.agent.runtime import default_runtime, make_runtime
from turnout.agent.settings import check_count, check_key
from turnout.call import Call
from turnout.call.budget import read_budget
from turnout.catalog.quirks import Quirks
from turnout.embedding.batches import BatchLimits
from turnout.embedding.run import Plan
from turnout.errors import ConfigurationError, InvalidInputError, UnsupportedFeatureError
from turnout.requests import EmbeddingRequest, read_headers, read_provider_options, read_timeouts
from turnout.responses import Warning
from turnout.routing.model import read_model
from turnout.routing.resolution import trace_candidate
from turnout.routing.selection import expand

if TYPE_CHECKING:
    from turnout.call import Runtime
    from turnout.embedding.embed import EmbedOptions
    from turnout.routing.capabilities import Check
    from turnout.routing.model import Candidate
    from turnout.routing.route import Route
    from turnout.transport.seam import Transport

_CALLS = {"chat": "call `generate` with it", "moderation": "call `generate` with it"}


def make_plan(model: object, texts: list[str], options: EmbedOptions) -> tuple[Plan, list[Warning]]:
    """Return what is to be done, and what is to be said about the models. Raises the errors that `embed` tells of."""
    for name in ("dimensions", "batch_size", "concurrency"):
        check_count(name, options.get(name), 1)
    check_count("max_retries", options.get("max_retries"), 0)
    on_error = options.get("on_error", "raise")
    if on_error not in ("raise", "keep"):
        raise InvalidInputError(f"on_error={on_error!r} is not known: take 'raise' or 'keep'")
    candidates = expand(read_model(model))
    routes = _trace(candidates)
    warnings = _check_kinds(routes, options.get("check", "raise"))
    does_pace = _read_pace(options.get("pace", False))
    transport, limit = options.get("transport"), options.get("max_cost_usd")
    call = Call(
        request=EmbeddingRequest(
            messages=[],
            dimensions=options.get("dimensions"),
            provider_options=read_provider_options(options.get("provider_options")),
        ),
        candidates=candidates,
        api_key=check_key(options.get("api_key")),
        headers=read_headers(options.get("headers")),
        timeouts=read_timeouts(options.get("timeouts")),
        max_retries=options.get("max_retries"),
        does_pace=does_pace,
        budgets=() if limit is None else (read_budget(limit),),
    )
    plan = Plan(
        call=call,
        runtime=default_runtime() if transport is None else _find_runtime(transport, does_pace=does_pace),
        texts=texts,
        limits=BatchLimits.of([route.quirks for route in routes] or [Quirks()], options.get("batch_size")),
        concurrency=options.get("concurrency") or 4,
        keeps_going=on_error == "keep",
    )
    return plan, warnings


_kept = cache(WeakKeyDictionary["Transport", dict[str, Any]])
"""What was learned over transports that were given, as long as these live."""


def _find_runtime(transport: Transport, *, does_pace: bool) -> Runtime:
    """Return a runtime for `transport` that knows what earlier calls over it have learned."""
    runtime = make_runtime(transport)
    learned = {name: value for name, value in vars(runtime).items() if name != "transport"}  # which it must not keep
    try:
        known = _kept().setdefault(transport, learned)
    except TypeError:  # it has no hash, or cannot be referred to weakly
        return runtime
    vars(runtime).update(known)
    if does_pace:
        known["_pacer"] = runtime.pacer
    return runtime


def _read_pace(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidInputError(f"pace={value!r}: give True to wait for the rate limit, or False")
    return value


def _trace(candidates: tuple[Candidate, ...]) -> list[Route]:
    """Return the routes of those candidates that have one; the call says what is wrong with the others."""
    routes: list[Route] = []
    for candidate in candidates:
        try:
            routes.append(trace_candidate(candidate, task="embedding")[0])
        except ConfigurationError:
            continue
    return routes


def _check_kinds(routes: list[Route], check: Check) -> list[Warning]:
    """Raise or warn for a model that the catalog lists for another task; one that it does not list passes."""
    warnings: list[Warning] = []
    if check not in ("raise", "warn", "off"):
        raise InvalidInputError(f"check={check!r} is not known: take 'raise', 'warn' or 'off'")
    for route in routes:
        facts = route.facts
        if facts is None or facts.kind == "embedding" or check == "off":
            continue
        cure = _CALLS.get(facts.kind, "turnout has no call for these yet")
        message = f"`{facts.id}` is no model for embeddings ({facts.kind}): {cure}"
        if check == "raise":
            raise UnsupportedFeatureError(
                f'{message}, or pass check="off" if the catalog is wrong', provider=route.provider, model=route.model
            )
        warnings.append(Warning("unsupported_feature", message))
    return warnings
