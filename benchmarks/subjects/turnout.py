"""turnout: a model of its catalog, whose URL and key the environment tells."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from turnout import Agent, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Client = tuple[Agent, list[Message]]

IMPORT = "from turnout import Agent"
DISTRIBUTION = "turnout"


def open_client(url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> Client:
    os.environ["OVHCLOUD_BASE_URL"], os.environ["OVHCLOUD_API_KEY"] = url, "sk-benchmark"
    makers = {"user": Message.user, "assistant": Message.assistant}
    return Agent(model="ovhcloud/gpt-oss-120b"), [makers[role](text) for role, text in messages]


async def call(client: Client) -> str:
    agent, messages = client
    return (await agent.generate(messages)).text


def call_sync(client: Client) -> str:
    agent, messages = client
    return agent.generate_sync(messages).text


async def stream(client: Client, seen: Callable[[], object]) -> str:
    agent, messages = client
    answer = agent.stream(messages)
    is_first = True
    async for chunk in answer:
        if is_first and chunk.type == "text_delta":
            is_first = False
            seen()
    return (await answer.result()).text


async def close(client: Client) -> None:
    pass
