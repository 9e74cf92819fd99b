"""Pacing: calls wait their turn within the provider's rate limit, fairly, visibly, and never longer than allowed."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from provider import Provider, error, reply, silence, stream
from turnout.agent.runtime import make_runtime
from turnout.call import Call, Runtime, open_stream, send
from turnout.call.pacing import Lane, Pacer
from turnout.call.rate_limits import RateLimits, read_rate_limits, read_reset
from turnout.catalog.quirks import Quirks
from turnout.errors import APITimeoutError, RateLimitError
from turnout.messages import Message
from turnout.requests import ModelRequest, Timeouts
from turnout.routing import read_model, resolve
from turnout.transport.http import HTTPTransport

MODEL = "ovhcloud/gpt-oss-120b"
NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute that takes a fifth of a second."""
    monkeypatch.setattr("turnout.call.pacing._WINDOW_S", 0.2)
    monkeypatch.setattr("turnout.call.pacing._MARGIN_S", 0.0)
    monkeypatch.setattr("turnout.call.dispatch.random.random", lambda: 0.0)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Paced(Runtime):
    """A runtime whose lane has a limit, whatever the catalog says."""

    def limit(self, per_minute: int | None) -> Lane:
        lane = self.pacer.find_lane(resolve(MODEL))
        lane.__init__(per_minute)  # type: ignore[misc]
        return lane


@pytest.fixture
def runtime() -> Paced:
    return Paced(HTTPTransport())


def call(*, retries: int = 0, streams: bool = False, paces: bool = True, **timeouts: float) -> Call:
    request = ModelRequest(messages=[Message.user("Hello!")], stream=streams)
    limits = Timeouts(**timeouts)  # type: ignore[arg-type]
    return Call(
        request=request, candidates=read_model(MODEL), max_retries=retries, does_pace=paces, timeouts=limits
    )  # fmt: skip


async def test_no_window_holds_more_than_the_limit_and_the_wait_is_told(provider: Provider, runtime: Paced) -> None:
    runtime.limit(2)
    answers = await asyncio.gather(*(send(call(), runtime) for _ in range(5)))
    waits = [answer.attempts[0].waited_s for answer in answers]
    assert waits[:2] == [0.0, 0.0]
    assert min(waits[2:4]) > 0
    assert waits[4] > max(waits[2:4])
    for answer, wait in zip(answers, waits, strict=True):
        told = [warning for warning in answer.warnings if warning.code == "paced"]
        assert len(told) == (wait > 0)
    assert "2 requests a minute" in str(answers[4].warnings[0])
    assert answers[4].attempts[0].duration_s < answers[4].timing.total_s


async def test_a_wait_is_told_in_the_log_before_it(provider: Provider, runtime: Paced) -> None:
    told: list[tuple[str, int]] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append((record.getMessage(), len(provider.requests)))

    runtime.limit(1)
    log, handler = logging.getLogger("turnout"), Handler()
    log.addHandler(handler)
    log.setLevel("INFO")
    try:
        await asyncio.gather(send(call(), runtime), send(call(), runtime))
    finally:
        log.removeHandler(handler)
        log.setLevel("NOTSET")
    ((said, sent),) = told
    assert sent <= 1
    assert said.startswith(f"{MODEL} waits 0.")
    assert said.endswith(" s for the rate limit of ovhcloud (1 requests a minute)")


async def test_nothing_waits_when_it_is_off(provider: Provider, runtime: Paced) -> None:
    runtime.limit(1)
    answers = await asyncio.gather(*(send(call(paces=False), runtime) for _ in range(5)))
    assert {answer.attempts[0].waited_s for answer in answers} == {0.0}


@pytest.mark.parametrize(
    ("streams", "limits", "name"),
    [
        (False, {"total_s": 0.1}, "total_s"),
        (True, {"first_chunk_s": 0.1}, "first_chunk_s"),
        (True, {"total_s": 0.1}, "total_s"),
    ],
)
async def test_a_wait_beyond_the_limits_of_the_call_is_an_error_before_it(
    provider: Provider, runtime: Paced, streams: bool, limits: dict[str, float], name: str
) -> None:
    runtime.limit(1)
    provider.script(stream() if streams else reply())
    begin = open_stream if streams else send
    await begin(call(streams=streams), runtime)
    said = rf"1 requests a minute\) has room .* `{name}` allows 0\.[01]\d* s"
    with pytest.raises(RateLimitError, match=said) as caught:
        await begin(call(streams=streams, retries=2, **limits), runtime)
    assert (caught.value.code, caught.value.status, caught.value.is_retryable) == ("paced", None, False)
    assert caught.value.retry_after_s is not None
    assert 0 < caught.value.retry_after_s <= 0.2
    assert len(provider.requests) == len(caught.value.attempts) == 1


async def test_the_clock_of_the_first_chunk_starts_after_the_wait(provider: Provider, runtime: Paced) -> None:
    runtime.limit(1)
    provider.script(stream(), silence())
    await open_stream(call(streams=True), runtime)
    with pytest.raises(APITimeoutError) as caught:
        await open_stream(call(streams=True, first_chunk_s=0.25), runtime)
    assert caught.value.kind == "first_chunk"
    assert caught.value.attempts[0].duration_s > 0.2
    assert caught.value.attempts[0].waited_s > 0.15


async def test_headers_of_the_server_hold_back_what_it_would_refuse(provider: Provider, runtime: Paced) -> None:
    runtime.limit(None)
    head = {"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "300ms"}
    provider.script(reply(**head), reply())
    await send(call(), runtime)
    second = await send(call(), runtime)
    assert second.attempts[0].waited_s > 0
    assert "what its headers told" in str(second.warnings[0])


async def test_a_retry_after_holds_back_the_others_too(provider: Provider, runtime: Paced) -> None:
    runtime.limit(None)
    provider.script(error(429, retry_after="0.3"), reply())
    with pytest.raises(RateLimitError):
        await send(call(), runtime)
    done = await send(call(), runtime)
    assert done.attempts[0].waited_s > 0


async def test_a_cancelled_wait_gives_the_turn_to_the_next_in_line(runtime: Paced) -> None:
    lane = runtime.limit(1)
    order: list[int] = []

    async def wait(number: int) -> None:
        await lane.wait()
        order.append(number)

    tasks = [asyncio.create_task(wait(number)) for number in range(4)]
    await asyncio.sleep(0.01)
    tasks[1].cancel()
    tasks[2].cancel()
    await asyncio.wait(tasks)
    assert order == [0, 3]
    assert lane._sent[0] > 0


async def test_a_thousand_wait_in_their_order() -> None:
    lane = Lane(250)
    order: list[int] = []

    async def wait(number: int) -> None:
        await lane.wait()
        order.append(number)
        lane.note(None, {})

    await asyncio.gather(*(wait(number) for number in range(1000)))
    assert order == list(range(1000))


def test_threads_and_event_loops_share_a_lane() -> None:
    lane = Lane(2)
    waits: list[float] = []

    def work() -> None:
        waits.append(asyncio.run(lane.wait()))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(waits) == 6
    assert sum(wait == 0 for wait in waits) == 2
    assert sum(wait > 0.35 for wait in waits) >= 1


async def test_one_whose_event_loop_is_gone_does_not_block_the_line() -> None:
    lane = Lane(1)
    await lane.wait()
    loop = asyncio.new_event_loop()
    lost = loop.create_task(lane.wait())
    for _ in range(3):
        await asyncio.to_thread(loop.run_until_complete, asyncio.sleep(0))
    loop.close()
    assert await asyncio.wait_for(lane.wait(), 5) > 0
    lost.get_coro().close()  # type: ignore[union-attr]
    lost._log_destroy_pending = False  # type: ignore[attr-defined]


async def test_the_wait_ends_where_it_is_allowed_no_longer() -> None:
    lane = Lane(1)
    await lane.wait()
    waiting = asyncio.create_task(lane.wait(limit_s=0.25))
    await asyncio.sleep(0)
    lane.note(429, {"retry-after": "60"})  # news come while it waits
    with pytest.raises(TimeoutError) as caught:
        await waiting
    assert caught.value.args[0] > 50
    assert not lane.is_idle


def test_lanes_are_by_place_model_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    pacer = Pacer()
    routes = [resolve(MODEL, api_key=key) for key in ("sk-secret-one", "sk-secret-one", "sk-secret-two")]
    lanes = [pacer.find_lane(route) for route in [*routes, resolve("ovhcloud/gpt-oss-20b", api_key="sk-secret-one")]]
    assert lanes[0] is lanes[1]
    assert len({id(lane) for lane in lanes}) == 3
    assert "secret" not in repr(vars(pacer))
    monkeypatch.setattr("turnout.call.pacing._MOST_LANES", 3)
    pacer.find_lane(resolve("ovhcloud/qwen3.5-9b"))
    assert len(pacer._lanes) == 1  # those that were idle are forgotten


def test_the_limit_is_that_of_the_key_or_of_none() -> None:
    quirks = Quirks(requests_per_minute=400, anonymous_requests_per_minute=2)
    named, anonymous = resolve(MODEL, api_key="sk-secret"), resolve(MODEL)
    named.quirks = anonymous.quirks = quirks
    pacer = Pacer()
    assert (pacer.find_lane(named).per_minute, pacer.find_lane(anonymous).per_minute) == (400, 2)


async def test_a_window_holds_no_more_than_the_limit() -> None:
    clock = Clock()
    lane = Lane(2, clock)
    assert [await lane.wait(), await lane.wait()] == [0, 0]
    for passed, left in ((0.0, 0.2), (0.15, 0.05)):
        clock.now += passed
        with pytest.raises(TimeoutError) as caught:
            await lane.wait(limit_s=0.001)
        assert caught.value.args[0] == pytest.approx(left)
    clock.now += 0.051
    assert [await lane.wait(), await lane.wait()] == [0, 0]
    with pytest.raises(TimeoutError) as caught:
        await lane.wait(limit_s=0.001)
    assert caught.value.args[0] == pytest.approx(0.2)


async def test_who_is_far_back_in_the_line_waits_for_whole_windows() -> None:
    lane = Lane(2, Clock())
    assert [await lane.wait(), await lane.wait()] == [0, 0]
    waiting = [asyncio.ensure_future(lane.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError) as caught:
        await lane.wait(limit_s=0.001)
    assert caught.value.args[0] == pytest.approx(0.4)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"retry-after": "0.3"}, 0.3),
        (200, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "300ms"}, 0.3),
    ],
)
async def test_what_a_server_asks_for_holds_back_exactly(status: int, headers: dict[str, str], wait: float) -> None:
    clock = Clock()
    lane = Lane(None, clock)
    await lane.wait()
    lane.note(status, headers)
    with pytest.raises(TimeoutError) as caught:
        await lane.wait(limit_s=0.001)
    assert caught.value.args[0] == pytest.approx(wait)
    clock.now += wait + 0.001
    assert await lane.wait() == 0


async def test_answers_under_way_are_taken_from_what_the_server_says_is_left() -> None:
    clock = Clock()
    lane = Lane(None, clock)
    for _ in range(3):
        await lane.wait()
    lane.note(200, {"ratelimit-remaining": "3", "ratelimit-reset": "30", "ratelimit-limit": "10"})
    assert await lane.wait() == 0  # 3 left, and 2 under way that may not be counted
    with pytest.raises(TimeoutError) as caught:
        await lane.wait(limit_s=1)
    assert caught.value.args[0] == 30
    clock.now += 31
    for _ in range(10):
        assert await lane.wait() == 0
    with pytest.raises(TimeoutError):
        await lane.wait(limit_s=1)


async def test_where_only_the_reset_is_known_one_goes_first_to_see() -> None:
    clock = Clock()
    lane = Lane(None, clock)
    await lane.wait()
    lane.note(200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "20"})
    clock.now += 20
    assert await lane.wait() == 0
    with pytest.raises(TimeoutError):
        await lane.wait(limit_s=1)
    lane.note(200, {"x-ratelimit-remaining": "5", "x-ratelimit-reset": "20"})
    assert await lane.wait() == 0


async def test_used_up_tokens_hold_back_as_well() -> None:
    lane = Lane(None, Clock())
    await lane.wait()
    lane.note(200, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.5s"})
    with pytest.raises(TimeoutError) as caught:
        await lane.wait(limit_s=1)
    assert caught.value.args[0] == 7.5


HEADERS = [
    ({}, RateLimits()),
    (
        {
            "X-RateLimit-Limit-Requests": "60",
            "X-RateLimit-Remaining-Requests": "59",
            "X-RateLimit-Reset-Requests": "1s",
        },
        RateLimits(requests_limit=60, requests_left=59, requests_reset_s=1.0),
    ),
    (
        {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:12Z",
        },
        RateLimits(requests_limit=50, requests_left=0, requests_reset_s=12.0),
    ),
    ({"ratelimit": '"default";r=50;t=30'}, RateLimits(requests_left=50, requests_reset_s=30.0)),
    ({"ratelimit": '"default"'}, RateLimits()),
    (
        {"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "3", "x-ratelimit-remaining-requests": "9"},
        RateLimits(requests_limit=100, requests_left=3),
    ),
    (
        {"x-ratelimit-remaining-tokens": "12", "x-ratelimit-reset-tokens": "6m0s", "retry-after": "3"},
        RateLimits(tokens_left=12, tokens_reset_s=360.0, retry_after_s=3.0),
    ),
    ({"x-ratelimit-remaining": "many", "x-ratelimit-reset": "soon"}, RateLimits()),
]


@pytest.mark.parametrize(("headers", "told"), HEADERS)
def test_the_headers_of_rate_limits(headers: dict[str, str], told: RateLimits) -> None:
    assert read_rate_limits(headers, NOW) == told


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("1s", 1.0), ("6m0s", 360.0), ("120ms", 0.12), ("1h2m3.5s", 3723.5), ("2m59.56s", 179.56)),
        *(("17", 17.0), (" 0.5 ", 0.5), ("-5", 0.0), ("1800000030", 30.0), ("1800000030000", 30.0)),
        *(("1700000000", 0.0), ("2027-01-15T08:00:30+00:00", 30.0), ("2027-01-15T08:00:30", 30.0)),
        *(("", None), (None, None), ("nan", None), ("1x", None), ("1s later", None), ("soon", None)),
        ("9999999-01-01T", None),
    ],
)
def test_the_spellings_of_a_reset(text: str | None, seconds: float | None) -> None:
    assert read_reset(text, NOW) == (None if seconds is None else pytest.approx(seconds))


async def test_an_agent_runtime_has_a_pacer_of_its_own() -> None:
    one, other = make_runtime(HTTPTransport()), make_runtime(HTTPTransport())
    assert one.pacer is not other.pacer
