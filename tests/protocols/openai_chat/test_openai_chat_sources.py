"""Sources that stand beside the choices, as Perplexity and xAI tell them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_streams import DONE, make_route, stream

from turnout.chunks import TextEnd
from turnout.messages import Text
from turnout.protocols.openai_chat import decode

ONE = {"title": "One", "url": "https://a.example/1", "date": "2026-01-02"}
TWO = {"type": "url_citation", "url_citation": {"url": "https://a.example/2"}}
THREE = "https://a.example/3"
URLS = [ONE["url"], TWO["url_citation"]["url"], THREE]


def whole(message: dict[str, Any] | None = None, **beside: Any) -> list[dict[str, Any]]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "Hi", **(message or {})}}
    response = decode(json.dumps({"choices": [choice], **beside}).encode(), make_route())
    return [source for part in response.message.content if isinstance(part, Text) for source in part.citations]


def event(piece: str, reason: str | None = None, **beside: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": piece}, "finish_reason": reason}
    return json.dumps({"choices": [choice], **beside}).encode()


@pytest.mark.parametrize(
    ("message", "beside", "told"),
    [
        ({}, {"citations": [THREE]}, [{"url": THREE}]),
        ({}, {"citations": URLS, "search_results": [ONE]}, [ONE, {"url": URLS[1]}, {"url": THREE}]),
        ({"annotations": [TWO]}, {"citations": [URLS[1]]}, [TWO]),
        ({}, {"search_results": [ONE, ONE]}, [ONE]),
        ({}, {"citations": [7, None, {}], "search_results": "none"}, []),
        ({}, {"citations": {"a": 1}}, []),
        ({"annotations": [{"url": ["odd"]}]}, {"citations": [THREE]}, [{"url": ["odd"]}, {"url": THREE}]),
    ],
)
def test_sources_beside_the_choices_are_citations_of_the_text(message: Any, beside: Any, told: Any) -> None:
    assert whole(message, **beside) == told


def test_a_stream_tells_them_once_at_the_end_of_the_text() -> None:
    chunks, response = stream(
        [
            event("Hi", citations=[THREE]),
            event(" you", citations=[THREE, ONE["url"]]),
            event("", "stop", citations=[THREE, ONE["url"]], search_results=[ONE]),
            DONE,
        ]
    )
    expected = [ONE, {"url": THREE}]
    assert [list(chunk.citations) for chunk in chunks if isinstance(chunk, TextEnd)] == [expected]
    assert response.message.content == [Text("Hi you", citations=expected)]


def test_an_answer_of_odd_types_keeps_its_sources() -> None:
    assert whole({"refusal": 1}, citations=[THREE]) == [{"url": THREE}]
