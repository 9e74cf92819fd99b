"""Where a request goes: one URL, split once."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from turnout.errors import InvalidInputError, redact_url

PORTS = {"http": 80, "https": 443}
"""The port of a URL that names none, by scheme."""

_PATH_SAFE = "/?:@!$&'()*+,;=%~-._[]|{}^"  # what servers take as it is; an escape that is there already is kept


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
    target = _split(url)
    if target is None:
        cure = "pass an absolute URL such as https://api.example.com/v1"
        raise InvalidInputError(f"{_shorten(url)!r} is not an http or https URL: {cure}")
    return target


def _split(url: str) -> Target | None:
    try:
        parts = urlsplit(url)
        default_port = PORTS[parts.scheme]
        port = parts.port or default_port
        host = encode_host(parts.hostname or "")
    except (ValueError, KeyError):  # not chained to the error above: its text may hold a password
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
        authorization=basic_credentials(parts.username, parts.password),
    )


def encode_host(host: str) -> str:
    """Return `host` in ASCII: letters beyond it become IDNA. Raises `ValueError` where that is not possible."""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def basic_credentials(user: str | None, password: str | None) -> str | None:
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
