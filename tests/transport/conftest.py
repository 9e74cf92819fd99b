"""Fixtures of the transport's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scripted_server import Host, Peer, Server

from turnout.transport.http import HTTPTransport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterator

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.stop()


@pytest.fixture
def serve(host: Host) -> Iterator[Callable[..., Server]]:
    """Start a server: `serve(script)`. Errors of a script fail the test."""
    servers: list[Server] = []

    def start(script: Callable[[Peer], Awaitable[None]], tls: ssl.SSLContext | None = None) -> Server:
        server = Server(script, tls)
        host.run(server.start())
        servers.append(server)
        return server

    yield start
    for server in servers:
        host.run(server.stop())
    for server in servers:
        assert server.errors == []


@pytest.fixture(autouse=True)
def _no_proxy_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def transport() -> HTTPTransport:
    return HTTPTransport()
