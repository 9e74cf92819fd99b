"""What is refused before a server starts, and what a server is told; nothing here needs a model."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from turnout.errors import LocalModelError
from turnout.local import launch
from turnout.local.cancellation import Cancellation
from turnout.local.endpoint import Endpoint
from turnout.local.file_lock import hold_lock
from turnout.local.running_server import WorkerConfig, strip_secrets
from turnout.local.server import ensure_server

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path


async def test_bad_models_are_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "notes.gguf").write_text("not a model")
    with pytest.raises(LocalModelError, match="no local model 'nothing'"):
        await launch("nothing")
    with pytest.raises(LocalModelError, match=r"no file .*missing\.gguf"):
        await launch(str(tmp_path / "missing.gguf"))
    with pytest.raises(LocalModelError, match="not a GGUF file"):
        await launch(str(tmp_path / "notes.gguf"))


def test_without_the_extra_the_error_says_what_to_install(run_python: Callable[..., subprocess.Popen[str]]) -> None:
    program = (
        "import asyncio, sys; sys.modules['xllamacpp'] = None\n"
        "from turnout.local import launch\nasyncio.run(launch('smollm2-135m-instruct'))"
    )
    _, errors = run_python(program).communicate(timeout=20)
    assert 'LocalModelError: local models need the package xllamacpp: pip install "turnout[local]"' in errors


def test_importing_the_provider_loads_nothing_of_it(run_python: Callable[..., subprocess.Popen[str]]) -> None:
    program = "import sys; before = set(sys.modules)\nimport turnout.local; print(*set(sys.modules) - before)"
    output, _ = run_python(program).communicate(timeout=20)
    loaded = set(output.split())
    assert "turnout.local" in loaded
    assert not {name for name in loaded if name.startswith("turnout.local.")}
    assert not loaded & {"asyncio", "msgspec", "subprocess", "zipfile", "hashlib", "ssl", "xllamacpp"}


def test_a_file_that_llama_cannot_load_is_explained_with_its_own_words(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(LocalModelError, match=r"could not serve .*broken\.gguf \(.*failed to load model") as caught:
        ensure_server(str(broken))
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("name", ["TURNOUT_LOCAL_CONTEXT", "TURNOUT_LOCAL_THREADS"])
@pytest.mark.parametrize("value", ["many", "-5", "0"])
def test_a_setting_that_makes_no_sense_is_refused(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xllamacpp")
    monkeypatch.setenv(name, value)
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    with pytest.raises(LocalModelError, match=f"`{name}` is '{value}'"):
        ensure_server(str(tmp_path / "a.gguf"))


def test_a_process_that_cannot_start_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(LocalModelError, match="no process could be started"):
        ensure_server(str(tmp_path / "a.gguf"))


def test_secrets_stay_out_of_the_servers_environment() -> None:
    kept = {"PATH": "/bin", "HOME": "/h", "LD_LIBRARY_PATH": "/l", "CUDA_VISIBLE_DEVICES": "0", "TMPDIR": "/t"}
    dropped = dict.fromkeys(
        [
            "OPENAI_API_KEY",
            "HF_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "PGPASSWORD",
            "DATABASE_URL",
            "HTTPS_PROXY",
            "x_api_key",
        ],
        "hidden",
    )
    assert strip_secrets(kept | dropped) == kept


def test_the_key_of_a_server_is_in_no_repr() -> None:
    endpoint = Endpoint(base_url="http://127.0.0.1:1/v1", api_key="hidden", model="m")
    config = WorkerConfig(path="/m.gguf", name="m", api_key="hidden", parent_pid=1, context_tokens=1, threads=1)
    assert "hidden" not in f"{endpoint!r} {endpoint} {config!r} {config}"


def test_a_cancelled_wait_ends_with_an_error(tmp_path: Path) -> None:
    cancellation = Cancellation()
    cancellation.pause(0)
    held = threading.Event()
    release = threading.Event()

    def hold() -> None:
        with hold_lock(tmp_path / "lock", wait=lambda: None):
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    cancellation.cancel()
    with (
        pytest.raises(LocalModelError, match="cancelled"),
        hold_lock(tmp_path / "lock", wait=lambda: cancellation.pause(1)),
    ):
        pytest.fail("the lock was held twice")
    release.set()
    thread.join()
    assert os.path.getsize(tmp_path / "lock") == 0  # noqa: PTH202
