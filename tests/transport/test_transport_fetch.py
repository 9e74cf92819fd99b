"""What a URL of a message points to: fetched within bounds, and never from a private place."""

from __future__ import annotations

import asyncio
import gzip
import socket

import pytest
import trustme
from scripted_server import Peer, build_request, eventually
from scripted_server import fetch as send
from test_transport_tls import build_context

from turnout.errors import InvalidInputError
from turnout.media import MediaLimits
from turnout.transport.addresses import is_public
from turnout.transport.fetch import Fetched, fetch

PNG = b"\x89PNG\r\n\x1a\n...."
HERE = MediaLimits(allow_private_urls=True, timeout_s=5)


def answering(body: bytes = PNG, status: str = "200 OK", **headers: str):
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(body, status, **headers)

    return script


def sending_to(locations: list[str]):
    """Redirect to one of `locations` after the other, then answer."""
    left = list(locations)

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            if left:
                await peer.answer(b"", "302 Found", location=left.pop(0))
            else:
                await peer.answer(PNG, content_type="image/png")

    return script


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[object]:
    """Have names resolve to each of `answers` in turn, and to nothing after them; return the names asked for."""
    left, asked = list(answers), []

    def look_up(host: object, port: object, *rest: object, **more: object) -> list[object]:
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in left.pop(0)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


# -- what comes -------------------------------------------------------------------------------------------------------


async def test_the_bytes_and_the_type_come_and_nothing_that_identifies_anybody_goes(serve, transport) -> None:
    server = serve(answering(content_type="Image/PNG; x=1", set_cookie="a=b"))
    assert await fetch(f"{server.url}/cat.png?size=1#top", transport, HERE) == Fetched(PNG, "image/png")
    assert await fetch(f"{server.url}/dog.png", transport, HERE) == Fetched(PNG, "image/png")
    asked = server.requests[0]
    assert (asked.method, asked.path, asked.body) == ("GET", "/cat.png?size=1", b"")
    for request in server.requests:
        assert set(map(str.lower, request.names)) == {"host", "user-agent", "accept", "accept-encoding"}


async def test_a_type_that_is_not_told_is_none_and_a_compressed_body_is_undone(serve, transport) -> None:
    assert await fetch(serve(answering()).url, transport, HERE) == Fetched(PNG, None)
    body = gzip.compress(PNG * 100)
    server = serve(answering(body, content_encoding="gzip"))
    assert (await fetch(server.url, transport, HERE)).data == PNG * 100


async def test_redirects_are_followed_three_times(serve, transport) -> None:
    target = serve(answering())
    server = serve(sending_to(["/b", "c?x=1", f"{target.url}/d"]))
    assert (await fetch(f"{server.url}/a/a", transport, HERE)).data == PNG
    assert [request.path for request in server.requests] == ["/a/a", "/b", "/c?x=1"]
    assert target.requests[0].path == "/d"
    endless = serve(sending_to(["/a"] * 9))
    with pytest.raises(InvalidInputError, match="is redirected more than 3 times: give the URL where it ends"):
        await fetch(endless.url, transport, HERE)
    assert len(endless.requests) == 4


# -- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (answering(b"no", "404 Not Found"), r"\?key=\[redacted\] answers with status 404: check that it is public"),
        (answering(b"", "204 No Content"), "answers with status 204"),
        (answering(b""), "is empty"),
        (answering(b"", "302 Found"), "is redirected to nowhere"),
        (answering(b"", "302 Found", location="http://[::1"), "is redirected to what is no URL"),
        (answering(b"", "302 Found", location="file:///etc/passwd"), "is no http or https URL"),
        (answering(b"", "302 Found", location="http://user:word@example.com/"), "holds a user name or password"),
        (answering(b"1" * 2000), r"is over 1,000 bytes: make it smaller, or raise `max_bytes`"),
        (answering(gzip.compress(b"1" * 2000), content_encoding="gzip"), "is over 1,000 bytes"),
        (answering(content_encoding="br"), "cannot be fetched: the body is encoded as 'br'"),
    ],
)
async def test_what_cannot_be_had_is_an_error_with_the_url_and_the_cure(serve, transport, script, said) -> None:
    server = serve(script)
    with pytest.raises(InvalidInputError, match=said) as caught:
        await fetch(f"{server.url}/a?key=secret", transport, MediaLimits(allow_private_urls=True, max_bytes=1000))
    assert "secret" not in str(caught.value)
    assert "word" not in str(caught.value).replace("password", "")


async def test_a_body_larger_than_told_or_without_end_is_left_at_the_limit(serve, transport) -> None:
    async def flood(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.send(b"x" * 65536)

    server = serve(flood)
    with pytest.raises(InvalidInputError, match="is over 1,000,000 bytes"):
        await fetch(server.url, transport, MediaLimits(allow_private_urls=True, max_bytes=1_000_000))
    await eventually(server.closed_by_client.is_set)


async def test_a_body_announced_as_too_large_is_not_read(serve, transport) -> None:
    async def boast(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n")
        await peer.wait_closed()
        peer.server.closed_by_client.set()

    server = serve(boast)
    with pytest.raises(InvalidInputError, match="is over 20,971,520 bytes"):
        await fetch(server.url, transport, HERE)
    await eventually(server.closed_by_client.is_set)


async def test_a_body_that_trickles_is_left_when_the_time_is_up(serve, transport) -> None:
    async def trickle(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            await peer.send(b"x")
            await asyncio.sleep(0.01)

    server = serve(trickle)
    with pytest.raises(InvalidInputError, match=r"did not come within 0.2 s: raise `timeout_s` in media="):
        await fetch(server.url, transport, MediaLimits(allow_private_urls=True, timeout_s=0.2))
    await eventually(server.closed_by_client.is_set)


async def test_a_body_that_is_cut_is_an_error(serve, transport) -> None:
    async def cut(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc")

    with pytest.raises(InvalidInputError, match="cannot be fetched") as caught:
        await fetch(serve(cut).url, transport, HERE)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.com/a", "is no http or https URL, and no other is fetched"),
        ("file:///etc/passwd", "is no http or https URL"),
        ("http://", "is no http or https URL"),
        ("http://example.com\\@127.0.0.1/", "is no http or https URL"),
        ("http://exa mple.com/", "is no http or https URL"),
        ("http://user@example.com/", "holds a user name or password"),
        ("http://@example.com/", "holds a user name or password"),
        ("http://" + "a" * 70 + ".example/", "names a host that cannot be found"),
        ("http://" + "x" * 300 + ".", "names a host that cannot be found"),
    ],
)
async def test_urls_that_are_not_for_fetching(transport, url, said) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        await fetch(url, transport, MediaLimits(timeout_s=5))
    assert len(str(caught.value)) < 400


# -- where it may not go ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1."),
        *("localhost", "localhost.", "LOCALHOST", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]"),
        *("[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[fe80::1%25lo]"),
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "[fd00:ec2::254]", "100.100.100.200"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.192", "168.63.129.16", "[ff02::1]", "[fe80::1]"),
        *("１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "[2001:db8::1]", "[2001::1]"),
    ],
)
async def test_private_places_are_refused_in_every_spelling(serve, transport, spelling) -> None:
    server = serve(answering())
    with pytest.raises(InvalidInputError) as caught:
        await fetch(f"http://{spelling}:{server.port}/", transport, MediaLimits(timeout_s=5))
    assert server.connections == 0
    said = str(caught.value)
    # A spelling that the system's look-up refuses to read is as good.
    assert "is on a private network" in said or "cannot be found" in said or "is no http" in said


async def test_a_redirect_to_a_private_place_is_refused(serve, transport, monkeypatch) -> None:
    server = serve(sending_to(["http://169.254.169.254/latest/meta-data/"]))
    asked = resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    monkeypatch.setattr("turnout.transport.fetch.is_public", lambda address: address == "127.0.0.1")
    with pytest.raises(InvalidInputError, match=r"169\.254\.169\.254/latest/meta-data/ is on a private network"):
        await fetch(f"http://public.example:{server.port}/", transport, MediaLimits(timeout_s=5))
    assert asked == ["public.example", "169.254.169.254"]


async def test_every_address_of_a_name_must_be_public(transport, monkeypatch) -> None:
    resolving(monkeypatch, ["93.184.216.34", "10.0.0.7"])
    with pytest.raises(InvalidInputError, match=r"is on a private network .* allow_private_urls=True"):
        await fetch("https://rebound.example/", transport, MediaLimits(timeout_s=5))


async def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_checked(
    serve, transport, monkeypatch
) -> None:
    server = serve(answering())
    asked = resolving(monkeypatch, ["127.0.0.1"])  # a second look-up would raise
    assert (await fetch(f"http://rebound.example:{server.port}/", transport, HERE)).data == PNG
    assert asked == ["rebound.example"]
    assert server.requests[0].headers["host"] == f"rebound.example:{server.port}"


async def test_the_next_address_is_tried_where_the_first_cannot_be_reached(serve, transport, monkeypatch) -> None:
    server = serve(answering())
    resolving(monkeypatch, ["::1", "127.0.0.1"])
    assert (await fetch(f"http://two.example:{server.port}/", transport, HERE)).data == PNG


async def test_tls_checks_the_name_and_not_the_address(serve, transport, monkeypatch, tmp_path) -> None:
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    server = serve(answering(), tls=build_context(authority, "pictures.example"))
    resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.1"])
    assert (await fetch(f"https://pictures.example:{server.port}/", transport, HERE)).data == PNG
    with pytest.raises(InvalidInputError, match="the TLS certificate of https://other"):
        await fetch(f"https://other.example:{server.port}/", transport, HERE)


async def test_connections_to_an_address_are_kept_apart_from_others(serve, transport) -> None:
    server = serve(answering())
    url = server.url.replace("127.0.0.1", "localhost")
    await send(transport, url)
    await send(transport, url, address="127.0.0.1")
    await send(transport, url, address="127.0.0.1")
    assert server.connections == 2
    assert build_request(url).address is None


# -- through a proxy --------------------------------------------------------------------------------------------------


async def test_through_a_proxy_the_name_is_the_proxys_to_look_up(serve, transport, monkeypatch) -> None:
    async def forward(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(PNG)

    proxy = serve(forward)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    asked = resolving(monkeypatch)
    assert (await fetch("http://pictures.example/a.png", transport, MediaLimits(timeout_s=5))).data == PNG
    assert (await fetch("http://93.184.216.34/a.png", transport, MediaLimits(timeout_s=5))).data == PNG
    assert (await fetch("http://[2606:4700::1]/a.png", transport, MediaLimits(timeout_s=5))).data == PNG
    assert proxy.requests[0].path == "http://pictures.example/a.png"
    assert asked == []
    for host in ("10.0.0.1", "0xa000001", "[fd00::1]", "169.254.169.254", "intern", "a.local.", "x.internal"):
        with pytest.raises(InvalidInputError, match="is on a private network"):
            await fetch(f"http://{host}/", transport, MediaLimits(timeout_s=5))
    assert len(proxy.requests) == 3
    assert (await fetch("http://intern/", transport, HERE)).data == PNG


# -- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "192.0.1.1"],
)
def test_public_addresses(address) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address", ["", "example.com", "127.1", "fe80::1%eth0", "64:ff9b:1::1", "::127.0.0.1", "fec0::1", "100.64.0.1"]
)
def test_addresses_that_are_not_public(address) -> None:
    assert not is_public(address)


async def test_a_transport_that_reaches_no_network_needs_no_names(serve, transport, monkeypatch) -> None:
    class Recording:
        is_offline = True

        async def send(self, request):
            assert request.address is None
            return await transport.send(build_request(server.url, method="GET", body=b""))

    server = serve(answering())
    asked = resolving(monkeypatch)
    assert (await fetch("https://pictures.example/a.png", Recording(), HERE)).data == PNG
    assert asked == []
