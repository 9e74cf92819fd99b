"""Proxies from the environment, against a small real one."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import trustme
from scripted_server import Peer, build_request, eventually, fetch
from test_transport_tls import build_context

from turnout.errors import APIConnectionError, APITimeoutError, ConfigurationError
from turnout.transport.proxy import find_proxy, parse_proxy
from turnout.transport.target import split_url

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()


async def proxy_script(peer: Peer) -> None:
    """A proxy: tunnels for CONNECT, and forwards one plain request after the other."""
    received = await peer.request()
    if received.method == "CONNECT":
        host, _, port = received.path.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await peer.send(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n")
        await asyncio.gather(pass_on(peer.reader, writer), pass_on(reader, peer.writer))
        return
    while True:
        await peer.answer(f"proxied {received.path}".encode())
        received = await peer.request()


async def answer_always(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.answer(b"direct")


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    bundle = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_a_plain_request_is_forwarded_with_its_whole_url(serve, transport, monkeypatch, name) -> None:
    proxy = serve(proxy_script)
    monkeypatch.setenv(name, proxy.url.replace("//", "//user:p%40ss@"))
    assert await fetch(transport, "http://somewhere.invalid/x?a=b") == b"proxied http://somewhere.invalid/x?a=b"
    assert await fetch(transport, "http://somewhere.invalid:81/") == b"proxied http://somewhere.invalid:81/"
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"
    assert proxy.requests[0].headers["host"] == "somewhere.invalid"


async def test_an_https_request_goes_through_a_tunnel(serve, transport, monkeypatch, trusted) -> None:
    server = serve(answer_always, tls=build_context(AUTHORITY))
    proxy = serve(proxy_script)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:pass@"))
    assert await fetch(transport, server.url, headers={"authorization": "Bearer k"}) == b"direct"
    assert await fetch(transport, server.url) == b"direct"
    [request] = proxy.requests
    assert (request.method, request.path) == ("CONNECT", f"127.0.0.1:{server.port}")
    assert request.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"
    assert "authorization" not in request.headers
    assert "proxy-authorization" not in server.requests[0].headers


async def test_a_proxy_that_speaks_tls_itself_carries_both(serve, transport, monkeypatch, trusted) -> None:
    server = serve(answer_always, tls=build_context(AUTHORITY))
    proxy = serve(proxy_script, tls=build_context(AUTHORITY))
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    assert await fetch(transport, server.url) == b"direct"
    assert await fetch(transport, "http://somewhere.invalid/") == b"proxied http://somewhere.invalid/"


async def test_the_environment_is_read_at_each_request(serve, transport, monkeypatch) -> None:
    server = serve(answer_always)
    proxy = serve(proxy_script)
    assert await fetch(transport, server.url) == b"direct"
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert await fetch(transport, server.url) == f"proxied {server.url}/".encode()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert await fetch(transport, server.url) == b"direct"
    monkeypatch.delenv("NO_PROXY")
    assert await fetch(transport, server.url) == f"proxied {server.url}/".encode()
    assert server.connections == 1


@pytest.mark.parametrize(("status", "cure"), [("403 Forbidden", "NO_PROXY"), ("407 Proxy Auth", "user name and passw")])
async def test_a_refused_tunnel_names_status_and_cure_but_no_credentials(
    serve, transport, monkeypatch, status, cure
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(status=status)
        await peer.wait_closed()

    proxy = serve(script)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:secret@"))
    with pytest.raises(APIConnectionError, match=f"with status {status[:3]}: .*{cure}") as caught:
        await fetch(transport, "https://somewhere.invalid/")
    assert "secret" not in str(caught.value)
    await eventually(lambda: proxy.open == 0)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"", "closed the connection"),
        (b"nonsense\r\n\r\n", "answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 20_000, "does not end"),
    ],
)
async def test_a_proxy_that_is_none_is_a_connection_error(serve, transport, monkeypatch, reply, reason) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(reply)
        if reply:
            await peer.wait_closed()

    monkeypatch.setenv("HTTPS_PROXY", serve(script).url)
    with pytest.raises(APIConnectionError, match=f"somewhere.invalid:443 through the proxy http://127.*{reason}"):
        await fetch(transport, "https://somewhere.invalid/")


async def test_a_silent_proxy_is_a_connect_timeout(serve, transport, monkeypatch) -> None:
    async def script(peer: Peer) -> None:
        await peer.wait_closed()

    monkeypatch.setenv("HTTPS_PROXY", serve(script).url)
    with pytest.raises(APITimeoutError, match="through the proxy") as caught:
        await fetch(transport, "https://somewhere.invalid/", connect_s=0.1)
    assert caught.value.kind == "connect"


async def test_a_socks_proxy_is_refused_without_showing_it(transport, monkeypatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://user:secret@127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match="ALL_PROXY names no http or https proxy") as caught:
        await transport.send(build_request("https://somewhere.invalid/"))
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("url", ["http://", "http://h:port", "http://h:99999", "ftp://h"])
def test_a_proxy_that_cannot_be_read_is_refused(url) -> None:
    with pytest.raises(ConfigurationError, match="HTTP_PROXY names no"):
        parse_proxy(url, "HTTP_PROXY")


def test_proxies_are_read_in_every_form_and_shown_without_credentials() -> None:
    assert parse_proxy("proxy:3128", "x").origin == "http://proxy:3128"
    assert parse_proxy("https://[::1]", "x").origin == "https://[::1]:443"
    shown = parse_proxy("http://user:secret@proxy", "x")
    assert repr(shown) == "Proxy(http://proxy:80)"
    assert shown.headers == {"Proxy-Authorization": "Basic dXNlcjpzZWNyZXQ="}


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "http://h/", None),
        ({"HTTP_PROXY": "a:1"}, "http://h/", "http://a:1"),
        ({"HTTP_PROXY": "a:1"}, "https://h/", None),
        ({"HTTPS_PROXY": "a:1"}, "https://h/", "http://a:1"),
        ({"http_proxy": "b:1", "HTTP_PROXY": "a:1"}, "http://h/", "http://b:1"),
        ({"http_proxy": "", "ALL_PROXY": "a:1"}, "http://h/", "http://a:1"),
        ({"HTTP_PROXY": "a:1", "ALL_PROXY": "b:1"}, "http://h/", "http://a:1"),
        ({"HTTP_PROXY": "a:1", "REQUEST_METHOD": "GET"}, "http://h/", None),
        ({"http_proxy": "a:1", "REQUEST_METHOD": "GET"}, "http://h/", "http://a:1"),
        ({"HTTP_PROXY": "a:1"}, "http://127.0.0.1:8000/", "http://a:1"),
    ],
)
def test_which_variable_counts(monkeypatch, variables, url, expected) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = find_proxy(split_url(url))
    assert (found and found.origin) == expected


@pytest.mark.parametrize(
    ("listed", "url", "is_exempt"),
    [
        ("*", "http://h/", True),
        ("h", "http://h/", True),
        ("H , other", "http://h/", True),
        ("example.com", "http://api.example.com/", True),
        (".example.com", "http://example.com/", True),
        ("*.example.com", "http://api.example.com/", True),
        ("example.com", "http://notexample.com/", False),
        ("example.com:8080", "http://example.com:8080/", True),
        ("example.com:8080", "http://example.com/", False),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("10.0.0.0/8", "http://h/", False),
        ("fe80::/10,::1", "http://[::1]/", True),
        ("fe80::/10", "http://[fe80::5]/", True),
        ("[::1]:81", "http://[::1]:81/", True),
        ("[::1]:81", "http://[::1]/", False),
        ("[::1]", "http://[::1]/", True),
        (" , ", "http://h/", False),
        ("localhost,127.0.0.1", "http://127.0.0.1:5/", True),
    ],
)
def test_what_no_proxy_exempts(monkeypatch, listed, url, is_exempt) -> None:
    monkeypatch.setenv("HTTP_PROXY", "proxy:1")
    monkeypatch.setenv("NO_PROXY", listed)
    assert (find_proxy(split_url(url)) is None) is is_exempt
    monkeypatch.setenv("no_proxy", "only.lower.case.counts")
    assert find_proxy(split_url(url)) is not None


async def test_where_the_environment_has_no_plain_dict_the_slow_way_works_too(serve, transport, monkeypatch) -> None:
    import os

    proxy = serve(proxy_script)
    monkeypatch.setattr(os, "environ", dict(os.environ, HTTP_PROXY=proxy.url))
    assert await fetch(transport, "http://somewhere.invalid/") == b"proxied http://somewhere.invalid/"
