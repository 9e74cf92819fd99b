"""A second, independent reader of forms, for what arrives at the scripted provider."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from email.policy import HTTP


def read_form(body: bytes, content_type: str) -> list[tuple[str, str | None, str | None, bytes]]:
    """Return name, file name, content type and bytes of each field."""
    parsed = message_from_bytes(b"content-type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    assert parsed.is_multipart()
    fields: list[tuple[str, str | None, str | None, bytes]] = []
    for part in parsed.iter_parts():  # type: ignore[attr-defined]
        assert isinstance(part, Message)
        name = part.get_param("name", header="content-disposition")
        given = part.get_content_type() if part["content-type"] else None
        data = part.get_payload(decode=True)
        assert isinstance(name, str)
        assert isinstance(data, bytes)
        fields.append((name, part.get_filename(), given, data))
    return fields
