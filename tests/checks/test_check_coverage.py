"""scripts/check_coverage.py holds a report of coverage to its floors."""

from __future__ import annotations

import json

import pytest


def measured(covered: int, total: int, *, missing: list[int] | None = None, branches: tuple[int, int] = (0, 0)) -> dict:
    summary = {
        "covered_lines": covered,
        "num_statements": total,
        "covered_branches": branches[0],
        "num_branches": branches[1],
    }
    return {"summary": summary, "missing_lines": missing or [], "missing_branches": [[7, 9]] if branches[1] else []}


@pytest.fixture
def run_report(tmp_path, run_check):
    def run(files: dict[str, dict]) -> tuple[int, list[str]]:
        path = tmp_path / "report.json"
        path.write_text(json.dumps({"files": files}))
        return run_check("check_coverage.py", path)

    return run


def test_a_report_over_its_floors_passes(run_report):
    files = {
        "src/turnout/usage.py": measured(10, 10, branches=(4, 4)),
        "src/turnout/agent/loop.py": measured(90, 100),
        "src/turnout/agent/results.py": measured(100, 100),
        "src/turnout/py.py": measured(0, 0),
    }
    assert run_report(files) == (0, ["check_coverage: clean; 4 files, 95.3 % of lines and branches"])


@pytest.mark.parametrize("name", ["protocols/openai_chat.py", "routing/route.py", "transport/sse.py", "usage.py"])
def test_the_strict_parts_are_covered_whole_branches_included(run_report, name):
    code, lines = run_report({f"src/turnout/{name}": measured(999, 1000, missing=[12], branches=(1, 2))})
    assert code == 1
    assert lines[0] == f"src/turnout/{name}:7: 2 lines or branches never ran; this part is covered whole"


def test_each_other_part_reaches_its_floor_in_sum(run_report):
    files = {"src/turnout/transport/http.py": measured(94, 100), "src/turnout/call.py": measured(1000, 1000)}
    code, lines = run_report(files)
    assert code == 1
    assert lines[:-1] == ["src/turnout/transport:1: 94.0 % covered, at least 95 %"]
