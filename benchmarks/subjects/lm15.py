"""lm15: typed requests and events on the standard library alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm15 import Message, OpenAIChatLM, Request, StreamDeltaEvent, TextDelta
from lm15.providers.async_base import AsyncOpenAIChatLM
from lm15.transports import StdlibAsyncTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Client = tuple[Any, Any]

IMPORT = "from lm15.providers.async_base import AsyncOpenAIChatLM"
DISTRIBUTION = "lm15"


def open_client(url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> Client:
    said = tuple(Message.user(text) if role == "user" else Message.assistant(text) for role, text in messages)
    request = Request(model="gpt-4o-mini", messages=said)
    if is_sync:
        return OpenAIChatLM(api_key="sk-benchmark", base_url=url), request
    transport = StdlibAsyncTransport(max_connections=10_000)  # of its own it opens few, and the others wait
    return AsyncOpenAIChatLM(api_key="sk-benchmark", base_url=url, transport=transport), request


async def call(client: Client) -> str:
    lm, request = client
    return (await lm.complete(request)).text


def call_sync(client: Client) -> str:
    lm, request = client
    return lm.complete(request).text


async def stream(client: Client, seen: Callable[[], object]) -> str:
    lm, request = client
    pieces: list[str] = []
    async for event in lm.stream(request):
        if isinstance(event, StreamDeltaEvent) and isinstance(event.delta, TextDelta):
            if not pieces:
                seen()
            pieces.append(event.delta.text)
    return "".join(pieces)


async def close(client: Client) -> None:
    pass
