"""What `turnout explain --select` shows: which models a selection would try, in order, and why not the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from turnout.catalog.columns import format_context, format_price, format_retirement
from turnout.cli.grid import Line, lay_out
from turnout.cli.terminal import print_lines, say, terminal_width
from turnout.routing.selection import select

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.catalog.types import Model
    from turnout.routing.selection import Ranking, Selection

_COLUMNS = ("Model", "#", "Context", "Input $/1M", "Output $/1M", "Released", "Why")
_MOST_EXCLUDED = 20


def read_selection(text: str) -> Selection:
    """Return the selection that `text` spells, such as ``"provider=ovhcloud tools=true sort=price"``.

    Several providers are parted by commas. Raises `typer.BadParameter` for what cannot be read.
    """
    given: dict[str, Any] = {}
    for word in text.split():
        name, mark, value = word.partition("=")
        reader = _READERS.get(name.replace("-", "_"))
        if reader is None or not mark:
            raise typer.BadParameter(f"--select {word}: write name=value, of {', '.join(_READERS)}")
        try:
            given[name.replace("-", "_")] = reader(value)
        except ValueError:
            raise typer.BadParameter(f"--select {word}: `{value}` is no value for `{name}`") from None
    return select(**given)


def print_ranking(selection: Selection, ranking: Ranking) -> None:
    """Print what fits, those that are tried first, and what does not fit, nearest first."""
    lines = [
        Line(cells=_cells(str(place), match.model, "tried" if place <= selection.limit else "beyond the limit"))
        for place, match in enumerate(ranking.matches, 1)
    ]
    for item in ranking.excluded[:_MOST_EXCLUDED]:
        why = [format_retirement(item.model) if name == "retired=False" else name for name in item.conditions]
        lines.append(Line(cells=_cells("-", item.model, f"not: {'; '.join(why)}"), is_dim=True))
    if lines:
        print_lines(lay_out(_COLUMNS, lines, right=(1, 2, 3, 4), width=terminal_width()))
    for provider in ranking.without_key:
        say(f"{provider}: left out, because no key of it is set")
    if selection.sort in ("latency", "throughput"):
        say("a new process has measured nothing yet: until then the order is that of the price")
    more = len(ranking.excluded) - _MOST_EXCLUDED
    hidden = f" ({more:,} of them not shown)" if more > 0 else ""
    say(f"{selection!r}: {len(ranking.matches):,} fit, {len(ranking.excluded):,} do not{hidden}")


def ranking_object(selection: Selection, ranking: Ranking) -> dict[str, Any]:
    """Return the same as an object for JSON."""
    return {
        "selection": repr(selection),
        "limit": selection.limit,
        "matches": [
            {
                "model": match.model.id,
                "is_tried": place < selection.limit,
                "context": match.model.context,
                "input_price": match.model.input_price,
                "output_price": match.model.output_price,
                "release_date": match.model.release_date,
            }
            for place, match in enumerate(ranking.matches)
        ],
        "excluded": [{"model": item.model.id, "fails": item.conditions} for item in ranking.excluded],
        "without_key": ranking.without_key,
    }


def _cells(place: str, model: Model, why: str) -> list[str]:
    prices = format_price(model.input_price), format_price(model.output_price)
    return [model.id, place, format_context(model.context), *prices, model.release_date or "?", why]


def _read_flag(text: str) -> bool | None:
    words = {"true": True, "yes": True, "false": False, "no": False, "any": None}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _read_providers(text: str) -> str | list[str]:
    names = [name for name in text.split(",") if name]
    return names if len(names) > 1 else text.strip(",")


_READERS: dict[str, Callable[[str], Any]] = {
    "provider": _read_providers,
    **dict.fromkeys(("tools", "reasoning", "structured_output", "free", "retired", "reachable"), _read_flag),
    **dict.fromkeys(("min_context", "limit"), int),
    **dict.fromkeys(("max_input_price", "max_output_price", "input", "output", "kind", "sort"), str),
}
"""How each argument of `select` is read from text."""
