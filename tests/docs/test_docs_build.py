"""The generated pages are in step with what they are made from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pages import DOCS, ROOT


def build_docs(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "build_docs.py"), *arguments]
    return subprocess.run(command, env=dict(os.environ), capture_output=True, encoding="utf-8", check=False)


def test_no_page_is_stale() -> None:
    done = build_docs("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_pages_are_made_from_the_packaged_catalog_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "[providers.acme]\n[providers.acme.models.x]\n[providers.ovhcloud.models.mine]\n"
    Path("turnout.toml").write_text(own, encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert build_docs("--out", str(tmp_path / "docs")).returncode == 0

    made = {path.name: path.read_bytes() for path in (tmp_path / "docs" / "providers").iterdir()}
    assert made == {path.name: path.read_bytes() for path in (DOCS / "providers").iterdir()}


def test_a_stale_missing_or_superfluous_page_fails_the_check_and_is_mended(tmp_path: Path) -> None:
    build_docs("--out", str(tmp_path))
    pages = tmp_path / "providers"
    (pages / "ovhcloud.md").write_text("stale", encoding="utf-8")
    (pages / "groq.md").unlink()
    (pages / "nobody.md").write_text("superfluous", encoding="utf-8")

    done = build_docs("--check", "--out", str(tmp_path))

    assert done.returncode == 1
    named = [Path(line.split(" is not")[0]).name for line in done.stdout.splitlines() if " is not" in line]
    assert named == ["groq.md", "nobody.md", "ovhcloud.md"]
    assert "run `make docs`" in done.stdout
    assert build_docs("--out", str(tmp_path)).returncode == 0
    assert build_docs("--check", "--out", str(tmp_path)).returncode == 0
    assert not (pages / "nobody.md").exists()


def test_generated_parts_of_a_written_page_are_filled_in(tmp_path: Path) -> None:
    guide = tmp_path / "guide"
    guide.mkdir()
    (guide / "errors.md").write_text("before\n<!-- begin: x -->\nwas here\n<!-- end -->\nafter\n", encoding="utf-8")

    build_docs("--out", str(tmp_path))

    page = (guide / "errors.md").read_text(encoding="utf-8")
    assert page.startswith("before\n<!-- begin: x -->\n\n```text\nTurnoutError\n├── ConfigurationError")
    assert page.endswith("<!-- end -->\nafter\n")
    assert "was here" not in page
