"""Reading the source of a catalog: a file or a URL, gzipped or not."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable

_GZIP_MAGIC = b"\x1f\x8b"
_FETCH_TIMEOUT_S = 60
_LARGEST_SOURCE_BYTES = 256 * 1024 * 1024


def read_source(source: str | Path, fetch: Callable[[str], bytes] | None = None) -> bytes:
    """Return the bytes of a file or URL, decompressed where they are gzipped.

    `fetch` stands in for the download of a URL. A URL is ``https://``, or ``http://`` of this machine: who sits
    between could send keys elsewhere. Raises `CatalogError` for another one, and where the source cannot be read.
    """
    try:
        if isinstance(source, str) and source.lower().startswith(("http://", "https://")):
            _check_is_safe(source)
            data = (fetch or _download)(source)
        else:
            data = Path(source).expanduser().read_bytes()
        return _decompressed(data)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise CatalogError(f"{source} cannot be read ({error}): name another file or URL") from error


def _check_is_safe(url: str) -> None:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return
    raise CatalogError(
        f"{url} cannot be trusted: a catalog says where keys are sent, and others can change what comes this way;"
        " give an https:// URL, or download it and give the file"
    )


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _download(url: str) -> bytes:
    from urllib.request import BaseHandler, Request, build_opener

    class SafeURLs(BaseHandler):  # asked before every request, so that a redirection does not lead astray
        def default_open(self, request: Request) -> None:
            _check_is_safe(request.full_url)

    request = Request(url, headers={"User-Agent": "turnout", "Accept-Encoding": "gzip"})  # noqa: S310 - checked above
    with build_opener(SafeURLs).open(request, timeout=_FETCH_TIMEOUT_S) as answer:
        return answer.read(_LARGEST_SOURCE_BYTES)


def _decompressed(data: bytes) -> bytes:
    if not data.startswith(_GZIP_MAGIC):
        return data
    import gzip

    return gzip.decompress(data)
