"""The servers of this process: one for each model file, started on first use, ended with the process."""

from __future__ import annotations

import asyncio
import atexit
import functools
import importlib.util
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import LocalModelError
from turnout.local.cancellation import Cancellation
from turnout.local.gguf import check_gguf, read_model_id
from turnout.local.model_file import fetch_model, model_path
from turnout.local.running_server import start_server

if TYPE_CHECKING:
    from turnout.local.embedded import EmbeddedModel
    from turnout.local.endpoint import Endpoint
    from turnout.local.progress import Progress
    from turnout.local.running_server import RunningServer

_LOCK_POLL_S = 0.1


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.server: RunningServer | None = None

    @property
    def endpoint(self) -> Endpoint | None:
        server = self.server
        return server.endpoint if server is not None and server.is_running else None


# one process has one set of servers; this module is loaded at the first launch only
_slots: dict[Path, _Slot] = {}


async def launch_server(model: str, *, progress: Progress | None = None) -> Endpoint:
    """Do the work of `turnout.local.launch`: like `ensure_server`, without blocking the event loop."""
    slot = _slots.get(_file_of(read_model_id(model)))
    if slot is not None and (endpoint := slot.endpoint) is not None:
        return endpoint
    cancellation = Cancellation()
    try:
        return await asyncio.to_thread(ensure_server, model, progress=progress, cancellation=cancellation)
    except asyncio.CancelledError:
        cancellation.cancel()
        raise


def ensure_server(
    model: str, *, progress: Progress | None = None, cancellation: Cancellation | None = None
) -> Endpoint:
    """Return where `model` (the id without ``local/``) is served, after fetching and starting it if need be.

    Threads that ask for the same model share one server. `cancellation`, thrown by another thread, ends a download or
    start under way. The variable ``TURNOUT_LOCAL_CONTEXT`` sets the tokens of one conversation (2048),
    ``TURNOUT_LOCAL_THREADS`` the threads that compute (one a processor; fewer are faster on a busy machine, for the
    threads wait for each other at every layer).

    Raises `LocalModelError` where the model is unknown, cannot be fetched, verified or started.
    """
    cancellation = cancellation or Cancellation()
    source = read_model_id(model)
    slot = _slots.setdefault(_file_of(source), _Slot())
    while not slot.lock.acquire(timeout=_LOCK_POLL_S):
        cancellation.pause(0)
    try:
        endpoint = slot.endpoint
        if endpoint is None:
            slot.server = _replace(slot.server, source, progress, cancellation)
            endpoint = slot.server.endpoint
        return endpoint
    finally:
        slot.lock.release()


def stop_servers() -> None:
    """End every server of this process; the next use starts one again."""
    for slot in list(_slots.values()):
        server, slot.server = slot.server, None
        if server is not None:
            server.stop()


def _replace(
    dead: RunningServer | None, source: EmbeddedModel | Path, progress: Progress | None, cancellation: Cancellation
) -> RunningServer:
    if dead is not None:
        dead.stop()
    _check_package()
    if isinstance(source, Path):
        path, name = source, source.stem
        check_gguf(path)
    else:
        path, name = fetch_model(source, progress=progress, cancellation=cancellation), source.name
    _tend_servers()
    return start_server(path, name, cancellation)


def _file_of(source: EmbeddedModel | Path) -> Path:
    return source if isinstance(source, Path) else model_path(source)


def _check_package() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        raise LocalModelError('local models need the package xllamacpp: pip install "turnout[local]"')


@functools.cache
def _tend_servers() -> None:
    """Arrange, once, that servers end with this process and are not shared with forked ones."""
    atexit.register(stop_servers)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget_servers)


def _forget_servers() -> None:
    for slot in _slots.values():
        if slot.server is not None:
            slot.server.forget()
    _slots.clear()
