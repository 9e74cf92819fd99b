"""Any JSON made of the names that a wire format uses, and structures that are deep: an answer or an error of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import pytest
from fuzz_corpus import FRAMED, Kind, load_seeds, split_frames
from fuzz_guard import limited_cpu
from fuzz_mutations import write_frame
from fuzz_targets import run
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.protocols import PROTOCOLS, TASK_PROTOCOLS

CASES = [(protocol, kind) for protocol in (*PROTOCOLS, *TASK_PROTOCOLS) for kind in load_seeds(protocol)]
_LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.integers() | st.floats() | st.text(max_size=5)


def find_words(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each key of a JSON value, and each short text with it."""
    for key, item in value.items() if isinstance(value, dict) else ():
        yield key, item if isinstance(item, str) and len(item) < 40 else ""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from find_words(item)


def read_pieces(protocol: str, kind: Kind, data: bytes) -> list[bytes]:
    """Return the JSON in a seed: that of each event of a stream."""
    if kind != "stream":
        return [data]
    if protocol in FRAMED:
        return [payload for _, payload in split_frames(data)]
    return [line[5:] for line in data.splitlines() if line.startswith(b"data:") and b"{" in line]


@cache
def find_values(protocol: str, kind: Kind) -> st.SearchStrategy[Any]:
    """Return a strategy for JSON of the keys and words that the seeds of a kind have."""
    found = [
        word
        for seed in load_seeds(protocol)[kind][:40]
        for piece in read_pieces(protocol, kind, seed.data)
        for word in find_words(json.loads(piece))
    ]
    keys = sorted({key for key, _ in found})
    words = sorted({word for _, word in found})
    return st.recursive(
        _LEAVES | st.sampled_from(words or [""]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys or [""]), inner, max_size=5),
        max_leaves=25,
    )


def wrap(protocol: str, kind: Kind, values: list[Any], data: st.DataObject) -> bytes:
    """Return JSON values as a body or as the events of a stream."""
    told = [json.dumps(value).encode() for value in values]
    if kind != "stream":
        return told[0]
    if protocol not in FRAMED:
        return b"".join([b"data: " + each + b"\n\n" for each in told])
    headers = [frame[0] for seed in load_seeds(protocol)[kind][:40] for frame in split_frames(seed.data)]
    chosen = st.sampled_from(sorted(set(headers)))
    return b"".join([write_frame(data.draw(chosen), each) for each in told])


@pytest.mark.parametrize(("protocol", "kind"), CASES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_json_is_an_answer_or_an_error_of_ours(protocol: str, kind: Kind, data: st.DataObject) -> None:
    values = data.draw(st.lists(find_values(protocol, kind), min_size=1, max_size=6 if kind == "stream" else 1))
    whole = data.draw(st.sampled_from(load_seeds(protocol)[kind])).data
    if kind != "stream" and isinstance(values[0], dict) and isinstance(body := json.loads(whole), dict):
        values[0] = {**body, **values[0]} if data.draw(st.booleans()) else values[0]
    with limited_cpu():
        run(protocol, kind, wrap(protocol, kind, values, data), Random(len(whole)))


def nest(value: Any, place: str, depth: int) -> Iterator[bytes]:
    """Yield JSON `value` with deep structures in place of what stands in `place` (a text that is found in it)."""
    whole = json.dumps(value)
    for opening, closing in (
        ("[", "]"),
        ('{"a":', "}"),
        ('{"content":[', "]}"),
        ('{"type":"object","properties":', "}"),
    ):
        inner = opening * depth + "1" + closing * depth
        yield whole.replace(place, inner, 1).encode()
        yield whole.replace(place, opening * depth, 1).encode()


@pytest.mark.parametrize("depth", [50, 300, 900, 100_000])
@pytest.mark.parametrize(("protocol", "kind"), [case for case in CASES if case[1] != "stream"])
def test_deep_structures_are_no_trouble(protocol: str, kind: Kind, depth: int) -> None:
    for seed in load_seeds(protocol)[kind][:4]:
        value = json.loads(seed.data)
        words = sorted({word for _, word in find_words(value) if word and depth < 1000})[:6]
        for place in [json.dumps(word) for word in words] or [json.dumps(value)]:
            for data in nest(value, place, depth):
                with limited_cpu():
                    run(protocol, kind, data, Random(depth))
