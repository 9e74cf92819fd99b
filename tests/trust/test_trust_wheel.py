"""What users install: nothing that runs by itself, and few dependencies of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_the_wheel_holds_the_package_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"turnout"}
    assert len(tops) == 2
    assert [name for name in names if name.endswith((".pth", ".so", ".env", ".pyc"))] == []
    assert "turnout/catalog/data/catalog.bin" in names


def test_a_plain_installation_asks_for_six_packages_at_most() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    assert len(project["dependencies"]) <= 6
