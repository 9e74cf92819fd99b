"""The books of a try hold against hostile numbers and against an interrupt in a hook."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest

from turnout.call.account import Account
from turnout.call.budget import Budget, reserve
from turnout.call.estimate import ASSUMED_OUTPUT_TOKENS, expect_output_tokens
from turnout.catalog.types import Model
from turnout.hooks import ErrorEvent, Hooks, RequestEvent, ResponseEvent, Watch
from turnout.messages import Message
from turnout.requests import ModelRequest, ModelSettings
from turnout.routing import read_model, resolve

MODEL = "ovhcloud/gpt-oss-120b"
ROUTE = resolve(read_model(MODEL)[0])


def request(limit: int | None = None, **options: Any) -> ModelRequest:
    settings = ModelSettings(max_output_tokens=limit)
    return ModelRequest(messages=[Message.user("Hi")], settings=settings, provider_options={"*": options})


@pytest.mark.parametrize(
    ("options", "limit", "tokens"),
    [
        ({"max_tokens": -100}, 7, 7),
        ({"max_tokens": True}, 7, 7),
        ({"max_tokens": 5}, 7, 5),
        ({"max_tokens": 5.5}, 7, 6),
        ({"max_tokens": float("inf")}, None, ASSUMED_OUTPUT_TOKENS),
        ({"max_tokens": 0, "max_completion_tokens": 9}, None, 9),
        ({"n": True}, 7, 7),
        ({"n": -3}, 7, 7),
        ({"n": 3}, 7, 21),
        ({}, -7, ASSUMED_OUTPUT_TOKENS),
    ],
)
def test_a_limit_below_one_limits_nothing(options: dict[str, Any], limit: int | None, tokens: int) -> None:
    assert expect_output_tokens(request(limit, **options), ROUTE, Model(id="a/b")) == tokens


def test_nothing_negative_is_reserved() -> None:
    budget = Budget(1)
    reservation = reserve([budget], Decimal(-5), "a/b")
    assert (reservation.amount_usd, budget.reserved_usd, budget.left_usd) == (0, 0, 1)
    reservation.release()
    assert budget.reserved_usd == 0


def test_an_interrupt_in_a_hook_gives_back_what_was_reserved() -> None:
    def interrupt(event: object) -> None:
        raise KeyboardInterrupt

    seen: list[object] = []
    watch = Watch([Hooks(on_request=interrupt, on_response=seen.append, on_error=seen.append)])
    budget = Budget(1)
    with pytest.raises(KeyboardInterrupt):
        Account.open(watch, [budget], request(5), ROUTE, 1)
    assert (budget.reserved_usd, budget.spent_usd, seen) == (0, 0, [])


def test_a_hook_that_was_told_of_a_request_is_told_of_its_end() -> None:
    seen: list[Any] = []
    watch = Watch([Hooks(on_request=seen.append, on_response=seen.append, on_error=seen.append)])
    budget = Budget(1)
    Account.open(watch, [budget], request(5), ROUTE, 1).failed(ValueError("x"))
    assert [type(event) for event in seen] == [RequestEvent, ErrorEvent]
    Account.open(watch, [budget], request(5), ROUTE, 1).leave()
    assert isinstance(seen[-1], ResponseEvent)


def test_a_copied_budget_is_the_same_and_a_pickled_one_knows_what_was_spent() -> None:
    budget = Budget("0.5", name="team", allows_unknown_prices=True)
    reserve([budget], Decimal("0.2"), "a/b").settle_estimate(Decimal("0.1"))
    reserve([budget], Decimal("0.2"), "a/b")
    assert copy.copy(budget) is budget
    assert copy.deepcopy([budget])[0] is budget
    twin = pickle.loads(pickle.dumps(budget))
    assert (twin.name, twin.max_cost_usd, twin.allows_unknown_prices) == ("team", Decimal("0.5"), True)
    assert (twin.spent_usd, twin.estimated_usd, twin.reserved_usd) == (Decimal("0.1"), Decimal("0.1"), 0)
