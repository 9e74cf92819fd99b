"""Fixtures for all tests: a clean environment, and a scripted provider."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from planted_keys import WATCH, judging, watching
from provider import KEY, Provider
from turnout.agent.runtime import default_runtime

hypothesis.settings.register_profile("turnout", deadline=None)  # how long an example takes is the machine's affair
hypothesis.settings.load_profile("turnout")
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):  # the same examples each time: a new one is for the developer to find, not for a merge
    hypothesis.settings.load_profile("ci")

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def shared_cache() -> Iterator[Path]:
    """Keep fetched models in the project (or `TURNOUT_TEST_CACHE`), never in the home folder of who runs the tests."""
    folder = Path(os.environ.get("TURNOUT_TEST_CACHE") or PROJECT / ".cache").resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("TURNOUT_LOCAL_THREADS", "1")  # two threads on two busy processors are ten times slower than one
        yield folder


@pytest.fixture(scope="session", autouse=True)
def leaks_are_watched() -> Iterator[None]:
    """Watch for planted keys, and let no connection of this process leave the machine."""
    with watching():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at what the test printed and did not read itself, in its last moments too: nothing judges after them."""
    report = yield
    for name, text in report.sections:
        WATCH.look(name, text)
    if report.when == "teardown" and report.passed and WATCH.leaks:
        report.outcome, report.longrepr = "failed", WATCH.tell()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have to tell though they passed, from other processes too: ``record_property("told", text)``."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, text in report.user_properties if report.when == "call" else ():
                if name == "told":
                    terminalreporter.write_line(f"{report.nodeid.partition('::')[0]}: {text}")


@pytest.fixture(autouse=True)
def planted_keys_stay_hidden(tmp_path: Path) -> Iterator[None]:
    """Fail a test that lets a planted key out."""
    with judging(tmp_path):
        yield


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the machine's own keys, settings and caches, and start in an empty folder."""
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_BASE_URL", "_TOKEN")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for kind in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    monkeypatch.delenv("TURNOUT_MODEL", raising=False)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    from turnout import catalog

    catalog.current.cache_clear()  # it trusts what it knows of the files for a second


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A scripted provider that stands in for OVHcloud, with a key in the environment."""
    default_runtime.cache_clear()
    with Provider() as server:
        monkeypatch.setenv("OVHCLOUD_BASE_URL", server.url)
        monkeypatch.setenv("OVHCLOUD_API_KEY", KEY)
        yield server
