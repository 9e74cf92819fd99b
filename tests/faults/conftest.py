"""Fixtures of the fault tests: the thread of the servers, and certificates good and bad."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator

import pytest
import trustme
from fault_site import Host


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.stop()


@pytest.fixture(scope="session")
def contexts() -> dict[str, ssl.SSLContext]:
    """TLS contexts by name: of the client, and of servers with one certificate each."""
    authority, stranger = trustme.CA(), trustme.CA()
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificates = {
        "good": authority.issue_cert("127.0.0.1", "localhost"),
        "unknown": stranger.issue_cert("127.0.0.1"),
        "other": authority.issue_cert("example.org"),
        "expired": authority.issue_cert("127.0.0.1", not_after=past),
    }
    made: dict[str, ssl.SSLContext] = {}
    for name, certificate in certificates.items():
        made[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(made[name])
    made["client"] = ssl.create_default_context()
    authority.configure_trust(made["client"])
    return made


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full jitter may draw 0: let it, so that no test waits for its back-off."""
    monkeypatch.setattr("turnout.call.dispatch.random.random", lambda: 0.0)
