"""The kind of media, read from leading bytes."""

from __future__ import annotations

import pytest

from turnout.media import sniff_media_type


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"BM\x8a\0\0\0\0\0\0\0", "image/bmp"),
        (b"II*\x00", "image/tiff"),
        (b"MM\x00*", "image/tiff"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"RIFF....WAVEfmt ", "audio/wav"),
        (b"RIFF....AVI LIST", "video/x-msvideo"),
        (b"RIFF....????", None),
        (b"....ftypavif", "image/avif"),
        (b"....ftypheic", "image/heic"),
        (b"....ftypM4A ", "audio/mp4"),
        (b"....ftypqt  ", "video/quicktime"),
        (b"....ftypisom", "video/mp4"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"\xff\xf3", "audio/mpeg"),
        (b"\xff\xf1P", "audio/aac"),
        (b"\xff\xe1", None),
        (b"\xff\xfd", None),
        (b"\xff\x00", None),
        (b"fLaC", "audio/flac"),
        (b"OggS", "audio/ogg"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"%PDF-1.7", "application/pdf"),
        (b"hello", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_the_leading_bytes_tell_the_type(data, media_type):
    assert sniff_media_type(data) == media_type
