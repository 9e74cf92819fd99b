"""How texts are cut into batches."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.catalog.quirks import Quirks
from turnout.embedding.batches import BatchLimits, split_texts


def split(texts: list[str], texts_limit: int = 100, tokens: int = 10_000, size: int | None = None) -> list[range]:
    return list(split_texts(texts, BatchLimits(texts=texts_limit, tokens=tokens, bytes=size)))


def test_each_limit_ends_a_batch() -> None:
    assert split([]) == []
    assert split(["a"] * 5, 2) == [range(2), range(2, 4), range(4, 5)]
    assert split(["a" * 40] * 5, tokens=20) == [range(2), range(2, 4), range(4, 5)]
    assert split(["a" * 10] * 5, size=26) == [range(2), range(2, 4), range(4, 5)]
    assert split(["a" * 1000, "b", "c" * 1000], tokens=20) == [range(1), range(1, 2), range(2, 3)]


def test_the_strictest_of_several_providers_counts() -> None:
    quirks = [Quirks(max_embedding_texts=5, max_body_bytes=9000), Quirks(max_embedding_tokens=7)]
    limits = BatchLimits.of(quirks, None)
    assert (limits.texts, limits.tokens, limits.bytes) == (5, 7, 9000 - 4096)
    assert BatchLimits.of(quirks, 50).texts == 50
    assert BatchLimits.of([Quirks()], None).bytes is None


@given(st.lists(st.text(min_size=1, alphabet=st.characters(codec="utf-8"))), st.integers(1, 200))
def test_a_batch_is_within_the_limit_of_bytes_and_no_text_is_lost(texts: list[str], size: int) -> None:
    batches = split(texts, size=size)
    assert [index for batch in batches for index in batch] == list(range(len(texts)))
    for batch in batches:
        if len(batch) > 1:
            assert len(msgspec.json.encode([texts[index] for index in batch])) - 2 <= size


@pytest.mark.parametrize("text", ["é", "\x7f", "\u2028", "\ud800"])
def test_odd_letters_are_counted(text: str) -> None:
    assert split([text] * 3, size=5000) == [range(3)]
