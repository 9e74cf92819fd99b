"""The judge: the same request by the standard library's client, on a connection of its own."""

from __future__ import annotations

import gzip
import http.client
import ssl
import zlib
from typing import NamedTuple
from urllib.parse import urlsplit

from turnout.transport.http import HTTPTransport
from turnout.transport.seam import HTTPRequest

WAIT_S = 120.0
_VARYING = {"date", "connection", "keep-alive", "age"}


class Answer(NamedTuple):
    """One answer: its body decompressed."""

    status: int
    headers: dict[str, str]
    body: bytes


def read_plainly(url: str, body: bytes, headers: dict[str, str], context: ssl.SSLContext, method: str) -> Answer:
    """Ask by `http.client`."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=WAIT_S, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=WAIT_S)
    try:
        connection.request(method, parts.path, body, {"accept-encoding": "gzip", **headers})
        response = connection.getresponse()
        data = response.read()
        named: dict[str, list[str]] = {}
        for name, value in response.getheaders():
            named.setdefault(name.lower(), []).append(value)
    finally:
        connection.close()
    joined = {name: ", ".join(values) for name, values in named.items()}
    coding = joined.get("content-encoding")
    if coding == "gzip" and data:
        data = gzip.decompress(data)
    elif coding == "deflate":
        data = zlib.decompress(data)
    return Answer(response.status, settled(joined), data)


async def read_ours(
    transport: HTTPTransport, url: str, body: bytes, headers: dict[str, str], method: str, *, in_pieces: bool
) -> Answer:
    """Ask by `HTTPTransport`, the body whole or piece by piece."""
    request = HTTPRequest(method=method, url=url, headers=headers, body=body)
    response = await transport.send(request)
    if not in_pieces:
        return Answer(response.status, settled(response.headers), await response.read(WAIT_S))
    pieces: list[bytes] = []
    while piece := await response.receive(WAIT_S):
        pieces.append(piece)
    return Answer(response.status, settled(response.headers), b"".join(pieces))


def settled(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that do not differ from one answer to the next."""
    return {name: value for name, value in headers.items() if name not in _VARYING}
