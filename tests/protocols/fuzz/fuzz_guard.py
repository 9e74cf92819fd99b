"""Limits on what one input may take: time of the processor and memory, so that a hang or a bomb is a fault."""

from __future__ import annotations

import resource
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LONGEST_CPU_S = 10.0
"""Of an input of some kilobytes, which takes a millisecond: what takes this long does not end."""

MOST_BYTES = 16 * 1024 * 1024
"""What an input of some kilobytes may take at once, on top of `BYTES_FOR_EACH`."""

BYTES_FOR_EACH = 100
"""How many bytes may be held for each byte of an input: chunks, parts and rendered answers of it."""


class InputHangsError(BaseException):
    """An input took too long. No `except Exception` on its way can hold it up."""


@contextmanager
def limited_cpu(seconds: float = LONGEST_CPU_S) -> Iterator[None]:
    """Raise `InputHangsError` where the block takes more than `seconds` of the processor, however busy the machine."""

    def stop(*_: Any) -> None:
        raise InputHangsError(f"more than {seconds} s of the processor")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def limited_address_space(more_bytes: int = 1 << 30) -> Iterator[None]:
    """Let the process take `more_bytes` more than it has, so that a list of a billion items is a `MemoryError`."""
    statm = Path("/proc/self/statm")
    if not statm.exists():  # no Linux
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(statm.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + more_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def limited_memory(input_bytes: int) -> Iterator[None]:
    """Fail where the block holds more than an input of `input_bytes` has cause for."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    limit = MOST_BYTES + BYTES_FOR_EACH * input_bytes
    assert peak <= limit, f"{peak} bytes were held for an input of {input_bytes}: the limit is {limit}"
