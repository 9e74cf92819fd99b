"""Models chosen by their facts when they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout import Agent, catalog
from turnout.errors import InvalidInputError, InvalidModelError, MissingKeyError, UnknownProviderError
from turnout.routing import ModelConfig, Selection, read_model, resolve, select
from turnout.routing.measured import Measured
from turnout.routing.selection import expand


def ids(selection: Selection, measured: Measured | None = None) -> list[str]:
    return [candidate.label for candidate in selection.choose(measured)]


def test_the_cheapest_that_fit_come_first():
    chosen = ids(select(provider="ovhcloud", tools=True, min_context=100_000, sort="price"))
    fit = catalog.models(provider="ovhcloud", tools=True, min_context=100_000, retired=False, sort="price")
    assert chosen == [model.id for model in fit[:5]]
    assert chosen[0] == "ovhcloud/gpt-oss-20b"


@pytest.mark.parametrize("sort", ["price", "context", "release_date"])
def test_the_order_is_that_of_the_catalog(sort: str):
    rows = catalog.models(provider="ovhcloud", kind="chat", retired=False, sort=sort)  # type: ignore[arg-type]
    assert ids(select(provider="OVHcloud", sort=sort, limit=3)) == [row.id for row in rows[:3]]  # type: ignore[arg-type]


def test_retired_models_and_other_kinds_are_left_out_unless_asked_for():
    assert not any(catalog.find(name).is_retired for name in ids(select(provider="ovhcloud", limit=99)))  # type: ignore[union-attr]
    assert "ovhcloud/qwen3-32b" in ids(select(provider="ovhcloud", retired=None, limit=99))
    assert ids(select(provider="ovhcloud", retired=True, limit=1))[0] == "ovhcloud/llama-3.1-8b-instruct"
    assert ids(select(provider="ovhcloud", kind="moderation")) == [
        "ovhcloud/qwen3guard-gen-0.6b",
        "ovhcloud/qwen3guard-gen-8b",
    ]


def test_without_a_provider_only_those_that_can_be_called_are_looked_at(monkeypatch: pytest.MonkeyPatch):
    assert {name.split("/")[0] for name in ids(select(limit=99))} == {"ovhcloud"}  # the one that asks for no key
    monkeypatch.setenv("GROQ_API_KEY", "gsk-x")
    assert {name.split("/")[0] for name in ids(select(limit=99))} == {"ovhcloud", "groq"}
    monkeypatch.delenv("GROQ_API_KEY")
    assert {name.split("/")[0] for name in ids(select(limit=99))} == {"ovhcloud"}
    assert len({name.split("/")[0] for name in ids(select(limit=9999, reachable=False))}) > 100


def test_a_key_in_the_env_file_counts():
    Path(".env").write_text("MISTRAL_API_KEY=x\nGROQ_API_KEY=\n", encoding="utf-8")
    assert {name.split("/")[0] for name in ids(select(limit=99))} == {"ovhcloud", "mistral"}


def test_servers_on_this_machine_are_looked_at_only_where_they_are_named(monkeypatch: pytest.MonkeyPatch):
    assert ids(select(provider="local")) == ["local/smollm2-135m-instruct"]
    monkeypatch.setenv("LOCAL_BASE_URL", "http://127.0.0.1:1/v1")
    assert "local/smollm2-135m-instruct" in ids(select(limit=99))


def test_of_a_list_of_providers_those_without_a_key_are_left_out(monkeypatch: pytest.MonkeyPatch):
    both = select(provider=["mistral", "ovhcloud"], limit=99)
    assert {name.split("/")[0] for name in ids(both)} == {"ovhcloud"}
    assert both.rank().without_key == ("mistral",)
    neither = select(provider=["mistral", "groq"])
    with pytest.raises(MissingKeyError, match="`MISTRAL_API_KEY` or `GROQ_API_KEY`"):
        ids(neither)
    monkeypatch.setenv("MISTRAL_API_KEY", "x")
    assert {name.split("/")[0] for name in ids(neither)} == {"mistral"}
    assert {name.split("/")[0] for name in ids(select(provider=["mistral", "groq"], reachable=False, limit=99))} == {
        "mistral",
        "groq",
    }


def test_wire_formats_that_are_not_spoken_are_left_out():
    catalog.register(provider={"id": "acme-of-its-own", "protocol": "acme_talk"})
    catalog.register(models=[{"id": "acme-of-its-own/m"}])
    excluded = select(provider="acme-of-its-own").rank().excluded
    assert any("wire format" in item.conditions for item in excluded)


def test_nothing_that_fits_is_an_error_with_the_reasons_and_the_nearest():
    with pytest.raises(InvalidModelError) as caught:
        ids(select(provider="ovhcloud", tools=True, min_context=10**9))
    told = caught.value.message
    assert "fits none of 22 models" in told
    assert "min_context=1000000000 excludes 22" in told
    assert "the nearest is `ovhcloud/mistral-7b-instruct-v0.3`, which fails min_context=1000000000" in told


def test_a_provider_without_models_and_an_unknown_one_are_told():
    catalog.register(provider={"id": "mine", "base_url": "https://mine.test/v1"})
    with pytest.raises(InvalidModelError, match="the catalog lists no model of mine"):
        ids(select(provider="mine"))
    with pytest.raises(UnknownProviderError, match="did you mean `ovhcloud`"):
        ids(select(provider="ovhclud"))
    with pytest.raises(UnknownProviderError, match="`turnout models` lists them"):
        ids(select(provider="qqqqqqqq"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"sort": "size"}, "sort='size' is not known"),
        ({"limit": 0}, "limit=0"),
        ({"limit": True}, "limit=True"),
        ({"provider": []}, "provider= names nobody"),
        ({"provider": [1]}, "provider= names nobody"),
        ({"max_input_price": "cheap"}, "max_input_price='cheap' is no number"),
    ],
)
def test_arguments_that_cannot_be_read_are_told_at_once(arguments: dict[str, object], told: str):
    with pytest.raises(InvalidInputError, match=told):
        select(**arguments)  # type: ignore[arg-type]


def test_nothing_is_looked_up_before_the_call(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("turnout.catalog.current", lambda: pytest.fail("looked up"))
    agent = Agent(model=[select(provider="nobody"), "ovhcloud/gpt-oss-120b"])
    assert "select(provider=nobody, sort=price)" in repr(agent)


def test_the_same_list_is_given_until_the_catalog_changes():
    cheapest = select(provider="ovhcloud", limit=1)
    first = cheapest._find(catalog.current().view())
    assert cheapest._find(catalog.current().view()) is first
    catalog.register(models=[{"id": "ovhcloud/gift", "input_price": 0, "output_price": 0}])
    assert ids(cheapest) == ["ovhcloud/gift"]


def test_it_is_read_and_resolved_like_any_model():
    cheapest = select(provider="ovhcloud", tools=True)
    assert resolve(cheapest).model == "mistral-7b-instruct-v0.3"
    (candidate,) = read_model(cheapest)
    assert candidate.selection is cheapest
    assert "select(" in repr(candidate)


def test_expanding_keeps_what_the_entry_says_and_the_order():
    candidates = read_model(
        [
            "groq/x",
            {
                "model": select(provider="ovhcloud", tools=True, limit=2),
                "settings": {"temperature": 0},
                "maxRetries": 1,
            },
            ModelConfig(id="mistral/y"),
        ]
    )
    expanded = expand(candidates)
    assert [item.label for item in expanded] == [
        "groq/x",
        "ovhcloud/mistral-7b-instruct-v0.3",
        "ovhcloud/gpt-oss-20b",
        "mistral/y",
    ]
    assert [item.settings.temperature for item in expanded] == [None, 0, 0, None]
    assert [item.max_retries for item in expanded] == [None, 1, 1, None]
    plain = read_model("groq/x")
    assert expand(plain) is plain


def test_a_selection_that_fits_nothing_fails_in_its_turn_or_alone():
    nothing = select(provider="ovhcloud", output="video")
    with pytest.raises(InvalidModelError, match="fits none"):
        expand(read_model(nothing))
    first, second = expand(read_model([nothing, "ovhcloud/gpt-oss-120b"]))
    assert first.selection is nothing
    assert second.label == "ovhcloud/gpt-oss-120b"
    with pytest.raises(InvalidModelError, match="fits none"):
        resolve([nothing, "ovhcloud/gpt-oss-120b"])


# -- by what was measured ---------------------------------------------------------------------------------------------


def note(measured: Measured, model: str, first_chunk_s: float, rate: float) -> None:
    measured.note(f"ovhcloud/{model}", "u", total_s=10, first_chunk_s=first_chunk_s, output_tokens=int(rate * 10))


def test_measured_models_come_first_and_others_by_price():
    measured = Measured()
    by_price = ids(select(provider="ovhcloud", limit=99))
    for sort in ("latency", "throughput"):
        assert ids(select(provider="ovhcloud", sort=sort, limit=99), measured) == by_price  # type: ignore[arg-type]
        assert ids(select(provider="ovhcloud", sort=sort, limit=99)) == by_price  # type: ignore[arg-type]
    note(measured, "qwen3.6-27b", 0.2, 40)
    note(measured, "gpt-oss-120b", 0.4, 90)
    quickest = ids(select(provider="ovhcloud", sort="latency", limit=99), measured)
    assert quickest[:2] == ["ovhcloud/qwen3.6-27b", "ovhcloud/gpt-oss-120b"]
    assert quickest[2:] == [name for name in by_price if name not in quickest[:2]]
    assert ids(select(provider="ovhcloud", sort="throughput", limit=2), measured) == [
        "ovhcloud/gpt-oss-120b",
        "ovhcloud/qwen3.6-27b",
    ]
    match = select(provider="ovhcloud", sort="latency").rank(measured).matches[0]
    assert match.estimate is not None
    assert match.estimate.latency_s == pytest.approx(0.2)
    assert select(provider="ovhcloud").rank().matches[0].estimate is None
    assert select(provider="ovhcloud").rank(measured).matches[0].estimate is None  # not the order, but the facts
