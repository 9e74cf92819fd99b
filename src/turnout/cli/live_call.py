"""One small call of a provider, for `turnout doctor --live`: whether it answers, how fast, and for how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout import catalog
from turnout.cli.finding import Finding
from turnout.errors import InvalidModelError, TurnoutError

if TYPE_CHECKING:
    from turnout.catalog.types import Model, Provider

_MAX_TOKENS = 16
"""The fewest that every wire format takes as a limit (OpenAI's Responses asks for 16)."""

_TOTAL_S = 60.0


def call_live(provider_id: str, model: str | None) -> Finding:
    """Make one call of `model`, or of the cheapest chat model of the provider, and return what came of it.

    Raises `InvalidModelError` for a provider that the catalog lacks, or that has no model to call.
    """
    from turnout.agent.agent import Agent
    from turnout.cli.report import describe_result

    name = _choose(provider_id, model)
    agent = Agent(model=name, max_retries=0, timeouts={"total_s": _TOTAL_S})
    try:
        result = agent.generate_sync("Say OK.", settings={"max_output_tokens": _MAX_TOKENS})
    except TurnoutError as error:
        return Finding("broken", "live call", f"{name}: {type(error).__name__}: {error.message}")
    warnings = "".join(f"; {warning.message}" for warning in result.warnings)
    return Finding("ok", "live call", f"{name} answered: {describe_result(result)}{warnings}")


def _choose(provider_id: str, model: str | None) -> str:
    provider = catalog.find_provider(provider_id)
    if provider is None:
        near = catalog.suggest(provider_id)
        hint = f": did you mean {' or '.join(near)}?" if near else ": `turnout models` lists them"
        raise InvalidModelError(f"no provider is called `{provider_id}`{hint}", provider=provider_id)
    if model is not None:
        return model if model.lower().startswith(f"{provider.id}/") else f"{provider.id}/{model}"
    rows = [
        row for row in catalog.models(provider=provider.id, kind="chat", retired=False) if _is_callable(row, provider)
    ]
    if not rows:
        raise InvalidModelError(f"the catalog lists no chat model of `{provider.id}` to call: name one after it")
    return min(rows, key=_cost).id


def _is_callable(row: Model, provider: Provider) -> bool:
    from turnout.routing.reach import is_spoken

    return row.status != "deprecated" and "text" in row.output_modalities and is_spoken(row, provider)


def _cost(row: Model) -> tuple[bool, object, str]:
    """Order by price: known ones first, the cheapest of them foremost."""
    known = row.input_price is not None and row.output_price is not None
    return not known, (row.input_price or 0) + (row.output_price or 0), row.id
