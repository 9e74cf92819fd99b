"""The judge of the matrix: what it sees, what it forgives a busy machine, and what it never forgives."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from fault_answers import BACKUP, STORY
from fault_list import FAULTS
from fault_runs import Cell, Outcome, find_wrong, is_the_machines, judge
from fault_site import Host

NAMED = {fault.name: fault for fault in FAULTS}
CUT, RESET = "reset within the body (chunks)", "reset after the request"
RIGHT = {
    (CUT, "stream"): Outcome("TruncatedStreamError", STORY[:7], 1, 1, 1),
    (CUT, "fallback, streamed"): Outcome("TruncatedStreamError", STORY[:7], 1, 1, 1),
    (RESET, "generate"): Outcome("APIConnectionError", "", 3, 3, 3),
    (RESET, "tools"): Outcome("APIConnectionError", "", 3, 5, 4, tool_runs=1),
    (RESET, "fallback"): Outcome("backup", BACKUP, 4, 3, 3, 1),
}

WRONG: list[tuple[str, str, dict[str, Any], bool]] = [
    (CUT, "stream", {"ending": "answer", "text": STORY}, False),
    (CUT, "stream", {"text": STORY[:7] + BACKUP}, False),
    (CUT, "stream", {"text": "of another user"}, False),
    (CUT, "stream", {"ending": "HANGS"}, False),
    (CUT, "stream", {"complaints": ["the error holds the key"]}, False),
    (CUT, "fallback, streamed", {"ending": "backup", "text": BACKUP, "backup_requests": 1}, False),
    (RESET, "tools", {"tool_runs": 2}, False),
    (RESET, "fallback", {"ending": "a wrong answer: 'x'", "text": "x"}, False),
    (CUT, "stream", {"text": "", "attempts": 3, "requests": 3, "ending": "APIConnectionError"}, True),
    (CUT, "stream", {"requests": 2}, True),
    (RESET, "generate", {"requests": 4}, True),
    (RESET, "generate", {"attempts": 1, "requests": 1}, True),
    (RESET, "generate", {"injected": 0}, True),
    (RESET, "generate", {"sent": 10**9}, True),
    (RESET, "fallback", {"backup_requests": 2}, True),
    (RESET, "fallback", {"ending": "APITimeoutError (total)", "text": ""}, True),
]


Make = Callable[..., Cell]


class Scripted(Cell):
    """Ends as its script says, one run after the other; rightly where it says nothing more."""

    script: ClassVar[list[dict[str, Any]]] = []
    made: ClassVar[list[Cell]] = []

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.made.append(self)

    async def run(self) -> Outcome:
        return self.end(**(self.script.pop(0) if self.script else {}))

    def end(self, **changes: Any) -> Outcome:
        right = vars(RIGHT[self.fault.name, self.kind])
        self.outcome = Outcome(**{**right, "complaints": [], "doubts": [], **changes})
        return self.outcome


@pytest.fixture
def make(host: Host, contexts: dict[str, ssl.SSLContext]) -> Make:
    def make_cell(fault: str, kind: str, **changes: Any) -> Cell:
        cell = Scripted(NAMED[fault], kind, host, contexts, 0)
        cell.end(**changes)
        return cell

    Scripted.made.clear()
    return make_cell


def test_what_is_right_is_not_complained_about(make: Make) -> None:
    assert [judge(make(*key)) for key in RIGHT] == [[]] * len(RIGHT)


@pytest.mark.parametrize(("fault", "kind", "changes", "is_forgiven"), WRONG, ids=str)
def test_what_is_wrong_is_seen(make: Make, fault: str, kind: str, changes: dict[str, Any], is_forgiven: bool) -> None:
    cell = make(fault, kind, **changes)
    assert judge(cell) != []
    assert is_the_machines(cell) == is_forgiven


@pytest.mark.parametrize(
    ("script", "complaints", "runs"),
    [
        ([{}], 0, 1),
        ([{"requests": 2}], 0, 4),
        ([{"requests": 2}, {}, {}, {"requests": 2}], 1, 4),
        ([{"ending": "answer", "text": STORY}], 1, 1),
    ],
)
async def test_what_may_be_the_machines_is_run_again_and_told(
    make: Make, capsys: pytest.CaptureFixture[str], script: list[dict[str, Any]], complaints: int, runs: int
) -> None:
    Scripted.script[:] = script
    wrong = await find_wrong([make(CUT, "stream")])
    assert (len(wrong), len(Scripted.made)) == (complaints, runs)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{int(script != [{}])} of 1 cells ended wrongly at first\n")
    assert (CUT in printed) == (script != [{}])
