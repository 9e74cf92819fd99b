"""When to retry and how long to wait: tables."""

from __future__ import annotations

import math

import pytest

from turnout.errors import InvalidInputError
from turnout.transport.retry import RetryPolicy, parse_retry_after
from turnout.transport.seam import Headers

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("attempt", "random", "expected"),
    [(1, 0.0, 0.0), (1, 0.5, 0.25), (1, 1.0, 0.5), (2, 1.0, 1.0), (3, 1.0, 2.0), (5, 1.0, 8.0), (9, 0.5, 4.0)],
)
def test_the_wait_doubles_up_to_its_cap_with_full_jitter(attempt, random, expected) -> None:
    assert RetryPolicy(max_retries=10).delay_s(attempt, None, lambda: random) == expected


def test_a_very_late_attempt_does_not_overflow() -> None:
    assert RetryPolicy(max_retries=10**6).delay_s(10**6, None, lambda: 1.0) == 8.0


@pytest.mark.parametrize(("max_retries", "waits"), [(0, 0), (1, 1), (2, 2)])
def test_retries_end(max_retries, waits) -> None:
    policy = RetryPolicy(max_retries=max_retries)
    assert [policy.delay_s(attempt, None, lambda: 0.0) for attempt in (1, 2, 3)] == [0.0] * waits + [None] * (3 - waits)


@pytest.mark.parametrize(
    ("asked_s", "expected"), [(0.0, 0.5), (0.25, 0.5), (3.0, 3.0), (60.0, 60.0), (60.1, None), (1e9, None)]
)
def test_what_the_server_asks_for_is_the_least_and_too_much_is_no_retry(asked_s, expected) -> None:
    assert RetryPolicy().delay_s(1, asked_s, lambda: 1.0) == expected


def test_the_end_of_the_retries_counts_more_than_the_servers_wish() -> None:
    assert RetryPolicy(max_retries=1).delay_s(2, 1.0, lambda: 0.0) is None


@pytest.mark.parametrize("name", ["max_retries", "base_s", "cap_s", "max_retry_after_s"])
@pytest.mark.parametrize("value", [-1, math.inf, math.nan])
def test_impossible_settings_are_refused(name, value) -> None:
    with pytest.raises(InvalidInputError, match=f"{name}="):
        RetryPolicy(**{name: value})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "7"}, 7.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tuesday, 14-Nov-23 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue Nov 14 22:13:50 2023"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 99 Nov 99999 22:00:00 GMT"}, None),
        ({"x-ratelimit-reset": "7"}, None),
    ],
)
def test_what_the_server_asks_for_is_read(headers, expected) -> None:
    assert parse_retry_after(Headers(headers), NOW) == expected
