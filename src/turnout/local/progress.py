"""How a download is shown: one line on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Generator

Progress = Callable[[str, int, int | None], None]
"""Called as ``progress(stage, done_bytes, total_bytes)``, several times a second, from the thread that works.

`stage` is ``"wait"`` (another process fetches the same file), ``"download"`` or ``"unpack"``; `total_bytes` is `None`
where it is not known.
"""

_BAR_WIDTH = 24


@contextlib.contextmanager
def show_on_stderr(name: str) -> Generator[Progress]:
    """Yield a `Progress` that draws a bar on a terminal, and one short line anywhere else; never on stdout."""
    stream: TextIO | None = sys.stderr  # a windowed program has none
    is_terminal = stream is not None and stream.isatty()
    written = 0

    def draw(stage: str, done_bytes: int, total_bytes: int | None) -> None:
        nonlocal written
        if stream is None or (written and not is_terminal):
            return
        line = render_bar(name, stage, done_bytes, total_bytes) if is_terminal else f"turnout: fetching {name}, once\n"
        stream.write(f"\r{line:<{written}}" if is_terminal else line)
        stream.flush()
        written = len(line)

    try:
        yield draw
    finally:
        if stream is not None and is_terminal and written:
            stream.write(f"\r{'':<{written}}\r")
            stream.flush()


def render_bar(name: str, stage: str, done_bytes: int, total_bytes: int | None) -> str:
    """Return one line such as ``download smollm2-135m-instruct [######      ]  38 of 93 MB``."""
    if not total_bytes:
        return f"{stage} {name} ..."
    share = min(done_bytes / total_bytes, 1.0)
    bar = "#" * int(share * _BAR_WIDTH)
    return f"{stage} {name} [{bar:<{_BAR_WIDTH}}] {done_bytes / 1e6:3.0f} of {total_bytes / 1e6:.0f} MB"
