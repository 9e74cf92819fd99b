"""Budgets: reserved before a try, settled after it, and never passed by calls that run at once."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec import structs

from provider import Exchange, Provider, Reply, answer, cut, error, events, reply, silence, stream
from turnout.agent.runtime import make_runtime
from turnout.call import Call, Runtime, open_stream, send
from turnout.call.account import Account
from turnout.call.budget import Budget, limit_process, process_budget, read_budget, reserve, share_budgets
from turnout.call.estimate import ASSUMED_OUTPUT_TOKENS, estimate_cost, estimate_partial_cost
from turnout.catalog.types import Model
from turnout.chunks import TextDelta, UsageChunk
from turnout.errors import (
    AllCandidatesFailedError,
    BudgetError,
    InvalidInputError,
    ServerError,
    TruncatedStreamError,
    TurnoutError,
)
from turnout.messages import Audio, Message, Text
from turnout.requests import EmbeddingRequest, ModelRequest, ModelSettings, OutputSpec, Timeouts, ToolSpec
from turnout.routing import read_model, resolve
from turnout.tokens import estimate_request_tokens
from turnout.transport.http import HTTPTransport
from turnout.usage import Cost, Usage

MODEL = "ovhcloud/gpt-oss-120b"
COST = (11 * Decimal("0.09") + 7 * Decimal("0.47")) / 1_000_000
"""What the scripted answer costs: 11 tokens in and 7 out."""


@pytest.fixture(autouse=True)
def no_process_limit() -> Iterator[None]:
    limit_process(None)
    yield
    limit_process(None)


def call(*budgets: Budget, model: object = MODEL, retries: int = 0, streams: bool = False, **request: object) -> Call:
    settings = request.pop("settings", ModelSettings(max_output_tokens=100))
    asked = ModelRequest(messages=[Message.user("Hello!")], settings=settings, stream=streams, **request)  # type: ignore[arg-type]
    return Call(request=asked, candidates=read_model(model), max_retries=retries, budgets=budgets)


@pytest.fixture
def runtime() -> Runtime:
    return make_runtime(HTTPTransport())


async def test_an_answer_is_reserved_and_then_settled_at_its_cost(provider: Provider, runtime: Runtime) -> None:
    budget = Budget(1)
    seen: list[Decimal] = []

    async def play(exchange: Exchange) -> None:
        seen.append(budget.reserved_usd)
        await reply()(exchange)

    provider.script(play)
    done = await send(call(budget), runtime)
    assert done.cost.total == budget.spent_usd == COST
    assert seen[0] > COST
    assert (budget.reserved_usd, budget.estimated_usd) == (0, 0)
    assert budget.left_usd == 1 - COST


async def test_the_call_that_would_pass_the_limit_is_not_sent(provider: Provider, runtime: Runtime) -> None:
    budget = Budget("0.00001", name="agent")
    with pytest.raises(BudgetError, match=r"may cost \$0\.000\d+, and of the agent's \$0\.00001 \$0 is") as caught:
        await send(call(budget), runtime)
    assert provider.requests == []
    assert len(caught.value.attempts) == 1
    assert (caught.value.provider, caught.value.model, caught.value.is_retryable) == ("ovhcloud", "gpt-oss-120b", False)
    assert (budget.spent_usd, budget.reserved_usd) == (0, 0)


async def test_a_budget_of_two_calls_lets_two_of_many_pass(provider: Provider, runtime: Runtime) -> None:
    provider.script(reply())
    one = estimate_cost(call().request, resolve(MODEL), estimate_request_tokens(call().request))
    assert one is not None
    budget = Budget(one * 2)
    results = await asyncio.gather(*(send(call(budget), runtime) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(result, BudgetError) for result in results) == 48
    assert len(provider.requests) == 2
    assert budget.spent_usd == 2 * COST
    await send(call(budget), runtime)  # what the two did not use is there again
    assert budget.reserved_usd == 0


def test_threads_cannot_overspend_and_orders_do_not_lock_up() -> None:
    first, second = Budget(100, name="run"), Budget(60, name="process")
    done: list[bool] = []

    def work(order: tuple[Budget, ...]) -> None:
        for _ in range(50):
            try:
                held = reserve(order, Decimal(1), "m")
            except BudgetError:
                done.append(False)
            else:
                held.settle(Cost(total=Decimal(1)))
                done.append(True)

    threads = [
        threading.Thread(target=work, args=([first, second] if n % 2 else [second, first, first],)) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(done) == 60
    assert first.spent_usd == second.spent_usd == 60
    assert first.reserved_usd == second.reserved_usd == 0


def test_several_budgets_are_reserved_together_or_not_at_all() -> None:
    run, process = Budget(10, name="run"), Budget(1, name="process")
    with pytest.raises(BudgetError, match="the process's"):
        reserve([run, process], Decimal(2), "m")
    assert run.reserved_usd == process.reserved_usd == 0
    held = reserve([run, process], Decimal(1), "m")
    with pytest.raises(BudgetError, match=r"and \$1 is reserved for calls under way"):
        reserve([process], Decimal("0.01"), "m")
    held.release()
    held.settle(Cost(total=Decimal(5)))  # too late
    assert (run.spent_usd, process.reserved_usd, held.is_open) == (0, 0, False)


async def test_a_failed_try_gives_back_and_each_retry_is_reserved_anew(provider: Provider, runtime: Runtime) -> None:
    budget = Budget(1)
    provider.script(error(500), reply())
    await send(call(budget, retries=1), runtime)
    assert (budget.spent_usd, budget.reserved_usd) == (COST, 0)
    provider.script(error(500))
    with pytest.raises(ServerError):
        await send(call(budget), runtime)
    assert (budget.spent_usd, budget.reserved_usd) == (COST, 0)


async def test_a_cancelled_call_gives_back(provider: Provider, runtime: Runtime) -> None:
    budget = Budget(1)
    provider.script(silence())
    task = asyncio.create_task(send(call(budget), runtime))
    while not provider.requests:  # noqa: ASYNC110 - the provider runs in a thread of its own
        await asyncio.sleep(0.005)
    assert budget.reserved_usd > 0
    task.cancel()
    await asyncio.wait([task])
    assert (budget.spent_usd, budget.reserved_usd) == (0, 0)


def broken(after: bytes = b'{"id": "chatcmpl-1", ', *, holds: bool = False) -> Reply:
    """Send a good head and the beginning of a whole answer; then break, or say no more."""

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, "application/json", content_length="100000")
        await exchange.send(after)
        if holds:
            await exchange.wait_for_close()
        else:
            await asyncio.sleep(0.02)
            exchange.abort()

    return play


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("answered", [broken(), reply(b"{}"), reply(b"no JSON")])
async def test_a_whole_answer_that_fails_after_its_head_books_what_was_reserved(
    provider: Provider, runtime: Runtime, answered: Reply, streams: bool
) -> None:
    provider.script(answered)
    budget, one = Budget(1), call(streams=streams)
    worst = estimate_cost(one.request, resolve(MODEL), estimate_request_tokens(one.request))
    with pytest.raises(TurnoutError):
        await (open_stream if streams else send)(call(budget, streams=streams), runtime)
    assert budget.spent_usd == budget.estimated_usd == worst
    assert budget.reserved_usd == 0


@pytest.mark.parametrize("by_cancelling", [True, False])
async def test_a_whole_answer_that_is_waited_for_no_longer_books_what_was_reserved(
    provider: Provider, runtime: Runtime, by_cancelling: bool
) -> None:
    provider.script(broken(holds=True))
    budget = Budget(1)
    asked = call(budget) if by_cancelling else structs.replace(call(budget), timeouts=Timeouts(total_s=0.3))
    task = asyncio.create_task(send(asked, runtime))
    if by_cancelling:
        while not provider.requests:  # noqa: ASYNC110 - the provider runs in a thread of its own
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        task.cancel()
    await asyncio.wait([task])
    assert budget.spent_usd == budget.estimated_usd > 0
    assert budget.reserved_usd == 0


async def test_late_failures_cannot_pass_the_limit(provider: Provider, runtime: Runtime) -> None:
    one = estimate_cost(call().request, resolve(MODEL), estimate_request_tokens(call().request))
    assert one is not None
    provider.script(broken())
    budget = Budget(one * 2)
    with pytest.raises(TurnoutError):
        await send(call(budget, retries=5), runtime)
    assert len(provider.requests) == 2
    assert budget.spent_usd == budget.max_cost_usd


async def test_an_answer_without_usage_books_the_reservation(provider: Provider, runtime: Runtime) -> None:
    budget = Budget(1)
    provider.script(reply(answer(usage=None)))
    await send(call(budget), runtime)
    assert budget.spent_usd == budget.estimated_usd > COST


async def test_a_stream_settles_at_its_end(provider: Provider, runtime: Runtime) -> None:
    budget = Budget(1)
    provider.script(stream())
    running = await open_stream(call(budget, streams=True), runtime)
    assert budget.reserved_usd > 0
    while await running.next_batch():
        pass
    running.close()
    assert (budget.spent_usd, budget.estimated_usd, budget.reserved_usd) == (COST, 0, 0)


@pytest.mark.parametrize("is_dropped", [False, True])
async def test_a_stream_that_is_left_books_an_estimate(provider: Provider, runtime: Runtime, is_dropped: bool) -> None:
    budget = Budget(1)
    provider.script(stream(events()[:6], hold=True))
    running = await open_stream(call(budget, streams=True), runtime)
    text = ""
    while len(text) < 10:
        await running.next_batch()
        text = running.text
    if is_dropped:
        del running
        gc.collect()
    else:
        running.close()
        running.close()
    assert 0 < budget.estimated_usd == budget.spent_usd < Decimal("0.00001")
    assert budget.reserved_usd == 0


async def test_a_stream_that_breaks_books_an_estimate(provider: Provider, runtime: Runtime) -> None:
    budget = Budget(1)
    provider.script(cut(events()[:4]))
    running = await open_stream(call(budget, streams=True), runtime)
    with pytest.raises(TruncatedStreamError):
        while await running.next_batch():
            pass
    assert budget.reserved_usd == 0
    assert 0 < budget.estimated_usd == budget.spent_usd


@pytest.mark.parametrize("has_prices", [True, False])
def test_usage_that_was_told_before_the_break_is_what_counts(has_prices: bool) -> None:
    budget = Budget(1, allows_unknown_prices=True)
    route = resolve(MODEL, api_key="k")
    if not has_prices:
        route.facts = None
    account = Account.open(None, [budget], call().request, route, 1)
    account.note_chunks([TextDelta("Hello"), UsageChunk(Usage(input_tokens=11, output_tokens=7))])
    account.failed(TruncatedStreamError("cut"))
    assert (budget.spent_usd, budget.estimated_usd) == (COST if has_prices else 0, 0)


async def test_an_unknown_price_is_refused_unless_allowed(provider: Provider, runtime: Runtime) -> None:
    model = {"url": provider.url, "id": "my-model"}
    with pytest.raises(BudgetError, match="the price of `my-model` is unknown"):
        await send(call(Budget(1), model=model), runtime)
    budget = Budget(1, allows_unknown_prices=True)
    await send(call(budget, model=model), runtime)
    assert budget.spent_usd == 0
    with pytest.raises(BudgetError):  # all budgets have to allow it
        await send(call(budget, Budget(1), model=model), runtime)


async def test_budgets_are_shared_with_what_runs_inside(provider: Provider, runtime: Runtime) -> None:
    outer, inner = Budget(1), Budget(1)
    with share_budgets([outer]):
        await asyncio.gather(asyncio.create_task(send(call(inner, outer), runtime)))
    await send(call(inner), runtime)
    assert (outer.spent_usd, inner.spent_usd) == (COST, 2 * COST)


async def test_a_cheaper_fallback_is_tried_and_budget_errors_alone_stay_budget_errors(
    provider: Provider,
    runtime: Runtime,
) -> None:
    dear, cheap = MODEL, "ovhcloud/gpt-oss-20b"
    costs = [estimate_cost(call().request, resolve(model), 10) for model in (cheap, dear)]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[0] < costs[1]
    done = await send(call(Budget(costs[0]), model=[dear, cheap]), runtime)
    assert done.asked == cheap
    assert isinstance(done.attempts[0].error, BudgetError)
    with pytest.raises(BudgetError) as caught:
        await send(call(Budget(0), model=[dear, cheap]), runtime)
    assert len(caught.value.attempts) == 2
    provider.script(error(500))
    with pytest.raises(AllCandidatesFailedError, match="may cost"):
        await send(call(Budget(costs[0]), model=[dear, cheap]), runtime)


async def test_the_process_has_a_budget_by_function_or_environment(
    provider: Provider,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert process_budget() is None
    monkeypatch.setenv("TURNOUT_MAX_COST_USD", "0")
    with pytest.raises(BudgetError, match="the process's"):
        await send(call(), runtime)
    monkeypatch.setenv("TURNOUT_MAX_COST_USD", "1")
    budget = process_budget()
    assert budget is not None
    spent = budget.spent_usd
    await send(call(), runtime)
    assert (budget.max_cost_usd, budget.spent_usd - spent) == (1, COST)
    own = limit_process("0.5")
    await send(call(), runtime)
    assert own is process_budget()
    assert own is not None
    assert own.spent_usd == COST
    limit_process(None)
    monkeypatch.setenv("TURNOUT_MAX_COST_USD", "much")
    with pytest.raises(InvalidInputError, match="TURNOUT_MAX_COST_USD"):
        await send(call(), runtime)


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf"), "much", True, None, [], "1e400000000"])
def test_limits_that_are_none(limit: object) -> None:
    with pytest.raises(InvalidInputError, match="give US dollars"):
        Budget(limit)  # type: ignore[arg-type]


def test_a_limit_is_a_number_or_a_budget_that_may_be_shared() -> None:
    shared = Budget(1, name="team", allows_unknown_prices=True)
    assert read_budget(shared, "agent") is shared
    for value in (0.5, "0.5", Decimal("0.5")):
        made = read_budget(value, "agent")
        assert (made.max_cost_usd, made.name, made.allows_unknown_prices) == (Decimal("0.5"), "agent", False)
    with pytest.raises(InvalidInputError, match="or a Budget"):
        read_budget([1])


def test_limits_are_read_as_they_are_written() -> None:
    assert Budget(0.1).max_cost_usd == Decimal("0.1") == Budget(" 0.10 ").max_cost_usd
    assert repr(Budget(0.1)) == "Budget(run: $0 of $0.1 spent)"


def estimate(facts: Model | None, **request: object) -> Decimal | None:
    settings = request.pop("settings", ModelSettings())
    messages = request.pop("messages", [Message.user("Hi")])
    route = resolve(MODEL, api_key="k")
    route.facts = facts
    return estimate_cost(ModelRequest(messages=messages, settings=settings, **request), route, 1_000_000)  # type: ignore[arg-type]


def test_the_estimate_takes_the_dearest_price_and_the_longest_answer() -> None:
    plain = Model(id="a/b", input_price=Decimal(1), output_price=Decimal(2))
    answers = Decimal(ASSUMED_OUTPUT_TOKENS) * 2 / 1_000_000
    assert estimate(None) is None
    assert estimate(Model(id="a/b", input_price=Decimal(1))) is None
    assert estimate(Model(id="a/b", output_price=Decimal(1))) is None
    assert estimate(plain) == 1 + answers
    assert estimate(plain, settings=ModelSettings(max_output_tokens=1_000_000)) == 3
    for options in ({"ovhcloud": {"max_tokens": 500_000}}, {"*": {"max_completion_tokens": 500_000}}):
        assert estimate(plain, provider_options=options) == 2
    assert estimate(plain, provider_options={"ovhcloud": {"n": 2}}) == 1 + 2 * answers
    small = Model(id="a/b", input_price=Decimal(1), output_price=Decimal(2), max_output=1000)
    assert estimate(small) == 1 + Decimal("0.002")
    cached = Model(id="a/b", input_price=Decimal(1), output_price=Decimal(0), cache_write_price=Decimal(3))
    assert estimate(cached) == 3
    long = {"system": [{"cache_control": {"type": "ephemeral", "ttl": "1h"}}]}
    written = Model(id="a/b", input_price=Decimal(2), output_price=Decimal(0), cache_write_price=Decimal("2.5"))
    assert estimate(written, provider_options={"*": long}) == 4
    assert estimate(written, messages=[Message.user(Text("Hi", provider_options={"a": long}))]) == 4
    assert estimate(written, provider_options={"*": {"cache_control": {"ttl": "5m"}}}) == Decimal("2.5")
    assert estimate(Model(id="a/b", output_price=Decimal(0)), provider_options={"*": long}) is None
    thinking = Model(id="a/b", input_price=Decimal(0), output_price=Decimal(1), reasoning_price=Decimal(2))
    assert estimate(thinking) == answers
    audio = Model(id="a/b", input_price=Decimal(1), output_price=Decimal(0), audio_input_price=Decimal(9))
    assert estimate(audio) == 1
    assert estimate(audio, messages=[Message.user(Audio(data=b"RIFF"))]) == 9


def test_an_embedding_has_no_output_to_reserve() -> None:
    route = resolve(MODEL, api_key="k")
    route.facts = Model(id="a/b", input_price=Decimal(1), output_price=Decimal(1))
    request = EmbeddingRequest(messages=[Message.user("one", "two")])
    assert estimate_cost(request, route, 1_000_000) == 1


def test_tools_and_schemas_are_input_too() -> None:
    def count(**request: object) -> int:
        return estimate_request_tokens(ModelRequest(messages=[Message.user("Hi")], **request))  # type: ignore[arg-type]

    tool = ToolSpec(name="look", description="Looks something up.", parameters={"type": "object", "properties": {}})
    assert count(tools=(tool,)) > count() + 10
    assert count(output=OutputSpec(schema={"type": "object"})) > count()


def test_what_a_broken_answer_has_cost_at_known_prices() -> None:
    assert estimate_partial_cost(None, 1, 1) is None
    assert estimate_partial_cost(Model(id="a/b", input_price=Decimal(1)), 1, 1) is None
    both = Model(id="a/b", input_price=Decimal(1), output_price=Decimal(2))
    assert estimate_partial_cost(both, 1_000_000, 500_000) == 2


def test_books_are_closed_once() -> None:
    budget = Budget(1)
    account = Account.open(None, [budget], call().request, resolve(MODEL, api_key="k"), 1)
    account.leave()
    spent = budget.spent_usd
    account.failed(ServerError("late"))
    account.leave()
    assert budget.spent_usd == spent > 0
    given_back = Account.open(None, [budget], call().request, resolve(MODEL, api_key="k"), 1)
    given_back.failed(ServerError("at once"))
    assert (budget.spent_usd, budget.reserved_usd) == (spent, 0)


async def test_nothing_is_kept_of_a_call_without_budget(provider: Provider, runtime: Runtime) -> None:
    provider.script(stream())
    running = await open_stream(call(streams=True), runtime)
    assert running.reader.exchange.account is None
    running.close()
