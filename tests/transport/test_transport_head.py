"""What a request looks like on the wire, and what is refused before it is sent."""

from __future__ import annotations

import pytest
from scripted_server import Peer, build_request, fetch

from turnout.errors import InvalidInputError
from turnout.transport.head import render_head
from turnout.transport.http import HTTPTransport
from turnout.transport.seam import Headers
from turnout.transport.target import split_url


async def echo(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.answer()


async def test_a_request_carries_the_callers_headers_and_what_http_needs(serve, transport) -> None:
    server = serve(echo)
    headers = {"X-Custom": "v", "Authorization": "Bearer k"}
    for body in (b"{}", b"{1}", b"{12}"):
        await fetch(transport, f"{server.url}/v1/x?a=b", headers=headers, body=body)
    await fetch(transport, server.url, headers={**headers, "X-Custom": "w"})
    await fetch(transport, server.url, method="GET", body=b"")
    await fetch(transport, server.url, method="POST", body=b"")
    first, second, third, fourth, fifth, sixth = server.requests
    assert first.method == "POST"
    assert first.path == "/v1/x?a=b"
    assert first.names == ["Host", "X-Custom", "Authorization", "Accept-Encoding", "Content-Length"]
    assert first.headers["host"] == f"127.0.0.1:{server.port}"
    assert first.headers["accept-encoding"] == "gzip"
    assert [second.body, third.body] == [b"{1}", b"{12}"]
    assert second.names == first.names
    assert fourth.headers["x-custom"] == "w"
    assert fifth.path == "/"
    assert "content-length" not in fifth.headers
    assert sixth.headers["content-length"] == "0"


async def test_the_callers_host_and_accept_encoding_win_and_the_length_is_ours(serve, transport) -> None:
    server = serve(echo)
    given = {"HOST": "other", "Accept-encoding": "identity", "Content-length": "99"}
    await fetch(transport, server.url, headers=given)
    [request] = server.requests
    assert request.headers["host"] == "other"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["content-length"] == "2"
    assert sorted(name.lower() for name in request.names) == ["accept-encoding", "content-length", "host"]


async def test_userinfo_of_the_url_is_basic_authorization_unless_one_is_given(serve, transport) -> None:
    server = serve(echo)
    url = server.url.replace("//", "//us%40er:pa%3Ass@")
    await fetch(transport, url)
    await fetch(transport, url, headers={"authorization": "Bearer k"})
    assert server.requests[0].headers["authorization"] == "Basic dXNAZXI6cGE6c3M="
    assert server.requests[1].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize("mark", ["\r\n", "\n", "\r", "\0"])
async def test_a_break_in_a_header_value_is_refused_without_showing_it(transport, mark) -> None:
    with pytest.raises(InvalidInputError, match="'x-key' holds a line break") as caught:
        await fetch(transport, "http://127.0.0.1:1", headers={"x-fine": "1", "x-key": f"sk-secret{mark}x: y"})
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["a b", "a:b", "a\r\nb", "", "é", "a\0"])
async def test_a_name_that_is_no_token_is_refused(transport, name) -> None:
    with pytest.raises(InvalidInputError, match="no name for a header"):
        await fetch(transport, "http://127.0.0.1:1", headers={name: "v"})
    with pytest.raises(InvalidInputError, match="no name for a header"):
        await fetch(transport, "http://127.0.0.1:1", method=name)


async def test_a_value_beyond_latin_1_is_refused_without_showing_it(transport) -> None:
    with pytest.raises(InvalidInputError, match="'x-key' holds a character") as caught:
        await fetch(transport, "http://127.0.0.1:1", headers={"x-fine": "1", "x-key": "“sk-secret”"})
    assert "sk-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_transfer_encoding_cannot_be_set(transport) -> None:
    with pytest.raises(InvalidInputError, match="'transfer-encoding' cannot be set"):
        await fetch(transport, "http://127.0.0.1:1", headers={"Transfer-Encoding": "chunked"})


@pytest.mark.parametrize(
    "url", ["ftp://host/", "host/path", "http://", "http:///x", "http://[::1", "http://host:99999/", "http://h:x/", ""]
)
def test_what_is_no_http_url_is_refused(url) -> None:
    with pytest.raises(InvalidInputError, match="is not an http or https URL"):
        split_url(url)


@pytest.mark.parametrize("url", ["http://user:sk-secret@", "ftp://user:sk-secret@host/?key=sk-secret"])
def test_a_refused_url_is_shown_without_its_secrets(url) -> None:
    with pytest.raises(InvalidInputError) as caught:
        split_url(url)
    assert "sk-secret" not in str(caught.value)


def test_a_url_with_a_line_break_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="control character"):
        split_url("http://host/a\r\nx: y")


def test_urls_are_split_as_servers_expect() -> None:
    plain = split_url("http://Example.com/a b/é?q=ü&r=%20")
    assert (plain.host, plain.port, plain.host_header) == ("example.com", 80, "example.com")
    assert plain.path == "/a%20b/%C3%A9?q=%C3%BC&r=%20"
    literal = split_url("https://[::1]:8443")
    assert (literal.host, literal.port, literal.host_header, literal.path) == ("::1", 8443, "[::1]:8443", "/")
    assert (literal.is_tls, literal.origin) == (True, "https://[::1]:8443")
    assert split_url("https://bücher.example/").host == "xn--bcher-kva.example"
    assert split_url("https://h:443/").host_header == "h"
    assert split_url("https://:pw@h/").authorization == "Basic OnB3"


def test_a_forwarded_request_names_the_whole_url() -> None:
    head = render_head("GET", split_url("http://h:81/p"), {}, 0, {"Proxy-Authorization": "Basic x"})
    assert head.startswith(b"GET http://h:81/p HTTP/1.1\r\nHost: h:81\r\n")
    assert b"Proxy-Authorization: Basic x\r\n" in head


async def test_many_urls_do_not_pile_up(serve) -> None:
    server = serve(echo)
    transport = HTTPTransport()
    for number in range(70):
        await fetch(transport, f"{server.url}/{number}")
    assert [request.path for request in server.requests] == [f"/{number}" for number in range(70)]
    assert len(transport._recent_heads) <= 64


def test_headers_ignore_case_however_they_are_filled_and_hide_values() -> None:
    headers = Headers({"X-Key": "sk-secret"})
    headers["Content-Type"] = "a"
    headers.update([("X-More", "b")])
    assert headers["x-key"] == headers["X-KEY"] == "sk-secret"
    assert headers.get("CONTENT-TYPE") == "a"
    assert headers.get("none", "default") == "default"
    assert "x-MORE" in headers
    assert 3 not in headers
    assert headers.setdefault("X-KEY", "other") == "sk-secret"
    assert headers.setdefault("X-New", "n") == headers.pop("x-NEW") == "n"
    assert headers.pop("x-new", None) is None
    with pytest.raises(KeyError):
        headers.pop("x-new")
    del headers["X-MORE"]
    assert headers == {"x-key": "sk-secret", "content-type": "a"}
    for joined in (headers | {"CONTENT-Type": "b"}, {"X-KEY": "old", "CONTENT-Type": "b"} | headers, headers.copy()):
        assert type(joined) is Headers
        assert joined["X-Key"] == "sk-secret"
        assert len(joined) == 2
    headers |= {"CONTENT-Type": "b"}
    assert headers["content-type"] == "b"
    assert Headers([("A", "1"), ("a", "2")]) == {"a": "2"}
    assert "sk-secret" not in repr(headers)
    assert build_request("http://h/p?key=sk-secret").__repr__() == "HTTPRequest(POST http://h/p, 2 bytes)"
