"""The table of a run, as Markdown, and its plot."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import plot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from run import Subject

BEGIN, END = "<!-- results: written by make bench -->", "<!-- end of results -->"


@dataclass
class Run:
    """What was measured, and with what."""

    subjects: Sequence[Subject]
    rounds: int
    took_s: float
    upstream: tuple[int, int]


@dataclass
class Column:
    """One figure of a table: its name in the run, its heading, and whether it is told as a multiple of the floor."""

    figure: str
    title: str
    decimals: int = 0
    has_ratio: bool = False


CALLS = (
    Column("call_us", "call, one after the other", 0, True),
    Column("parallel_us", "call, 100 at once", 0, True),
    Column("sync_us", "call, sync", 0, True),
    Column("chunk_us", "chunk", 2, True),
    Column("paced_chunk_us", "chunk, one a read", 1, True),
    Column("first_token_us", "first token (wall)", 0, True),
)
START = (
    Column("cold_ms", "cold start to the first answer, ms"),
    Column("cold_cpu_ms", "of it CPU"),
    Column("import_ms", "import over python, ms"),
    Column("import_cpu_ms", "of it CPU"),
    Column("resident_mb", "resident, MB"),
    Column("stream_kb", "an open stream, KB", 1),
)
ALONE = (
    Column("alone_call_us", "turnout without a network: a call, µs", 1),
    Column("alone_chunk_us", "a chunk, µs", 2),
    Column("alone_read_us", "a chunk in a read of its own, µs", 2),
)
LENGTH = (
    Column("chunk_us", "chunk of 2,000, µs", 2),
    Column("long_chunk_us", "chunk of 50,000, µs", 2),
    Column("history_20_us", "message of 20, µs", 1),
    Column("history_2000_us", "message of 2,000, µs", 1),
    Column("stream_kb", "stream of 500 open, KB", 1),
    Column("crowd_kb", "stream of 5,000 open, KB", 1),
    Column("open_us", "opening one of 500, µs"),
    Column("crowd_us", "opening one of 5,000, µs"),
)


def median_of(subject: Subject, figure: str) -> float | None:
    """Return the median of a figure over the rounds; `None` where there is none."""
    values = subject.figures.get(figure)
    return statistics.median(values) if values else None


def ratio_of(subject: Subject, floor: Subject | None, figure: str) -> float | None:
    """Return the median over the rounds of a figure as a multiple of the floor's in the same round."""
    values, base = subject.figures.get(figure), floor.figures.get(figure) if floor else None
    if not values or not base:
        return None
    return statistics.median(value / other for value, other in zip(values, base, strict=False))


def find_floor(subjects: Sequence[Subject]) -> Subject | None:
    """Return the floor among `subjects`."""
    return next((subject for subject in subjects if subject.name == "floor"), None)


def render(run: Run) -> str:
    """Return the tables as Markdown."""
    answers, cpu_us = run.upstream
    upstream_us = cpu_us / max(answers, 1)
    lines = [
        f"Measured {time.strftime('%Y-%m-%d')} on {_describe_machine()}.",
        "",
        f"Medians of {run.rounds} interleaved rounds, which took {run.took_s / 60:.0f} minutes in all.",
        f"The upstream took {upstream_us:.0f} µs of a core of its own for each answer, streams included.",
        "",
        "CPU microseconds of the process (first token: of the clock); in brackets the multiple of the floor.",
        "",
        *_render_table(run, CALLS),
        "",
        *_render_table(run, START),
        "",
        *_render_installed(run.subjects),
        "",
        "Cost grows with the length, and no faster (the collector of Python takes part of what grows with the crowd):",
        "",
        *_render_table(run, LENGTH),
        "",
        *_render_table(run, ALONE),
    ]
    failures = [
        f"- {subject.name}: {group}: {error}"
        for subject in run.subjects
        for group, error in [("install", subject.environment.error), *subject.errors.items()]
        if error
    ]
    if failures:
        lines += ["", "What failed:", "", *failures]
    return "\n".join(lines) + "\n"


def write(run: Run, page: Path) -> None:
    """Put the tables in their place in `page`, and the plot beside it."""
    text = page.read_text() if page.exists() else f"# Results\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    picture = page.with_name("results.svg")
    picture.write_text(plot.draw(_find_bars(run.subjects)))
    page.write_text(f"{before}{BEGIN}\n\n{render(run)}\n![multiples of the floor]({picture.name})\n\n{END}{after}")


def _find_bars(subjects: Sequence[Subject]) -> list[plot.Panel]:
    floor = find_floor(subjects)
    shown = [subject for subject in subjects if "@" not in subject.name]

    def panel(title: str, find: Callable[[Subject], float | None], unit: str) -> plot.Panel:
        found = [(subject.name, find(subject)) for subject in shown]
        return plot.Panel(title, unit, [(name, value) for name, value in found if value is not None])

    return [
        panel("a call, 100 at once: CPU, multiples of the floor", lambda s: ratio_of(s, floor, "parallel_us"), "×"),
        panel("a streamed chunk: CPU, multiples of the floor", lambda s: ratio_of(s, floor, "chunk_us"), "×"),
        panel("cold start to the first answer, ms", lambda s: median_of(s, "cold_ms"), " ms"),
        panel("an open stream, KB", lambda s: median_of(s, "stream_kb"), " KB"),
    ]


def _render_table(run: Run, columns: Sequence[Column]) -> list[str]:
    wanted = [column for column in columns if any(column.figure in subject.figures for subject in run.subjects)]
    if not wanted:
        return []
    floor = find_floor(run.subjects)
    lines = [
        "| | " + " | ".join(column.title for column in wanted) + " |",
        "| --- |" + " --: |" * len(wanted),
    ]
    for subject in run.subjects:
        if not (subject.errors or subject.environment.error or any(each.figure in subject.figures for each in wanted)):
            continue
        cells = [_render_cell(subject, floor, column) for column in wanted]
        lines.append(f"| {_name(subject)} | " + " | ".join(cells) + " |")
    return lines


def _render_cell(subject: Subject, floor: Subject | None, column: Column) -> str:
    value = median_of(subject, column.figure)
    if value is None:
        return "failed" if subject.environment.error or subject.errors else "–"
    cell = f"{value:,.{column.decimals}f}"
    ratio = ratio_of(subject, floor, column.figure) if column.has_ratio and subject is not floor else None
    return cell if ratio is None else f"{cell} ({ratio:.1f}×)" if ratio < 10 else f"{cell} ({ratio:.0f}×)"


def _render_installed(subjects: Sequence[Subject]) -> list[str]:
    lines = ["| | version | packages | MB, compiled |", "| --- | --- | --: | --: |"]
    for subject in subjects:
        environment = subject.environment
        if environment.error:
            lines.append(f"| {_name(subject)} | {environment.error} | failed | failed |")
            continue
        size = "–" if environment.installed_mb is None else f"{environment.installed_mb:.1f}"
        packages = "–" if environment.packages is None else str(environment.packages)
        lines.append(f"| {_name(subject)} | {environment.version or '–'} | {packages} | {size} |")
    return lines


def _name(subject: Subject) -> str:
    return f"**{subject.name}**" if subject.module == "turnout" else subject.name.replace("_", "-")


def _describe_machine() -> str:
    """Return the processor, the cores, the kernel and the Python of this machine."""
    processor = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True)
    cores = len(os.sched_getaffinity(0))
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    python, source = platform.python_version(), commit.stdout.strip() or "?"
    return f"{processor}, {cores} cores, {system}, Python {python}, turnout at {source}"
