"""Fetch what a URL of a message points to: bounded in size and time, and never from where it should not.

The URL may come from anybody (a user of the user), so that a fetch could reach what only this machine can: its own
services, the private network, the metadata service of a cloud. Hence: http and https only; a name is looked up once,
each of its addresses must be public, and the connection goes to one that was checked (a name that changes its address
meanwhile changes nothing), while TLS checks the name; redirects are followed here, and each one is checked the same
way; nothing is sent that identifies anybody.

Through a proxy (HTTPS_PROXY) the look-up is the proxy's. Then hosts that are addresses, in whatever spelling, and the
names of this machine and of private networks are refused, and the proxy's own rules must do the rest.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from msgspec import Struct

from turnout.errors import CallError, InvalidInputError, redact_url
from turnout.transport.addresses import is_public
from turnout.transport.proxy import find_proxy
from turnout.transport.seam import HTTPRequest
from turnout.transport.target import is_loopback, read_url
from turnout.version import USER_AGENT

if TYPE_CHECKING:
    from turnout.media import MediaLimits
    from turnout.transport.seam import HTTPResponse, Transport
    from turnout.transport.target import Target

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_PRIVATE_SUFFIXES = (".local", ".localhost", ".internal", ".intranet", ".home.arpa", ".lan", ".corp", ".home")
_CONNECT_S = 10.0
_CURE = "download it yourself and pass its bytes as data="
_ALLOW = "if you trust where the URL comes from, set allow_private_urls=True in media="


class Fetched(Struct, frozen=True):
    """What a URL pointed to; `media_type` is what the server says of it, without parameters."""

    data: bytes
    media_type: str | None


async def fetch(url: str, transport: Transport, limits: MediaLimits) -> Fetched:
    """Return what `url` points to: ``await fetch("https://…/cat.png", transport, MediaLimits())``.

    Raises `InvalidInputError` whatever goes wrong: a URL that may not be fetched, no answer within
    `limits.timeout_s`, a status other than 200, an empty body or one over `limits.max_bytes`. The message names the
    URL without user name, password and query values.
    """
    end = time.monotonic() + limits.timeout_s
    try:
        async with asyncio.timeout(limits.timeout_s):
            return await _fetch(url, transport, limits, end)
    except TimeoutError:
        cure = f"raise `timeout_s` in media=, or {_CURE}"
        raise _fail(url, f"did not come within {limits.timeout_s:g} s: {cure}") from None
    except CallError as error:
        raise _fail(url, f"cannot be fetched: {error.message}; or {_CURE}") from error


async def _fetch(url: str, transport: Transport, limits: MediaLimits, end: float) -> Fetched:
    here = url
    for _ in range(_MOST_REDIRECTS + 1):
        response = await _open(here, transport, limits, end)
        try:
            if response.status not in _REDIRECTS:
                return await _read(response, here, limits, end)
            here = _follow(here, response)
        finally:
            response.close()
    raise _fail(url, f"is redirected more than {_MOST_REDIRECTS} times: give the URL where it ends, or {_CURE}")


async def _open(url: str, transport: Transport, limits: MediaLimits, end: float) -> HTTPResponse:
    """Send one request to a checked address, and to the next one where it cannot be reached."""
    target = _read_target(url)
    # Answers from a recording come from no address, and a test has no names to look up.
    is_offline = getattr(transport, "is_offline", False)
    *others, last = [None] if is_offline else await _find_addresses(url, target, limits)
    for address in others:
        with suppress(CallError):  # the last one tells
            return await transport.send(_render(url, address, (end - time.monotonic()) / 2, end))
    return await transport.send(_render(url, last, end - time.monotonic(), end))


def _render(url: str, address: str | None, left_s: float, end: float) -> HTTPRequest:
    return HTTPRequest(
        method="GET",
        url=url.partition("#")[0],
        headers={"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity"},
        connect_s=min(_CONNECT_S, max(left_s, 0.001)),
        deadline=end,
        deadline_kind="total",
        address=address,
    )


def _read_target(url: str) -> Target:
    target = None if any(letter <= " " or letter in "\\\x7f" for letter in url) else read_url(url)
    if target is None:
        raise _fail(url, f"is no http or https URL, and no other is fetched: {_CURE}")
    if target.authorization is not None:
        raise _fail(url, f"holds a user name or password, which is not sent to fetch it: {_CURE}")
    return target


async def _find_addresses(url: str, target: Target, limits: MediaLimits) -> list[str | None]:
    """Return the addresses to try, each checked; ``[None]`` where a proxy is to look the name up."""
    if find_proxy(target) is not None:
        if not limits.allow_private_urls and not _may_proxy(target.host):
            raise _fail(url, f"is on a private network or this machine: {_ALLOW}")
        return [None]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: an empty or overlong label
        raise _fail(url, "names a host that cannot be found: check the URL") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not limits.allow_private_urls and not all(map(is_public, addresses)):
        raise _fail(url, f"is on a private network or this machine: {_ALLOW}")
    return [*addresses]


def _may_proxy(host: str) -> bool:
    """Whether a host that the proxy will look up is public, as far as its name tells."""
    name = host.rstrip(".").lower()
    if is_loopback(name) or name.endswith(_PRIVATE_SUFFIXES) or ("." not in name and ":" not in name):
        return False
    with suppress(OSError):
        return is_public(socket.inet_ntoa(socket.inet_aton(name)))  # any spelling of IPv4: 0x7f.1, 2130706433
    return is_public(name) if ":" in name else True


def _follow(url: str, response: HTTPResponse) -> str:
    location = response.headers.get("location")
    if not location:
        raise _fail(url, f"is redirected to nowhere: {_CURE}")
    try:
        return urljoin(url, location)
    except ValueError:  # a bracket that is not closed
        raise _fail(url, f"is redirected to what is no URL: {_CURE}") from None


async def _read(response: HTTPResponse, url: str, limits: MediaLimits, end: float) -> Fetched:
    if response.status != 200:
        raise _fail(url, f"answers with status {response.status}: check that it is public, or {_CURE}", response.status)
    too_big = f"is over {limits.max_bytes:,} bytes: make it smaller, or raise `max_bytes` in media="
    told = response.headers.get("content-length") or ""
    if told.isdecimal() and len(told) < 20 and int(told) > limits.max_bytes:
        raise _fail(url, too_big)
    pieces: list[bytes] = []
    size = 0
    while piece := await response.receive(max(end - time.monotonic(), 0.001), "total"):
        pieces.append(piece)
        size += len(piece)
        if size > limits.max_bytes:
            raise _fail(url, too_big)
    if not size:
        raise _fail(url, f"is empty: check the URL, or {_CURE}")
    told = (response.headers.get("content-type") or "").partition(";")[0].strip().lower()
    return Fetched(b"".join(pieces), told or None)


def _fail(url: str, what: str, status: int | None = None) -> InvalidInputError:
    shown = redact_url(url)
    return InvalidInputError(f"{shown if len(shown) <= 200 else shown[:200] + '…'} {what}", url=url, status=status)
