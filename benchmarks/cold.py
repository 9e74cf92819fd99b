"""A program of a subject from its start to the first answer: tells the CPU seconds that it took, and the moment.

python cold.py SUBJECT URL
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import time


def main() -> None:
    subject = importlib.import_module(f"subjects.{sys.argv[1]}")
    client = subject.open_client(sys.argv[2], [("user", "Hello!")], False)
    text = asyncio.run(subject.call(client))
    print(len(text), time.process_time(), time.monotonic(), flush=True)


if __name__ == "__main__":
    main()
