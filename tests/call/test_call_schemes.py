"""URLs that no provider should be asked to open are refused before anything is sent."""

from __future__ import annotations

from typing import Any, cast

import pytest
from msgspec import structs

from provider import Provider, reply
from turnout.agent.runtime import make_runtime
from turnout.call import Call, send
from turnout.call.exchange import encode
from turnout.errors import InvalidInputError
from turnout.messages import Image, Message
from turnout.protocols import openai_chat, openai_embeddings
from turnout.protocols.openai_chat import parse_messages
from turnout.requests import EmbeddingRequest, ModelRequest
from turnout.routing import read_model, resolve
from turnout.transport.http import HTTPTransport

MODEL = "ovhcloud/qwen2.5-vl-72b-instruct"


async def ask(*messages: Message) -> str:
    request = ModelRequest(messages=list(messages))
    answer = await send(
        Call(request=request, candidates=read_model(MODEL), max_retries=0), make_runtime(HTTPTransport())
    )
    return answer.response.text


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "javascript:x", "ftp://h/x.png", "gs://b/x.png", "no/scheme.png", "HTTP:x", "file:x"]
)
async def test_other_schemes_are_refused_with_a_cure(provider: Provider, url: str) -> None:
    with pytest.raises(
        InvalidInputError, match=r"messages\[0\]\.content\[1\].*give http, https or data.*path="
    ) as caught:
        await ask(Message.user("What?", Image(url=url)))
    assert "passwd" not in caught.value.message
    assert not provider.requests


async def test_those_of_a_foreign_dict_too(provider: Provider) -> None:
    part = {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}
    messages = parse_messages([{"role": "user", "content": [part]}])
    with pytest.raises(InvalidInputError, match=r"the URL of the Image has file:; give http"):
        await ask(*messages)
    with pytest.raises(InvalidInputError, match=r"the URL of the Image has ftp:"):
        await ask(Message.user(Image(url="ftp://h/x.png")))


async def test_what_the_assistant_said_is_not_looked_at(provider: Provider) -> None:
    provider.script(reply())
    assert await ask(Message.assistant("x", Image(url="file:///x.png")), Message.user("Hi"))


def test_the_cure_for_a_text_that_is_too_large_is_a_shorter_text() -> None:
    route = resolve(read_model(MODEL)[0])
    route = structs.replace(route, quirks=structs.replace(route.quirks, max_body_bytes=100))
    text = Message.user("x" * 1000)
    with pytest.raises(InvalidInputError, match="takes 100: send shorter texts$"):
        encode(cast("Any", openai_embeddings), EmbeddingRequest(messages=[text]), route, frozenset())
    with pytest.raises(InvalidInputError, match="takes 100: send less history, or shorter texts$"):
        encode(openai_chat, ModelRequest(messages=[text]), route, frozenset())
