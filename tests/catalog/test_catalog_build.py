"""From the source and the overrides to rows; the stub with the ids; the folders."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from turnout import catalog, paths
from turnout.catalog import store
from turnout.catalog.archive import Archive, pack
from turnout.catalog.build import build_rows
from turnout.catalog.types import PRICE_FIELDS, Model, PriceTier, Provider
from turnout.errors import CatalogError
from turnout.usage import Prices

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = b'[[protocol]]\nnpm = ["x"]\nprotocol = "openai_chat"\nsource = "s"\ndate = "2026-01-01"\n'


def build(models: dict[str, object], overrides: bytes = b"", **provider: object) -> dict[str, Model]:
    listed = {"acme": {"npm": "x", "env": ["ACME_KEY"], "models": models, **provider}}
    return build_rows(json.dumps(listed).encode(), PROTOCOL + overrides, label="test").models["acme"]


def test_the_older_form_of_tiers_is_read():
    cost = {"input": 1, "output": 2, "context_over_200k": {"input": 3, "output": 4}}
    model = build({"m": {"cost": cost}})["acme/m"]
    assert model.tier_for(200_001).input_price == 3
    assert model.tier_for(200_000).input_price == 1


def test_tiers_are_sorted_and_a_missing_price_is_the_models_own():
    tiers = [{"input": 9, "tier": {"size": 500, "type": "context"}}, {"input": 5, "tier": {"size": 100}}]
    model = build({"m": {"cost": {"input": 1, "output": 2, "tiers": tiers}}})["acme/m"]
    assert [tier.over_context_tokens for tier in model.price_tiers] == [100, 500]
    assert [model.tier_for(tokens).input_price for tokens in (100, 101, 501)] == [1, 5, 9]
    assert model.tier_for(501).output_price == 2


def test_a_model_without_a_fitting_tier_holds_its_own_prices():
    tiers = [{"input": 9, "tier": {"size": 500, "type": "context"}}]
    plain, tiered = build({"m": {}})["acme/m"], build({"m": {"cost": {"input": 1, "tiers": tiers}}})["acme/m"]
    assert plain.tier_for(10**9) is plain
    assert tiered.tier_for(500) is tiered
    assert isinstance(tiered.tier_for(501), PriceTier)


def test_models_and_tiers_have_the_same_prices():
    assert set(PRICE_FIELDS) == {name for name in Model.__struct_fields__ if name.endswith("_price")}
    assert set(PRICE_FIELDS) == {name for name in vars(Prices) if name.endswith("_price")}


def test_float_artefacts_are_rounded_away_and_nothing_else():
    cost = '{"acme": {"models": {"m": {"cost": {"input": 0.30000000000000004, "output": 0.0123456789}}}}}'
    model = build_rows(cost.encode(), PROTOCOL, label="test").models["acme"]["acme/m"]
    assert (model.input_price, model.output_price) == (Decimal("0.3"), Decimal("0.0123456789"))


def test_the_same_rows_give_the_same_bytes():
    rows = [Model(id="b/2"), Model(id="b/1")]
    facts = {"date": "2026-01-01", "origin": "o", "rules": 3}
    one = pack([Provider(id="b"), Provider(id="a")], {"b": rows}, **facts)
    two = pack([Provider(id="a"), Provider(id="b")], {"b": reversed(rows)}, **facts)
    assert one == two
    assert list(Archive(one).models("b")) == ["b/1", "b/2"]
    assert Archive(one).models("a") == {}


def test_unknown_packages_are_told():
    rows = build_rows(b'{"acme": {"npm": "brand-new", "models": {}}}', PROTOCOL, label="test")
    assert rows.unknown_packages == ["brand-new"]
    assert rows.providers["acme"].protocol == "openai_chat"


def test_a_model_of_a_provider_that_is_gone_is_not_added():
    override = b'[[model]]\nid = "gone/m"\nsource = "s"\ndate = "2026-01-01"\n'
    assert set(build({"m": {}}, override)) == {"acme/m"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (b"[[model]", "overrides.toml cannot be read"),
        (b'[[model]]\nid = "acme/x"\nsource = "s"\n', "'acme/x' needs a `source` and a `date`"),
        (b'[[provider]]\nid = "acme"\ndate = "d"\n', "'acme' needs a `source` and a `date`"),
        (b'[[provider]]\nid = "acme"\nurl = "u"\nsource = "s"\ndate = "d"\n', "'acme' is not valid.*`url`"),
        (b'[[pattern]]\nmatch = ["*"]\nset = {}\n', "missing required field `source`"),
        (b'[[typo]]\nid = "x"\n', "unknown field `typo`"),
    ],
)
def test_bad_overrides_are_named(overrides: bytes, message: str):
    with pytest.raises(CatalogError, match=message):
        build({"m": {}}, overrides)


def test_the_stub_lists_every_id_and_takes_any_string():
    lines = (ROOT / "src" / "turnout" / "model_ids.pyi").read_text(encoding="utf-8").splitlines()
    listed = [line.strip().rstrip(",").strip('"') for line in lines if line.startswith('    "')]
    assert listed == [model.id for model in catalog.models()]
    assert lines[-1] == "ModelId: TypeAlias = KnownModelId | str"


def test_the_script_writes_what_is_packaged(snapshot: bytes, tmp_path: Path):
    source = tmp_path / "api_2026-09-30.json"
    source.write_bytes(snapshot)
    command = [sys.executable, str(ROOT / "scripts" / "build_catalog.py"), "--source", str(source)]
    command += ["--out", str(tmp_path / "out"), "--stub", str(tmp_path / "ids.pyi")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.startswith("226 providers, 8346 models, ")
    written = Archive((tmp_path / "out" / "catalog.bin").read_bytes())
    assert (written.date, written.model_count) == ("2026-09-30", store.read_packaged().model_count)
    stub = (ROOT / "src" / "turnout" / "model_ids.pyi").read_text(encoding="utf-8")
    assert (tmp_path / "ids.pyi").read_text(encoding="utf-8") == stub


def test_a_broken_packaged_catalog_says_reinstall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "PACKAGED", tmp_path / "catalog.bin")
    with pytest.raises(CatalogError, match="reinstall turnout"):
        catalog.find("ovhcloud/gpt-oss-120b")


@pytest.mark.parametrize(
    ("platform", "config", "cache"),
    [
        ("linux", ".config/turnout", ".cache/turnout"),
        ("darwin", "Library/Application Support/turnout", "Library/Caches/turnout"),
    ],
)
def test_folders_follow_the_platform(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, config: str, cache: str
):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative/is/ignored")
    monkeypatch.setattr(paths.sys, "platform", platform)
    monkeypatch.setenv("HOME", str(home / platform))
    assert paths.config_dir() == home / platform / config
    assert paths.cache_dir() == home / platform / cache
