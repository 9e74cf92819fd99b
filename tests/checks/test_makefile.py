"""The Makefile: its help, and a prompt that reaches the program as it was typed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ECHO = """#!/bin/sh
for word in "$@"; do printf '<%s>\\n' "$word"; done
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def clone(tmp_path):
    """A tree whose virtual environment is made already; its python prints its arguments."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(ECHO)
    python.chmod(0o755)
    (tmp_path / ".venv/.made").write_text(f"{tmp_path} python3\n")
    (tmp_path / ".venv/.run").touch()
    return tmp_path


def make(clone: Path, *arguments: str, **environment: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True, check=True, timeout=30).stdout


def test_make_alone_prints_every_target(clone):
    printed = make(clone)
    for target in ("run", "test", "check", "cover", "docs", "catalog", "bench", "build", "lock", "clean"):
        assert f"  make {target} " in printed


def test_make_run_asks_the_embedded_model_for_a_story_whatever_the_environment_holds(clone):
    printed = make(clone, "run", PROMPT="%n@%m$ ", MODEL="other")
    assert printed == "<-m>\n<turnout>\n<chat>\n<-m>\n<local/smollm2-135m-instruct>\n<-->\n<Tell me a story>\n"


@pytest.mark.parametrize(
    "prompt",
    [
        "two  words",
        'it\'s "quoted"',
        "costs $5, $(shell date) and $HOME",
        "`id`; echo \\n # no",
        "-x",
        "line\nline",
        "é 🚂",
    ],
)
def test_a_prompt_reaches_the_program_as_typed(clone, prompt):
    printed = make(clone, "run", "MODEL=acme/model", f"PROMPT={prompt}")
    assert printed == f"<-m>\n<turnout>\n<chat>\n<-m>\n<acme/model>\n<-->\n<{prompt}>\n"


def test_a_virtual_environment_of_another_place_is_not_used(clone):
    (clone / ".venv/.made").write_text("/elsewhere python3\n")
    planned = make(clone, "--dry-run", "run")
    assert "-m venv .venv" in planned
    assert "pip install" in planned
