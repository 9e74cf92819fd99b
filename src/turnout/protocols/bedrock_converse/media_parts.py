"""Images, sound, films and documents as content blocks, in both directions."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

from turnout.errors import InvalidInputError
from turnout.media import sniff_media_type
from turnout.messages import Audio, File, Image, Media, Video
from turnout.protocols.json_reading import as_text, is_object
from turnout.protocols.media_bytes import encode_media, tidy_base64

_KINDS: dict[type[Media], str] = {Image: "image", Audio: "audio", Video: "video", File: "document"}
_Media = Image | Audio | Video | File
KINDS: dict[str, type[_Media]] = {
    "image": Image,
    "audio": Audio,
    "video": Video,
    "document": File,
}
"""The blocks that hold media, and the parts that they are."""

_FORMATS: dict[str, dict[str, str]] = {
    "image": {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"},
    "video": {
        "video/mp4": "mp4",
        "video/quicktime": "mov",
        "video/webm": "webm",
        "video/x-matroska": "mkv",
        "video/x-flv": "flv",
        "video/mpeg": "mpeg",
        "video/x-ms-wmv": "wmv",
        "video/3gpp": "three_gp",
    },
    "audio": {
        "audio/mpeg": "mp3",
        "audio/mp3": "mp3",
        "audio/wav": "wav",
        "audio/x-wav": "wav",
        "audio/ogg": "ogg",
        "audio/opus": "opus",
        "audio/aac": "aac",
        "audio/flac": "flac",
        "audio/mp4": "m4a",
        "audio/webm": "webm",
        "audio/x-matroska": "mka",
        "audio/l16": "pcm",
    },
    "document": {
        "application/pdf": "pdf",
        "text/csv": "csv",
        "application/msword": "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "text/html": "html",
        "text/plain": "txt",
        "text/markdown": "md",
        "application/json": "txt",
        "application/xml": "txt",
        "application/yaml": "txt",
    },
}
"""The media types that this wire has a format for, by block: the enumerations of the service description."""

_TYPES = {
    kind: {name: media_type for media_type, name in reversed(formats.items())} for kind, formats in _FORMATS.items()
}
_ENDINGS = {"jpg": "jpeg", "3gp": "three_gp", "mpg": "mpeg", "htm": "html", "text": "txt"}


def write_media(part: Media, where: str, names: set[str]) -> dict[str, Any]:
    """Return `part` as a block; where it cannot be one, raise an `InvalidInputError` that begins with `where`.

    `names` are those of the documents so far: each has one of its own.
    """
    if part.path is not None:
        raise InvalidInputError(f"{where}: the file {part.path!r} was not read: call an Agent, or pass its bytes")
    kind = _KINDS[type(part)]
    if part.url is not None and part.url.startswith("s3://"):
        media_type, source = None, {"s3Location": {"uri": part.url}}
    elif part.is_remote:
        name = type(part).__name__
        raise InvalidInputError(f"{where}: bedrock_converse carries no {name} by URL but s3://: pass `{name}(data=…)`")
    else:
        media_type, encoded, _ = encode_media(part, where)
        source = {"bytes": encoded}
        if kind == "document" and media_type.startswith("image/"):
            kind = "image"
    block: dict[str, Any] = {"format": _find_format(part, kind, media_type, where), "source": source}
    return {kind: {**block, "name": _name_document(part, names)} if kind == "document" else block}


def _find_format(part: Media, kind: str, media_type: str | None, where: str) -> str:
    formats = _FORMATS[kind]
    if media_type is None:  # of a file in S3 its name tells
        ending = (part.url or "").rpartition(".")[2].lower()
        ending = _ENDINGS.get(ending, ending)
        found = formats.get(part.media_type or "") or (ending if ending in _TYPES[kind] else None)
        if found is None:
            name = type(part).__name__
            raise InvalidInputError(f"{where}: the URL does not show its type: pass `{name}(url=…, media_type=…)`")
        return found
    found = formats.get(media_type)
    if found is None and kind == "document" and media_type.startswith("text/"):
        found = "txt"
    if found is None:
        taken = ", ".join(dict.fromkeys(formats.values()))
        raise InvalidInputError(f"{where}: bedrock_converse carries no {media_type}: convert it to one of {taken}")
    return found


def _name_document(part: Media, names: set[str]) -> str:
    """Return a name of the letters that the wire takes, which no document before has."""
    given = part.name if isinstance(part, File) else None
    stem = re.sub(r"\.\w{1,5}$", "", given or "")
    name = " ".join(re.sub(r"[^A-Za-z0-9\s()\[\]-]", " ", stem).split())[:190].strip() or f"Document {len(names) + 1}"
    unique, number = name, 1
    while unique in names:
        number += 1
        unique = f"{name} {number}"
    names.add(unique)
    return unique


def read_media(kind: str, block: dict[str, Any], options: dict[str, dict[str, Any]]) -> _Media | None:
    """Return the media of a block of `kind`; `None` where it holds neither bytes nor a place in S3."""
    source = block.get("source")
    if not is_object(source):
        return None
    held = _read_source(source)
    if held is None:
        return None
    written = (as_text(block.get("format")) or "").lower()
    media_type = _TYPES[kind].get(_ENDINGS.get(written, written))
    if "data" in held and kind == "image":
        media_type = sniff_media_type(held["data"]) or media_type
    named = {"name": as_text(block.get("name"))} if kind == "document" else {}
    return KINDS[kind](**held, media_type=media_type, provider_options=options, **named)


def _read_source(source: dict[str, Any]) -> dict[str, Any] | None:
    place = source.get("s3Location")
    if is_object(place):
        uri = as_text(place.get("uri"))
        return {"url": uri} if uri else None
    written = as_text(source.get("bytes"))
    if not written:
        text = as_text(source.get("text"))
        return {"data": text.encode("utf-8", "replace")} if text else None
    try:
        data = b64decode(tidy_base64(written, "bytes"))
    except InvalidInputError:
        return None
    return {"data": data} if data else None
