"""Filters and sorts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from turnout import catalog
from turnout.errors import InvalidInputError


def ids(**filters: object) -> list[str]:
    return [model.short_id for model in catalog.models(provider="ovhcloud", **filters)]  # type: ignore[arg-type]


def test_a_provider_is_filtered_in_any_case():
    assert len(ids()) == 22
    assert len(catalog.models(provider="OVHcloud")) == 22
    assert catalog.models(provider="nobody") == []


def test_flags():
    assert set(ids(tools=False)) == {
        "bge-m3",
        "bge-multilingual-gemma2",
        "mixtral-8x7b-instruct-v0.1",
        "qwen2.5-coder-32b-instruct",
        "qwen2.5-vl-72b-instruct",
        "qwen3-embedding-8b",
        "qwen3guard-gen-0.6b",
        "qwen3guard-gen-8b",
    }
    assert len(ids(tools=True)) == 14
    assert "gpt-oss-20b" in ids(reasoning=True)
    assert "gpt-oss-20b" not in ids(reasoning=False)


def test_an_unknown_fact_fits_no_filter():
    catalog.register(models=[{"id": "ovhcloud/new"}])
    assert "new" in ids()
    for filters in (
        {"tools": True},
        {"tools": False},
        {"structured_output": False},
        {"free": True},
        {"free": False},
        {"min_context": 0},
        {"max_input_price": 100},
        {"max_output_price": 100},
    ):
        assert "new" not in ids(**filters)


def test_modalities():
    assert "mistral-small-3.2-24b-instruct-2506" in ids(input="image")
    assert "gpt-oss-120b" not in ids(input="image")
    assert ids(output="image") == []


def test_context_and_prices():
    assert "qwen3-coder-30b-a3b-instruct" in ids(min_context=262_144)
    assert "gpt-oss-120b" not in ids(min_context=131_073)
    assert "gpt-oss-120b" in ids(max_input_price=0.09)
    assert "gpt-oss-120b" in ids(max_input_price=Decimal("0.09"), max_output_price="0.47")
    assert "gpt-oss-120b" not in ids(max_output_price=0.46)


def test_free_paid_retired_and_kind():
    assert set(ids(free=True)) == {"qwen3guard-gen-0.6b", "qwen3guard-gen-8b"}
    assert len(ids(free=False)) == 18
    assert len(ids(retired=True)) == 5
    assert len(ids(retired=False)) == 17
    assert ids(kind="embedding") == ["bge-m3", "bge-multilingual-gemma2", "qwen3-embedding-8b"]
    assert "text-embedding-3-small" in [model.short_id for model in catalog.models(provider="openai", kind="embedding")]


def test_sorts():
    assert ids() == sorted(ids())
    by_price = catalog.models(sort="price")
    known = [model for model in by_price if model.input_price is not None and model.output_price is not None]
    assert by_price[: len(known)] == known
    totals = [model.input_price + model.output_price for model in known if model.input_price is not None]
    assert totals == sorted(totals)
    contexts = [model.context or 0 for model in catalog.models(sort="context")]
    assert contexts == sorted(contexts, reverse=True)
    released = [model.release_date or "" for model in catalog.models(provider="ovhcloud", sort="release_date")]
    assert released == sorted(released, reverse=True)


def test_an_unknown_sort_is_named():
    with pytest.raises(InvalidInputError, match="take one of id, price, context, release_date"):
        catalog.models(sort="size")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("ovhclud", "ovhcloud"),
        ("OVHCLOUDD", "ovhcloud"),
        ("ovh", "ovhcloud"),
        ("ovhcloud", "ovhcloud"),
        ("ovhcloud/gpt-oss-120", "ovhcloud/gpt-oss-120b"),
        ("opena/gpt-5", "openai/gpt-5"),
        ("ovhclud/nothing-like-it", "ovhcloud"),
        ("openrouter/openai/gpt-oss-12b", "openrouter/openai/gpt-oss-120b"),
    ],
)
def test_suggestions(text: str, first: str):
    assert catalog.suggest(text)[0] == first


def test_suggestions_are_few_and_never_wild():
    assert len(catalog.suggest("openai/gpt-5", n=2)) == 2
    assert catalog.suggest("zzzzzz/qqqqqq") == []
    assert catalog.suggest("ovhcloud/zzzzzz") == []


def test_a_bare_model_name_is_found_at_its_providers():
    assert "ovhcloud/gpt-oss-120b" in catalog.suggest("gpt-oss-120b", n=50)
    assert catalog.suggest("qwen3-32b", n=100).count("ovhcloud/qwen3-32b") == 0  # retired
