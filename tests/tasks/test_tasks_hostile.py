"""Answers of tasks that are not quite what was asked for: mended where that is safe, refused where it is not."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest

from provider import Provider, reply
from turnout.errors import ResponseError
from turnout.images import generate_image
from turnout.messages import Image
from turnout.speech import speak

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(240, 256)) * 3
ENCODED = b64encode(PNG).decode()
SOUND = b"ID3\x04" + bytes(20)


def server(provider: Provider) -> dict[str, str]:
    return {"id": "m", "url": provider.url}


def pictures(*items: Any) -> dict[str, Any]:
    return {"created": 1, "data": list(items)}


@pytest.mark.parametrize(
    "item",
    [
        {"b64_json": ENCODED},
        {"b64_json": ENCODED[:40] + "\r\n" + ENCODED[40:]},
        {"b64_json": urlsafe_b64encode(PNG).decode().rstrip("=")},
        {"b64_json": f"data:image/png;base64,{ENCODED}"},
        {"b64_json": None, "url": f"data:image/png;base64,{ENCODED}"},
    ],
)
async def test_a_picture_in_any_spelling_of_base64(item: dict[str, Any], provider: Provider):
    provider.script(reply(pictures(item)))
    result = await generate_image(server(provider), "A kite")
    assert (result[0].data, result[0].media_type) == (PNG, "image/png")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:1", "//h/x.png"])
async def test_a_picture_at_an_odd_url_is_none(url: str, provider: Provider):
    provider.script(reply(pictures({"url": url})))
    with pytest.raises(ResponseError, match="an image at a URL that is neither http nor https"):
        await generate_image(server(provider), "A kite", max_retries=0)


async def test_a_picture_may_stay_where_it_is(provider: Provider):
    provider.script(reply(pictures({"url": "HTTPS://h/x.png"})))
    assert (await generate_image(server(provider), "A kite")).images == [Image(url="HTTPS://h/x.png")]


async def test_fewer_pictures_than_asked_for_are_told(provider: Provider):
    provider.script(reply(pictures({"b64_json": ENCODED})))
    result = await generate_image(server(provider), "A kite", count=3)
    assert (len(result), [warning.code for warning in result.warnings]) == (1, ["fewer_results"])
    assert "3 images were asked for, and the provider sent 1" in result.warnings[0].message


@pytest.mark.parametrize(
    "body", [b"upstream failed: \xc3\xa9", b'"no voice"', b"null", b"data: {}\n\n", "é".encode() * 200]
)
async def test_text_is_no_sound(body: bytes, provider: Provider):
    provider.script(reply(body, content_type="audio/mpeg"))
    with pytest.raises(ResponseError, match="a body that holds no sound"):
        await speak(server(provider), "Hello", max_retries=0)


@pytest.mark.parametrize("body", [SOUND, b"plain\x00\x01", bytes(10), b"RIFF\xff"])
async def test_bytes_that_are_no_text_are_sound(body: bytes, provider: Provider):
    provider.script(reply(body, content_type="audio/pcm"))
    assert (await speak(server(provider), "Hello")).data == body
