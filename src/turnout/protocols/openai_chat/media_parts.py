"""Images, sound, films and files as parts of a chat message, in both directions."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as BinasciiError
from typing import Any
from urllib.parse import unquote_to_bytes

from turnout.errors import InvalidInputError
from turnout.media import CONTAINERS, sniff_media_type
from turnout.messages import Audio, File, Image, Media, Video

_AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/mp4": "m4a"}
_AUDIO_TYPES = {"mp3": "audio/mpeg", "m4a": "audio/mp4"}
_FAMILIES: dict[type[Media], str] = {Image: "image", Audio: "audio", Video: "video"}


def write_media(part: Media, where: str) -> dict[str, Any]:
    """Return `part` as the wire has it; where it cannot, raise an `InvalidInputError` that begins with `where`."""
    if isinstance(part, Audio):
        return _write_audio(part, where)
    if isinstance(part, File):
        return _write_file(part, where)
    kind = "image_url" if isinstance(part, Image) else "video_url"
    return {"type": kind, kind: {"url": _write_url(part, where)}}


def _write_url(part: Media, where: str) -> str:
    if part.url is not None and not part.url.startswith("data:"):
        return part.url
    declared, data, written = _open(part, where)
    found = _settle_type(part, declared, data, where)
    if part.url is not None and found == declared:
        return part.url
    return f"data:{found};base64,{written or b64encode(data).decode()}"


def _write_audio(part: Audio, where: str) -> dict[str, Any]:
    if part.url is not None and not part.url.startswith("data:"):
        raise InvalidInputError(f"{where}: openai_chat carries no audio by URL: download it and pass `Audio(data=…)`")
    declared, data, written = _open(part, where)
    found = _settle_type(part, declared, data, where)
    encoded = written or b64encode(data).decode()
    name = _AUDIO_FORMATS.get(found) or found.partition("/")[2]
    return {"type": "input_audio", "input_audio": {"data": encoded, "format": name}}


def _write_file(part: File, where: str) -> dict[str, Any]:
    if part.url is not None and not part.url.startswith("data:"):
        name = part.name or part.url.partition("?")[0].rpartition("/")[2] or "file"
        return {"type": "file", "file": {"filename": name, "file_data": part.url}}  # OpenRouter takes the URL of a PDF
    url = _write_url(part, where)
    subtype = url[5:].partition(";")[0].rpartition("/")[2]
    return {"type": "file", "file": {"filename": part.name or f"file.{subtype}", "file_data": url}}


def _open(part: Media, where: str) -> tuple[str | None, bytes, str]:
    """Return the declared type, the bytes, and their base64 where the part came with it."""
    if part.data is not None:
        return part.media_type, part.data, ""
    head, _, written = (part.url or "").removeprefix("data:").partition(",")
    declared, *options = head.split(";")
    if "base64" not in options:
        return part.media_type or declared or None, unquote_to_bytes(written), ""
    return part.media_type or declared or None, read_base64(written, where), written


def read_base64(written: str, where: str) -> bytes:
    """Return the bytes that base64 text stands for. Raises `InvalidInputError`, which begins with `where`."""
    try:
        return b64decode(written, validate=True)
    except (BinasciiError, ValueError):
        raise InvalidInputError(f"{where}: the data is no base64: encode it with `base64.b64encode`") from None


def _settle_type(part: Media, declared: str | None, data: bytes, where: str) -> str:
    """Return the type to label the bytes with: what they show wins over what was declared."""
    found = sniff_media_type(data)
    family = _FAMILIES.get(type(part))
    name = type(part).__name__
    if found in CONTAINERS and family in ("audio", "video"):
        found = declared if declared and declared.startswith(family) else f"{family}/{found.partition('/')[2]}"
    if found is None:
        found = declared or (_guess_text(data) if family is None else None)
    if found is None:
        raise InvalidInputError(f"{where}: the bytes do not show their type: pass `{name}(…, media_type=…)`")
    if family is not None and not found.startswith(f"{family}/"):
        raise InvalidInputError(f"{where}: the {name} holds {found}: pass it as the part that it is, such as `File`")
    return found


def _guess_text(data: bytes) -> str | None:
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    return "text/plain"


def audio_type(name: str) -> str:
    """Return the MIME type for a `format` of `input_audio`, such as ``"wav"``."""
    return _AUDIO_TYPES.get(name, f"audio/{name}")
