"""How one thread ends the download or start that another thread waits for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from turnout.errors import LocalModelError

if TYPE_CHECKING:
    import subprocess


class Cancellation:
    """A switch that is thrown once: `pause` then raises, and a guarded process is killed."""

    def __init__(self) -> None:
        self._thrown = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def cancel(self) -> None:
        """Throw the switch."""
        self._thrown.set()
        if self._process is not None:
            self._process.kill()

    def pause(self, duration_s: float) -> None:
        """Wait `duration_s` seconds; raise `LocalModelError` as soon as the switch is thrown."""
        if self._thrown.wait(duration_s):
            raise LocalModelError("the start of the local model was cancelled: call it again")

    def guard(self, process: subprocess.Popen[bytes]) -> None:
        """Kill `process` when the switch is thrown, also if it was thrown already."""
        self._process = process
        if self._thrown.is_set():
            process.kill()

    def release(self) -> None:
        """Guard the process no more: it has started, or ended."""
        self._process = None
