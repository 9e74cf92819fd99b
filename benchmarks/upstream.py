"""The scripted upstream of the benchmarks: `upstream.c`, built on the spot and run as a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

SOURCE = Path(__file__).with_name("upstream.c")


class UpstreamError(RuntimeError):
    """The upstream cannot be built here."""


def find_compiler() -> str | None:
    """Return the C compiler of this machine, or `None`."""
    return shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")


def build(folder: Path) -> Path:
    """Compile the upstream into `folder`, unless it is there and newer than its source."""
    program = folder / "upstream"
    if program.exists() and program.stat().st_mtime > SOURCE.stat().st_mtime:
        return program
    compiler = find_compiler()
    if compiler is None:
        raise UpstreamError("the upstream needs a C compiler: install cc, or name one in CC")
    folder.mkdir(parents=True, exist_ok=True)
    new = program.with_name(f"upstream.{os.getpid()}")  # one that runs stays whole
    subprocess.run([compiler, "-O2", "-o", new, SOURCE], check=True)
    return new.replace(program)


class Upstream:
    """A running upstream; `cost` is known once it has stopped."""

    def __init__(self, folder: Path, cpu: int | None = None) -> None:
        program = build(folder)
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if cpu is not None:
            os.sched_setaffinity(self._process.pid, {cpu})
        self._port = int(self._read_line())
        self.cost: tuple[int, int] = (0, 0)

    def _read_line(self) -> str:
        if self._process.stdout is None:
            raise UpstreamError("the upstream has no output")
        return self._process.stdout.readline()

    @property
    def origin(self) -> str:
        """Its URL, to which a base URL adds the number of chunks and the microseconds between two: ``/20/0/v1``."""
        return f"http://127.0.0.1:{self._port}"

    def stop(self) -> None:
        """Stop it; `cost` is then the requests that it answered and the CPU microseconds that it took."""
        if self._process.stdin is None or self._process.stdin.closed:
            return
        self._process.stdin.close()
        answers, cpu_us = self._read_line().split()
        self.cost = (int(answers), int(cpu_us))
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Upstream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
