"""The table of `docs/guide/faults.md`, from the list of faults. Run as a program it writes the page anew."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from fault_kinds import Fault
from fault_list import FAULTS
from fault_runs import KINDS, Cell

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "faults.md"
BEGIN, END = "<!-- begin: faults, from tests/faults/ -->\n", "<!-- end -->\n"


def write_table() -> str:
    """Return the table, a part for each group of faults."""
    parts: list[str] = []
    for group, faults in groupby(FAULTS, lambda fault: fault.group):
        lines = [f"### {group}", "", _row("Fault", *KINDS), _row(*["---"] * (1 + len(KINDS)))]
        lines += [_row(fault.name, *(_cell(fault, kind) for kind in KINDS)) for fault in faults]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def write_page(page: str) -> str:
    """Return the text of the page with the table of today."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    cells = len(FAULTS) * len(KINDS)
    count = f"{len(FAULTS)} faults, {len(KINDS)} kinds of call: {cells:,} cells.\n\n"
    return f"{before}{BEGIN}\n{count}{write_table()}\n\n{END}{after}"


def show(cells: list[Cell]) -> str:
    """Return the table of how `cells` have ended, for a terminal."""
    lines = [f"{'':44}" + "".join(f"{kind[:17]:18}" for kind in KINDS)]
    for name, group in groupby(cells, lambda cell: cell.fault.name):
        lines.append(f"{name[:43]:44}" + "".join(f"{_short(cell):18}" for cell in group).rstrip())
    return "\n".join(lines)


def _short(cell: Cell) -> str:
    outcome = cell.outcome
    name = outcome.ending.partition(" ")[0].removeprefix("API").removesuffix("Error")
    tries = f" x{outcome.attempts}" if outcome.ending not in ("answer", "backup") and outcome.attempts > 1 else ""
    return f"{name[:14]}{tries}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(fault: Fault, kind: str) -> str:
    ending = fault.expect(kind)
    if ending == "answer":
        return "the answer"
    if ending == "backup":
        return "the other's answer"
    name, _, limit = ending.partition(" ")
    tries = fault.tries_of(kind)
    after = " after text" if fault.emits and "stream" in kind else ""
    return f"`{name}`{' ' * bool(limit)}{limit}{after}{f', {tries} tries' if tries > 1 else ''}"


if __name__ == "__main__":
    PAGE.write_text(write_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
