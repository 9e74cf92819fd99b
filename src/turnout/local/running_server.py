"""One worker process, from its start to its end."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from turnout.errors import LocalModelError
from turnout.local.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.local.cancellation import Cancellation

_STOP_TIMEOUT_S = 2.0
_LOG_TAIL_BYTES = 4000
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|PROXY|_URL$|_URI$|_DSN$", re.IGNORECASE)
_LOG_STAMP = re.compile(r"^[\d.]+ [EW] ")


class WorkerConfig(msgspec.Struct):
    """What the worker is told, over its stdin: argv and environment can be read by others."""

    path: str
    name: str
    api_key: str
    parent_pid: int
    context_tokens: int
    threads: int
    slots: int = 4
    """Answers written at the same time; further requests wait their turn."""
    cache_mib: int = 256
    """Memory for the prompts of earlier conversations; llama.cpp's own default is 8 GiB."""

    def __repr__(self) -> str:
        return f"WorkerConfig(path={self.path!r}, name={self.name!r})"


class RunningServer:
    """A worker process that answers at `endpoint`."""

    def __init__(self, process: subprocess.Popen[bytes], endpoint: Endpoint) -> None:
        self.process = process
        self.endpoint = endpoint

    @property
    def is_running(self) -> bool:
        """Whether the process is still there."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End the process and wait for its end."""
        _end(self.process)

    def forget(self) -> None:
        """Let go of it in a forked child, which is not its parent: without ending it, or holding it alive."""
        _close_pipes(self.process)
        self.process.returncode = 0  # else the finalizer warns of a process still running


def start_server(path: Path, name: str, cancellation: Cancellation) -> RunningServer:
    """Start a worker on the GGUF file `path` and return once it answers; it calls its model `name`.

    Raises `LocalModelError` where it cannot be started, with what llama.cpp says.
    """
    config = WorkerConfig(
        path=str(path),
        name=name,
        api_key=secrets.token_urlsafe(24),
        parent_pid=os.getpid(),
        context_tokens=_read_number(os.environ, "TURNOUT_LOCAL_CONTEXT", default=2048, least=256),
        threads=_read_number(os.environ, "TURNOUT_LOCAL_THREADS", default=_count_cpus(), least=1),
    )
    with tempfile.TemporaryFile() as log:
        process = _spawn(log)
        try:
            cancellation.guard(process)
            line = _exchange(process, config)
        except BaseException:
            _end(process)
            raise
        finally:
            cancellation.release()
        if not line:
            _end(process)
            cancellation.pause(0)
            raise _explain(path, process.returncode, log)
    url: str = msgspec.json.decode(line)["url"]
    return RunningServer(process, Endpoint(base_url=f"{url}/v1", api_key=config.api_key, model=name))


def _spawn(log: IO[bytes]) -> subprocess.Popen[bytes]:
    # -P: no module of the working directory shadows the standard library's
    command = [sys.executable, "-P", str(Path(__file__).with_name("worker.py"))]
    # a session (on Windows a group) of its own: Ctrl-C at the terminal reaches the parent only
    apart = 0
    if sys.platform == "win32":
        apart = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    try:
        return subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=strip_secrets(os.environ),
            start_new_session=True,
            creationflags=apart,
        )
    except OSError as error:
        raise LocalModelError(f"no process could be started ({error}): free memory, or raise `ulimit -u`") from error


def _exchange(process: subprocess.Popen[bytes], config: WorkerConfig) -> bytes:
    """Tell the worker what to do and wait for its report; empty where it ended without one."""
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 (both were asked for)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(msgspec.json.encode(config) + b"\n")
        process.stdin.flush()
    with process.stdout as report:
        return report.readline()


def _explain(path: Path, returncode: int, log: IO[bytes]) -> LocalModelError:
    log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
    lines = [_LOG_STAMP.sub("", line) for line in log.read().decode(errors="replace").splitlines()]
    said = "; ".join(dict.fromkeys(line.strip() for line in lines if _is_telling(line)))
    if returncode < 0:
        said = f"{said or 'no message'}; killed by signal {-returncode}, perhaps for want of memory"
    return LocalModelError(
        f"llama.cpp could not serve {path} ({said or 'no message'}): check that the file is whole and fits in memory, "
        'and update with `pip install -U "turnout[local]"`'
    )


def _is_telling(line: str) -> bool:
    """Whether a line of the log says something that the others do not: neither blank nor part of a traceback."""
    return bool(line.strip()) and not line.startswith(("Traceback", " "))


def _end(process: subprocess.Popen[bytes]) -> None:
    _close_pipes(process)  # the worker ends by itself when its stdin does
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def strip_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` without what could be a secret: llama.cpp needs no key, no proxy and no address."""
    return {name: value for name, value in environment.items() if not _SECRET_NAME.search(name)}


def _read_number(environment: Mapping[str, str], name: str, *, default: int, least: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or int(value) < least:
        raise LocalModelError(f"`{name}` is {value!r}: set it to a whole number, {least} or more")
    return int(value)


def _count_cpus() -> int:
    """Return how many processors this process may use, which a container makes fewer than there are."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
