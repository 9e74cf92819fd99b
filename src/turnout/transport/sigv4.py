"""AWS Signature Version 4: the headers that sign a request.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; held against AWS's
own test suite and against botocore.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from turnout.transport.target import split_url

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"
_UNSIGNED = frozenset(
    {
        "accept-encoding", "authorization", "baggage", "connection", "expect", "keep-alive", "proxy-authenticate",
        "proxy-authorization", "te", "traceparent", "tracestate", "trailer", "transfer-encoding", "upgrade",
        "user-agent", "x-amzn-trace-id",
    }
)  # fmt: skip
"""Headers that something on the way may change, and the one that the signature goes into."""


class AWSCredentials(Struct, frozen=True):
    """The keys of an AWS account; `session_token` is there for temporary ones. `repr` shows none of them."""

    access_key: str
    secret_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return "AWSCredentials([hidden])"


class Signature(Struct, frozen=True):
    """A signature, and the steps to it, which show where a refused one went wrong."""

    canonical_request: str
    string_to_sign: str
    authorization: str
    headers: dict[str, str]
    """What is added to the request: ``x-amz-date``, ``x-amz-security-token`` where there is one, ``authorization``."""

    def __repr__(self) -> str:
        return "Signature([hidden])"


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: AWSCredentials,
    *,
    region: str,
    service: str,
    now: datetime | None = None,
) -> Signature:
    """Sign a request as it will be sent: ``{**headers, **sign("POST", url, headers, body, …).headers}``.

    `url` has its path and query encoded already. Of `headers` all are signed but those that may change on the way; the
    host is signed also where it is not among them. `now` is the time of the request, which AWS takes for some minutes.
    Raises `InvalidInputError` for a URL that is none.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": moment}
    if credentials.session_token:
        added["x-amz-security-token"] = credentials.session_token
    signed = _canonical_headers(url, headers, added)
    names = ";".join(signed)
    canonical = _canonical_request(method, url, signed, names, body)
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for step in (*scope.split("/"), to_sign):
        key = hmac.digest(key, step.encode(), "sha256")
    holder = f"Credential={credentials.access_key}/{scope}"
    authorization = f"{_ALGORITHM} {holder}, SignedHeaders={names}, Signature={key.hex()}"
    return Signature(canonical, to_sign, authorization, {**added, "authorization": authorization})


def _canonical_request(method: str, url: str, signed: dict[str, str], names: str, body: bytes) -> str:
    parts = urlsplit(url)
    lines = [method, _canonical_path(parts.path), _canonical_query(parts.query)]
    lines += [f"{name}:{value}" for name, value in signed.items()]
    return "\n".join([*lines, "", names, hashlib.sha256(body).hexdigest()])


def _canonical_headers(url: str, headers: Mapping[str, str], added: dict[str, str]) -> dict[str, str]:
    """Return the headers to sign, sorted by name: values trimmed, blanks in them folded."""
    found = {"host": split_url(url).host_header, **{name.lower(): value for name, value in headers.items()}, **added}
    return {name: " ".join(found[name].split()) for name in sorted(found) if name not in _UNSIGNED}


def _canonical_path(path: str) -> str:
    """Return the path without dot segments and empty ones, and encoded once more than it is on the wire.

    So it is for every service but S3.
    """
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + end, safe=f"/{_UNRESERVED}")


def _canonical_query(query: str) -> str:
    """Return the query sorted by name, then by value, each encoded in the one way that AWS knows."""
    pairs: list[tuple[str, str]] = []
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        pairs.append((quote(unquote(name), safe=_UNRESERVED), quote(unquote(value), safe=_UNRESERVED)))
    return "&".join([f"{name}={value}" for name, value in sorted(pairs)])
