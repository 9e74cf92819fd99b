"""JSON that is nested too deeply is refused before a reader goes down to the limit of recursion."""

from __future__ import annotations

import gc
import json

import pytest

from turnout.protocols.json_reading import UnreadableJSONError, read_json


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b'[{"a":[', b'{"a]]]":['])
@pytest.mark.parametrize("levels", [600, 100_000])
def test_deep_json_is_refused(unit: bytes, levels: int) -> None:
    with pytest.raises(UnreadableJSONError) as caught:
        read_json(unit * levels)
    assert not caught.value.is_cut


def test_finalisers_that_run_while_deep_json_is_read_do_their_work() -> None:
    """The collector may run at any depth of a reader; what it finalises would fail near the limit of recursion."""
    done: list[int] = []

    def close(number: int, depth: int = 30) -> None:
        if depth:
            close(number, depth - 1)
        else:
            done.append(number)

    class Held:
        def __init__(self, number: int) -> None:
            self.itself, self.number = self, number

        def __del__(self) -> None:
            close(self.number)

    thresholds = gc.get_threshold()
    try:
        for number in range(200):
            Held(number)
            gc.set_threshold(400 + 3 * number)
            with pytest.raises(UnreadableJSONError):
                read_json(b"[" * 5000)
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    assert sorted(done) == list(range(200))


@pytest.mark.parametrize(
    "value",
    [
        [[]] * 2000,
        {"text": "[" * 3000},
        {"text": '"[{\\' * 900, "more": [{"a": [1]}] * 400},
        json.loads("[" * 400 + "]" * 400),
    ],
)
def test_what_only_looks_deep_is_read(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps([value, float("inf")]).encode()) == [value, float("inf")]
