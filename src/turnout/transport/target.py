"""Where a request goes: one URL, split once."""

from __future__ import annotations

import socket
from base64 import b64encode
from contextlib import suppress
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from turnout.errors import InvalidInputError, redact_url

PORTS = {"http": 80, "https": 443}
"""The port of a URL that names none, by scheme."""

_PATH_SAFE = "/?:@!$&'()*+,;=%~-._[]|{}^"  # what servers take as it is; an escape that is there already is kept
_MAPPED = bytes(10) + b"\xff\xff"  # an IPv4 address inside IPv6 (RFC 4291, section 2.5.5.2)
_LOOPBACK_6 = bytes(15) + b"\x01"


class Target(Struct, frozen=True):
    """What one URL says. `host` is ASCII and without brackets, `path` holds the query, `authorization` is the userinfo.

    `authority` is ``host:port`` and `origin` ``scheme://host:port``: what errors name and connections are kept by.
    """

    is_tls: bool
    host: str
    port: int
    path: str
    authority: str
    origin: str
    host_header: str
    authorization: str | None


@lru_cache(maxsize=256)
def split_url(url: str) -> Target:
    """Split an absolute http(s) URL. Raises `InvalidInputError` for anything else, showing no user name or query."""
    if any(letter < " " or letter == "\x7f" for letter in url):
        raise InvalidInputError("the URL holds a control character (a line break?): remove it")
    target = read_url(url)
    if target is None:
        cure = "pass an absolute URL such as https://api.example.com/v1"
        raise InvalidInputError(f"{_shorten(url)!r} is not an http or https URL: {cure}")
    return target


def read_url(url: str) -> Target | None:
    """Split a URL that may be none; `None` for what is not absolute, not http(s), or names no host."""
    try:
        parts = urlsplit(url)
        default_port = PORTS[parts.scheme]
        port = parts.port or default_port
        host = _encode_host(parts.hostname or "")
    except (ValueError, KeyError):  # the caller raises, unchained: the text of this error may hold a password
        return None
    if not host:
        return None
    bracketed = f"[{host}]" if ":" in host else host
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    return Target(
        is_tls=parts.scheme == "https",
        host=host,
        port=port,
        authority=f"{bracketed}:{port}",
        origin=f"{parts.scheme}://{bracketed}:{port}",
        path=f"{path}?{quote(parts.query, safe=_PATH_SAFE)}" if parts.query else path,
        host_header=bracketed if port == default_port else f"{bracketed}:{port}",
        authorization=_basic_credentials(parts.username, parts.password),
    )


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: localhost and its subdomains (RFC 6761), 127.0.0.0/8 in any spelling, or ::1."""
    name = host.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    with suppress(OSError):
        return socket.inet_aton(host)[0] == 127  # also reads what the look-up reads: 127.1, 0x7f000001
    with suppress(OSError):
        address = socket.inet_pton(socket.AF_INET6, host)
        return address == _LOOPBACK_6 or (address.startswith(_MAPPED) and address[12] == 127)
    return False


def _encode_host(host: str) -> str:
    """Return `host` in ASCII: letters beyond it become IDNA. Raises `ValueError` where that is not possible."""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _basic_credentials(user: str | None, password: str | None) -> str | None:
    """Return the value of an Authorization header (RFC 7617) for the percent-encoded userinfo of a URL."""
    if user is None and password is None:
        return None
    pair = f"{unquote(user or '')}:{unquote(password or '')}"
    return "Basic " + b64encode(pair.encode()).decode("ascii")


def _shorten(url: str) -> str:
    try:
        return redact_url(url)[:200]
    except ValueError:
        return url.partition("?")[0].rpartition("@")[2][:200]
