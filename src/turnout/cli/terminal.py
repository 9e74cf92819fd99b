"""What is written, and where: results to stdout, everything about them to stderr, colours to terminals only."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

_BOLD, _DIM, _RED, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"
# What a terminal acts on: C0 and C1 controls but for tab and line feed, and the marks that reverse the direction.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def prepare_streams() -> None:
    """Make the three streams take any character: one that the encoding lacks becomes a question mark."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def discard_stdout() -> None:
    """Send the rest of stdout nowhere: its reader left, and the flush at exit would complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def is_colourful(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that takes colours (https://no-color.org, and ``TERM=dumb``)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def write_text(text: str) -> None:
    """Write a piece of an answer to stdout, at once; a terminal gets no control characters out of it."""
    sys.stdout.write(clean(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def write_aside(text: str) -> None:
    """Write a piece of text to stderr, dimmed on a terminal."""
    text = clean(text) if sys.stderr.isatty() else text
    sys.stderr.write(f"{_DIM}{text}{_PLAIN}" if text.strip() and is_colourful(sys.stderr) else text)
    sys.stderr.flush()


def say(line: str) -> None:
    """Write one line to stderr, dimmed on a terminal."""
    write_aside(one_line(line))
    sys.stderr.write("\n")
    sys.stderr.flush()


def print_error(message: str) -> None:
    """Write ``error: …`` to stderr as one line."""
    label = f"{_RED}error:{_PLAIN}" if is_colourful(sys.stderr) else "error:"
    sys.stderr.write(f"{label} {one_line(message)}\n")
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """Write `value` to stdout as indented JSON; decimals are numbers with all their digits."""
    from msgspec import json

    encoder = json.Encoder(decimal_format="number", enc_hook=str)
    print(json.format(encoder.encode(value), indent=2).decode())


def clean(text: str) -> str:
    """Return `text` without characters that would steer the terminal."""
    return _CONTROLS.sub("", text)


def one_line(text: str) -> str:
    """Return `text` as one clean line."""
    return clean(" ".join(text.split()))


def terminal_width() -> int | None:
    """Return the columns of the terminal that stdout is; `None` where it is a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_fact(label: str, text: str) -> None:
    """Write `label` and `text` to stdout; a terminal gets long text wrapped under its beginning."""
    text, width = one_line(text), terminal_width()
    if width is not None:
        margin = " " * len(label)
        text = textwrap.fill(
            text, max(width, 2 * len(label)), initial_indent=margin, subsequent_indent=margin,
            break_long_words=False, break_on_hyphens=False,
        )[len(label) :]  # fmt: skip
    print(label + text)


def print_lines(lines: Iterable[tuple[str, bool]]) -> None:
    """Write the lines of a table to stdout, each with whether it is of less interest; the first is the heading."""
    bold, dim, plain = (_BOLD, _DIM, _PLAIN) if is_colourful(sys.stdout) else ("", "", "")
    for number, (line, is_dim) in enumerate(lines):
        style = bold if number == 0 else dim if is_dim else ""
        sys.stdout.write(f"{style}{clean(line)}{plain if style else ''}\n")
    sys.stdout.flush()
