from __future__ import annotations

import gzip
import json
import socket
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from turnout import catalog
from turnout.catalog import store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Change = Callable[[dict[str, Any]], None]

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home with the working directory `work` in it, and a catalog that has read nothing yet."""
    home = tmp_path / "home"
    work = home / "work"
    work.mkdir(parents=True)
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(home / variable.lower()))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    catalog.current.cache_clear()
    yield home
    catalog.current.cache_clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the files at every look-up."""
    monkeypatch.setattr(store, "CHECK_INTERVAL_S", 0)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def loopback_only(self: socket.socket, address: tuple[str, int]) -> None:
        if address[0] != "127.0.0.1":
            refuse(address)
        connect(self, address)

    def refuse(address: object) -> NoReturn:
        raise AssertionError(f"the catalog reached for {address}")

    monkeypatch.setattr(socket.socket, "connect", loopback_only)


@pytest.fixture(scope="session")
def snapshot() -> bytes:
    """The api.json that the packaged catalog was built from."""
    file = SHARED / "models_dev_2026-09-30.json.gz"
    if not file.exists():
        pytest.skip(f"{file} is not here: only the project's own test references hold it")
    return gzip.decompress(file.read_bytes())


@pytest.fixture(scope="session")
def founding_models() -> list[dict[str, Any]]:
    """The 13 models of the founding page with their flags; prices are Decimals."""
    file = SHARED / "ovhcloud_2026-01-21.json"
    if not file.exists():
        pytest.skip(f"{file} is not here: only the project's own test references hold it")
    return json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)["models"]


@pytest.fixture
def source(tmp_path: Path) -> Callable[[Change], Path]:
    """Write a source with the ids of the packaged catalog, changed by a function, and return its path."""
    packaged = store.read_packaged()
    rows = tomllib.loads(store.OVERRIDES.read_text(encoding="utf-8"))["protocol"]
    packages = {row["protocol"]: row["npm"][0] for row in rows}

    def list_models(provider_id: str) -> dict[str, Any]:
        models: dict[str, Any] = {}
        for row in packaged.models(provider_id).values():
            if not row.is_retired:
                listed: dict[str, Any] = {"name": row.name, "limit": {"context": row.context}}
                if row.input_price is not None and row.output_price is not None:
                    listed["cost"] = {"input": float(row.input_price), "output": float(row.output_price)}
                models[row.short_id] = listed
        return models

    def list_provider(provider_id: str) -> dict[str, Any]:
        row = packaged.provider(provider_id)
        assert row is not None
        is_whole = provider_id == "ovhcloud"
        models = list_models(provider_id) if is_whole else {f"m{i}": {"name": "m"} for i in range(40)}
        npm = packages[row.protocol]
        return {"id": provider_id, "npm": npm, "env": row.env, "api": row.base_url, "models": models}

    def write(change: Change) -> Path:
        listed = {provider_id: list_provider(provider_id) for provider_id in packaged.provider_ids - {"local"}}
        change(listed)
        file = tmp_path / "api.json"
        file.write_text(json.dumps(listed))
        return file

    return write
