"""Approval: a tool that waits for a person. The run is kept in a file, and goes on in another process.

    python examples/04_approval.py                     asks the model; its call of the tool waits in pending.json
    python examples/04_approval.py approve             runs it, and lets the model answer
    python examples/04_approval.py deny "wrong person" tells the model why it was not run

It needs OVHCLOUD_API_KEY, or the model of TURNOUT_MODEL with its key.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from turnout import Agent, PendingRun, tool

MODEL = os.environ.get("TURNOUT_MODEL", "ovhcloud/gpt-oss-120b")
FILE = Path("pending.json")


@tool(needs_approval=True)
def send_mail(to: str, text: str) -> str:
    """Send an e-mail."""
    print(f"(a mail goes to {to}: {text})")
    return "sent"


agent = Agent(id="secretary", model=MODEL, tools=[send_mail])
if len(sys.argv) == 1:
    result = agent.generate_sync("Write to ada@example.com that the train is late.")
else:
    pending = PendingRun.from_json(FILE.read_bytes())
    ids = [call.id for call in pending.calls]
    if sys.argv[1] == "approve":
        result = agent.resume_sync(pending, approve=ids)
    else:
        result = agent.resume_sync(pending, deny=dict.fromkeys(ids, " ".join(sys.argv[2:])))
if result.pending:
    FILE.write_bytes(result.pending.to_json())
    for call in result.pending.calls:
        print("waits for approval:", call.name, call.arguments)
else:
    FILE.unlink(missing_ok=True)
    print(result.text)
