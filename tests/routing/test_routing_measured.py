"""How fast models answered, kept honestly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.routing.measured import HALF_LIFE_S, LEAST_TOKENS, Estimate, Measured


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def noted(measured: Measured, model: str = "p/m", url: str = "u", **sample: Any) -> Estimate:
    measured.note(model, url, **{"total_s": 1.0, **sample})
    estimate = measured.find(model)
    assert estimate is not None
    return estimate


def test_nothing_is_known_at_first():
    assert Measured().find("p/m") is None


def test_cold_and_warm_and_whole_answers_are_kept_apart():
    measured = Measured()
    cold = noted(measured, first_chunk_s=0.9, is_cold=True)
    assert (cold.first_chunk_s, cold.cold_first_chunk_s, cold.latency_s) == (None, 0.9, 0.9)
    warm = noted(measured, first_chunk_s=0.3)
    assert (warm.first_chunk_s, warm.cold_first_chunk_s, warm.latency_s) == (0.3, 0.9, 0.3)
    whole = noted(measured, "p/n", total_s=4.0, is_cold=True)
    assert (whole.total_s, whole.first_chunk_s, whole.latency_s) == (4.0, None, 4.0)
    assert warm.count == 2


def test_throughput_needs_an_answer_of_some_length():
    measured = Measured()
    assert noted(measured, output_tokens=LEAST_TOKENS - 1, first_chunk_s=0.1).tokens_per_s is None
    assert noted(measured, output_tokens=None, first_chunk_s=0.1).tokens_per_s is None
    assert noted(measured, output_tokens=100, first_chunk_s=0.1, total_s=0.0).tokens_per_s is None
    assert noted(measured, output_tokens=100, first_chunk_s=0.1, total_s=2.0).tokens_per_s == 50.0


def test_recent_answers_count_most():
    measured = Measured(Clock())
    for _ in range(50):
        noted(measured, first_chunk_s=1.0)
    after = [noted(measured, first_chunk_s=3.0).first_chunk_s or 0 for _ in range(30)]
    assert after == sorted(after)
    assert 1.0 < after[0] < 1.5
    assert after[-1] > 2.8


def test_an_old_estimate_gives_way_at_once_and_is_forgotten_in_the_end():
    clock = Clock()
    measured = Measured(clock)
    for _ in range(20):
        noted(measured, first_chunk_s=1.0, output_tokens=100)
    clock.now += 6 * HALF_LIFE_S
    assert measured.find("p/m") is not None
    changed = noted(measured, first_chunk_s=3.0).first_chunk_s
    assert changed is not None
    assert changed > 2.7
    clock.now += 20 * HALF_LIFE_S
    assert measured.find("p/m") is None


@given(st.lists(st.tuples(st.floats(0.001, 100), st.floats(0, 10_000)), min_size=1))
def test_an_estimate_lies_within_what_was_measured(samples: list[tuple[float, float]]):
    clock = Clock()
    measured = Measured(clock)
    for seconds, pause in samples:
        clock.now += pause
        value = noted(measured, first_chunk_s=seconds).first_chunk_s
        assert value is not None
    values = [seconds for seconds, _ in samples]
    assert min(values) - 1e-9 <= value <= max(values) + 1e-9


def test_the_place_that_was_used_last_counts():
    clock = Clock()
    measured = Measured(clock)
    noted(measured, url="far", first_chunk_s=2.0)
    clock.now += 1
    assert noted(measured, url="near", first_chunk_s=0.1).first_chunk_s == 0.1
    clock.now += 1
    assert noted(measured, url="far", first_chunk_s=2.0).first_chunk_s == 2.0


def test_what_is_kept_has_a_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("turnout.routing.measured._MOST_KEPT", 4)
    clock = Clock()
    measured = Measured(clock)
    for number in range(6):
        clock.now += 1
        noted(measured, f"p/{number}", first_chunk_s=1.0)
    assert measured.find("p/0") is None
    assert measured.find("p/5") is not None
    for number in range(6):
        clock.now += 1
        noted(measured, "p/5", url=str(number), first_chunk_s=1.0)
    assert len(measured._paces["p/5"]) <= 4
