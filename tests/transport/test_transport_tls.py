"""TLS with a private authority: trusted through SSL_CERT_FILE, refused otherwise, in words that say what to do."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from pathlib import Path

import pytest
import trustme
from scripted_server import Peer, build_request, eventually, fetch

from turnout.errors import APIConnectionError, ConfigurationError
from turnout.transport import tls
from turnout.transport.connection import Connection
from turnout.transport.http import HTTPTransport

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    return bundle


def build_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1", "localhost")), key_type=trustme.KeyType.ECDSA).configure_cert(context)
    return context


async def echo(peer: Peer) -> None:
    while True:
        received = await peer.request()
        await peer.answer(received.body)


async def test_a_private_authority_is_trusted_through_the_environment(serve, transport, authority, trusted) -> None:
    server = serve(echo, tls=build_context(authority))
    big = bytes(range(256)) * 20_000
    assert await fetch(transport, server.url, body=big) == big
    assert await fetch(transport, server.url) == b"{}"
    assert server.connections == 1
    assert await fetch(transport, server.url.replace("127.0.0.1", "localhost")) == b"{}"


async def test_the_context_is_created_once_and_only_for_https(serve, authority, trusted, monkeypatch) -> None:
    created = []
    create = tls.create_context
    monkeypatch.setattr(tls, "create_context", lambda: created.append(1) or create())
    transport = HTTPTransport()
    await fetch(transport, serve(echo).url)
    assert created == []
    server = serve(echo, tls=build_context(authority))
    await asyncio.gather(*(fetch(transport, server.url) for _ in range(5)))
    assert created == [1]


async def test_the_loop_goes_on_while_the_context_is_created(serve, transport, authority, trusted, monkeypatch) -> None:
    is_asked, may_go_on = threading.Event(), threading.Event()
    create = tls.create_context

    def wait_and_create() -> ssl.SSLContext:
        is_asked.set()
        assert may_go_on.wait(5), "the loop stood still"
        return create()

    monkeypatch.setattr(tls, "create_context", wait_and_create)
    server = serve(echo, tls=build_context(authority))
    task = asyncio.create_task(fetch(transport, server.url))
    await eventually(is_asked.is_set)
    may_go_on.set()
    assert await task == b"{}"


async def test_tls_that_fails_while_a_body_goes_out_is_an_error_at_once(
    serve, transport, authority, trusted, monkeypatch
) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.1)
        while await peer.reader.read(65536):
            pass

    server = serve(script, tls=build_context(authority))
    send, resume = tls.TLSLayer.send, Connection.resume_writing
    resumed = []

    def send_or_fail(layer: tls.TLSLayer, data: bytes) -> None:
        if resumed:
            raise ssl.SSLError("the session is over")
        send(layer, data)

    monkeypatch.setattr(tls.TLSLayer, "send", send_or_fail)
    monkeypatch.setattr(Connection, "resume_writing", lambda self: resumed.append(1) or resume(self))
    with pytest.raises(APIConnectionError, match="was lost before an answer") as caught:
        await asyncio.wait_for(fetch(transport, server.url, body=bytes(30 * MEGABYTE)), 10)
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    assert resumed


async def test_a_context_of_the_callers_own_is_used(serve, authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    server = serve(echo, tls=build_context(authority))
    assert await fetch(HTTPTransport(ssl_context=context), server.url) == b"{}"


async def test_an_unknown_authority_says_which_variable_to_set(serve, transport, authority) -> None:
    server = serve(quiet, tls=build_context(authority))
    with pytest.raises(APIConnectionError, match="is not valid .*: set SSL_CERT_FILE to your CA bundle") as caught:
        await fetch(transport, server.url)
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert caught.value.is_retryable is False
    await eventually(lambda: server.open == 0)


async def test_a_certificate_for_another_host_is_refused(serve, transport, authority, trusted) -> None:
    server = serve(quiet, tls=build_context(authority, "other.example"))
    with pytest.raises(APIConnectionError, match="use the host name that the certificate is for"):
        await fetch(transport, server.url)
    with pytest.raises(APIConnectionError, match="use the host name that the certificate is for"):
        await fetch(transport, server.url.replace("127.0.0.1", "localhost"))


async def test_a_server_without_tls_says_so(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(100)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with pytest.raises(APIConnectionError, match="check that the port speaks TLS"):
        await fetch(transport, serve(script).url.replace("http:", "https:"))


async def test_a_server_that_closes_in_the_handshake_is_a_connection_error(serve, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(100)

    with pytest.raises(APIConnectionError, match="cannot connect to https://"):
        await fetch(transport, serve(script).url.replace("http:", "https:"))


async def test_a_stream_over_tls_is_cut_where_the_server_ends(serve, transport, authority, trusted) -> None:
    async def script(peer: Peer) -> None:
        received = await peer.request()
        if received.path == "/chunked":
            await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n")
        else:
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\nok")

    server = serve(script, tls=build_context(authority))
    assert await fetch(transport, server.url) == b"ok"
    response = await transport.send(build_request(f"{server.url}/chunked"))
    assert await response.receive(5) == b"ok"
    with pytest.raises(APIConnectionError, match="before the end of the body"):
        await response.receive(5)


async def test_an_answer_and_the_end_of_the_session_in_one_read_are_both_seen(serve, authority, trusted) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.05)
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    server = serve(script, tls=build_context(authority))
    transport = HTTPTransport(max_connections_per_host=1)
    for number in (1, 2, 3):
        task = asyncio.create_task(fetch(transport, server.url))
        await eventually(lambda number=number: len(server.requests) == number)
        time.sleep(0.1)  # noqa: ASYNC251 # so that the client reads answer and end together
        assert await asyncio.wait_for(task, 5) == b"ok"
        await eventually(lambda: server.open == 0)


async def test_a_stale_tls_connection_is_replaced(serve, transport, authority, trusted) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer()

    server = serve(script, tls=build_context(authority))
    for _ in range(3):
        assert await fetch(transport, server.url) == b"ok"


async def test_damaged_records_are_a_connection_error(serve, transport, authority, trusted) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n")
        os.write(peer.writer.get_extra_info("socket").fileno(), b"\x17\x03\x03\x00\x05hello")
        await peer.wait_closed()

    server = serve(script, tls=build_context(authority))
    with pytest.raises(APIConnectionError, match="was lost within the head"):
        await fetch(transport, server.url)


async def test_closing_a_stream_over_tls_reaches_the_server(serve, transport, authority, trusted) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nok")
        await peer.wait_closed()
        peer.server.closed_by_client.set()

    server = serve(script, tls=build_context(authority))
    response = await transport.send(build_request(server.url))
    assert await response.receive(5) == b"ok"
    response.close()
    await eventually(server.closed_by_client.is_set, 0.3)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_a_variable_that_names_nothing_is_a_configuration_error(monkeypatch, tmp_path, name) -> None:
    monkeypatch.setenv(name, str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=f"{name} names .*missing.* which does not exist"):
        tls.create_context()


def test_an_interpreter_without_trust_finds_a_bundle(authority, tmp_path, monkeypatch) -> None:
    bundle = tmp_path / "bundle.pem"
    authority.cert_pem.write_to_path(str(bundle))
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(empty))
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr(ssl, "create_default_context", lambda: bare)
    monkeypatch.setattr(tls, "_BUNDLES", (str(tmp_path / "none"), str(bundle)))
    assert tls.create_context().cert_store_stats()["x509_ca"] == 1


def test_without_any_bundle_certifi_is_used_when_it_is_there(tmp_path, monkeypatch) -> None:
    import sys
    from types import ModuleType

    monkeypatch.setattr(tls, "_BUNDLES", ())
    certifi = ModuleType("certifi")
    certifi.where = lambda: "bundle of certifi"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "certifi", certifi)
    assert tls._find_bundle() == "bundle of certifi"
    monkeypatch.setitem(sys.modules, "certifi", None)
    assert tls._find_bundle() is None


async def test_a_handshake_that_fails_gives_back_its_slot_once(serve, authority) -> None:
    """Were it given back twice, two requests would be on their way at once."""
    most = [0]

    async def script(peer: Peer) -> None:
        most[0] = max(most[0], peer.server.open)
        await peer.request()
        await asyncio.sleep(0.01)
        await peer.answer(connection="close")
        await peer.wait_closed()

    transport = HTTPTransport(max_connections_per_host=1)
    server = serve(script, tls=build_context(authority))
    results = await asyncio.gather(*(fetch(transport, server.url) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, APIConnectionError) for result in results)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    transport._ssl_context = context
    assert await asyncio.gather(*(fetch(transport, server.url) for _ in range(5))) == [b"ok"] * 5
    assert most == [1]


async def quiet(peer: Peer) -> None:
    await peer.request()
