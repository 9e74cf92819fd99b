"""The tables of `turnout models`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.catalog.columns import COLUMNS, format_retirement, row
from turnout.cli.grid import Line, lay_out
from turnout.cli.terminal import print_lines, say, terminal_width
from turnout.routing.environment import read_variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.catalog.types import Model, Provider

_NARROW = 100
_NARROW_COLUMNS = ("Model", "Context", "T", "R", "I", "A", "V", "In $/1M", "Out $/1M")
_LEGEND = "T tools, R reasoning, I image, A audio, V video: y yes, - no, ? unknown"
_FLAGS, _NUMBERS = slice(2, 7), (1, 7, 8)


def print_models(models: Sequence[Model]) -> None:
    """Print `models` under the columns of the catalog.

    A narrow terminal gets short headings. On a terminal, what replaces a retired model stands under it; in a pipe, in
    a column of its own, so that a model is always one line.
    """
    width = terminal_width()
    if width is None:
        lines = [Line(cells=[*row(model), format_retirement(model)]) for model in models]
        table = lay_out((*COLUMNS, "Note"), lines, right=_NUMBERS)
    elif width < _NARROW:
        table = lay_out(
            _NARROW_COLUMNS, [_shorten(_line(model)) for model in models], right=_NUMBERS, gap=1, width=width
        )
    else:
        table = lay_out(COLUMNS, [_line(model) for model in models], right=_NUMBERS, width=width)
    if models:
        print_lines(table)
        if width is not None and width < _NARROW:
            say(_LEGEND)
    say(f"{len(models):,} model{'' if len(models) == 1 else 's'}")


def print_providers(providers: Sequence[Provider]) -> None:
    """Print `providers` with the variables of their keys, and which of these are set."""
    width = terminal_width()
    headings = ["Provider", "Models", "Key", "Name"]
    rows = [[item.id, str(item.model_count), _describe_key(item), item.name] for item in providers]
    if width is not None and width < _NARROW:
        headings, rows = headings[:-1], [cells[:-1] for cells in rows]
    print_lines(lay_out(headings, [Line(cells=cells) for cells in rows], right=(1,), width=width))
    count = sum(provider.model_count for provider in providers)
    say(f"{len(providers)} providers, {count:,} models: `turnout models PROVIDER` lists those of one")


def _line(model: Model) -> Line:
    retirement = format_retirement(model)
    return Line(cells=row(model), notes=[retirement] if retirement else [], is_dim=model.is_retired)


def _shorten(line: Line) -> Line:
    cells = list(line.cells)
    cells[_FLAGS] = [flag[:1] for flag in cells[_FLAGS]]
    return Line(cells=cells, notes=line.notes, is_dim=line.is_dim)


def _describe_key(provider: Provider) -> str:
    if found := read_variable(*provider.api_key_env):
        return f"{found.name} (set)"
    if not provider.api_key_env:
        return "none"
    return provider.api_key_env[0] + (" (optional)" if provider.allows_anonymous else "")
