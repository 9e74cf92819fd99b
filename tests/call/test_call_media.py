"""Media that are elsewhere, fetched for a provider that takes no URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest

from provider import Exchange, Provider, error, reply
from turnout.call.exchange import encode
from turnout.call.media import FetchedMedia, inline_media, name_largest
from turnout.catalog.quirks import Quirks
from turnout.errors import InvalidInputError
from turnout.media import MediaLimits
from turnout.messages import Audio, File, Image, Message, Text, Video
from turnout.protocols import find_protocol
from turnout.requests import ModelRequest
from turnout.routing.resolution import resolve
from turnout.routing.route import Route
from turnout.transport.http import HTTPTransport

PNG = b"\x89PNG\r\n\x1a\n...."
LIMITS = MediaLimits(allow_private_urls=True, timeout_s=5)


@pytest.fixture
def files() -> Iterator[Provider]:
    with Provider() as server:
        server.script(reply(PNG, content_type="image/png"))
        yield server


def route_of(*takes: str, **quirks: object) -> Route:
    route = resolve({"id": "ovhcloud/gpt-oss-120b", "api_key": "sk-very-secret-key"})
    return msgspec.structs.replace(route, quirks=Quirks(takes_media_urls=takes, **quirks))  # type: ignore[arg-type]


async def inlined(request: ModelRequest, route: Route, fetched: FetchedMedia | None = None) -> ModelRequest:
    return await inline_media(request, route, HTTPTransport(), fetched or FetchedMedia(LIMITS))


async def test_a_request_without_urls_or_for_a_provider_that_takes_them_stays_as_it_is(files) -> None:
    plain = ModelRequest(messages=[Message.user("a", Image(PNG), Image("data:image/png;base64,QQ=="))])
    assert await inlined(plain, route_of()) is plain
    remote = ModelRequest(messages=[Message.user("a", Image(files.url), Video(url="https://h/v"))])
    assert await inlined(remote, route_of("image", "video")) is remote
    assert Quirks().takes_media_urls == ("image", "video")
    said = ModelRequest(messages=[Message.assistant("a", Image(files.url))])
    assert await inlined(said, route_of()) is said
    assert files.requests == []


async def test_where_pdfs_alone_are_taken_as_urls_other_files_become_bytes(files) -> None:
    taken = [
        File(url=f"{files.url}/a.PDF?x=1#p", name="a"),
        File(url=f"{files.url}/a", media_type="application/pdf"),
    ]
    others = [
        File(url=f"{files.url}/a"),
        File(url=f"{files.url}/a.txt?b=.pdf"),
        File(url=f"{files.url}/a.pdf", media_type="text/plain"),
        Image(f"{files.url}/a.pdf"),
    ]
    request = ModelRequest(messages=[Message.user(*taken, *others)])
    content = (await inlined(request, route_of("pdf"))).messages[0].content
    assert content[:2] == taken
    assert [part.data for part in content[2:]] == [PNG] * 4
    assert len(files.requests) == 3


async def test_urls_that_the_provider_does_not_take_become_bytes(files) -> None:
    url = f"{files.url}/a%20b.png?x=1"
    request = ModelRequest(
        messages=[
            Message.system("Be kind"),
            Message.user("see", Image(url), Video(url="https://h/v"), File(url), File(url, name="n"), Audio(url)),
        ]
    )
    written = await inlined(request, route_of("video"))
    assert written.messages[0] is request.messages[0]
    assert written.messages[1].content == [
        Text("see"),
        Image(PNG, media_type="image/png"),
        Video(url="https://h/v"),
        File(PNG, media_type="image/png", name="a%20b.png"),
        File(PNG, media_type="image/png", name="n"),
        Audio(PNG, media_type="image/png"),
    ]
    assert len(files.requests) == 1, "one URL is fetched once"
    assert b"secret" not in files.requests[0].raw_headers
    assert request.messages[1].content[1] == Image(url)


async def test_a_run_fetches_a_url_once_whatever_comes_of_it(files) -> None:
    files.script(reply(PNG), error(500), reply(PNG))
    fetched = FetchedMedia(LIMITS)
    good = ModelRequest(messages=[Message.user(Image(f"{files.url}/good"))])
    bad = ModelRequest(messages=[Message.user(Image(f"{files.url}/bad?key=secret"))])
    assert await inlined(good, route_of(), fetched) == await inlined(good, route_of(), fetched)
    for _ in range(2):
        with pytest.raises(InvalidInputError, match=r"messages\[0\].content\[0\]: `ovhcloud` takes no image by URL"):
            await inlined(bad, route_of(), fetched)
    with pytest.raises(InvalidInputError, match="answers with status 500") as caught:
        await inlined(bad, route_of(), fetched)
    assert "secret" not in str(caught.value)
    assert [request.path for request in files.requests] == ["/v1/good", "/v1/bad?key=secret"]


async def test_four_are_fetched_at_once_and_a_cancelled_call_leaves_none_behind(files) -> None:
    reached, most = asyncio.Event(), [0, 0]
    loop = asyncio.get_running_loop()

    async def wait(exchange: Exchange) -> None:
        most[0] += 1
        if most[0] == 4:
            loop.call_soon_threadsafe(reached.set)
        await exchange.wait_for_close()
        most[1] += 1

    files.script(wait)
    urls = [Image(f"{files.url}/{n}") for n in range(9)]
    work = asyncio.create_task(inlined(ModelRequest(messages=[Message.user(*urls)]), route_of()))
    await asyncio.wait_for(reached.wait(), 5)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    for _ in range(500):
        if most[1] == 4:
            break
        await asyncio.sleep(0.01)
    assert most == [4, 4]


async def test_what_a_run_fetches_is_bounded(files) -> None:
    limits = MediaLimits(allow_private_urls=True, max_total_bytes=len(PNG) * 5 - 1)
    urls = [Image(f"{files.url}/{n}") for n in range(9)]
    with pytest.raises(InvalidInputError, match=r"hold over 59 bytes: send fewer, or raise `max_total_bytes`"):
        await inlined(ModelRequest(messages=[Message.user(*urls)]), route_of(), FetchedMedia(limits))
    assert len(files.requests) < 9


async def test_a_proxy_that_cannot_be_read_is_the_error_of_the_part(files, monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    request = ModelRequest(messages=[Message.user(Image("https://pictures.example/a.png"))])
    with pytest.raises(InvalidInputError, match="HTTPS_PROXY names no http or https proxy"):
        await inlined(request, route_of())


async def test_this_machine_is_not_fetched_from_unless_allowed(files) -> None:
    request = ModelRequest(messages=[Message.user(Image(files.url))])
    with pytest.raises(InvalidInputError, match="is on a private network or this machine"):
        await inlined(request, route_of(), FetchedMedia())
    assert files.requests == []


def test_a_body_that_is_too_large_names_the_largest_of_its_media() -> None:
    route = route_of("image", max_body_bytes=2_000_000)
    picture = Image(PNG + bytes(3_000_000 - len(PNG)))
    request = ModelRequest(
        messages=[Message.user("a"), Message.user("b", Image("data:image/png;base64,QQ=="), picture)]
    )
    with pytest.raises(InvalidInputError) as caught:
        encode(find_protocol("openai_chat"), request, route, frozenset())
    assert "`ovhcloud` takes 2,000,000: the Image of messages[1].content[2] alone is 4,000,000 bytes as base64" in str(
        caught.value
    )
    assert str(caught.value).endswith("send a smaller one, or less history")
    long = ModelRequest(messages=[Message.user("a" * 2_000_000)])
    with pytest.raises(InvalidInputError, match="takes 2,000,000: send less history"):
        encode(find_protocol("openai_chat"), long, route, frozenset())
    assert name_largest(ModelRequest(messages=[Message.user(Image("https://h/i"))])) == ""
