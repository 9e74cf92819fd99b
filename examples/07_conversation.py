"""A conversation in a thread: it goes on with the next call, and with the next run of this program.

    python examples/07_conversation.py "My name is Ada."
    python examples/07_conversation.py "What is my name?"

Without words of yours it says these two.
"""

from __future__ import annotations

import asyncio
import os
import sys

from turnout import Agent, Memory
from turnout.memory import SQLiteStore

MODEL = os.environ.get("TURNOUT_MODEL", "local/smollm2-135m-instruct")


async def main() -> None:
    memory = Memory(SQLiteStore("threads.db"), last_messages=20)
    agent = Agent(id="guide", model=MODEL, memory=memory, settings={"max_output_tokens": 60})
    for said in sys.argv[1:] or ["My name is Ada.", "What is my name?"]:
        result = await agent.generate(said, thread="user-42")
        print(f"> {said}\n{result.text}")
    (thread,) = await memory.list_threads("guide")
    print(f"[{thread.thread}: {thread.length} messages in threads.db]")


asyncio.run(main())
