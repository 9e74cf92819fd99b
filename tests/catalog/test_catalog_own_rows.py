"""The user's own providers, models and prices."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from turnout import catalog
from turnout.catalog import Model, Provider, store
from turnout.errors import CatalogError

if TYPE_CHECKING:
    from pathlib import Path

ACME = """
[providers.Acme]
base_url = "https://llm.acme.example/v1"
api_key_env = ["ACME_API_KEY"]
headers = { X-Team = "secret-team" }
quirks = { single_system_message = true }

[providers.Acme.models."meta/llama-3.3-70b"]
context = 131072
supports_tools = true
input_price = 0.20
output_price = 0.6

[gateway]
port = 4000
"""


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def price(model_id: str) -> Decimal | None:
    model = catalog.find(model_id)
    assert model is not None
    return model.input_price


def test_a_private_endpoint_has_capabilities_and_prices(home: Path):
    file = write(home / "work" / "turnout.toml", ACME)
    provider = catalog.find_provider("acme")
    assert provider is not None
    assert provider.base_url == "https://llm.acme.example/v1"
    assert provider.env == provider.api_key_env == ("ACME_API_KEY",)
    assert provider.protocol == "openai_chat"
    assert provider.quirks.single_system_message
    assert provider.model_count == 1
    assert provider.source == "turnout.toml"
    assert "secret-team" not in repr(provider)
    model = catalog.find("acme/meta/llama-3.3-70b")
    assert model is not None
    assert (model.context, model.supports_tools, model.supports_reasoning) == (131072, True, None)
    assert (str(model.input_price), str(model.output_price)) == ("0.20", "0.6")
    assert model in catalog.models()
    assert len(catalog.providers()) == 227
    assert catalog.suggest("acm")[0] == "acme"
    assert catalog.source().own_files == (file,)


def test_another_variable_for_the_key_is_added_to_the_others(home: Path):
    write(home / "work" / "turnout.toml", '[providers.databricks]\napi_key_env = ["MY_TOKEN"]\n')
    provider = catalog.find_provider("databricks")
    assert provider is not None
    assert provider.api_key_env == ("MY_TOKEN",)
    assert provider.env == ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "MY_TOKEN")


def test_a_known_row_keeps_what_is_not_named(home: Path):
    write(home / "work" / "turnout.toml", '[providers.ovhcloud.models."gpt-oss-120b"]\ninput_price = 0.01\n')
    model, provider = catalog.find("ovhcloud/gpt-oss-120b"), catalog.find_provider("ovhcloud")
    assert model is not None
    assert provider is not None
    assert (model.input_price, model.output_price) == (Decimal("0.01"), Decimal("0.47"))
    assert model.supports_tools is True
    assert provider.allows_anonymous
    assert provider.source.startswith("models.dev")
    assert provider.model_count == 22


@pytest.mark.usefixtures("impatient")
def test_the_project_wins_over_the_user_and_registered_rows_over_both(home: Path):
    user = '[providers.ovhcloud.models."gpt-oss-120b"]\ninput_price = {}\noutput_price = 9\n'
    write(home / "xdg_config_home" / "turnout" / "turnout.toml", user.format(1))
    assert price("ovhcloud/gpt-oss-120b") == 1
    write(home / "work" / "turnout.toml", '[providers.ovhcloud.models."gpt-oss-120b"]\ninput_price = 2\n')
    assert price("ovhcloud/gpt-oss-120b") == 2
    catalog.register(models=[{"id": "ovhcloud/gpt-oss-120b", "input_price": 0.3}])
    assert price("ovhcloud/gpt-oss-120b") == Decimal("0.3")
    model = catalog.find("ovhcloud/gpt-oss-120b")
    assert model is not None
    assert model.output_price == 9


@pytest.mark.usefixtures("impatient")
def test_a_changed_file_is_seen_and_a_removed_one_forgotten(home: Path):
    file = write(home / "work" / "turnout.toml", '[providers.ovhcloud.models."gpt-oss-120b"]\ninput_price = 2\n')
    assert price("ovhcloud/gpt-oss-120b") == 2
    write(file, '[providers.ovhcloud.models."gpt-oss-120b"]\ninput_price = 33\n')
    assert price("ovhcloud/gpt-oss-120b") == 33
    file.unlink()
    assert price("ovhcloud/gpt-oss-120b") == Decimal("0.09")


def test_an_edit_shows_within_a_second(home: Path, monkeypatch: pytest.MonkeyPatch):
    row = '[providers.ovhcloud.models."gpt-oss-120b"]\ninput_price = {}\n'
    clock = [100.0]
    monkeypatch.setattr(store, "monotonic", lambda: clock[0])
    assert price("ovhcloud/gpt-oss-120b") == Decimal("0.09")
    file = write(home / "work" / "turnout.toml", row.format(2))
    clock[0] = 100.9
    assert price("ovhcloud/gpt-oss-120b") == Decimal("0.09")
    clock[0] = 101.0
    assert price("ovhcloud/gpt-oss-120b") == 2
    write(file, row.format(33))
    catalog.current.cache_clear()
    assert price("ovhcloud/gpt-oss-120b") == 33


@pytest.mark.usefixtures("impatient")
def test_the_working_directory_is_todays(home: Path, monkeypatch: pytest.MonkeyPatch):
    write(home / "other" / "turnout.toml", ACME)
    assert catalog.find_provider("acme") is None
    monkeypatch.chdir(home / "other")
    assert catalog.find_provider("acme") is not None
    monkeypatch.chdir(home / "work")
    assert catalog.find_provider("acme") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[providers", "turnout.toml cannot be read"),
        ("providers = 3", "`providers` must be a table"),
        ("[providers]\nacme = 3", "`providers.acme` must be a table"),
        ('[providers.acme]\nbase_urll = "x"', "unknown field `base_urll`.*there are: id, name, base_url"),
        ("[providers.acme]\nbase_url = 3", r"row of `acme` is not valid: Expected `str \| null`.*base_url"),
        ('[providers."a/b"]\nname = "x"', "needs an `id` without a slash"),
        ('[providers.acme.models."m"]\ninput_price = -1', "`acme/m`: `input_price` is -1; give USD per 1M tokens"),
        ('[providers.acme.models."m"]\ninput_price = nan', "`acme/m`: `input_price` is NaN"),
        ('[providers.acme.models."m"]\ncontext = "big"', r"row of `acme/m` is not valid.*context"),
        ('[providers.acme.models."m"]\nquirks = { oops = 1 }', "unknown field `oops`"),
        ('[providers.acme]\nredirected_by = ""', "`acme`: `redirected_by` is computed; leave it out"),
        ('[providers.acme.models."m"]\nredirected_by = "x"', "`acme/m`: `redirected_by` is computed; leave it out"),
    ],
)
def test_a_bad_row_is_named_with_its_cure(home: Path, text: str, message: str):
    write(home / "work" / "turnout.toml", text)
    with pytest.raises(CatalogError, match=message) as caught:
        catalog.find("ovhcloud/gpt-oss-120b")
    assert "turnout.toml" in str(caught.value)


def test_structs_are_registered_whole():
    provider = Provider(id="Acme", base_url="https://acme.example/v1", api_key_env=("K",))
    catalog.register(provider=provider, models=[Model(id="acme/m", input_price=Decimal("1.5"))])
    assert price("acme/m") == Decimal("1.5")
    row = catalog.find_provider("ACME")
    assert row is not None
    assert (row.id, row.model_count, row.env) == ("acme", 1, ("K",))
    catalog.register(models=[Model(id="ovhcloud/gpt-oss-120b")])
    replaced = catalog.find("ovhcloud/gpt-oss-120b")
    assert replaced is not None
    assert replaced.context is None


def test_registering_dicts_of_a_new_provider():
    catalog.register(provider={"id": "acme", "base_url": "https://acme.example/v1"}, models=[{"id": "ACME/m"}])
    model = catalog.find("acme/m")
    assert model is not None
    assert model.source == "catalog.register()"
    assert model.kind == "chat"


@pytest.mark.parametrize(
    ("provider", "models", "message"),
    [
        (None, [{"id": "acme/m"}], "names no known provider"),
        (None, [{"id": "m"}], "needs a full `id`"),
        (None, [{}], "needs a full `id`"),
        ({"id": "acme"}, [{"id": "acme/m", "input": 1}], "unknown field `input`"),
        ({"name": "acme"}, [], "needs an `id`"),
        (Provider(id="acme", redirected_by="turnout.toml"), [], "`redirected_by` is computed; leave it out"),
        ({"id": "acme"}, [{"id": "acme/m", "price_tiers": [{"input_price": 1}]}], "over_context_tokens"),
    ],
)
def test_registering_a_bad_row_adds_nothing(
    provider: Provider | dict[str, object] | None, models: list[dict[str, object]], message: str
):
    with pytest.raises(CatalogError, match=message):
        catalog.register(provider=provider, models=models)
    assert catalog.find_provider("acme") is None
    assert len(catalog.providers()) == 226


@pytest.mark.parametrize(
    "table", ["[[models]]\nid = 'a/b'", "[models.'a/b']\ncontext = 1", "[provider.acme]\nname = 'A'"]
)
def test_a_table_under_a_wrong_name_is_an_error_with_the_right_one(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "turnout.toml").write_text(table)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogError, match=r"write `\[providers\.NAME\]`"):
        catalog.find("ovhcloud/gpt-oss-120b")


def test_a_pipe_by_the_name_of_the_file_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "turnout.toml")
    monkeypatch.chdir(tmp_path)
    catalog.current.cache_clear()
    assert catalog.find("ovhcloud/gpt-oss-120b") is not None
