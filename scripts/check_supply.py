"""Look at what turnout stands on: licences of all that it installs, hashes in the lock, and known weaknesses.

Licences are those that each installed distribution states about itself, for the dependencies of turnout and of its
extras. Known weaknesses are asked of the Python Package Index by pip-audit; where it cannot be reached, that is said,
and is no failure.
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

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements" / "dev.txt"
AUDIT_TIMEOUT_S = 120

PERMISSIVE = re.compile(r"\b(MIT|BSD|Apache[- ]?2\.0|Apache Software License|ISC|PSF-2\.0)\b", re.IGNORECASE)
TOLERATED = {"psycopg": "LGPL-3.0-only, in the extra `postgres` alone, used unchanged"}
"""Distributions under other licences, with the reason why they may be there."""


def read_name(requirement: str) -> str:
    """Return the normalised name of the distribution that a requirement asks for."""
    return re.sub(r"[-_.]+", "-", re.split(r"[ <>=!~;\[(]", requirement, maxsplit=1)[0]).lower()


def walk_dependencies(requirements: list[str]) -> dict[str, str]:
    """Return the licence of every installed distribution below `requirements`; those for other systems are left out."""
    licences: dict[str, str] = {}
    waiting = [read_name(requirement) for requirement in requirements]
    while waiting:
        name = waiting.pop()
        if name in licences:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        fields = ("License-Expression", "License", "Classifier")
        told = {field: [str(words) for words in found.metadata.get_all(field) or []] for field in fields}
        classifiers = [words.rpartition(" :: ")[2] for words in told["Classifier"] if words.startswith("License ::")]
        stated = [words.partition("\n")[0] for words in told["License-Expression"] + told["License"]]
        licences[name] = next((words for words in [*stated, *classifiers] if words), "")
        if classifiers and not PERMISSIVE.search(licences[name]):
            licences[name] = " or ".join(classifiers)
        waiting += [read_name(line) for line in found.requires or [] if "extra ==" not in line]
    return licences


def find_licences() -> Iterator[str]:
    """Yield a line for each distribution whose licence is neither permissive nor tolerated."""
    licences = walk_dependencies(list(distribution("turnout").requires or []))
    for name, words in sorted(licences.items()):
        if not PERMISSIVE.search(words) and name not in TOLERATED:
            yield f"{name}: licence {words or 'not stated'!r}: take another, or write the reason into TOLERATED"
    print(f"check_supply: {len(licences)} distributions below turnout and its extras")


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
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), *options],
            capture_output=True, text=True, check=False, timeout=AUDIT_TIMEOUT_S,
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
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
