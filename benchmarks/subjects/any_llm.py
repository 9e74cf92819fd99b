"""Mozilla's any-llm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from any_llm import AnyLLM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Client = tuple[Any, list[dict[str, str]]]

IMPORT = "from any_llm import AnyLLM"
DISTRIBUTION = "any-llm-sdk"


def open_client(url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> Client:
    said = [{"role": role, "content": text} for role, text in messages]
    return AnyLLM.create("openai", api_key="sk-benchmark", api_base=url), said


async def call(client: Client) -> str:
    llm, messages = client
    return (await llm.acompletion(model="gpt-4o-mini", messages=messages)).choices[0].message.content


def call_sync(client: Client) -> str:
    llm, messages = client
    return llm.completion(model="gpt-4o-mini", messages=messages).choices[0].message.content


async def stream(client: Client, seen: Callable[[], object]) -> str:
    llm, messages = client
    pieces: list[str] = []
    async for chunk in await llm.acompletion(model="gpt-4o-mini", messages=messages, stream=True):
        if chunk.choices and (text := chunk.choices[0].delta.content):
            if not pieces:
                seen()
            pieces.append(text)
    return "".join(pieces)


async def close(client: Client) -> None:
    pass
