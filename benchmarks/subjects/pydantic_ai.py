"""Pydantic AI's agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Client = tuple[Any, str, list[Any]]

IMPORT = "from pydantic_ai import Agent; from pydantic_ai.models.openai import OpenAIChatModel"
DISTRIBUTION = "pydantic-ai-slim"


def open_client(url: str, messages: Sequence[tuple[str, str]], is_sync: bool) -> Client:
    model = OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(base_url=url, api_key="sk-benchmark"))
    before = [
        ModelRequest(parts=[UserPromptPart(text)]) if role == "user" else ModelResponse(parts=[TextPart(text)])
        for role, text in messages[:-1]
    ]
    return Agent(model), messages[-1][1], before


async def call(client: Client) -> str:
    agent, prompt, before = client
    return (await agent.run(prompt, message_history=before)).output


def call_sync(client: Client) -> str:
    agent, prompt, before = client
    return agent.run_sync(prompt, message_history=before).output


async def stream(client: Client, seen: Callable[[], object]) -> str:
    agent, prompt, before = client
    pieces: list[str] = []
    async with agent.run_stream(prompt, message_history=before) as answer:
        async for text in answer.stream_text(delta=True, debounce_by=None):
            if not pieces:
                seen()
            pieces.append(text)
    return "".join(pieces)


async def close(client: Client) -> None:
    pass
