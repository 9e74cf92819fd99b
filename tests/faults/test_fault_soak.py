"""The soak, for some seconds: that it runs, and that nothing leaks or ends in an error that is not ours."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

SOAK = Path(__file__).resolve().parents[2] / "benchmarks" / "soak.py"


async def test_some_seconds_of_the_soak_are_flat() -> None:
    command = [sys.executable, str(SOAK), "--minutes", "0.08"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 240)
    said = out.decode()
    assert process.returncode == 0, said
    assert "flat: memory, sockets and tasks" in said
    assert "hangs" not in said
