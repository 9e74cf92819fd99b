"""What kind of media some bytes are, read from their beginning; and what may be read and fetched for a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from msgspec import Struct

from turnout.errors import InvalidInputError

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"%PDF-", "application/pdf"),
    (b"#!AMR", "audio/amr"),
)
SNIFFED_BYTES = 32
"""So many leading bytes are enough for `sniff_media_type`."""

_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"heic": "image/heic",
    b"mif1": "image/heif",
    b"avif": "image/avif",
}
CONTAINERS = frozenset({"audio/ogg", "video/webm", "video/mp4"})
"""Types whose beginning is the same for sound and for moving pictures."""


def sniff_media_type(data: bytes) -> str | None:
    """Return the MIME type that the leading bytes of `data` show, or `None` where they show none that is known.

    Knows png jpeg gif bmp tiff webp heic avif, wav mp3 flac ogg m4a aac, mp4 webm mov avi, and pdf. Of an Ogg, WebM or
    MP4 file the beginning does not tell whether it holds sound or pictures (`CONTAINERS`). Signatures:
    https://mimesniff.spec.whatwg.org/#matching-a-mime-type-pattern and ISO/IEC 14496-12 (`ftyp`).
    """
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video/mp4")
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return media_type
    if data[:2] == b"BM" and data[6:10] == bytes(4):  # two letters alone may begin a text
        return "image/bmp"
    if data[:3] == b"ID3" and data[3:4] < b" ":  # the version of the tag
        return "audio/mpeg"
    return _sniff_frame(data)


def _sniff_frame(data: bytes) -> str | None:
    """Tell MP3 and AAC (ADTS) by the sync word of their first frame: eleven or twelve bits set, then the layer."""
    if len(data) < 2 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    layer = data[1] & 0x06
    if layer == 0:
        return "audio/aac" if data[1] & 0xF0 == 0xF0 else None
    return "audio/mpeg" if layer == 0x02 else None


class MediaLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """What a call may read and fetch for its images, sound, films and files: ``Agent(…, media={"timeout_s": 5})``.

    `max_bytes` bounds one file or one fetched URL, `max_total_bytes` all that one run fetches, `timeout_s` one fetch
    with its redirects (seconds). `allow_private_urls` lets URLs of this machine and of private networks be fetched;
    leave it off where URLs come from outside. `allow_paths` lets parts name files of this machine.
    """

    max_bytes: int = 20 * 1024 * 1024
    max_total_bytes: int = 100 * 1024 * 1024
    timeout_s: float = 30.0
    allow_private_urls: bool = False
    allow_paths: bool = True


_DEFAULT = MediaLimits()


def read_media_limits(value: object) -> MediaLimits:
    """Read limits given as a `MediaLimits`, a mapping of its fields, or `None`. Raises `InvalidInputError`."""
    if value is None:
        return _DEFAULT
    if not isinstance(value, MediaLimits):
        if not isinstance(value, Mapping):
            raise InvalidInputError(
                f"media= is a {type(value).__name__}: give a MediaLimits or a mapping of its fields"
            )
        try:
            value = msgspec.convert(dict(cast("Mapping[str, Any]", value)), MediaLimits)
        except msgspec.ValidationError as error:
            known = ", ".join(MediaLimits.__struct_fields__)
            raise InvalidInputError(f"media: {error}: the fields are {known}") from None
    for name in ("max_bytes", "max_total_bytes", "timeout_s"):
        if not getattr(value, name) > 0:
            raise InvalidInputError(f"media: `{name}` is {getattr(value, name)!r}: give a number above 0")
    return value
