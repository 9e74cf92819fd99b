"""Images, sound, films and files as parts of a chat message, in both directions."""

from __future__ import annotations

from typing import Any

from turnout.errors import InvalidInputError
from turnout.messages import Audio, File, Image, Media
from turnout.protocols.media_bytes import encode_media

_AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/mp4": "m4a"}
_AUDIO_TYPES = {"mp3": "audio/mpeg", "m4a": "audio/mp4"}


def write_media(part: Media, where: str, *, audio_as_url: bool = False) -> dict[str, Any]:
    """Return `part` as the wire has it; where it cannot, raise an `InvalidInputError` that begins with `where`.

    `audio_as_url` is the quirk of that name.
    """
    if part.path is not None:
        raise InvalidInputError(f"{where}: the file {part.path!r} was not read: call an Agent, or pass its bytes")
    if isinstance(part, Audio):
        return _write_audio(part, where, as_url=audio_as_url)
    if isinstance(part, File):
        return _write_file(part, where)
    kind = "image_url" if isinstance(part, Image) else "video_url"
    return {"type": kind, kind: {"url": _write_url(part, where)}}


def _write_url(part: Media, where: str) -> str:
    if part.is_remote and part.url is not None:
        return part.url
    found, encoded, is_as_given = encode_media(part, where)
    return part.url if is_as_given and part.url is not None else f"data:{found};base64,{encoded}"


def _write_audio(part: Audio, where: str, *, as_url: bool) -> dict[str, Any]:
    if part.is_remote:
        if not as_url:
            raise InvalidInputError(
                f"{where}: openai_chat carries no audio by URL: download it and pass `Audio(data=…)`"
            )
        ending = (part.url or "").partition("#")[0].partition("?")[0].rpartition(".")[2].lower()
        found, data = part.media_type or audio_type(ending), part.url
    else:
        found, data, _ = encode_media(part, where)
        data = f"data:{found};base64,{data}" if as_url else data
    name = _AUDIO_FORMATS.get(found) or found.partition("/")[2]
    return {"type": "input_audio", "input_audio": {"data": data, "format": name}}


def _write_file(part: File, where: str) -> dict[str, Any]:
    if part.is_remote and part.url is not None:
        name = part.name or part.url.partition("?")[0].rpartition("/")[2] or "file"
        return {"type": "file", "file": {"filename": name, "file_data": part.url}}  # OpenRouter takes the URL of a PDF
    url = _write_url(part, where)
    subtype = url[5:].partition(";")[0].rpartition("/")[2]
    return {"type": "file", "file": {"filename": part.name or f"file.{subtype}", "file_data": url}}


def audio_type(name: str) -> str:
    """Return the MIME type for a `format` of `input_audio`, such as ``"wav"``."""
    return _AUDIO_TYPES.get(name, f"audio/{name}")
