"""A story, printed as it comes. Ctrl-C stops it, and the model with it."""

from __future__ import annotations

import asyncio
import os

from turnout import Agent

MODEL = os.environ.get("TURNOUT_MODEL", "local/smollm2-135m-instruct")


async def main() -> None:
    agent = Agent(model=MODEL, settings={"max_output_tokens": 80})
    async with agent.stream("Tell me a story about a train.") as stream:
        async for text in stream.text_stream:
            print(text, end="", flush=True)
    print(f"\n[{stream.finish_reason}, {stream.usage}, {stream.cost}]")


asyncio.run(main())
