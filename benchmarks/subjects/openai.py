"""OpenAI's own SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI, OpenAI

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Client = tuple[Any, list[dict[str, str]]]

IMPORT = "from openai import AsyncOpenAI"
DISTRIBUTION = "openai"


def open_client(url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> Client:
    make = OpenAI if is_sync else AsyncOpenAI
    return make(base_url=url, api_key="sk-benchmark"), [{"role": role, "content": text} for role, text in messages]


async def call(client: Client) -> str:
    openai, messages = client
    answer = await openai.chat.completions.create(model="gpt-4o-mini", messages=messages)
    return answer.choices[0].message.content


def call_sync(client: Client) -> str:
    openai, messages = client
    return openai.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content


async def stream(client: Client, seen: Callable[[], object]) -> str:
    openai, messages = client
    pieces: list[str] = []
    async for chunk in await openai.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True):
        if chunk.choices and (text := chunk.choices[0].delta.content):
            if not pieces:
                seen()
            pieces.append(text)
    return "".join(pieces)


async def close(client: Client) -> None:
    await client[0].close()
