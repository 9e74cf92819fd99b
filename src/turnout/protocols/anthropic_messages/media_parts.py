"""Images and files as blocks of a message."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from turnout.errors import InvalidInputError
from turnout.messages import File, Image, Media
from turnout.protocols.media_bytes import encode_media

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml", "application/javascript"})


def write_media(part: Media, where: str) -> dict[str, Any]:
    """Return `part` as the wire has it; where it cannot, raise an `InvalidInputError` that begins with `where`."""
    if part.path is not None:
        raise InvalidInputError(f"{where}: the file {part.path!r} was not read: call an Agent, or pass its bytes")
    if not isinstance(part, (Image, File)):
        kind = type(part).__name__
        raise InvalidInputError(f"{where}: anthropic_messages carries no {kind}: take a model of another provider")
    if isinstance(part, Image):
        return {"type": "image", "source": _write_source(part, where)}
    named = {"title": part.name} if part.name else {}
    source = _write_source(part, where)
    if source.get("media_type") in _IMAGES:
        return {"type": "image", "source": source}
    return {"type": "document", "source": source, **named}


def _write_source(part: Media, where: str) -> dict[str, Any]:
    if part.is_remote:
        return {"type": "url", "url": part.url}
    found, encoded, _ = encode_media(part, where)
    if found in _IMAGES or (found == _PDF and isinstance(part, File)):
        return {"type": "base64", "media_type": found, "data": encoded}
    if found.startswith("text/") or found in _TEXTS:
        return {"type": "text", "media_type": "text/plain", "data": _read_text(encoded, where)}
    takes = "JPEG, PNG, GIF and WebP" if isinstance(part, Image) else "PDF, text and pictures"
    raise InvalidInputError(f"{where}: anthropic_messages carries no {found}: it takes {takes}; convert it")


def _read_text(encoded: str, where: str) -> str:
    try:
        return b64decode(encoded).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInputError(f"{where}: the text is not UTF-8: convert it") from None
