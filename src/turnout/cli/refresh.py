"""`turnout refresh`: a newer catalog in the user's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.catalog.updates import PriceChange

_SHOWN = 20

Source = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE_OR_URL", help="Another models.dev api.json than https://models.dev/api.json."),
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print the whole report as one JSON object.")]


def refresh(*, source: Source = None, as_json: AsJSON = False) -> int:
    """Fetch a newer catalog of models and prices.

    It is checked first, then kept in your cache, where it takes the place of the packaged one in one step; nothing
    changes where it is damaged or far too small. This is the only command that fetches a catalog.
    """
    from turnout import catalog
    from turnout.cli.terminal import print_json

    report = catalog.refresh(source)
    if as_json:
        print_json(report)
        return 0
    print(report)
    _print_some("added", report.added)
    _print_some("removed", report.removed)
    _print_some("prices", [_describe(change) for change in report.price_changes])
    _print_some("could not be read", report.skipped)
    print(f"written to {report.path}")
    return 0


def _print_some(heading: str, lines: Sequence[str]) -> None:
    from turnout.cli.terminal import one_line

    if lines:
        print(f"\n{heading}:")
    for line in lines[:_SHOWN]:
        print(f"  {one_line(line)}")
    if len(lines) > _SHOWN:
        print(f"  ... and {len(lines) - _SHOWN} more (--json prints all)")


def _describe(change: PriceChange) -> str:
    from turnout.catalog.columns import format_price

    field = change.field.removesuffix("_price").replace("_", " ")
    return f"{change.id}: {field} {format_price(change.before)} -> {format_price(change.after)}"
