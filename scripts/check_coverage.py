"""Hold the coverage (lines and branches together) to its floors, from the JSON report of ``make cover``.

Every file of the strict parts is covered whole; each other module or package of turnout reaches 95 % in sum.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from sources import PACKAGE, Finding, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STRICT = ("protocols", "routing", "transport/sse.py", "usage.py")
MIN_PERCENT = 95.0


class Summary(msgspec.Struct):
    """The counts of one file."""

    covered_lines: int
    num_statements: int
    covered_branches: int = 0
    num_branches: int = 0

    @property
    def covered(self) -> int:
        """Lines and branches that ran."""
        return self.covered_lines + self.covered_branches

    @property
    def total(self) -> int:
        """Lines and branches that there are."""
        return self.num_statements + self.num_branches


class Measured(msgspec.Struct):
    """One file of the report."""

    summary: Summary
    missing_lines: list[int] = []
    missing_branches: list[tuple[int, int]] = []

    @property
    def first_missing(self) -> int:
        """The first line that did not run, or whose branch was not taken."""
        return min([*self.missing_lines, *(line for line, _ in self.missing_branches)], default=1)


class Coverage(msgspec.Struct):
    """The report that ``coverage json`` writes."""

    files: dict[str, Measured]


def main(argv: Sequence[str] | None = None) -> int:
    """Check the report; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="the JSON report of coverage")
    measured = msgspec.json.decode(parser.parse_args(argv).report.read_bytes(), type=Coverage).files
    if not measured:
        sys.exit("check_coverage: the report has no files: did the tests import turnout from src?")
    parts: defaultdict[str, list[Summary]] = defaultdict(list)
    findings: list[Finding] = []
    for path, file in measured.items():
        name = PurePosixPath(path.replace("\\", "/")).relative_to(PACKAGE.as_posix())
        if str(name).startswith(STRICT):
            findings += check_strict(Path(path), file)
        else:
            parts[name.parts[0]].append(file.summary)
    for part, summaries in parts.items():
        percent = percent_of(summaries)
        if percent < MIN_PERCENT:
            findings.append(Finding(PACKAGE / part, 1, f"{percent:.1f} % covered, at least {MIN_PERCENT:.0f} %"))
    everything = [file.summary for file in measured.values()]
    return report(
        "check_coverage", findings, f"{len(measured)} files, {percent_of(everything):.1f} % of lines and branches"
    )


def check_strict(path: Path, file: Measured) -> Iterator[Finding]:
    """Yield a finding where a file that is covered whole is not."""
    missing = file.summary.total - file.summary.covered
    if missing:
        yield Finding(path, file.first_missing, f"{missing} lines or branches never ran; this part is covered whole")


def percent_of(summaries: Sequence[Summary]) -> float:
    """Return how much of `summaries` ran, in percent; nothing to run is covered whole."""
    total = sum(summary.total for summary in summaries)
    return 100.0 * sum(summary.covered for summary in summaries) / total if total else 100.0


if __name__ == "__main__":
    sys.exit(main())
