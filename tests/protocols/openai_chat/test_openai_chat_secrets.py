"""A key that a server echoes is out of the message before the message is cut, wherever the cut falls."""

from __future__ import annotations

import json

import pytest
from chat_streams import make_route
from msgspec import structs

from turnout.errors import CallError
from turnout.protocols.openai_chat import StreamDecoder, decode, decode_error

KEY = "sk-Zq7Wx9Kd3Lm5Np8Rt2Vb4Yc6Hf1Jg0"
PIECES = [KEY[start : start + 6] for start in range(len(KEY) - 5)]
ROUTE = structs.replace(make_route(), secrets=(KEY,))


def assert_hidden(text: str) -> None:
    assert [piece for piece in PIECES if piece in text] == []


def offsets(cut: int) -> range:
    return range(cut - len(KEY) - 12, cut + 12)


@pytest.mark.parametrize("spell", [str, lambda key: key.replace("-", "\\u002d")], ids=["plain", "escaped"])
def test_in_an_error_body(spell):
    for offset in offsets(500):
        words = " " * 3 + "x" * (offset - 3) + spell(KEY) + " y" * 50
        escaped = b'{"error":{"message":"%s"}}' % words.encode()
        nested = json.dumps({"error": {"message": "a", "metadata": {"raw": words}}}).encode()
        for body in (words.encode(), json.dumps({"error": words}).encode(), escaped, nested):
            assert_hidden(str(decode_error(400, {}, body, (KEY,))))


def test_in_the_title_of_a_web_page():
    for offset in offsets(500):
        page = f"<html><title>{'x' * offset}{KEY}</title>".encode()
        assert_hidden(str(decode_error(502, {}, page, (KEY,))))


@pytest.mark.parametrize("opening", ["<html>", '{"id":"', '{"choices":[],"id":"', "nothing"])
def test_in_a_200_that_is_no_answer(opening):
    for offset in offsets(200):
        body = (opening + "x" * (offset - len(opening)) + KEY + '"' + "}" * ("choices" in opening)).encode()
        with pytest.raises(CallError) as caught:
            decode(body, ROUTE)
        assert_hidden(str(caught.value))


def test_in_an_error_that_comes_as_a_200():
    for offset in offsets(500):
        body = json.dumps({"error": {"message": "x" * offset + KEY}}).encode()
        with pytest.raises(CallError) as caught:
            decode(body, ROUTE)
        assert_hidden(str(caught.value))


def test_in_an_event():
    for offset in offsets(200):
        broken = b"x" * offset + KEY.encode() + b"y" * 50
        with pytest.raises(CallError) as caught:
            StreamDecoder(ROUTE).decode_event(broken)
        assert_hidden(str(caught.value))
        for chunk in StreamDecoder(ROUTE).decode_event(broken, "error"):
            assert_hidden(str(chunk))
    for offset in offsets(500):
        event = json.dumps({"error": {"message": "x" * offset + KEY}}).encode()
        for chunk in StreamDecoder(ROUTE).decode_event(event):
            assert_hidden(str(chunk))
