"""Structured output: a list of a type of your own, each element as soon as it is complete.

The embedded model keeps to the type, and knows little of the world; TURNOUT_MODEL=ovhcloud/gpt-oss-120b (with
OVHCLOUD_API_KEY) knows more.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from turnout import Agent

MODEL = os.environ.get("TURNOUT_MODEL", "local/smollm2-135m-instruct")


@dataclass
class City:
    """A city."""

    name: str
    country: str
    inhabitants: int


async def main() -> None:
    agent = Agent(model=MODEL, settings={"temperature": 0, "max_output_tokens": 400})
    async with agent.stream("Name three large cities of Europe.", output=list[City]) as stream:
        async for city in stream.element_stream:
            print(f"{city.name} ({city.country}): {city.inhabitants:,}")
        result = await stream.result()
    print(len(result.object), "cities,", sum(city.inhabitants for city in result.object), "people")


asyncio.run(main())
