"""httpx2 alone, with the JSON of the standard library: an HTTP client, which knows no models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Client = tuple[Any, dict[str, Any]]

IMPORT = "import httpx2"
DISTRIBUTION = "httpx2"


def open_client(url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> Client:
    make = httpx2.Client if is_sync else httpx2.AsyncClient
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    headers = {"authorization": "Bearer sk-benchmark"}
    client = make(base_url=url, headers=headers, limits=limits, timeout=None)
    said = [{"role": role, "content": text} for role, text in messages]
    return client, {"model": "gpt-4o-mini", "messages": said}


async def call(client: Client) -> str:
    http, body = client
    return (await http.post("/chat/completions", json=body)).json()["choices"][0]["message"]["content"]


def call_sync(client: Client) -> str:
    http, body = client
    return http.post("/chat/completions", json=body).json()["choices"][0]["message"]["content"]


async def stream(client: Client, seen: Callable[[], object]) -> str:
    http, body = client
    pieces: list[str] = []
    async with http.stream("POST", "/chat/completions", json={**body, "stream": True}) as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            chunk = json.loads(line[6:])
            if chunk["choices"] and (text := chunk["choices"][0]["delta"].get("content")):
                if not pieces:
                    seen()
                pieces.append(text)
    return "".join(pieces)


async def close(client: Client) -> None:
    await client[0].aclose()
