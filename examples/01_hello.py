"""Hello: one answer, with its tokens and its cost.

The embedded model answers, so no key is needed; TURNOUT_MODEL names another one.
"""

from __future__ import annotations

import os

from turnout import Agent

MODEL = os.environ.get("TURNOUT_MODEL", "local/smollm2-135m-instruct")

agent = Agent(model=MODEL, instructions="You are a helpful assistant.", settings={"max_output_tokens": 60})
result = agent.generate_sync("Say hello in one sentence.")
print(result.text)
print(f"{result.model}: {result.usage}, {result.cost}, {result.finish_reason}")
