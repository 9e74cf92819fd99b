"""turnout as a person runs it: a process of its own, with pipes or on a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType

TURNOUT = [sys.executable, "-W", "error", "-m", "turnout"]
LIMIT_S = 30


def run(*arguments: str, stdin: str | bytes = b"", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``turnout *arguments`` to its end, with `variables` in its environment."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [*TURNOUT, *arguments],
        input=data,
        capture_output=True,
        timeout=LIMIT_S,
        env=os.environ | variables,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class TerminalProgram:
    """``turnout *arguments`` on a terminal of its own; `screen` is what it has shown so far."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        self.screen = ""
        self._seen = 0
        self._master, slave = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"} | variables
        self._process = subprocess.Popen(
            [*TURNOUT, *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - it makes one system call
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> TerminalProgram:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(LIMIT_S)
        os.close(self._master)

    def type(self, text: str) -> None:
        """Type `text`; ``\\x03`` is Ctrl-C and ``\\x04`` Ctrl-D, and the terminal makes signals of them."""
        os.write(self._master, text.encode())

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
        self.screen += data.decode(errors="replace")
        return bool(data)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches the program


def wait_until(fact: Callable[[], object], what: str) -> None:
    """Wait until `fact` returns something true; `what` is told where it does not."""
    deadline = time.monotonic() + LIMIT_S
    while not fact():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
