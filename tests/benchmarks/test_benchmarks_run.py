"""The benchmarks run, on few repetitions: every figure is produced, whatever its size."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
FIGURES = {
    *("import_ms", "import_cpu_ms", "cold_ms", "cold_cpu_ms", "sync_us", "call_us", "parallel_us", "chunk_us"),
    *("paced_chunk_us", "first_token_us", "resident_mb", "stream_kb", "open_us", "long_chunk_us", "history_20_us"),
    "history_2000_us",
}
ALONE = {"alone_call_us", "alone_chunk_us", "alone_read_us"}
needs_compiler = pytest.mark.skipif(
    sys.platform != "linux" or not (shutil.which("cc") or shutil.which("gcc")), reason="needs Linux and a C compiler"
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, FOLDER / "run.py", "--here", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


@needs_compiler
def test_every_figure_of_the_floor_and_of_turnout_is_produced(tmp_path: Path):
    values = tmp_path / "values.json"
    figures = "start,alone,speed,memory,length"
    done = run(
        "--only", "floor,turnout", "--rounds", "1", "--budget-s", "0.001", "--figures", figures, "--json", values
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(values.read_text())
    assert list(found) == ["floor", "turnout"]
    for name, figures in found.items():
        assert set(figures) == FIGURES | (ALONE if name == "turnout" else set())
        assert all(len(each) == 1 for each in figures.values())
        assert all(each[0] > 0 for name, each in figures.items() if not name.startswith("import"))
    assert "failed" not in done.stdout
    assert re.search(r"\| \*\*turnout\*\* \| [\d,]+ \([\d.]+×\) \|", done.stdout)


@needs_compiler
def test_a_peer_that_is_not_there_is_shown_as_failed():
    done = run("--only", "floor,lm15", "--rounds", "1", "--budget-s", "0.001", "--figures", "sync")
    assert done.returncode == 0, done.stderr
    assert re.search(r"\| lm15 \| failed \|", done.stdout)
    assert re.search(r"- lm15: install: is not installed: .*lm15", done.stdout)


def test_an_unknown_subject_is_refused():
    done = run("--only", "turnout,nobody")
    assert done.returncode == 2
    assert "nobody" in done.stderr


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("report", "plot", "run", "environments", "upstream")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import report

    return report


def make_run(report: ModuleType) -> object:
    from environments import Environment
    from run import Subject

    floor = Subject("floor", "floor", Environment(Path("python")), {"call_us": [10.0, 20.0, 40.0], "cold_ms": [9.0]})
    own = Subject("turnout", "turnout", Environment(Path("python"), version="1", packages=2, installed_mb=3.0))
    own.figures = {"call_us": [20.0, 50.0, 80.0], "parallel_us": [5.0], "chunk_us": [1.0], "stream_kb": [3.0]}
    peer = Subject("peer_ai", "peer_ai", Environment(Path("python"), error="does not install: no wheel"))
    return report.Run(subjects=[floor, own, peer], rounds=3, took_s=60.0, upstream=(10, 50))


def test_a_ratio_is_taken_within_each_round(report: ModuleType):
    text = report.render(make_run(report))
    assert "| floor | 20 |" in text
    assert "| **turnout** | 50 (2.0×) |" in text  # 2, 2.5 and 2: not 50 / 20
    assert "| peer-ai | failed |" in text
    assert "- peer_ai: install: does not install: no wheel" in text


def test_the_page_keeps_what_stands_around_the_tables(report: ModuleType, tmp_path: Path):
    page = tmp_path / "RESULTS.md"
    page.write_text(f"# Results\n\nBefore.\n{report.BEGIN}\nstale table\n{report.END}\n\n## Change log\n\nAfter.\n")
    report.write(make_run(report), page)
    report.write(make_run(report), page)
    text = page.read_text()
    assert text.startswith("# Results\n\nBefore.\n")
    assert text.endswith("\n\n## Change log\n\nAfter.\n")
    assert "stale table" not in text
    assert text.count("| floor | 20 |") == 1
    picture = ElementTree.fromstring(page.with_name("results.svg").read_text())
    assert "floor" in "".join(picture.itertext())
