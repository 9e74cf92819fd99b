"""The arguments of a call of a task, read and checked: the candidates, the limits, and what the models are for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from msgspec import Struct

from turnout.agent.runtime import default_runtime, make_runtime
from turnout.agent.settings import check_count, check_key
from turnout.call import Call, Runtime
from turnout.call.budget import read_budget
from turnout.errors import ConfigurationError, InvalidInputError, UnsupportedFeatureError
from turnout.requests import read_headers, read_timeouts
from turnout.responses import Warning
from turnout.routing.capabilities import CALLS
from turnout.routing.model import read_model
from turnout.routing.resolution import trace_candidate
from turnout.routing.route import Route
from turnout.routing.selection import expand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.requests import ModelRequest, Task
    from turnout.routing.capabilities import Check
    from turnout.routing.model import Candidate
    from turnout.transport.seam import Transport

_KINDS: dict[Task, str] = {
    "embedding": "embedding model",
    "image": "image model",
    "speech": "speech model",
    "transcription": "transcription model",
    "rerank": "rerank model",
}


class Prepared(Struct, kw_only=True):
    """A call that may be made: the routes of its candidates, and what is to be said about their models."""

    call: Call
    runtime: Runtime
    routes: list[Route]
    warnings: list[Warning]


def prepare_call(model: object, request: ModelRequest, options: Mapping[str, Any]) -> Prepared:
    """Return the call of `request` that `model` and `options` stand for.

    Raises `InvalidInputError` for an option that is none, and `UnsupportedFeatureError` for a model that the catalog
    lists for another task.
    """
    check_count("max_retries", options.get("max_retries"), 0)
    candidates = expand(read_model(model))
    routes = _trace(candidates, request.task)
    warnings = _check_kinds(routes, options.get("check", "raise"), request.task)
    does_pace = _read_pace(options.get("pace", False))
    transport, limit = options.get("transport"), options.get("max_cost_usd")
    call = Call(
        request=request,
        candidates=candidates,
        api_key=check_key(options.get("api_key")),
        headers=read_headers(options.get("headers")),
        timeouts=read_timeouts(options.get("timeouts")),
        max_retries=options.get("max_retries"),
        does_pace=does_pace,
        budgets=() if limit is None else (read_budget(limit),),
    )
    runtime = default_runtime() if transport is None else _find_runtime(transport, does_pace=does_pace)
    return Prepared(call=call, runtime=runtime, routes=routes, warnings=warnings)


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


def _trace(candidates: tuple[Candidate, ...], task: Task) -> list[Route]:
    """Return the routes of those candidates that have one; the call says what is wrong with the others."""
    routes: list[Route] = []
    for candidate in candidates:
        try:
            routes.append(trace_candidate(candidate, task=task)[0])
        except ConfigurationError:
            continue
    return routes


def _check_kinds(routes: list[Route], check: Check, task: Task) -> list[Warning]:
    """Raise or warn for a model that the catalog lists for another task; one that it does not list passes."""
    warnings: list[Warning] = []
    if check not in ("raise", "warn", "off"):
        raise InvalidInputError(f"check={check!r} is not known: take 'raise', 'warn' or 'off'")
    for route in routes:
        facts = route.facts
        if facts is None or facts.kind == task or check == "off":
            continue
        cure = CALLS.get(facts.kind, "turnout has no call for these yet")
        message = f"`{facts.id}` is no {_KINDS[task]} ({facts.kind}): {cure}"
        if check == "raise":
            raise UnsupportedFeatureError(
                f'{message}, or pass check="off" if the catalog is wrong', provider=route.provider, model=route.model
            )
        warnings.append(Warning("unsupported_feature", message))
    return warnings
