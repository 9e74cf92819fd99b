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
AcceptAccess = Annotated[
    bool,
    typer.Option("--accept-access-changes", help="Take other URLs and key variables of known providers, too."),
]


def refresh(*, source: Source = None, accept_access_changes: AcceptAccess = False, as_json: AsJSON = False) -> int:
    """Fetch a newer catalog of models and prices.

    It is checked first, then kept in your cache, where it takes the place of the packaged one in one step; nothing
    changes where it is damaged or far too small. This is the only command that fetches a catalog.

    A catalog that would send the calls of a known provider elsewhere, or with another key, is refused: the error
    lists what changes, and `--accept-access-changes` takes it.
    """
    from turnout import catalog
    from turnout.cli.terminal import print_json

    report = catalog.refresh(source, accept_access_changes=accept_access_changes)
    if as_json:
        print_json(report)
        return 0
    if report.access_changes:
        print("WHERE CALLS GO, OR THE KEYS THEY CARRY, CHANGED:")
        _print_lines(report.access_changes)
        print()
    print(report)
    _print_some("added", report.added)
    _print_some("removed", report.removed)
    _print_some("prices", [_describe(change) for change in report.price_changes])
    _print_some("could not be read", report.skipped)
    print(f"written to {report.path}")
    return 0


def _print_some(heading: str, lines: Sequence[str]) -> None:
    if lines:
        print(f"\n{heading}:")
    _print_lines(lines[:_SHOWN])
    if len(lines) > _SHOWN:
        print(f"  ... and {len(lines) - _SHOWN} more (--json prints all)")


def _print_lines(lines: Sequence[object]) -> None:
    from turnout.cli.terminal import one_line

    for line in lines:
        print(f"  {one_line(str(line))}")


def _describe(change: PriceChange) -> str:
    from turnout.catalog.columns import format_price

    field = change.field.removesuffix("_price").replace("_", " ")
    return f"{change.id}: {field} {format_price(change.before)} -> {format_price(change.after)}"
