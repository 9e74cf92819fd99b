"""Proxies as the environment names them: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, either case.

The rules are those of curl (https://everything.curl.dev/usingcurl/proxies/env.html): lower case wins, HTTP_PROXY counts
not inside CGI, NO_PROXY lists hosts and domains (with their subdomains), host:port, addresses and CIDR blocks or ``*``.
One is added: what runs on this machine is never reached through a proxy, which would be handed its prompts and key.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct

from turnout.errors import ConfigurationError
from turnout.transport.target import is_loopback, read_url

if TYPE_CHECKING:
    from turnout.transport.target import Target

_VARIABLES = tuple(
    os.environ.encodekey(name)  # type: ignore[attr-defined] # there on every platform; the typeshed leaves it out
    for name in (
        *("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
        *("no_proxy", "NO_PROXY", "REQUEST_METHOD"),
    )
)


class Proxy(Struct, frozen=True):
    """One proxy: where it listens, and the headers (credentials) that it is sent. Its `repr` holds no secret."""

    is_tls: bool
    host: str
    port: int
    origin: str
    """``scheme://host:port`` of the proxy, without credentials."""
    headers: dict[str, str]

    @property
    def key(self) -> str:
        """Return what tells this proxy, and the credentials used with it, from another, without showing them."""
        return f"{self.origin} {hash(self.headers.get('Proxy-Authorization')):x}"

    def __repr__(self) -> str:
        return f"Proxy({self.origin})"


class ProxyTable:
    """Finds the proxy for a target; what was found is kept until one of the variables changes."""

    __slots__ = ("_found", "_seen")

    def __init__(self) -> None:
        self._seen: tuple[object, ...] = ()
        self._found: dict[str, Proxy | None] = {}

    def find(self, target: Target) -> Proxy | None:
        """Return the proxy through which `target` is reached now; `None` for a direct connection.

        Raises `ConfigurationError` when the variable that names it cannot be read.
        """
        # `os.environ.get` costs a microsecond for each variable that is unset, and this runs at every request; the
        # plain dict below it costs a twentieth. Where an interpreter has none, the slow way is right as well.
        values: dict[object, object] | None = getattr(os.environ, "_data", None)
        seen = tuple(os.environ.items()) if values is None else tuple(map(values.get, _VARIABLES))
        if seen != self._seen:
            self._found = {}
            self._seen = seen
        found = self._found  # one look: another thread may replace it
        if target.origin not in found:
            found[target.origin] = find_proxy(target)
        return found[target.origin]


def find_proxy(target: Target) -> Proxy | None:
    """Return the proxy that the environment names for `target`, read afresh; `None` for this machine's own servers."""
    if is_loopback(target.host):
        return None
    scheme = "https" if target.is_tls else "http"
    is_cgi = "REQUEST_METHOD" in os.environ  # there HTTP_PROXY is what a client sent as the header Proxy
    names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    for name in names:
        url = os.environ.get(name, "").strip()
        if url and not (is_cgi and name == "HTTP_PROXY"):
            return None if _is_exempt(target) else parse_proxy(url, name)
    return None


def parse_proxy(url: str, variable: str) -> Proxy:
    """Read a proxy's URL; a bare ``host:port`` is http. Raises `ConfigurationError` that names `variable` only."""
    address = read_url(url if "://" in url else f"http://{url}")
    if address is None:
        raise ConfigurationError(
            f"{variable} names no http or https proxy (SOCKS is not supported): "
            "set it to http://host:port, unset it, or list the host in NO_PROXY"
        )
    credentials = address.authorization
    headers = {} if credentials is None else {"Proxy-Authorization": credentials}
    return Proxy(address.is_tls, address.host, address.port, address.origin, headers)


def _is_exempt(target: Target) -> bool:
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return any(_matches(entry.strip().lower(), target) for entry in listed.split(","))


def _matches(entry: str, target: Target) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    if "/" in entry:
        return _is_in_block(entry, target.host)
    if entry.startswith("["):
        address, _, port = entry[1:].partition("]")
        port = port.lstrip(":")
    elif entry.count(":") == 1:
        address, _, port = entry.partition(":")
    else:
        address, port = entry, ""
    if port and port != str(target.port):
        return False
    address = address.removeprefix("*").strip(".")
    return target.host == address or target.host.endswith(f".{address}")


def _is_in_block(entry: str, host: str) -> bool:
    from ipaddress import ip_address, ip_network  # here: few lists hold a block, and the import is not cheap

    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        return False
