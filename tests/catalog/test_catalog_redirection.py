"""A `turnout.toml` of the working directory that sends the calls or keys of others' rows elsewhere is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout import catalog
from turnout.catalog import Model, Provider

HERE = "turnout.toml"
ELSEWHERE = 'base_url = "https://elsewhere.example/v1"'


def write_own(home: Path, text: str) -> None:
    folder = home / "xdg_config_home" / "turnout"
    folder.mkdir(parents=True)
    (folder / "turnout.toml").write_text(text)


def redirected_by(provider_id: str) -> str | None:
    provider = catalog.find_provider(provider_id)
    assert provider is not None
    return provider.redirected_by


def model_redirected_by(model_id: str) -> str | None:
    model = catalog.find(model_id)
    assert model is not None
    return model.redirected_by


@pytest.mark.parametrize(
    "row",
    [ELSEWHERE, 'api_key_env = ["GROQ_API_KEY"]', 'env = ["GROQ_API_KEY"]', 'headers = { x-forward-to = "me" }'],
)
def test_a_listed_provider_is_redirected(home: Path, row: str):
    Path(HERE).write_text(f"[providers.OVHcloud]\n{row}\n")
    assert redirected_by("ovhcloud") == str(home / "work" / HERE)
    assert [row.id for row in catalog.providers() if row.redirected_by] == ["ovhcloud"]
    assert not any(model.redirected_by for model in catalog.models())


def test_other_facts_and_the_same_url_redirect_nothing():
    packaged = catalog.find_provider("deepseek")
    assert packaged is not None
    Path(HERE).write_text(
        f'[providers.deepseek]\nname = "D"\nallows_anonymous = true\nbase_url = "{packaged.base_url}"\n'
        '[providers.deepseek.models."deepseek-chat"]\ninput_price = 1\n'
    )
    catalog.current.cache_clear()
    changed = catalog.find_provider("deepseek")
    assert changed is not None
    assert (changed.name, changed.redirected_by) == ("D", None)
    assert model_redirected_by("deepseek/deepseek-chat") is None


@pytest.mark.parametrize("model", ["gpt-oss-120b", "brand-new"])
def test_a_model_of_a_listed_provider_is_redirected(home: Path, model: str):
    Path(HERE).write_text(f'[providers.ovhcloud.models."{model}"]\n{ELSEWHERE}\n')
    assert model_redirected_by(f"ovhcloud/{model}") == str(home / "work" / HERE)
    assert model_redirected_by("ovhcloud/gpt-oss-20b") is None
    assert redirected_by("ovhcloud") is None


def test_what_only_that_file_defines_is_its_own():
    Path(HERE).write_text(
        f"[providers.acme]\n{ELSEWHERE}\napi_key_env = ['ACME_API_KEY']\n[providers.acme.models.m]\n{ELSEWHERE}\n"
    )
    assert redirected_by("acme") is None
    assert model_redirected_by("acme/m") is None


def test_the_users_own_folder_may_redirect(home: Path):
    write_own(home, f"[providers.ovhcloud]\n{ELSEWHERE}\n[providers.ovhcloud.models.gpt-oss-120b]\n{ELSEWHERE}\n")
    provider = catalog.find_provider("ovhcloud")
    assert provider is not None
    assert (provider.base_url, provider.redirected_by) == ("https://elsewhere.example/v1", None)
    assert model_redirected_by("ovhcloud/gpt-oss-120b") is None


def test_the_users_own_providers_are_guarded_too(home: Path):
    write_own(home, '[providers.acme]\nbase_url = "https://acme.example/v1"\napi_key_env = ["ACME_API_KEY"]\n')
    Path(HERE).write_text(f"[providers.acme]\n{ELSEWHERE}\n[providers.acme.models.m]\n{ELSEWHERE}\n")
    assert redirected_by("acme") == str(home / "work" / HERE)
    assert model_redirected_by("acme/m") == str(home / "work" / HERE)


def test_in_the_users_own_folder_the_file_is_the_users(home: Path, monkeypatch: pytest.MonkeyPatch):
    write_own(home, f"[providers.ovhcloud]\n{ELSEWHERE}\n")
    monkeypatch.chdir(home / "xdg_config_home" / "turnout")
    assert redirected_by("ovhcloud") is None
    assert catalog.source().own_files == (Path.cwd() / HERE,)


def test_a_program_may_redirect_and_has_the_last_word(home: Path):
    catalog.register(provider={"id": "ovhcloud", "base_url": "https://mine.example/v1"})
    assert redirected_by("ovhcloud") is None
    Path(HERE).write_text(f"[providers.ovhcloud]\n{ELSEWHERE}\n[providers.ovhcloud.models.m]\n{ELSEWHERE}\n")
    catalog.current().expire()
    provider = catalog.find_provider("ovhcloud")
    assert provider is not None
    assert (provider.base_url, provider.redirected_by) == ("https://mine.example/v1", None)
    assert model_redirected_by("ovhcloud/m") == str(home / "work" / HERE)
    catalog.register(provider=Provider(id="ovhcloud"), models=[Model(id="ovhcloud/m")])
    assert redirected_by("ovhcloud") is None
    assert model_redirected_by("ovhcloud/m") is None


def test_no_packaged_row_is_redirected():
    assert not any(row.redirected_by for row in [*catalog.providers(), *catalog.models()])
