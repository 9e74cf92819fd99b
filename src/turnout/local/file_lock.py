"""A lock between processes: one fetches a model, the others wait."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextlib.contextmanager
def hold_lock(path: Path, *, wait: Callable[[], None]) -> Generator[None]:
    """Hold the lock file `path` for the length of a `with` block.

    `wait` is called again and again while another process holds it; it sleeps, and ends the wait by raising. The
    system frees the lock of a process that dies. Raises `OSError` where the file cannot be made.
    """
    # write mode would cut the byte that Windows locks; the file itself stays, for removing it would be a race
    with path.open("ab") as file:
        while not _try_lock(file.fileno()):
            wait()
        try:
            yield
        finally:
            _unlock(file.fileno())  # not left to close: a forked child may hold the same open file
