"""Rows of text in columns, without a library: eight thousand models are laid out in a blink."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row: its cells, the lines under its first cell, and whether it is of less interest."""

    cells: list[str]
    notes: list[str] = []
    is_dim: bool = False


def lay_out(
    headings: Sequence[str], lines: Sequence[Line], *, right: Sequence[int] = (), gap: int = 2, width: int | None = None
) -> Iterator[tuple[str, bool]]:
    """Yield the heading and each row as text, with whether it is of less interest.

    Columns are as wide as their longest cell, those in `right` aligned to the right, `gap` spaces apart. Where that is
    over `width`, the first column gives way: a cell that is too long for it takes a line of its own.
    """
    widths = [max(map(len, column)) for column in zip(headings, *(line.cells for line in lines), strict=True)]
    if width is not None:
        others = sum(widths[1:]) + gap * (len(widths) - 1)
        widths[0] = max(min(widths[0], width - others), len(headings[0]))
    yield _join(headings, widths, right, gap), False
    for line in lines:
        first, *rest = line.cells
        if len(first) > widths[0]:
            yield first, line.is_dim
            first = ""
        yield _join([first, *rest], widths, right, gap), line.is_dim
        for note in line.notes:
            yield f"  {note}", line.is_dim


def _join(cells: Sequence[str], widths: Sequence[int], right: Sequence[int], gap: int) -> str:
    padded = [
        cell.rjust(width) if at in right else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return (" " * gap).join(padded).rstrip()
