"""The lines of a recording: a request and its answer as JSON, without secrets."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from turnout.errors import redact_bytes, redact_url
from turnout.routing.route import is_secret_header
from turnout.testing.redaction import redact_events, redact_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.transport.seam import HTTPRequest

_KEYS = re.compile(
    rb"\b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|github_pat|glpat|AKIA|AIza|nvapi|pplx|csk|r8|fw|tgp)[-_]?[A-Za-z0-9_-]{16,}"
    rb"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    rb"|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{12,}"
)
"""What looks like somebody's key, whoever sent it: the usual prefixes, JSON web tokens, bearer tokens."""

_HIDDEN = b"[redacted]"
_LEFT_OUT = frozenset(("connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"))
"""Headers of an answer that are about its bytes on the wire; the recording has them decoded."""

_HARMLESS = re.compile(r"ratelimit|tokens", re.IGNORECASE)
_PERSONAL = re.compile(r"organi[sz]ation|project|account", re.IGNORECASE)


class TapedRequest(Struct, frozen=True, kw_only=True):
    """A request: where it went, and its body as JSON, or as text, or as base64."""

    method: str
    url: str
    json: Any = None
    text: str | None = None
    base64: str | None = None

    def key(self) -> str:
        """Return what equal requests have in common, however their JSON is spelled."""
        body = msgspec.json.encode([self.json, self.text, self.base64], order="deterministic").decode()
        return f"{self.method} {self.url} {body}"

    def is_moved(self, other: TapedRequest) -> bool:
        """Whether `other` may be this request after an exchange of tokens said where it goes: same domain and end."""
        one, two = urlsplit(self.url), urlsplit(other.url)
        return (
            (self.method, self.json, self.text, self.base64) == (other.method, other.json, other.text, other.base64)
            and one.netloc.split(".")[-2:] == two.netloc.split(".")[-2:]
            and one.path.rpartition("/")[2] == two.path.rpartition("/")[2]
        )

    def lines(self) -> list[str]:
        """Return the request as lines, for a comparison."""
        body = msgspec.json.encode(self.json, order="sorted")
        shown = (
            msgspec.json.format(body, indent=1).decode() if self.json is not None else self.text or self.base64 or ""
        )
        return [f"{self.method} {self.url}", *shown.splitlines()]


class TapedAnswer(Struct, frozen=True, kw_only=True):
    """An answer: its head, and its body in the pieces in which it came, as texts or, where one is none, as base64."""

    status: int
    headers: dict[str, str]
    texts: list[str] | None = None
    base64: list[str] | None = None
    is_whole: bool = True

    def pieces(self) -> list[bytes]:
        """Return the pieces as bytes."""
        if self.base64 is not None:
            return [base64.b64decode(piece) for piece in self.base64]
        return [piece.encode() for piece in self.texts or []]


class Taped(Struct, frozen=True, kw_only=True):
    """One line of a recording."""

    request: TapedRequest
    answer: TapedAnswer


def taped_request(request: HTTPRequest, secrets: Sequence[str]) -> TapedRequest:
    """Return `request` as it is recorded and compared: without headers, and without any of `secrets`."""
    body = redact(request.body, secrets)
    url = redact(redact_url(request.url).encode(), secrets).decode()
    try:
        return TapedRequest(method=request.method, url=url, json=redact_names(msgspec.json.decode(body)))
    except (ValueError, RecursionError):
        pass
    try:
        return TapedRequest(method=request.method, url=url, text=body.decode())
    except UnicodeDecodeError:
        return TapedRequest(method=request.method, url=url, base64=base64.b64encode(body).decode())


def write_answer(
    status: int, headers: Mapping[str, str], pieces: Sequence[bytes], secrets: Sequence[str], *, is_whole: bool
) -> TapedAnswer:
    """Return an answer as it is recorded; where a secret lies across two pieces or events, they become one."""
    body = b"".join(pieces)
    clean = [redact(piece, secrets) for piece in pieces]
    whole = redact(redact_events(body, lambda text: redact(text, secrets)), secrets)
    if b"".join(clean) != whole:
        clean = [whole]
    kept = {name: redact(value.encode(), secrets).decode() for name, value in headers.items() if _may_keep(name)}
    try:
        texts = [piece.decode() for piece in clean]
    except UnicodeDecodeError:
        coded = [base64.b64encode(piece).decode() for piece in clean]
        return TapedAnswer(status=status, headers=kept, base64=coded, is_whole=is_whole)
    return TapedAnswer(status=status, headers=kept, texts=texts, is_whole=is_whole)


def redact(data: bytes, secrets: Sequence[str]) -> bytes:
    """Return `data` without any of `secrets`, and without what looks like a key."""
    return _KEYS.sub(_HIDDEN, redact_bytes(data, secrets))


def read_tape(data: bytes) -> list[Taped]:
    """Read the lines of a recording. A last line without an end was cut when its writer died, and is left out.

    Raises `ValueError`, which names the line, for any other that cannot be read.
    """
    *lines, cut = data.split(b"\n")
    taped: list[Taped] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                taped.append(msgspec.json.decode(line, type=Taped))
            except msgspec.DecodeError as error:
                raise ValueError(f"line {number}: {error}") from None
    if cut.strip():
        with suppress(msgspec.DecodeError):
            taped.append(msgspec.json.decode(cut, type=Taped))
    return taped


def _may_keep(name: str) -> bool:
    is_secret = is_secret_header(name) and not _HARMLESS.search(name)
    return not is_secret and name.lower() not in _LEFT_OUT and not _PERSONAL.search(name)
