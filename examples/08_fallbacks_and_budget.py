"""Fallbacks, a model chosen by its facts, and a limit on what all of it may cost."""

from __future__ import annotations

import os

from turnout import Agent, select
from turnout.errors import BudgetError

MODEL = os.environ.get("TURNOUT_MODEL", "groq/llama-3.3-70b-versatile")

agent = Agent(
    model=[MODEL, select(provider="ovhcloud", tools=True, min_context=100_000, sort="price")],
    settings={"max_output_tokens": 200},
    max_cost_usd=0.01,  # all runs of this agent together
)
result = agent.generate_sync("Why do trains run on rails? Two sentences.")
print(result.text)
for attempt in result.attempts:
    print(f"{attempt.model}: {attempt.error or 'ok'}")
print("cost:", result.cost)

try:
    agent.generate_sync("Now in two thousand words.", model=result.model, max_cost_usd=0.000001)
except BudgetError as error:
    print("not sent:", error)
