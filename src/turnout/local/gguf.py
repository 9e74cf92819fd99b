"""From the id of a local model to its GGUF file."""

from __future__ import annotations

from pathlib import Path

from turnout.errors import LocalModelError
from turnout.local.embedded import EMBEDDED_MODELS, EmbeddedModel

_MAGIC = b"GGUF"  # https://github.com/ggml-org/ggml/blob/master/docs/gguf.md


def read_model_id(model: str) -> EmbeddedModel | Path:
    """Return the embedded model that `model` (the id without ``local/``) names, or the absolute path that it is.

    A path begins with ``/``, ``.``, ``~`` or a drive, or ends in ``.gguf``. Raises `LocalModelError` for any other id.
    """
    for embedded in EMBEDDED_MODELS:
        if model == embedded.name:
            return embedded
    if not _is_path(model):
        names = ", ".join(f"`local/{embedded.name}`" for embedded in EMBEDDED_MODELS)
        raise LocalModelError(
            f"there is no local model {model!r}: use {names}, or any GGUF file by its path, `local//path/to/model.gguf`"
        )
    try:
        return Path(model).expanduser().resolve()
    except (RuntimeError, OSError, ValueError) as error:  # no such user, a loop of links, a null byte
        raise LocalModelError(f"{model!r} cannot be read as a path ({error}): give the file's absolute path") from error


def check_gguf(path: Path) -> None:
    """Raise `LocalModelError` unless `path` is a file that can be read and begins like a GGUF file."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except FileNotFoundError as error:
        raise LocalModelError(f"there is no file {path}: write `local/` and then the path of a GGUF file") from error
    except OSError as error:
        raise LocalModelError(f"{path} cannot be read ({error.strerror}): give a readable GGUF file") from error
    if magic != _MAGIC:
        raise LocalModelError(f"{path} is not a GGUF file (it does not begin with `GGUF`): convert it, or give another")


def _is_path(model: str) -> bool:
    return model.startswith(("/", ".", "~", "\\")) or model[1:3] in {":\\", ":/"} or model.lower().endswith(".gguf")
