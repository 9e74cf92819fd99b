"""The headers in which servers tell their rate limits, in the spellings that are in use."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from turnout.transport.retry import parse_retry_after
from turnout.transport.seam import Headers

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FIELDS = re.compile(r";\s*([a-z]+)\s*=\s*(\d+)", re.IGNORECASE)

_EPOCH_S = 1e9
"""A reset above this is a Unix time and no duration (GitHub, OpenRouter), and above a thousand times it in ms."""

_REQUESTS = (
    ("x-ratelimit-{}-requests", "x-ratelimit-{}"),
    ("anthropic-ratelimit-requests-{}", "ratelimit-{}"),
)


class RateLimits(Struct, frozen=True, kw_only=True):
    """What the headers of one answer tell; `None` is what they do not. Times are in seconds from now."""

    requests_limit: int | None = None
    requests_left: int | None = None
    requests_reset_s: float | None = None
    tokens_left: int | None = None
    tokens_reset_s: float | None = None
    retry_after_s: float | None = None


def read_rate_limits(headers: Mapping[str, str], now: float) -> RateLimits:
    """Read `headers`; `now` is the Unix time. What cannot be read counts as not there.

    Read are ``x-ratelimit-(limit|remaining|reset)-(requests|tokens)`` (OpenAI, Groq, Azure; durations such as
    ``6m0s``), ``anthropic-ratelimit-requests-…`` and ``-tokens-…`` (RFC 3339 moments), ``ratelimit-…`` and
    ``x-ratelimit-…`` without a kind (seconds, or a Unix time), the fields of ``ratelimit: "default";r=50;t=30``
    (draft-ietf-httpapi-ratelimit-headers) and ``retry-after``. Of several for requests the scarcest counts.
    """
    if not headers:
        return RateLimits()
    found = headers if isinstance(headers, Headers) else Headers(headers)
    requests = [_read(found, pattern, now) for pair in _REQUESTS for pattern in pair] + [_read_draft(found)]
    known = [(left, limit, reset_s) for limit, left, reset_s in requests if left is not None]
    left, limit, reset_s = min(known, key=lambda entry: entry[0]) if known else (None, None, None)
    tokens = [_read(found, name, now) for name in ("x-ratelimit-{}-tokens", "anthropic-ratelimit-tokens-{}")]
    used_up = next((entry for entry in tokens if entry[1] is not None), (None, None, None))
    return RateLimits(
        requests_limit=limit,
        requests_left=left,
        requests_reset_s=reset_s,
        tokens_left=used_up[1],
        tokens_reset_s=used_up[2],
        retry_after_s=parse_retry_after(found, now),
    )


def read_reset(text: str | None, now: float) -> float | None:
    """Return the seconds until a reset: a number of seconds, ``6m0s``, a Unix time, or an RFC 3339 moment."""
    if not text:
        return None
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        return _read_duration(text) if _PARTS.match(text) and "T" not in text else _read_moment(text, now)
    if not math.isfinite(number):
        return None
    if number > _EPOCH_S * 1000:
        number /= 1000
    return max(number - now if number > _EPOCH_S else number, 0.0)


def _read(headers: Headers, pattern: str, now: float) -> tuple[int | None, int | None, float | None]:
    """Return limit, what is left, and the seconds until the reset, of headers that are spelled alike."""
    left = _read_count(headers.get(pattern.format("remaining")))
    if left is None:
        return None, None, None
    limit = _read_count(headers.get(pattern.format("limit")))
    return limit, left, read_reset(headers.get(pattern.format("reset")), now)


def _read_draft(headers: Headers) -> tuple[int | None, int | None, float | None]:
    text = headers.get("ratelimit")
    if text is None:
        return None, None, None
    fields = {name.lower(): int(value[:18]) for name, value in _FIELDS.findall(text)}
    reset_s = fields.get("t")
    return None, fields.get("r"), None if reset_s is None else float(reset_s)


def _read_count(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        number = float(text.partition(",")[0])
    except ValueError:
        return None
    return max(int(number), 0) if math.isfinite(number) else None


def _read_duration(text: str) -> float | None:
    if _PARTS.sub("", text).strip():
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PARTS.findall(text))


def _read_moment(text: str, now: float) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(moment.timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None
