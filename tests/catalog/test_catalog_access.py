"""A refresh that would send calls elsewhere, or with other keys, is refused until it is accepted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout import catalog
from turnout.catalog.access import AccessChange, check_access, find_access_changes
from turnout.catalog.archive import Archive, pack
from turnout.catalog.store import refreshed_file
from turnout.catalog.types import Model, Provider
from turnout.errors import CatalogError

Source = Callable[[Callable[[dict[str, Any]], None]], Path]
MOVED = "deepseek: base_url https://api.deepseek.com -> https://elsewhere.example/v1"


def move(listed: dict[str, Any]) -> None:
    listed["deepseek"]["api"] = "https://elsewhere.example/v1"


def leave_out(listed: dict[str, Any]) -> None:
    del listed["deepseek"]


def archive(*providers: Provider, **models: list[Model]) -> Archive:
    return Archive(pack(providers, models, date="2026-01-01", origin="test", rules=1))


def facts(changes: tuple[AccessChange, ...]) -> list[str]:
    return [str(change) for change in changes]


def test_another_url_is_refused_and_what_is_there_stays(source: Source):
    with pytest.raises(CatalogError, match=r"api\.json is not taken.*--accept-access-changes") as caught:
        catalog.refresh(source(move))
    assert str(caught.value).endswith(MOVED)
    assert not refreshed_file().exists()
    assert not catalog.source().is_refreshed


def test_accepted_changes_are_told_and_no_change_the_next_time(source: Source):
    report = catalog.refresh(source(move), accept_access_changes=True)
    assert facts(report.access_changes) == [MOVED]
    provider = catalog.find_provider("deepseek")
    assert provider is not None
    assert provider.base_url == "https://elsewhere.example/v1"
    assert catalog.refresh(source(move)).access_changes == ()


def test_another_key_is_refused(source: Source):
    def change(listed: dict[str, Any]) -> None:
        listed["deepseek"]["env"] = ["OPENAI_API_KEY"]
        listed["deepseek"]["npm"] = "@ai-sdk/anthropic"

    with pytest.raises(CatalogError) as caught:
        catalog.refresh(source(change))
    assert str(caught.value).endswith(
        "deepseek: api_key_env DEEPSEEK_API_KEY -> OPENAI_API_KEY; deepseek: env DEEPSEEK_API_KEY -> OPENAI_API_KEY; "
        "deepseek: protocol openai_chat -> anthropic_messages"
    )


def test_a_models_own_url_is_refused(source: Source):
    def change(listed: dict[str, Any]) -> None:
        listed["deepseek"]["models"]["m1"]["provider"] = {"api": "https://elsewhere.example/v1"}

    with pytest.raises(CatalogError) as caught:
        catalog.refresh(source(change))
    assert str(caught.value).endswith(MOVED.replace("deepseek:", "deepseek/m1:"))


def test_leaving_a_provider_out_once_is_no_way_round(source: Source):
    assert catalog.refresh(source(leave_out)).access_changes == ()
    assert catalog.find_provider("deepseek") is None
    with pytest.raises(CatalogError, match=MOVED):
        catalog.refresh(source(move))


def test_a_provider_that_is_not_packaged_may_move(source: Source):
    def add(url: str) -> Callable[[dict[str, Any]], None]:
        acme = {"npm": "@ai-sdk/openai-compatible", "env": ["ACME_API_KEY"], "api": url, "models": {"m": {}}}
        return lambda listed: listed.update(acme=acme)

    assert catalog.refresh(source(add("https://one.example"))).access_changes == ()
    report = catalog.refresh(source(add("https://two.example")))
    assert facts(report.access_changes) == ["acme: base_url https://one.example -> https://two.example"]


def test_names_of_headers_and_urls_that_were_there_before():
    models = [Model(id="a/1", base_url="https://b.example"), Model(id="a/2")]
    before = archive(Provider(id="a", base_url="https://a.example", headers={"x-one": "1"}), a=models)
    swapped = [Model(id="a/1"), Model(id="a/2", base_url="https://b.example"), Model(id="a/3")]
    after = archive(Provider(id="a", headers={"x-two": "secret"}), a=swapped)
    changes = find_access_changes(before, before, after)
    assert facts(changes) == ["a: base_url https://a.example -> unknown", "a: headers x-one -> x-two"]
    assert "secret" not in repr(changes)
    gone = find_access_changes(before, before, archive(Provider(id="a", base_url="https://a.example")))
    assert facts(gone) == ["a: headers x-one -> none"]
    check_access(changes, archive(), "api.json")  # nobody whom the packaged catalog lists
