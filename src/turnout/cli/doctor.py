"""`turnout doctor`: what this machine has, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from turnout.cli.finding import Finding

AsJSON = Annotated[bool, typer.Option("--json", help="Print the findings as a JSON list.")]

_MARKS = {"ok": "ok", "note": "--", "broken": "!!"}


def doctor(*, as_json: AsJSON = False) -> int:
    """Check this machine: keys, files, proxies, the embedded model.

    Nothing is sent, and no secret is shown. Lines are marked ok, -- (not there, and not needed) or !! (set, but
    broken; the line says the cure). The exit code is 1 where something is broken.
    """
    from turnout.cli.machine_checks import examine
    from turnout.cli.terminal import print_json

    findings = list(examine())
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            _print_finding(finding)
    return 1 if any(finding.state == "broken" for finding in findings) else 0


def _print_finding(finding: Finding) -> None:
    from turnout.cli.terminal import print_fact

    print_fact(f"{_MARKS[finding.state]}  {finding.subject:<16} ", finding.text)
