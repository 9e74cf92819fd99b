"""Fixtures: the real servers, and a certificate for those that speak TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from real_servers import KINDS, Running, run_server


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """The client's context, and the folder in which `server.pem` is what it trusts."""
    folder = tmp_path_factory.mktemp("servers")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    (folder / "server.pem").write_bytes(chain + certificate.private_key_pem.bytes())
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    authority.configure_trust(context)
    return context, folder


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, trust: tuple[ssl.SSLContext, Path]) -> Iterator[Running]:
    kind = KINDS[request.param]
    if not kind.is_installed:
        pytest.skip(f"{kind.needs} is not installed: {kind.name} is not compared")
    with run_server(kind, trust[1]) as running:
        yield running
