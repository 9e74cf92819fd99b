"""The faults below the wire format in calls that are no chats: embeddings and ranking, alone and with a fallback."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from fault_dialects import RANKS, VECTORS
from fault_runs import Cell, find_wrong
from fault_site import Host
from test_fault_protocols import BELOW

from turnout.embedding import embed
from turnout.reranking import rerank

TEXTS = ["one", "two"]


class TaskCell(Cell):
    """One fault in one call of a task."""

    async def _call(self, agent: Any) -> None:
        options: dict[str, Any] = {"transport": self.transport, "timeouts": self.timeouts}
        if self.kind == "embed":
            result: Any = await embed(self.config, TEXTS, **options)
            is_right = [list(vector) for vector in result.vectors] == VECTORS
        else:
            result = await rerank(self.config, "trains", TEXTS, **options)
            is_right = [(one.index, one.score) for one in result.results] == RANKS
        self.outcome.attempts = len(result.attempts)
        self.outcome.ending = "answer" if is_right else f"a wrong answer: {result!r}"


@pytest.mark.parametrize("kind", ["embed", "rerank"])
async def test_faults_in_tasks(host: Host, contexts: dict[str, ssl.SSLContext], kind: str) -> None:
    wrong = await find_wrong([TaskCell(fault, kind, host, contexts, 0) for fault in BELOW])
    assert wrong == [], "\n".join(wrong)
