"""The faults that lie below the wire format, in the wire formats other than the one of the table."""

from __future__ import annotations

import ssl

import pytest
from fault_list import FAULTS
from fault_runs import Cell, find_wrong
from fault_site import Host

GROUPS = {"TCP", "Kept connections", "TLS", "Head", "Status", "Framing", "Compression", "Size", "Error"}
KINDS = ("generate", "stream", "fallback", "fallback, streamed")
BELOW = [fault for fault in FAULTS if fault.group in GROUPS and " in a 200" not in fault.name]


@pytest.mark.parametrize("protocol", ["anthropic_messages", "openai_responses", "gemini"])
async def test_faults_below_the_wire_format(host: Host, contexts: dict[str, ssl.SSLContext], protocol: str) -> None:
    cells = [Cell(fault, kind, host, contexts, 0, protocol) for fault in BELOW for kind in KINDS]
    wrong = await find_wrong(cells)
    assert wrong == [], "\n".join(wrong)
