"""The files that parts of messages name, read into them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from turnout.errors import InvalidInputError
from turnout.media import read_media_limits
from turnout.messages import File, Media

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.media import MediaLimits
    from turnout.messages import LocalPath, Message, Part


def read_files(messages: list[Message], limits: MediaLimits | Mapping[str, Any] | None = None) -> list[Message]:
    """Return `messages` with the bytes of every file in the place of its path.

    Raises `InvalidInputError` for a file that is missing, unreadable, empty, no plain file or over `limits.max_bytes`.
    """
    limits = read_media_limits(limits)
    return [_read_parts(message, index, limits) for index, message in enumerate(messages)]


def _read_parts(message: Message, index: int, limits: MediaLimits) -> Message:
    parts: list[Part] = []
    for at, part in enumerate(message.content):
        if not isinstance(part, Media) or part.path is None:
            parts.append(part)
            continue
        where = f"messages[{index}].content[{at}]"
        if not limits.allow_paths:
            raise InvalidInputError(f"{where} names a file, and media= has allow_paths=False: pass its bytes as data=")
        data = _read_file(part.path, where, limits.max_bytes)
        changes: dict[str, Any] = {"path": None, "data": data}
        if isinstance(part, File) and part.name is None:
            changes["name"] = Path(os.fsdecode(part.path.path)).name
        parts.append(structs.replace(part, **changes))
    return structs.replace(message, content=parts)


def _read_file(path: LocalPath, where: str, max_bytes: int) -> bytes:
    name = os.fsdecode(path.path)
    shown = repr(name if len(name) <= 200 else name[:200] + "…")
    try:
        file = Path(name).expanduser()
        found = file.stat()  # before opening: a pipe would wait for its writer
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no plain file"
            raise InvalidInputError(f"{where}: {shown} is {kind}: name a file")
        with file.open("rb") as opened:  # (a file of /proc has no size)
            data = opened.read(min(max(found.st_size, 65_536), max_bytes) + 1)
    except FileNotFoundError:
        cure = f"check the path (the working directory is {str(Path.cwd())!r})"
        if len(name) > 200 and "." not in name:
            cure = "base64 goes as a data URL, such as `data:image/png;base64,…`, and bytes as data="
        raise InvalidInputError(f"{where}: there is no file {shown}: {cure}") from None
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the name; a home that is nobody's
        reason = getattr(error, "strerror", None) or str(error)
        cure = "base64 goes as a data URL" if len(name) > 200 else "check the path and who may read it"
        raise InvalidInputError(f"{where}: {shown} cannot be read ({reason}): {cure}") from None
    if len(data) > max_bytes:
        raise InvalidInputError(
            f"{where}: {shown} is over {max_bytes:,} bytes: make it smaller, or raise `max_bytes` in media="
        )
    if not data:
        raise InvalidInputError(f"{where}: {shown} is empty: check what writes it")
    return data
