"""Images, sound, films and files as parts, in both directions."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from turnout.errors import InvalidInputError
from turnout.messages import Audio, File, Image, Media, Video
from turnout.protocols.json_reading import as_text
from turnout.protocols.media_bytes import encode_media, tidy_base64

_ENDINGS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "gif": "image/gif",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "html": "text/html",
    "csv": "text/csv",
    "md": "text/markdown",
}
"""Types by the ending of a URL: those that https://ai.google.dev/gemini-api/docs/file-input-methods lists."""

_FAMILIES: dict[str, type[Image | Audio | Video]] = {"image": Image, "audio": Audio, "video": Video}


def write_media(part: Media, where: str, *, is_vertex: bool) -> dict[str, Any]:
    """Return `part` as the wire has it; where it cannot, raise an `InvalidInputError` that begins with `where`."""
    if part.path is not None:
        raise InvalidInputError(f"{where}: the file {part.path!r} was not read: call an Agent, or pass its bytes")
    named = {"displayName": part.name} if is_vertex and isinstance(part, File) and part.name else {}
    if part.is_remote and part.url is not None:
        return {"fileData": {"fileUri": part.url, **_write_type(part, where, is_vertex=is_vertex), **named}}
    found, encoded, _ = encode_media(part, where)
    return {"inlineData": {"mimeType": found, "data": encoded, **named}}


def _write_type(part: Media, where: str, *, is_vertex: bool) -> dict[str, str]:
    """Return the type of what a URL points to: Vertex AI must be told, the Gemini API looks for itself."""
    path = (part.url or "").partition("#")[0].partition("?")[0]  # no parser: any text may stand for a URL
    ending = path.rpartition(".")[2].lower()
    found = part.media_type or _ENDINGS.get(ending) or ("video/mp4" if isinstance(part, Video) else None)
    if found is None and is_vertex:
        name = type(part).__name__
        raise InvalidInputError(f"{where}: the URL does not show its type: pass `{name}(url=…, media_type=…)`")
    return {} if found is None else {"mimeType": found}


def read_blob(blob: dict[str, Any], options: dict[str, dict[str, Any]]) -> Image | Audio | Video | File | None:
    """Return the media in an `inlineData`; `None` where there is none that can be read."""
    written, media_type = as_text(blob.get("data")), as_text(blob.get("mimeType"))
    try:
        data = b64decode(tidy_base64(written or "", "data"))
    except InvalidInputError:
        return None
    return _make(media_type, options, name=as_text(blob.get("displayName")), data=data) if data else None


def read_file(holder: dict[str, Any], options: dict[str, dict[str, Any]]) -> Image | Audio | Video | File | None:
    """Return the media that a `fileData` points to; `None` where it names no URI."""
    url = as_text(holder.get("fileUri"))
    if not url:
        return None
    return _make(as_text(holder.get("mimeType")), options, name=as_text(holder.get("displayName")), url=url)


def _make(
    media_type: str | None, options: dict[str, dict[str, Any]], *, name: str | None, **source: Any
) -> Image | Audio | Video | File:
    family = _FAMILIES.get((media_type or "").partition("/")[0])
    if family is None:
        return File(**source, media_type=media_type, name=name, provider_options=options)
    return family(**source, media_type=media_type, provider_options=options)
