"""scripts/find_python.sh picks an interpreter that will do, or says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/find_python.sh"


@pytest.fixture
def machine(tmp_path):
    """Return a function that puts stand-ins for interpreters on an empty PATH, and runs the script."""

    def run(*arguments: str, python: str = "python3", **interpreters: str) -> tuple[int, str, str]:
        for name, script in interpreters.items():
            path = tmp_path / name.replace("_", ".")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        env = {"PATH": str(tmp_path), "PYTHON": python}
        command = ["/bin/sh", str(SCRIPT), *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=30)
        return done.returncode, done.stdout, done.stderr

    return run


OLD = 'case "$2" in *platform*) echo 3.9.2 ;; *) exit 3 ;; esac'


def test_the_interpreter_that_is_named_is_taken(machine):
    assert machine(python=sys.executable) == (0, f"{sys.executable}\n", "")


def test_a_later_one_stands_in_for_an_old_python3(machine):
    assert machine(python3=OLD, python3_12="echo /found/3.12") == (0, "/found/3.12\n", "")


def test_nothing_stands_in_for_an_old_one_that_was_named(machine):
    code, printed, error = machine(python="python3.9", python3_9=OLD, python3_12="echo /found/3.12")
    assert (code, printed) == (1, "")
    assert error.startswith(
        "turnout needs Python 3.11 or later (python3.9 is 3.9.2): install one, or name it: make PYTHON="
    )


def test_a_missing_venv_module_is_named_with_the_package_that_has_it(machine):
    code, printed, error = machine(python3="exit 4")
    assert (code, printed) == (1, "")
    assert error.startswith(
        "turnout: python3 has no venv module: install it (Debian, Ubuntu: apt install python3-venv)"
    )


def test_a_version_asked_for_is_found_or_missed_in_silence(machine):
    assert machine("3.13", python3_13="echo /found/3.13") == (0, "/found/3.13\n", "")
    assert machine("3.12") == (1, "", "")
