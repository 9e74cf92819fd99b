"""LiteLLM's functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import litellm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IMPORT = "from litellm import acompletion"
DISTRIBUTION = "litellm"


def open_client(url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> dict[str, Any]:
    said = [{"role": role, "content": text} for role, text in messages]
    return {"model": "openai/gpt-4o-mini", "messages": said, "api_base": url, "api_key": "sk-benchmark"}


async def call(client: dict[str, Any]) -> str:
    return (await litellm.acompletion(**client)).choices[0].message.content


def call_sync(client: dict[str, Any]) -> str:
    return litellm.completion(**client).choices[0].message.content


async def stream(client: dict[str, Any], seen: Callable[[], object]) -> str:
    pieces: list[str] = []
    async for chunk in await litellm.acompletion(**client, stream=True):
        if chunk.choices and (text := chunk.choices[0].delta.content):
            if not pieces:
                seen()
            pieces.append(text)
    return "".join(pieces)


async def close(client: dict[str, Any]) -> None:
    pass
