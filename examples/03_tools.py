"""Tools: two plain functions, which the model may call, both in one step if it likes.

The embedded model has no tools of its own: it gets them through constrained JSON. It is small, and answers oddly;
TURNOUT_MODEL=ovhcloud/gpt-oss-120b (with OVHCLOUD_API_KEY) does better.
"""

from __future__ import annotations

import asyncio
import os
from typing import Literal

from turnout import Agent

MODEL = os.environ.get("TURNOUT_MODEL", "local/smollm2-135m-instruct")


async def get_weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> dict[str, object]:
    """Get the weather of today.

    Args:
        city: The city, in English.
        unit: The unit of the temperature.
    """
    return {"city": city, "sky": "sunny", "temperature": 21 if unit == "celsius" else 70}


def get_time(city: str) -> str:
    """Get the local time in a city."""
    return f"It is 14:05 in {city}."


async def main() -> None:
    agent = Agent(model=MODEL, tools=[get_weather, get_time], settings={"max_output_tokens": 200})
    async for chunk in agent.stream("What are the weather and the time in Paris?"):
        if chunk.type == "tool_call_end":
            print("call:", chunk.call.name, chunk.call.arguments)
        elif chunk.type == "tool_result":
            print("result:", chunk.content)
        elif chunk.type == "text_delta":
            print(chunk.text, end="", flush=True)
    print()


asyncio.run(main())
