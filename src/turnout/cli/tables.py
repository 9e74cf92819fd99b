"""The tables of `turnout models`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from turnout.catalog.columns import COLUMNS, format_retirement, row
from turnout.cli.terminal import make_console, say, terminal_width
from turnout.routing.environment import read_variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.catalog.types import Model, Provider

_NARROW = 100
_NARROW_COLUMNS = ("Model", "Context", "T", "R", "I", "A", "V", "In $/1M", "Out $/1M")
_LEGEND = "T tools, R reasoning, I image, A audio, V video: y yes, - no, ? unknown"


def print_models(models: Sequence[Model]) -> None:
    """Print `models` under the columns of the catalog; a narrow terminal gets short headings."""
    width = terminal_width()
    is_narrow = width is not None and width < _NARROW
    has_notes = width is None and any(model.retired for model in models)  # a line each, for grep and its kind
    headings = (*(_NARROW_COLUMNS if is_narrow else COLUMNS), *(["Note"] if has_notes else []))
    table = _make_table(*headings, right=(1, 7, 8), gap=1 if is_narrow else 2)
    for model in models:
        name, *facts = row(model)
        retirement = format_retirement(model)
        if retirement and width is not None:
            name += "\n  " + retirement.replace(", ", "\n  ")
        cells = [fact[:1] if is_narrow and 1 <= at <= 5 else fact for at, fact in enumerate(facts)]
        notes = [retirement] if has_notes else []
        table.add_row(Text(name, overflow="fold"), *cells, *notes, style="dim" if retirement else "")
    if models:
        make_console().print(table)
    if models and is_narrow:
        say(_LEGEND)
    say(f"{len(models):,} model{'' if len(models) == 1 else 's'}")


def print_providers(providers: Sequence[Provider]) -> None:
    """Print `providers` with the variables of their keys, and which of these are set."""
    table = _make_table("Provider", "Name", "Models", "Key", right=(2,), gap=2)
    for provider in providers:
        table.add_row(
            Text(provider.id, overflow="fold"), Text(provider.name), str(provider.model_count), _describe_key(provider)
        )
    make_console().print(table)
    count = sum(provider.model_count for provider in providers)
    say(f"{len(providers)} providers, {count:,} models: `turnout models PROVIDER` lists those of one")


def _make_table(*columns: str, right: tuple[int, ...], gap: int) -> Table:
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for at, column in enumerate(columns):
        is_text = column in {"Model", "Name"}
        table.add_column(column, justify="right" if at in right else "left", no_wrap=not is_text)
    return table


def _describe_key(provider: Provider) -> Text:
    if found := read_variable(*provider.api_key_env):
        return Text(f"{found.name} (set)", style="green")
    names = " or ".join(provider.api_key_env[:1]) or "none"
    return Text(f"{names} (optional)" if provider.allows_anonymous and provider.api_key_env else names)
