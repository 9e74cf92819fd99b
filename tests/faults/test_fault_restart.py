"""`restart_broken_stream`: a fault after the first text ends with the other's whole answer, and the reader is told."""

from __future__ import annotations

import ssl
from typing import Any

from fault_list import FAULTS
from fault_runs import Cell, find_wrong
from fault_site import Host

EMITTING = [fault for fault in FAULTS if fault.emits]


class RestartCell(Cell):
    """One fault in the middle of a stream that may start again."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.does_restart = True

    @property
    def expected(self) -> str:
        return "backup"

    async def _read_stream(self, agent: Any) -> Any:
        result = await super()._read_stream(agent)
        if self.restarts != 1:
            self.outcome.doubts.append(f"{self.restarts} fallback chunks")
        if [warning.code for warning in result.warnings] != ["broken_answer"]:
            self.outcome.doubts.append(f"the warnings are {result.warnings}")
        return result


async def test_faults_after_text_end_with_the_other_answer(host: Host, contexts: dict[str, ssl.SSLContext]) -> None:
    cells: list[Cell] = [RestartCell(fault, "fallback, streamed", host, contexts, 0) for fault in EMITTING]
    wrong = await find_wrong(cells)
    assert wrong == [], "\n".join(wrong)
    assert len(cells) > 25
