"""Every fault in every kind of call: the right error or the right answer, in bounded time and memory, nothing left."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import ssl
from collections.abc import Callable
from pathlib import Path

from fault_list import FAULTS
from fault_runs import KINDS, Cell, find_wrong
from fault_site import Host
from fault_table import PAGE, show, write_page

NAMES = re.compile("`([^`]+)`")
WANTED = int(os.environ.get("TURNOUT_FAULTS", "0"))
"""At least so many faults are injected: the matrix is run again, with other cuts and pauses, until it is done."""


async def test_every_fault_in_every_kind_of_call(
    host: Host, contexts: dict[str, ssl.SSLContext], record_property: Callable[[str, object], None]
) -> None:
    descriptors, injected, rounds = _count_descriptors(), 0, 0
    wrong: list[str] = []
    told: list[str] = []
    while not rounds or injected < WANTED:
        cells = [Cell(fault, kind, host, contexts, rounds) for fault in FAULTS for kind in KINDS]
        wrong += await find_wrong(cells, told.append)
        injected += sum(cell.outcome.injected for cell in cells)
        rounds += 1
        print(f"\n{show(cells)}")
    count = f"{injected:,} faults injected in {rounds} rounds of {len(FAULTS)} faults x {len(KINDS)} kinds of call"
    record_property("told", "\n".join([count, *told]))
    assert wrong == [], "\n".join(wrong)
    gc.collect()
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert _count_descriptors() <= descriptors + 1


def _count_descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_the_page_has_the_table_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == write_page(page), "run: PYTHONPATH=tests python tests/faults/fault_table.py"


def test_the_faults_that_gateways_are_compared_by_are_all_there() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## The faults that gateways")[2].partition("## The table")[0]
    named = {name for row in page.splitlines() if row.startswith("| ") for name in NAMES.findall(row.split("|")[2])}
    assert len(named) == 27  # and parallel calls of tools: `test_fault_tools`
    assert named <= {fault.name for fault in FAULTS}


def test_the_names_of_faults_are_their_own() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)
