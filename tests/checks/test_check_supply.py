"""scripts/check_supply.py reads licences, hashes of the lock, and what pip-audit says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import check_supply  # noqa: E402

PINNED = "one==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via x\n# a comment\n\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts a distribution with these lines of metadata on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, *lines: str) -> None:
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("\n".join([f"Name: {name}", "Version: 1.0", *lines, ""]), encoding="utf-8")

    return write


@pytest.mark.parametrize(
    "lines",
    [
        ["License-Expression: MIT"],
        ["License: BSD-3-Clause"],
        ["License: see the file", "Classifier: License :: OSI Approved :: Apache Software License"],
        ["License: MIT License", "  and its text"],
        ["License-Expression: MIT OR GPL-3.0-only"],
        ["License-Expression: (Apache-2.0 OR GPL-2.0-only) AND BSD-3-Clause"],
        ["Classifier: License :: OSI Approved", "Classifier: License :: OSI Approved :: MIT License"],
    ],
)
def test_permissive_licences_pass(lines: list[str], install) -> None:
    install("acme_parts", *lines, 'Requires-Dist: absent-elsewhere; sys_platform == "none"')
    licences = check_supply.walk_dependencies(["acme-parts>=1"])
    assert licences.pop("absent-elsewhere") is None
    assert [check_supply.is_permissive(words) for words in licences.values()] == [True]


@pytest.mark.parametrize(
    "lines",
    [
        ["License: GPL-3.0-only"],
        [],
        ["License: Proprietary"],
        ["License-Expression: MIT AND LGPL-2.1-only"],
        ["License-Expression: GPL-2.0-only WITH MIT-exception"],
        ["License: MPL-2.0, once MIT"],
        ["Classifier: License :: OSI Approved :: MIT License", "Classifier: License :: OSI Approved :: GNU GPL v3"],
    ],
)
def test_other_licences_are_found_through_what_needs_them(
    lines: list[str], install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme_parts", "License: MIT", "Requires-Dist: acme-deep[x]>=2", "Requires-Dist: no-such; extra == 'y'")
    install("acme_deep", *lines)
    monkeypatch.setattr(check_supply, "distribution", lambda name: _with_requires(name, check_supply))
    assert [line.partition(":")[0] for line in check_supply.find_licences()] == ["acme-deep"]


def test_extras_that_are_asked_for_are_followed(install) -> None:
    install("acme_parts", "License: MIT", "Requires-Dist: acme-fast; python_version > '3' and extra == \"fast\"")
    install("acme_fast", "License: GPL-3.0-only")
    assert check_supply.walk_dependencies(["acme-parts"]) == {"acme-parts": "MIT"}
    both = {"acme-parts": "MIT", "acme-fast": "GPL-3.0-only"}
    assert check_supply.walk_dependencies(["acme-parts[slow, fast]>=1"]) == both
    assert check_supply.walk_dependencies(["acme-parts[fast]", "acme-parts"]) == both


def test_an_audit_that_is_not_there_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\necho 'No module named pip_audit' >&2; exit 1\n", encoding="utf-8")
    silent.chmod(0o755)
    monkeypatch.setattr(check_supply.sys, "executable", str(silent))
    assert ["not installed" in line for line in check_supply.find_weaknesses()] == [True]


def _with_requires(name: str, script) -> object:
    from importlib.metadata import distribution

    class Turnout:
        requires = ("acme-parts",)

    return Turnout() if name == "turnout" else distribution(name)


@pytest.mark.parametrize(
    ("lock", "names"),
    [
        (PINNED, []),
        (PINNED + "two==2.0\n", ["two==2.0"]),
        (PINNED + "three>=3 \\\n    --hash=sha256:cc\n", ["three>=3"]),
    ],
)
def test_the_lock_has_a_version_and_a_hash_for_each(lock: str, names: list[str]) -> None:
    assert [line.partition(":")[0] for line in check_supply.find_unpinned(lock)] == names


@pytest.mark.parametrize(
    ("answer", "findings", "told"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, [], "1 of 1 pinned distributions audited\n"),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}]},
            ["a 1: PYSEC-1, mended in 2: run `make lock`"],
            "1 of 1",
        ),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]}]},
            ["a 1: PYSEC-2, mended in no version yet: run `make lock`"],
            "1 of 1",
        ),
        ({"dependencies": [{"name": "a", "skip_reason": "not there"}]}, [], "cannot be reached from here"),
        (None, [], "not audited"),
    ],
)
def test_known_weaknesses_are_findings(
    answer: object, findings: list[str], told: str, *, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """A stand-in for pip-audit, run as a process, says what the index would."""
    text = "no JSON" if answer is None else json.dumps(answer)
    (tmp_path / "pip_audit.py").write_text(f"print({text!r})\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert list(check_supply.find_weaknesses()) == findings
    assert told in capsys.readouterr().out
