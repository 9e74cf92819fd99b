"""aiohttp alone, with the JSON of the standard library: an HTTP client, which knows no models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IMPORT = "import aiohttp"
DISTRIBUTION = "aiohttp"


class Client:
    def __init__(self, url: str, messages: Sequence[tuple[str, str]]) -> None:
        self.url = f"{url}/chat/completions"
        said = [{"role": role, "content": text} for role, text in messages]
        self.body: dict[str, Any] = {"model": "gpt-4o-mini", "messages": said}
        self.session: Any = None

    def post(self, **fields: Any) -> Any:
        if self.session is None:  # made inside of a running event loop
            connector = aiohttp.TCPConnector(limit=0)
            headers = {"authorization": "Bearer sk-benchmark"}
            self.session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=aiohttp.ClientTimeout())
        return self.session.post(self.url, json={**self.body, **fields})


def open_client(url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> Client:
    if is_sync:
        raise NotImplementedError("aiohttp has no sync calls")
    return Client(url, messages)


async def call(client: Client) -> str:
    async with client.post() as answer:
        return (await answer.json())["choices"][0]["message"]["content"]


def call_sync(client: Client) -> str:
    raise NotImplementedError("aiohttp has no sync calls")


async def stream(client: Client, seen: Callable[[], object]) -> str:
    pieces: list[str] = []
    async with client.post(stream=True) as answer:
        async for line in answer.content:
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            chunk = json.loads(line[6:])
            if chunk["choices"] and (text := chunk["choices"][0]["delta"].get("content")):
                if not pieces:
                    seen()
                pieces.append(text)
    return "".join(pieces)


async def close(client: Client) -> None:
    if client.session is not None:
        await client.session.close()
