"""The kind of media, read from leading bytes; and base64, which is passed on as it came."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from chat_streams import make_route
from msgspec import structs

from turnout.errors import InvalidInputError
from turnout.media import sniff_media_type
from turnout.messages import Audio, File, Image, Message, Text, ToolCall
from turnout.protocols.media_bytes import tidy_base64
from turnout.protocols.openai_chat import encode, parse_messages
from turnout.protocols.openai_chat.media_parts import write_media
from turnout.requests import ModelRequest


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"BM\x8a\0\0\0\0\0\0\0", "image/bmp"),
        (b"II*\x00", "image/tiff"),
        (b"MM\x00*", "image/tiff"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"RIFF....WAVEfmt ", "audio/wav"),
        (b"RIFF....AVI LIST", "video/x-msvideo"),
        (b"RIFF....????", None),
        (b"....ftypavif", "image/avif"),
        (b"....ftypheic", "image/heic"),
        (b"....ftypM4A ", "audio/mp4"),
        (b"....ftypqt  ", "video/quicktime"),
        (b"....ftypisom", "video/mp4"),
        (b"BMW and others", None),
        (b"ID3\x04", "audio/mpeg"),
        (b"ID3 tags are", None),
        (b"#!AMR\n", "audio/amr"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"\xff\xf3", "audio/mpeg"),
        (b"\xff\xf1P", "audio/aac"),
        (b"\xff\xe1", None),
        (b"\xff\xfd", None),
        (b"\xff\x00", None),
        (b"fLaC", "audio/flac"),
        (b"OggS", "audio/ogg"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"%PDF-1.7", "application/pdf"),
        (b"hello", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_the_leading_bytes_tell_the_type(data, media_type):
    assert sniff_media_type(data) == media_type


# -- base64 -----------------------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def test_a_well_formed_data_url_is_passed_on_and_not_copied():
    url = f"data:image/png;base64,{b64encode(PNG * 1000).decode()}"
    assert write_media(Image(url), "x")["image_url"]["url"] is url
    assert write_media(File(url), "x")["file"]["file_data"] is url


def test_a_png_is_never_labelled_jpeg():
    encoded = b64encode(PNG).decode()
    png = f"data:image/png;base64,{encoded}"
    for part in (
        Image(PNG, media_type="image/jpeg"),
        Image(f"data:image/jpeg;base64,{encoded}"),
        Image(f"data:;base64,{encoded}"),
        Image(f"data:image/jpeg;charset=x; BASE64,{encoded}"),
        Image(png, media_type="image/jpeg"),
        Image(PNG, media_type="application/octet-stream"),
    ):
        assert write_media(part, "x")["image_url"]["url"] == png


@pytest.mark.parametrize(
    ("written", "tidied"),
    [
        ("+/8=", "+/8="),
        ("-_8", "+/8="),
        ("-_8%3D", "+/8="),
        ("%2B/8=", "+/8="),
        (" +/\r\n8=\n", "+/8="),
        ("", ""),
    ],
)
def test_base64_is_mended(written, tidied):
    assert tidy_base64(written, "x") == tidied


@pytest.mark.parametrize("written", ["a", "a===", "QQ==QQ==", "Q(==", "Qé=="])
def test_what_is_no_base64_is_an_error(written):
    with pytest.raises(InvalidInputError, match="^x: the data is no base64"):
        tidy_base64(written, "x")


def test_a_text_file_whose_type_is_not_told_is_read_whole():
    url = f"data:;base64,{b64encode(b'hello ' * 99 + bytes([255])).decode()}"
    with pytest.raises(InvalidInputError, match="the bytes do not show their type"):
        write_media(File(url), "x")
    url = f"data:application/octet-stream;base64,{b64encode(b'hello ' * 99).decode()}"
    assert write_media(File(url), "x")["file"]["file_data"].startswith("data:text/plain;base64,aGVsbG8g")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Image(b""), "the Image is empty"),
        (Audio("data:audio/wav;base64,"), "the Audio is empty"),
        (Image("cat.png"), "the file 'cat.png' was not read: call an Agent"),
    ],
)
def test_what_holds_nothing_is_an_error(part, said):
    with pytest.raises(InvalidInputError, match=said):
        write_media(part, "x")


# -- fields of parts --------------------------------------------------------------------------------------------------

CACHED = {"cache_control": {"type": "ephemeral"}}


def written(*messages, provider="p"):
    route = structs.replace(make_route(), provider=provider)
    body = encode(ModelRequest(messages=list(messages)), route).body
    return json.loads(body)["messages"]


def test_fields_of_a_part_go_to_their_provider():
    image = Image("https://h/i", provider_options={"*": {"image_url": {"detail": "low"}}, "p": {"image_url": {"x": 1}}})
    assert written(Message.user("a", image))[0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "https://h/i", "detail": "low", "x": 1},
    }
    text = Text("a", {"p": CACHED})
    assert written(Message.user(text)) == [{"role": "user", "content": [{"type": "text", "text": "a", **CACHED}]}]
    assert written(Message.user(text), provider="q") == [{"role": "user", "content": "a"}]
    said = Message("assistant", [Text("b"), text, ToolCall("1", "f", {})])
    assert written(said)[0]["content"] == [{"type": "text", "text": "b"}, {"type": "text", "text": "a", **CACHED}]
    assert written(said, provider="q")[0]["content"] == "ba"
    with pytest.raises(InvalidInputError, match=r"content\[0\].provider_options\['p'\].x: nan is no JSON number"):
        written(Message.user(Text("a", {"*": {"x": float("nan")}})))


def test_fields_of_a_dict_come_out_as_they_went_in():
    given = [
        {"role": "system", "content": [{"type": "text", "text": "Be kind", **CACHED}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://h/i", "detail": "high"}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "a", **CACHED}]},
    ]
    assert written(*parse_messages(given)) == given
