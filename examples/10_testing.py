"""Tests of an agent, without a network and without a key: a model that follows a script, a guard, and a hook.

Run them with pytest: ``python -m pytest examples/10_testing.py``.
"""

from __future__ import annotations

from turnout import Agent, Hooks, ToolCall, ToolResult
from turnout.errors import RateLimitError
from turnout.guards import RedactPII
from turnout.hooks import RequestEvent
from turnout.testing import ScriptedModel


def get_balance(account: int) -> str:
    """Get the balance of an account."""
    return f"account {account}: 12.50 EUR"


def make_agent(model: ScriptedModel, hooks: Hooks | None = None) -> Agent:
    """Make the agent that is tested; in the program it has a model of a provider."""
    return Agent(id="bank", model=model, tools=[get_balance], guards=[RedactPII()], hooks=hooks)


def test_the_balance_is_looked_up() -> None:
    model = ScriptedModel([ToolCall("1", "get_balance", {"account": 7}), "You have 12.50 EUR."])
    result = make_agent(model).generate_sync("How much do I have on account 7?")
    assert result.text == "You have 12.50 EUR."
    (told,) = model.requests[1].messages[-1].content
    assert isinstance(told, ToolResult)
    assert told.content == "account 7: 12.50 EUR"


def test_no_card_number_reaches_the_model() -> None:
    model = ScriptedModel(["Thank you."])
    make_agent(model).generate_sync("My card is 4111 1111 1111 1111.")
    assert model.requests[0].text == "My card is [credit_card]."


def test_it_tries_again_when_the_provider_is_busy() -> None:
    sent: list[RequestEvent] = []
    model = ScriptedModel([RateLimitError("slow down", retry_after_s=0), "Hello."])
    result = make_agent(model, Hooks(on_request=sent.append)).generate_sync("Hi")
    assert result.text == "Hello."
    assert [event.attempt for event in sent] == [1, 2]
