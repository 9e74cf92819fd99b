"""`turnout models`: what there is, with what it can do and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from turnout import catalog

if TYPE_CHECKING:
    from turnout.catalog.queries import Sort
    from turnout.catalog.types import Model

ProviderId = Annotated[str | None, typer.Argument(metavar="PROVIDER", hidden=True)]
Tools = Annotated[bool | None, typer.Option("--tools/--no-tools", help="Only those that call tools, or do not.")]
Reasoning = Annotated[
    bool | None, typer.Option("--reasoning/--no-reasoning", help="Only those that reason, or do not.")
]
Input = Annotated[
    str | None, typer.Option("--input", metavar="KIND", help="Only those that take image, audio, video or pdf.")
]
MinContext = Annotated[
    int | None, typer.Option("--min-context", metavar="TOKENS", help="Only those with a context this long or longer.")
]
MaxInputPrice = Annotated[
    float | None, typer.Option("--max-input-price", metavar="USD", help="Only those whose input costs this or less.")
]
Free = Annotated[bool | None, typer.Option("--free/--no-free", help="Only those that cost nothing, or do not.")]
Retired = Annotated[bool | None, typer.Option("--retired/--no-retired", help="Only retired ones, or none of them.")]
SortBy = Annotated[str, typer.Option("--sort", metavar="FACT", help="Order: id, price, context or release_date.")]
AsJSON = Annotated[bool, typer.Option("--json", help="Print every fact, as a JSON list.")]


def models(
    *,
    provider: ProviderId = None,
    tools: Tools = None,
    reasoning: Reasoning = None,
    medium: Input = None,
    min_context: MinContext = None,
    max_input_price: MaxInputPrice = None,
    free: Free = None,
    retired: Retired = None,
    sort: SortBy = "id",
    as_json: AsJSON = False,
) -> int:
    """List providers and models, with what they can do and cost.

    `turnout models` lists the providers, and the variable that holds the key of each. With a PROVIDER, such as
    ovhcloud, or with any option, it lists models: those that fit every option.

    Prices are USD per 1M tokens. `?` stands for a fact that the catalog does not know; a model whose facts are unknown
    is left out by the options that ask for them.
    """
    from turnout.cli import tables
    from turnout.cli.terminal import print_json

    filters = (tools, reasoning, medium, min_context, max_input_price, free, retired)
    if provider is None and sort == "id" and all(value is None for value in filters):
        found = catalog.providers()
        if as_json:
            print_json(found)
        else:
            tables.print_providers(found)
        return 0
    rows = catalog.models(
        provider=None if provider is None else _known(provider),
        tools=tools,
        reasoning=reasoning,
        input=medium,
        min_context=min_context,
        max_input_price=max_input_price,
        free=free,
        retired=retired,
        sort=_checked_sort(sort),
    )
    if as_json:
        print_json([_model_object(model) for model in rows])
    else:
        tables.print_models(rows)
    return 0


def _known(provider: str) -> str:
    """Return the id of `provider`. Raises `UnknownProviderError` with those that may be meant."""
    from turnout.errors import UnknownProviderError

    if "/" in provider:
        raise typer.BadParameter(f"`{provider}` is a model: give a provider, or run `turnout explain {provider}`")
    if found := catalog.find_provider(provider):
        return found.id
    near = [match for match in catalog.suggest(provider) if "/" not in match]
    question = f"did you mean {' or '.join(f'`{match}`' for match in near)}?" if near else "`turnout models` lists them"
    raise UnknownProviderError(f"no provider is called `{provider}`: {question}", provider=provider)


def _checked_sort(sort: str) -> Sort:
    for known in ("id", "price", "context", "release_date"):
        if sort == known:
            return known
    raise typer.BadParameter(f"--sort {sort}: choose id, price, context or release_date")


def _model_object(model: Model) -> dict[str, object]:
    """Return every public fact of `model`, unknown ones as null."""
    from msgspec import structs

    hidden = {"quirks", "reasoning_field"}
    return {name: value for name, value in structs.asdict(model).items() if name not in hidden}
