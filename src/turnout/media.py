"""What kind of media some bytes are, read from their beginning."""

from __future__ import annotations

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"%PDF-", "application/pdf"),
)
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
    return _sniff_frame(data)


def _sniff_frame(data: bytes) -> str | None:
    """Tell MP3 and AAC (ADTS) by the sync word of their first frame: eleven or twelve bits set, then the layer."""
    if len(data) < 2 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    layer = data[1] & 0x06
    if layer == 0:
        return "audio/aac" if data[1] & 0xF0 == 0xF0 else None
    return "audio/mpeg" if layer == 0x02 else None
