"""turnout as a person runs it: a process of its own, with pipes or on a terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple
from unittest import mock

import pytest

from planted_keys import WATCH
from turnout.cli import main

TURNOUT = [sys.executable, "-W", "error", "-m", "turnout"]
LIMIT_S = 30
PATIENCE_S = 10


class Outcome(NamedTuple):
    """What is left of a program that has ended."""

    code: int
    stdout: str
    stderr: str


def run(*arguments: str | bytes, stdin: bytes = b"", **variables: str) -> Outcome:
    """Run ``turnout *arguments`` as a process to its end, with `variables` in its environment."""
    environment = os.environ | variables
    done = subprocess.run(
        [*TURNOUT, *arguments], input=stdin, capture_output=True, timeout=LIMIT_S, env=environment, check=False
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def call(*arguments: str, stdin: bytes = b"", is_typed: bool = False) -> Outcome:
    """Run ``turnout *arguments`` in this process: the same, and twenty times as fast.

    `is_typed`: stdin is a terminal, and the two others are not.
    """
    buffers = io.BytesIO(stdin), io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(buffer, "utf-8", write_through=True) for buffer in buffers]
    with (
        mock.patch.object(sys, "stdin", streams[0]),
        mock.patch.object(sys, "stdout", streams[1]),
        mock.patch.object(sys, "stderr", streams[2]),
        mock.patch.object(streams[0], "isatty", return_value=is_typed),
    ):
        code = main(arguments)
    return Outcome(code, buffers[1].getvalue().decode(), buffers[2].getvalue().decode())


class TerminalProgram:
    """``turnout *arguments`` on a terminal of its own; `screen` is what it has shown so far."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        self.screen = ""
        self._seen = 0
        self._is_over = False
        self._master, slave = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"} | variables
        self._process = subprocess.Popen(
            [*TURNOUT, *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - it makes two system calls
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> TerminalProgram:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        WATCH.look("a terminal", self.screen)
        self._process.kill()
        self._process.wait(LIMIT_S)
        os.close(self._master)

    def type(self, text: str) -> None:
        """Type `text`; ``\\x03`` is Ctrl-C and ``\\x04`` Ctrl-D, and the terminal makes signals of them."""
        os.write(self._master, text.encode())

    def leave(self) -> None:
        """Wait for the prompt and leave the conversation with Ctrl-D."""
        self.wait_for("> ")
        self.type("\x04")
        assert self.wait() == 0

    def press_until(self, key: str, is_done: Callable[[], bool]) -> None:
        """Press `key` until `is_done` or the end: a signal just before readline waits is seen with the next one."""
        for _ in range(LIMIT_S // PATIENCE_S):
            self.type(key)
            deadline = time.monotonic() + PATIENCE_S
            while self._read(deadline):
                if is_done():
                    return
            if self._is_over or is_done():
                return
        pytest.fail(f"{key!r} does nothing after {self.screen!r}")

    def wait_for(self, pattern: str) -> str:
        """Return what comes up to the end of the next match of `pattern`."""
        deadline = time.monotonic() + LIMIT_S
        while (match := re.search(pattern, self.screen[self._seen :])) is None:
            assert self._read(deadline), f"{pattern!r} does not come after {self.screen[self._seen :]!r}"
        shown = self.screen[self._seen : self._seen + match.end()]
        self._seen += match.end()
        return shown

    def wait(self) -> int:
        """Return the exit code, once everything that it shows has been read."""
        while self._read(time.monotonic() + LIMIT_S):
            pass
        return self._process.wait(LIMIT_S)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:  # Linux says so when the other side is closed
            data = b""
        self._is_over = bool(ready) and not data
        self.screen += data.decode(errors="replace")
        return bool(data)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches the program
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a shell's background job begins deaf to


def wait_until(fact: Callable[[], object], what: str) -> None:
    """Wait until `fact` returns something true; `what` is told where it does not."""
    deadline = time.monotonic() + LIMIT_S
    while not fact():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
