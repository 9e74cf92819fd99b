"""Forms with files (``multipart/form-data``) as pure functions over bytes.

Source: RFC 7578; names and file names are escaped as https://html.spec.whatwg.org/#multipart-form-data has it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from turnout.protocols.json_reading import is_array
from turnout.protocols.json_values import check_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class FormFile(Struct, frozen=True):
    """A file of a form: its name, its bytes and their MIME type."""

    name: str
    data: bytes
    media_type: str


def encode_form(fields: Mapping[str, Any], files: Sequence[tuple[str, FormFile]]) -> tuple[bytes, str]:
    """Return the body of a form and its content type.

    A list is one field ``name[]`` for each item, as OpenAI reads it; an object is written as JSON, `None` is left out.
    The same form gives the same bytes. Raises `InvalidInputError` for text that UTF-8 cannot hold.
    """
    parts = [
        (f'name="{_escape(name)}"\r\n', text.encode())
        for name, value in fields.items()
        for name, text in _list(name, value)
    ]
    parts += [
        (
            f'name="{_escape(name)}"; filename="{_escape(file.name)}"\r\nContent-Type: {_clean(file.media_type)}\r\n',
            file.data,
        )
        for name, file in files
    ]
    boundary = _choose_boundary([data for _, data in parts])
    pieces: list[bytes] = []
    for head, data in parts:
        pieces += [f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n".encode(), data, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/form-data; boundary={boundary}"


def _list(name: str, value: object) -> list[tuple[str, str]]:
    """Return the fields that `value` is written as."""
    if value is None:
        return []
    if is_array(value):
        return [(f"{name}[]", _write(item, name)) for item in value]
    return [(name, _write(value, name))]


def _write(value: object, name: str) -> str:
    check_value(value, f"request.{name}")
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _escape(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _clean(media_type: str) -> str:
    """Return a MIME type that cannot end its line."""
    return "".join([letter for letter in media_type if letter.isascii() and letter.isprintable()])


def _choose_boundary(contents: Sequence[bytes]) -> str:
    """Return a line that is in none of `contents`, and the same for the same ones."""
    digest = blake2b(digest_size=16)
    for data in contents:
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    boundary = f"turnout-{digest.hexdigest()}"
    while any(boundary.encode() in data for data in contents):
        digest.update(b"again")
        boundary = f"turnout-{digest.hexdigest()}"
    return boundary
