"""The head of a request as bytes, and the head of an answer as `Headers`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from turnout.errors import InvalidInputError
from turnout.transport.seam import Headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.transport.target import Target

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_OURS = frozenset({"host", "accept-encoding", "authorization", "content-length", "transfer-encoding"})
_new, _fill = dict[str, str].__new__, dict[str, str].update  # past the lower-casing of `Headers`: they are lower
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def render_head(
    method: str, target: Target, headers: Mapping[str, str], body_bytes: int, proxy_headers: Mapping[str, str] | None
) -> bytes:
    """Return the request line and the headers; Host, Content-Length and Accept-Encoding are added.

    `proxy_headers` is given for a request that a proxy forwards, which asks for the absolute URL in the request line.
    Raises `InvalidInputError`, which never shows a value, for a header that would break out of its line.
    """
    try:
        return _render(method, target, headers, body_bytes, proxy_headers)
    except InvalidInputError as error:
        refusal = error.with_traceback(None)
    del headers, proxy_headers  # a reporter of errors may show the variables of this frame, as of the one left out
    raise refusal


def _render(
    method: str, target: Target, headers: Mapping[str, str], body_bytes: int, proxy_headers: Mapping[str, str] | None
) -> bytes:
    _check_name(method)
    path = target.path if proxy_headers is None else f"http://{target.host_header}{target.path}"
    lines = [f"{method} {path} HTTP/1.1"]
    given: set[str] = set()
    for name, value in headers.items():
        lower = _check_name(name)
        if lower in _OURS:
            given.add(lower)
            if lower == "content-length":
                continue
        lines.append(f"{name}: {value}")
    if "transfer-encoding" in given:
        raise InvalidInputError("the header 'transfer-encoding' cannot be set: the body is sent whole; leave it out")
    if "host" not in given:
        lines.insert(1, f"Host: {target.host_header}")
    if "accept-encoding" not in given:
        lines.append("Accept-Encoding: gzip")
    if target.authorization is not None and "authorization" not in given:
        lines.append(f"Authorization: {target.authorization}")
    if proxy_headers:
        lines.extend(f"{name}: {value}" for name, value in proxy_headers.items())
    if body_bytes or method in _METHODS_WITH_BODY:
        lines.append(f"Content-Length: {body_bytes}")  # last, so that a caller may put another number there
    text = "\r\n".join(lines) + "\r\n\r\n"
    ends = len(lines) + 1
    if text.count("\r") != ends or text.count("\n") != ends or "\0" in text:
        raise _name_break(headers)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # which holds the whole text, secrets too: it must not be chained
        pass
    raise _name_unencodable(headers)


@lru_cache(maxsize=512)
def _check_name(name: str) -> str:
    """Return `name` in lower case when it is an HTTP token; cached, for the same few come again and again."""
    if not _TOKEN.fullmatch(name):
        raise InvalidInputError(f"{name!r} is no name for a header or method: use letters, digits and hyphens")
    return name.lower()


def _name_break(headers: Mapping[str, str]) -> InvalidInputError:
    name = next((name for name, value in headers.items() if any(letter in value for letter in "\r\n\0")), "")
    cure = "remove it (an API key read from a file often ends with one)"
    return InvalidInputError(f"the value of the header {name!r} holds a line break or NUL: {cure}")


def _name_unencodable(headers: Mapping[str, str]) -> InvalidInputError:
    name = next((name for name, value in headers.items() if any(letter > "\xff" for letter in value)), "")
    cure = "remove it (typographic quotes or an ellipsis copied along with a key?)"
    return InvalidInputError(f"the value of the header {name!r} holds a character that HTTP cannot carry: {cure}")


def build_headers(names: list[bytes], values: list[bytes]) -> Headers:
    """Return the headers of an answer, names in lower case, the values of a repeated one joined with ``", "``.

    Raises `ValueError` for a NUL, which the parser refuses before.
    """
    headers = _new(Headers)
    if not names:
        return headers
    joined = b"\0".join(names)
    keys = _decode_names(joined) if len(joined) < 2048 else _decode_names.__wrapped__(joined)  # bounds the cache
    texts = b"\0".join(values).decode("latin-1").split("\0")  # decoded together, which is cheaper than one by one
    _fill(headers, zip(keys, texts, strict=True))
    if len(headers) < len(keys):
        several: dict[str, list[str]] = {}
        for key, text in zip(keys, texts, strict=True):
            several.setdefault(key, []).append(text)
        _fill(headers, {key: ", ".join(group) for key, group in several.items()})
    return headers


@lru_cache(maxsize=256)
def _decode_names(joined: bytes) -> tuple[str, ...]:
    """Split and lower the names of one answer; cached, for a server's answers mostly have the same."""
    return tuple(joined.decode("latin-1").lower().split("\0"))
