"""`turnout doctor`: what this machine has, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from turnout.cli.finding import Finding

Live = Annotated[
    str | None,
    typer.Option("--live", metavar="PROVIDER", help="Make one small call of this provider instead; it may cost money."),
]
LiveModel = Annotated[str | None, typer.Argument(metavar="MODEL", hidden=True)]
AsJSON = Annotated[bool, typer.Option("--json", help="Print the findings as a JSON list.")]

_MARKS = {"ok": "ok", "note": "--", "broken": "!!"}


def doctor(*, model: LiveModel = None, live: Live = None, as_json: AsJSON = False) -> int:
    """Check this machine: keys, files, proxies, the embedded model, local servers.

    Nothing leaves this machine, and no secret is shown: only servers of models on their usual ports of it are asked
    what they serve. Lines are marked ok, -- (not there, and not needed) or !! (set, but broken; the line says the
    cure). The exit code is 1 where something is broken.

    With --live PROVIDER, and perhaps a MODEL of it (else its cheapest one), one call of at most 16 tokens is made in
    place of all that. Its time, tokens and cost are told, or its error with the cure.
    """
    from turnout.cli.terminal import print_json

    if live is None and model is not None:
        raise typer.BadParameter(f"{model} stands alone: name its provider with --live")
    findings = _find_all() if live is None else [_call(live, model)]
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            _print_finding(finding)
    return 1 if any(finding.state == "broken" for finding in findings) else 0


def _find_all() -> list[Finding]:
    from turnout.cli.local_servers import find_servers
    from turnout.cli.machine_checks import examine

    return [*examine(), *find_servers()]


def _call(provider: str, model: str | None) -> Finding:
    from turnout.cli.live_call import call_live

    return call_live(provider, model)


def _print_finding(finding: Finding) -> None:
    from turnout.cli.terminal import print_fact

    print_fact(f"{_MARKS[finding.state]}  {finding.subject:<16} ", finding.text)
