"""Recorded and written bodies, streams, errors and requests, broken at random: an answer or an error of ours.

`TURNOUT_FUZZ_INPUTS` says how many inputs (4,000 where it does not; `make fuzz`: 200,000). Each has a number and comes
of it alone, so that a fault is seen again by ``replay(protocol, number)``. `TURNOUT_FUZZ_SEED`, any word, gives others.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from random import Random

import pytest
from fuzz_corpus import Kind, load_seeds
from fuzz_guard import InputHangsError, limited_address_space, limited_cpu, limited_memory
from fuzz_mutations import mutate
from fuzz_targets import run

from turnout.protocols import PROTOCOLS, TASK_PROTOCOLS

ALL = (*PROTOCOLS, *TASK_PROTOCOLS)
INPUTS = int(os.environ.get("TURNOUT_FUZZ_INPUTS", "4000"))
SEED = os.environ.get("TURNOUT_FUZZ_SEED", "")
EACH = -(-INPUTS // len(ALL))  # rounded up
PART = 1000  # inputs of one test
MEASURED = 25  # one in so many is run with its memory traced, which takes several times as long
_SHARES: dict[Kind, int] = {"whole": 6, "stream": 6, "request": 6, "error": 1}


def make_input(protocol: str, number: int) -> tuple[Kind, bytes, Random]:
    """Return the input with this number, and the chance that it is run with."""
    chance = Random(f"{SEED}{protocol}-{number}")
    seeds = load_seeds(protocol)
    kind = chance.choices(list(seeds), [_SHARES[each] for each in seeds])[0]
    return kind, mutate(chance.choice(seeds[kind]), protocol, seeds[kind], chance), chance


def replay(protocol: str, number: int) -> None:
    """Run one input; raises what it raises."""
    kind, data, chance = make_input(protocol, number)
    with limited_cpu():
        if number % MEASURED:
            run(protocol, kind, data, chance)
        else:
            with limited_memory(len(data)):
                run(protocol, kind, data, chance)


@pytest.fixture(autouse=True, scope="module")
def bounded_memory() -> Iterator[None]:
    with limited_address_space():
        yield


@pytest.mark.parametrize(
    ("protocol", "first"), [(protocol, first) for protocol in ALL for first in range(0, EACH, PART)]
)
def test_what_is_broken_is_an_answer_or_an_error_of_ours(protocol: str, first: int) -> None:
    faults: dict[str, str] = {}
    for number in range(first, min(first + PART, EACH)):
        try:
            replay(protocol, number)
        except (Exception, InputHangsError) as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            told = f"replay({protocol!r}, {number}): {type(error).__name__}: {str(error)[:700]}"
            faults.setdefault(f"{type(error).__name__} at {place.filename}:{place.lineno}", told)
    assert not faults, "\n".join([f"{where}\n    {told}" for where, told in faults.items()])
