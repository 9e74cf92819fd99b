"""What exists: every provider and model, with capabilities and prices (USD per 1M tokens).

Nothing is read before the first look-up, and a look-up reads one provider's models only. See `turnout.catalog.rows`
for `turnout.toml`, the file of your own providers, models and prices.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from turnout.catalog.queries import Query, Sort
from turnout.catalog.quirks import Quirks
from turnout.catalog.store import Catalog, CatalogSource
from turnout.catalog.types import Model, ModelKind, PriceTier, Provider, ReasoningOption

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path
    from typing import Any

    from turnout.catalog.updates import RefreshReport

__all__ = [
    "Catalog",
    "CatalogSource",
    "Model",
    "ModelKind",
    "PriceTier",
    "Provider",
    "Quirks",
    "ReasoningOption",
    "current",
    "find",
    "find_provider",
    "models",
    "providers",
    "refresh",
    "register",
    "source",
    "suggest",
]


@cache
def current() -> Catalog:
    """Return the catalog that the functions of this module ask; it is made on first use."""
    return Catalog()


def find(model_id: str) -> Model | None:
    """Return the model with this full id (``"ovhcloud/gpt-oss-120b"``), retired ones too; `None` for an unknown one.

    The provider ignores case; so does the model where only one is spelled alike. An edit of a `turnout.toml` shows
    within a second. Raises `CatalogError` where one holds a bad row.
    """
    return current().view().find(model_id)


def find_provider(provider_id: str) -> Provider | None:
    """Return the provider with this id, in any case; `None` for an unknown one."""
    return current().view().provider(provider_id.lower())


def models(
    *,
    provider: str | None = None,
    tools: bool | None = None,
    reasoning: bool | None = None,
    structured_output: bool | None = None,
    input: str | None = None,
    output: str | None = None,
    min_context: int | None = None,
    max_input_price: Decimal | float | str | None = None,
    max_output_price: Decimal | float | str | None = None,
    retired: bool | None = None,
    free: bool | None = None,
    kind: ModelKind | None = None,
    sort: Sort = "id",
) -> list[Model]:
    """Return the models that fit every filter; all of them, retired ones included, without one.

    `input` and `output` name a modality (``"image"``), `min_context` is in tokens, prices in USD per 1M tokens. A fact
    that is unknown fits no filter. `sort`: ``"id"``, or ``"price"`` (input and output added, cheapest first),
    ``"context"`` (largest first), ``"release_date"`` (newest first).
    """
    query = Query(
        tools=tools,
        reasoning=reasoning,
        structured_output=structured_output,
        input=input,
        output=output,
        min_context=min_context,
        max_input_price=max_input_price,
        max_output_price=max_output_price,
        retired=retired,
        free=free,
        kind=kind,
    )
    view = current().view()
    rows = view.every_model() if provider is None else view.models(provider.lower()).values()
    return query.select(rows, sort)


def providers() -> list[Provider]:
    """Return all providers, by id; the embedded one (`local`) is among them."""
    return list(current().view().every_provider())


def suggest(text: str, n: int = 3) -> list[str]:
    """Return up to `n` ids that `text` may have meant, best first: models if it holds a slash, else providers."""
    from turnout.catalog import suggestions

    return suggestions.suggest(current().view(), text, n)


def register(
    *, provider: Provider | Mapping[str, Any] | None = None, models: Sequence[Model | Mapping[str, Any]] = ()
) -> None:
    """Add your own rows while the program runs: a provider, models of it or of others, or both.

    A dict takes the field names of `Provider` and `Model` and leaves the rest of a row that exists as it is; a struct
    replaces the row. Model ids are full ids. Raises `CatalogError`, naming the field, and then adds nothing.
    """
    current().register(provider, models)


def source() -> CatalogSource:
    """Say which catalog is in force: packaged or refreshed, of which day, and why a refreshed one is not used."""
    return current().view().source


def refresh(
    source: str | Path | None = None,
    *,
    fetch: Callable[[str], bytes] | None = None,
    accept_access_changes: bool = False,
) -> RefreshReport:
    """Build a newer catalog from `source` (a models.dev `api.json`: file or URL) and keep it in the user's cache.

    Without `source` it is ``https://models.dev/api.json``; this is the only function here that uses the network.
    `fetch` stands in for the download. Returns what changed. Raises `CatalogError` when the source cannot be read, is
    an ``http://`` URL of another machine, is less than half of what is there, or cannot be written; the catalog in
    force then stays as it was. So it does when a provider that the packaged catalog lists would be called elsewhere or
    with another key (`RefreshReport.access_changes`), unless `accept_access_changes`.
    """
    from turnout.catalog import updates

    current().expire()
    before = current().view().archive
    report = updates.refresh(before, source, fetch, accept_access_changes=accept_access_changes)
    current().expire()
    return report
