"""Proxies from the environment, against a small real one."""

from __future__ import annotations

import asyncio
import contextlib
import time

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
    """A proxy: tunnels for CONNECT, whatever the host, to this machine; forwards one plain request after the other."""
    received = await peer.request()
    if received.method == "CONNECT":
        _, _, port = received.path.rpartition(":")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
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
    server = serve(answer_always, tls=build_context(AUTHORITY, "provider.test"))
    url = f"https://provider.test:{server.port}"
    proxy = serve(proxy_script)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:pass@"))
    assert await fetch(transport, url, headers={"authorization": "Bearer k"}) == b"direct"
    assert await fetch(transport, url) == b"direct"
    [request] = proxy.requests
    assert (request.method, request.path) == ("CONNECT", f"provider.test:{server.port}")
    assert request.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"
    assert "authorization" not in request.headers
    assert "proxy-authorization" not in server.requests[0].headers


async def test_a_proxy_that_speaks_tls_itself_carries_both(serve, transport, monkeypatch, trusted) -> None:
    server = serve(answer_always, tls=build_context(AUTHORITY, "provider.test"))
    proxy = serve(proxy_script, tls=build_context(AUTHORITY))
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    assert await fetch(transport, f"https://provider.test:{server.port}") == b"direct"
    assert await fetch(transport, "http://somewhere.invalid/") == b"proxied http://somewhere.invalid/"


@pytest.mark.parametrize("ends_rightly", [True, False])
async def test_a_proxy_that_ends_its_session_does_not_end_the_answer(
    serve, transport, monkeypatch, trusted, ends_rightly
) -> None:
    """What has no length ends with the server's close_notify; that of the proxy around it says nothing of it."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf an answer")
        if not ends_rightly:
            peer.writer.get_extra_info("socket").shutdown(2)

    server = serve(script, tls=build_context(AUTHORITY, "provider.test"))
    proxy = serve(proxy_script, tls=build_context(AUTHORITY))
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    for _ in range(5):
        response = await transport.send(build_request(f"https://provider.test:{server.port}"))
        if ends_rightly:
            assert await response.read(10) == b"half an answer"
        else:
            with pytest.raises(APIConnectionError, match="before the end of the body"):
                await response.read(10)


async def test_a_slow_way_through_a_proxy_is_paid_from_the_same_deadline(
    serve, transport, monkeypatch, trusted
) -> None:
    async def answer_never(peer: Peer) -> None:
        await peer.request()
        await peer.wait_closed()

    async def wait_before(peer: Peer) -> None:
        await asyncio.sleep(0.9)
        await proxy_script(peer)

    server = serve(answer_never, tls=build_context(AUTHORITY, "provider.test"))
    monkeypatch.setenv("HTTPS_PROXY", serve(wait_before).url)
    start = time.monotonic()
    with pytest.raises(APITimeoutError) as caught:
        await fetch(transport, f"https://provider.test:{server.port}", head_s=1.2, deadline_kind="total")
    assert caught.value.kind == "total"
    assert 1.1 < time.monotonic() - start < 2


async def test_the_environment_is_read_at_each_request(serve, transport, monkeypatch) -> None:
    first, second = serve(proxy_script), serve(proxy_script)
    monkeypatch.setenv("ALL_PROXY", first.url)
    assert await fetch(transport, "http://provider.test") == b"proxied http://provider.test/"
    monkeypatch.setenv("HTTP_PROXY", second.url)
    assert await fetch(transport, "http://provider.test") == b"proxied http://provider.test/"
    monkeypatch.delenv("HTTP_PROXY")
    assert await fetch(transport, "http://provider.test") == b"proxied http://provider.test/"
    assert [len(first.requests), len(second.requests)] == [2, 1]
    assert [first.connections, second.connections] == [1, 1]


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_this_machine_is_never_reached_through_a_proxy(serve, transport, monkeypatch, scheme) -> None:
    server = serve(answer_always)
    proxy = serve(proxy_script)
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url.replace("http", scheme))
    assert await fetch(transport, server.url, headers={"authorization": "Bearer k"}) == b"direct"
    assert await fetch(transport, server.url.replace("127.0.0.1", "localhost")) == b"direct"
    assert proxy.connections == 0


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.1", True),
        ("127.255.1.2", True),
        ("[::1]", True),
        ("[0:0:0:0:0:0:0:1]", True),
        ("[::ffff:127.0.0.1]", True),
        ("notlocalhost", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("126.0.0.1", False),
        ("10.0.0.1", False),
        ("[::2]", False),
        ("[::ffff:10.0.0.1]", False),
    ],
)
def test_what_counts_as_this_machine(monkeypatch, host, is_own) -> None:
    monkeypatch.setenv("ALL_PROXY", "proxy:1")
    assert (find_proxy(split_url(f"https://{host}:8000/")) is None) is is_own


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
        ({"HTTP_PROXY": "a:1"}, "http://10.0.0.1:8000/", "http://a:1"),
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
        ("fe80::/10,fc00::1", "http://[fc00::1]/", True),
        ("fe80::/10", "http://[fe80::5]/", True),
        ("[fc00::1]:81", "http://[fc00::1]:81/", True),
        ("[fc00::1]:81", "http://[fc00::1]/", False),
        ("[fc00::1]", "http://[fc00::1]/", True),
        (" , ", "http://h/", False),
        ("intranet,10.0.0.1", "http://10.0.0.1:5/", True),
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
