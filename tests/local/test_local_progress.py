"""How a download is shown."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from turnout.local.progress import render_bar, show_on_stderr

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_shows_the_share_and_the_megabytes() -> None:
    assert render_bar("m", "download", 50_000_000, 100_000_000) == f"download m [{'#' * 12}{' ' * 12}]  50 of 100 MB"
    assert render_bar("m", "wait", 0, None) == "wait m ..."
    assert render_bar("m", "download", 5, 4).count("#") == 24


def test_a_terminal_gets_one_line_that_is_wiped_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with show_on_stderr("m") as progress:
        progress("download", 1, 4)
        progress("wait", 0, None)
    first, second, wiped, end = stream.getvalue().split("\r")[1:]
    assert first == render_bar("m", "download", 1, 4)
    assert second == "wait m ...".ljust(len(first))
    assert wiped.strip() == end == ""
    assert "\n" not in stream.getvalue()


def test_a_log_gets_one_short_line_and_stdout_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with show_on_stderr("m") as progress:
        progress("download", 1, 4)
        progress("download", 2, 4)
    assert capsys.readouterr() == ("", "turnout: fetching m, once\n")


def test_a_program_without_stderr_is_not_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with show_on_stderr("m") as progress:
        progress("download", 1, 4)
