"""Images and files as parts of an input message."""

from __future__ import annotations

from typing import Any

from turnout.errors import InvalidInputError
from turnout.messages import File, Image, Media
from turnout.protocols.media_bytes import encode_media


def write_media(part: Media, where: str) -> dict[str, Any]:
    """Return `part` as the wire has it; where it cannot, raise an `InvalidInputError` that begins with `where`."""
    name = type(part).__name__
    if part.path is not None:
        raise InvalidInputError(f"{where}: the file {part.path!r} was not read: call an Agent, or pass its bytes")
    if isinstance(part, Image):
        return {"type": "input_image", "image_url": _write_url(part, where), "detail": "auto"}
    if not isinstance(part, File):
        raise InvalidInputError(
            f"{where}: openai_responses carries no {name.lower()}: use a model of another wire format for it"
        )
    if part.is_remote:
        return {"type": "input_file", "file_url": part.url}
    url = _write_url(part, where)
    subtype = url[5:].partition(";")[0].rpartition("/")[2]
    return {"type": "input_file", "filename": part.name or f"file.{subtype}", "file_data": url}


def _write_url(part: Media, where: str) -> str:
    if part.is_remote and part.url is not None:
        return part.url
    found, encoded, is_as_given = encode_media(part, where)
    return part.url if is_as_given and part.url is not None else f"data:{found};base64,{encoded}"
