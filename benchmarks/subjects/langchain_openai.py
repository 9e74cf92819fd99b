"""LangChain's chat model for OpenAI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage
from langchain_openai import ChatOpenAI

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Client = tuple[Any, list[Any]]

IMPORT = "from langchain_openai import ChatOpenAI"
DISTRIBUTION = "langchain-openai"


def open_client(url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> Client:
    model = ChatOpenAI(model="gpt-4o-mini", base_url=url, api_key="sk-benchmark")
    return model, [HumanMessage(text) if role == "user" else AIMessage(text) for role, text in messages]


async def call(client: Client) -> str:
    model, messages = client
    return (await model.ainvoke(messages)).content


def call_sync(client: Client) -> str:
    model, messages = client
    return model.invoke(messages).content


async def stream(client: Client, seen: Callable[[], object]) -> str:
    model, messages = client
    pieces: list[str] = []
    async for chunk in model.astream(messages):
        if chunk.content:
            if not pieces:
                seen()
            pieces.append(chunk.content)
    return "".join(pieces)


async def close(client: Client) -> None:
    pass
