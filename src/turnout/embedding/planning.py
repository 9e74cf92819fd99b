"""The arguments of `embed`, made a plan: the call, what its requests may hold, how many run at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.agent.settings import check_count
from turnout.catalog.quirks import Quirks
from turnout.embedding.batches import BatchLimits
from turnout.embedding.run import Plan
from turnout.errors import InvalidInputError
from turnout.requests import EmbeddingRequest, read_provider_options
from turnout.tasks.planning import prepare_call

if TYPE_CHECKING:
    from turnout.embedding.embed import EmbedOptions
    from turnout.responses import Warning
    from turnout.tasks.planning import Prepared


def make_plan(model: object, texts: list[str], options: EmbedOptions) -> tuple[Plan, list[Warning]]:
    """Return what is to be done, and what is to be said about the models. Raises the errors that `embed` tells of."""
    for name in ("dimensions", "batch_size", "concurrency"):
        check_count(name, options.get(name), 1)
    on_error = options.get("on_error", "raise")
    if on_error not in ("raise", "keep"):
        raise InvalidInputError(f"on_error={on_error!r} is not known: take 'raise' or 'keep'")
    request = EmbeddingRequest(
        messages=[],
        dimensions=options.get("dimensions"),
        provider_options=read_provider_options(options.get("provider_options")),
    )
    prepared = prepare_call(model, request, options)
    provider, name = _name_first(prepared)
    plan = Plan(
        call=prepared.call,
        runtime=prepared.runtime,
        texts=texts,
        limits=BatchLimits.of([route.quirks for route in prepared.routes] or [Quirks()], options.get("batch_size")),
        concurrency=options.get("concurrency") or 4,
        keeps_going=on_error == "keep",
        provider=provider,
        model=name,
    )
    return plan, prepared.warnings


def _name_first(prepared: Prepared) -> tuple[str, str]:
    """Return the provider and the model of the first candidate: as it is routed, else as it is written."""
    candidate = prepared.call.candidates[0]
    route = next((route for route in prepared.routes if route.asked == candidate.label), None)
    if route is not None:
        return route.provider, route.model
    provider, _, name = candidate.label.partition("/")
    return provider, name or provider
