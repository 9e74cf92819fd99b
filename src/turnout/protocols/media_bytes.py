"""The bytes of media parts with their type, as base64 or as they are, for every wire format.

Base64 that is well-formed is passed on as it came: of 20 MB of it a few letters are decoded, to see what they are.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as BinasciiError
from urllib.parse import unquote, unquote_to_bytes

from turnout.errors import InvalidInputError
from turnout.media import CONTAINERS, SNIFFED_BYTES, sniff_media_type
from turnout.messages import Audio, Image, Media, Video

_FAMILIES: dict[type[Media], str] = {Image: "image", Audio: "audio", Video: "video"}
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_SNIFFED_LETTERS = (SNIFFED_BYTES + 2) // 3 * 4
_UNKNOWN_TYPES = frozenset({"application/octet-stream", "binary/octet-stream"})


def encode_media(part: Media, where: str) -> tuple[str, str, bool]:
    """Return the media type, the base64, and whether the part's own data URL says the same."""
    if part.data is not None:
        return _settle_type(part, part.media_type, part.data, where), b64encode(part.data).decode(), False
    head, _, written = (part.url or "")[5:].partition(",")
    declared, *options = (option.strip() for option in head.split(";"))
    if "base64" not in (option.lower() for option in options):
        data = unquote_to_bytes(written)
        found = _settle_type(part, part.media_type or declared or None, data, where)
        return found, b64encode(data).decode(), found == declared
    encoded = tidy_base64(written, where)
    start = b64decode(encoded[:_SNIFFED_LETTERS])
    known = part.media_type or declared or None
    needs_all = known in _UNKNOWN_TYPES | {None} and sniff_media_type(start) is None
    found = _settle_type(part, known, b64decode(encoded) if needs_all else start, where)
    return found, encoded, encoded is written and found == declared


def read_media(part: Media, where: str) -> tuple[str, bytes]:
    """Return the media type and the bytes, for a form. Raises `InvalidInputError` that begins with `where`."""
    if part.is_remote:
        raise InvalidInputError(f"{where}: is a URL, which a form cannot hold: pass its bytes as data=")
    if part.data is not None:
        return _settle_type(part, part.media_type, part.data, where), part.data
    media_type, encoded, _ = encode_media(part, where)
    return media_type, b64decode(encoded)


def tidy_base64(written: str, where: str) -> str:
    """Return `written` itself where it is well-formed base64, else what it stands for in base64.

    Line breaks, percent escapes, the URL-safe letters and missing padding are mended. Raises `InvalidInputError`,
    which begins with `where`.
    """
    if len(written) % 4 == 0 and _BASE64.fullmatch(written):
        return written
    mended = re.sub(r"\s+", "", unquote(written)).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return b64encode(b64decode(mended + "=" * (-len(mended) % 4), validate=True)).decode()
    except (BinasciiError, ValueError):
        raise InvalidInputError(f"{where}: the data is no base64: encode it with `base64.b64encode`") from None


def _settle_type(part: Media, declared: str | None, data: bytes, where: str) -> str:
    """Return the type to label the bytes with: what they show wins over what was declared."""
    name = type(part).__name__
    if not data:
        raise InvalidInputError(f"{where}: the {name} is empty: check where its bytes come from")
    found = sniff_media_type(data)
    family = _FAMILIES.get(type(part))
    if declared is not None:
        declared = declared.partition(";")[0].strip().lower()
        declared = None if declared in _UNKNOWN_TYPES else declared
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
