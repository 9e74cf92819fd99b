"""Look at what turnout stands on: licences of all that it installs, hashes in the lock, and known weaknesses.

Licences are those that each installed distribution states about itself, for the dependencies of turnout and of its
extras, through the extras that these ask for; what is not installed here is told, for nobody can read it. Known
weaknesses are asked of the Python Package Index by pip-audit; where it cannot be reached, that is said, and is no
failure.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements" / "dev.txt"
AUDIT_TIMEOUT_S = 120

PERMISSIVE = re.compile(r"\b(MIT|BSD|Apache[- ]?2\.0|Apache Software License|ISC|PSF-2\.0)\b", re.IGNORECASE)
SHARING = re.compile(r"GPL|MPL|EPL|EUPL|CDDL|OSL|SSPL|BUSL|Affero|Mozilla", re.IGNORECASE)
"""Of licences that ask for something in return; one of them in an alternative makes it none that is permissive."""

_POSTGRES = "LGPL-3.0-only, in the extra `postgres` alone, used unchanged"
TOLERATED = {"psycopg": _POSTGRES, "psycopg-binary": _POSTGRES}
"""Distributions under other licences, with the reason why they may be there."""


def read_name(requirement: str) -> str:
    """Return the normalised name of the distribution that a requirement asks for."""
    return re.sub(r"[-_.]+", "-", re.split(r"[ <>=!~;\[(]", requirement, maxsplit=1)[0]).lower()


def read_extras(requirement: str) -> list[str]:
    """Return the extras that a requirement asks for: ``psycopg[binary]>=3`` has ``binary``."""
    found = re.match(r"[\w.-]+\s*\[([^\]]*)\]", requirement)
    return [extra.strip() for extra in found[1].split(",")] if found else []


def is_asked_for(line: str, extras: list[str]) -> bool:
    """Return whether a line of ``Requires-Dist`` counts where these extras were asked for; other markers do not."""
    named = re.findall(r"extra == [\"']([^\"']+)", line)
    return not named or not set(named).isdisjoint(extras)


def read_licence(found: Distribution) -> str:
    """Return what a distribution states as its licence; classifiers count where the other fields are no use."""
    fields = ("License-Expression", "License", "Classifier")
    told = {field: [str(words) for words in found.metadata.get_all(field) or []] for field in fields}
    classifiers = [words.rpartition(" :: ")[2] for words in told["Classifier"] if words.startswith("License ::")]
    classifiers = [words for words in classifiers if words != "OSI Approved"]
    stated = [words.partition("\n")[0] for words in told["License-Expression"] + told["License"] if words]
    if stated and (is_permissive(stated[0]) or not classifiers):
        return stated[0]
    return " AND ".join(classifiers)  # several may mean either: the stricter reading is taken


def is_permissive(words: str) -> bool:
    """Return whether a licence asks for nothing but its notice: each part of an AND, by one alternative of its OR."""
    parts = re.split(r"\sand\s", re.sub(r"[()]", " ", words), flags=re.IGNORECASE)
    return all(
        any(
            PERMISSIVE.search(choice) and not SHARING.search(choice)
            for choice in re.split(r"\sor\s", part, flags=re.IGNORECASE)
        )
        for part in parts
    )


def walk_dependencies(requirements: list[str]) -> dict[str, str | None]:
    """Return the licence of every distribution below `requirements`; `None` for one that is not installed here."""
    licences: dict[str, str | None] = {}
    seen: set[tuple[str, str]] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name, extras = read_name(requirement), read_extras(requirement)
        fresh = {(name, extra) for extra in ("", *extras)} - seen
        if not fresh:
            continue
        seen |= fresh
        try:
            found = distribution(name)
        except PackageNotFoundError:
            licences[name] = None
            continue
        licences[name] = read_licence(found)
        waiting += [line for line in found.requires or [] if is_asked_for(line, extras)]
    return licences


def find_licences() -> Iterator[str]:
    """Yield a line for each distribution whose licence is neither permissive nor tolerated."""
    licences = walk_dependencies(list(distribution("turnout").requires or []))
    for name, words in sorted(licences.items()):
        if words is not None and not is_permissive(words) and name not in TOLERATED:
            yield f"{name}: licence {words or 'not stated'!r}: take another, or write the reason into TOLERATED"
    absent = sorted(name for name, words in licences.items() if words is None)
    print(f"check_supply: {len(licences) - len(absent)} distributions below turnout and its extras")
    if absent:
        print(f"check_supply: not installed here, their licences were not read: {', '.join(absent)}")


def find_unpinned(lock: str) -> Iterator[str]:
    """Yield a line for each requirement of the lock without a version or a hash."""
    for entry in re.sub(r"\\\n", " ", lock).splitlines():
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        if "==" not in entry or "--hash=sha256:" not in entry:
            yield f"{entry.split()[0]}: no version or no hash in {LOCK.name}: run `make lock`"


def find_weaknesses() -> Iterator[str]:
    """Yield a line for each known weakness of what the lock pins; print what could not be looked up."""
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json", "--timeout", "5"]
    told = ""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), *options],
            capture_output=True, text=True, check=False, timeout=AUDIT_TIMEOUT_S,
        )  # fmt: skip
        told = done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        if "No module named" in told:
            yield "pip-audit is not installed: nothing was audited: make the environment anew"
        else:
            print("check_supply: the index of weaknesses cannot be reached: not audited")
        return
    audited = [entry for entry in answer["dependencies"] if "skip_reason" not in entry]
    reached = "" if audited else ": the index of weaknesses cannot be reached from here"
    print(f"check_supply: {len(audited)} of {len(answer['dependencies'])} pinned distributions audited{reached}")
    for entry in audited:
        for weakness in entry["vulns"]:
            fixed = ", ".join(weakness["fix_versions"]) or "no version yet"
            yield f"{entry['name']} {entry['version']}: {weakness['id']}, mended in {fixed}: run `make lock`"


def main() -> int:
    """Print every finding; return 1 where there is one."""
    findings = [*find_licences(), *find_unpinned(LOCK.read_text("utf-8")), *find_weaknesses()]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
