"""How long turnout takes to import, and from a cold start to the first answer of a scripted provider.

    make bench          or          python benchmarks/start.py [ROUNDS]

Each figure is the median over interleaved rounds, each in a process of its own with compiled bytecode; "over python"
subtracts a bare interpreter of the same rounds. CPU is that of the process, user and system.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
CASES = {
    "python": "pass",
    "import turnout": "import turnout",
    "from turnout import Agent": "from turnout import Agent",
    "first answer": (
        "import asyncio\nfrom turnout import Agent\n"
        "print(asyncio.run(Agent(model='ovhcloud/gpt-oss-120b').generate('Hello!')).text)"
    ),
    "first chunk": (
        "import asyncio\nfrom turnout import Agent\n"
        "async def main():\n"
        "    async for chunk in Agent(model='ovhcloud/gpt-oss-120b').stream('Hello!'):\n"
        "        if chunk.type == 'text_delta':\n            return\n"
        "asyncio.run(main())"
    ),
}


def run_once(code: str, environment: dict[str, str]) -> tuple[float, float]:
    """Return the wall-clock and CPU milliseconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall * 1000, cpu * 1000


def main() -> None:
    sys.path.insert(0, str(TESTS))
    from provider import Provider, reply, stream

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
    with Provider() as provider, tempfile.TemporaryDirectory() as bytecode:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {
            "PYTHONPYCACHEPREFIX": bytecode,
            "OVHCLOUD_BASE_URL": provider.url,
            "OVHCLOUD_API_KEY": "sk-benchmark",
        }
        for number in range(rounds + 1):
            for name, code in CASES.items():
                provider.script(stream() if name == "first chunk" else reply())
                taken = run_once(code, environment)
                if number:  # the first round compiles the bytecode
                    times[name].append(taken)
    base = [statistics.median(column) for column in zip(*times["python"], strict=True)]
    print(f"{'ms, median of ' + str(rounds):28} {'wall':>7} {'CPU':>7} {'over python: wall':>18} {'CPU':>7}")
    for name, taken in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*taken, strict=True))
        print(f"{name:28} {wall:7.0f} {cpu:7.0f} {wall - base[0]:18.0f} {cpu - base[1]:7.0f}")


if __name__ == "__main__":
    main()
