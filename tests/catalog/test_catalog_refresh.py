"""A newer catalog in the user's cache."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from turnout import catalog
from turnout.catalog import store, updates
from turnout.catalog.archive import MAGIC, pack
from turnout.errors import CatalogError

Change = Callable[[dict[str, Any]], None]


def unchanged(listed: dict[str, Any]) -> None:
    """Leave the source as it is."""


def changed(listed: dict[str, Any]) -> None:
    models = listed["ovhcloud"]["models"]
    models["brand-new"] = {"name": "Brand-New", "cost": {"input": 0.1, "output": 0.30000000000000004}}
    del models["gpt-oss-20b"]
    models["gpt-oss-120b"]["cost"]["input"] = 0.5
    models["qwen3-32b"] = {"name": "Qwen3-32B", "cost": {"input": 7, "output": 7}}


def cached(home: Path) -> Path:
    return home / "xdg_cache_home" / "turnout" / "catalog.bin"


def test_a_refresh_is_in_force_at_once_and_says_what_changed(home: Path, source: Callable[[Change], Path]):
    assert catalog.find("ovhcloud/brand-new") is None
    report = catalog.refresh(source(changed))
    assert report.path == cached(home)
    assert "ovhcloud/brand-new" in report.added
    assert "ovhcloud/gpt-oss-20b" in report.removed
    prices = {(change.id, change.field): (change.before, change.after) for change in report.price_changes}
    assert prices["ovhcloud/gpt-oss-120b", "input_price"] == (Decimal("0.09"), Decimal("0.5"))
    ovhcloud = report.by_provider["ovhcloud"]
    assert (ovhcloud.added, ovhcloud.removed, ovhcloud.repriced) == (1, 1, 2)
    assert "models of 226 providers:" in str(report)
    fresh = catalog.find("ovhcloud/brand-new")
    assert fresh is not None
    assert (fresh.output_price, fresh.wire_id) == (Decimal("0.3"), "Brand-New")
    assert catalog.source().is_refreshed
    assert catalog.source().date == report.date
    assert [file.name for file in cached(home).parent.iterdir()] == ["catalog.bin"]


def test_overrides_apply_to_a_refreshed_catalog_and_undo_nothing_newer(source: Callable[[Change], Path]):
    catalog.refresh(source(changed))
    provider = catalog.find_provider("ovhcloud")
    assert provider is not None
    assert provider.allows_anonymous
    retired, back = catalog.find("ovhcloud/mixtral-8x7b-instruct-v0.1"), catalog.find("ovhcloud/qwen3-32b")
    assert retired is not None
    assert back is not None
    assert retired.is_retired
    assert (back.retired, back.input_price) == (None, 7)
    assert catalog.find("local/smollm2-135m-instruct") is not None


def test_refreshing_with_the_packaged_data_changes_nothing(tmp_path: Path, snapshot: bytes):
    file = tmp_path / "api.json.gz"
    file.write_bytes(gzip.compress(snapshot))
    report = catalog.refresh(str(file))
    assert (report.added, report.removed, report.price_changes, report.by_provider) == ((), (), (), {})
    assert report.model_count == 8346
    model = catalog.find("ovhcloud/gpt-oss-120b")
    assert model is not None
    assert model.source.startswith("api.json.gz 20")


def test_own_rows_lie_over_a_refreshed_catalog(home: Path, source: Callable[[Change], Path]):
    (home / "work" / "turnout.toml").write_text('[providers.ovhcloud.models."gpt-oss-120b"]\ninput_price = 3\n')
    catalog.refresh(source(changed))
    model = catalog.find("ovhcloud/gpt-oss-120b")
    assert model is not None
    assert model.input_price == 3


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign", "folder"])
@pytest.mark.usefixtures("impatient")
def test_a_damaged_copy_is_not_used(home: Path, source: Callable[[Change], Path], damage: str):
    catalog.refresh(source(changed))
    file = cached(home)
    data = bytearray(file.read_bytes())
    if damage == "flipped":
        data[-1] ^= 1
    file.unlink()
    if damage == "folder":
        file.mkdir()
    else:
        file.write_bytes({"cut": data[:-9], "flipped": data, "empty": b"", "foreign": b"PK\x03\x04"}[damage])
    assert catalog.find("ovhcloud/brand-new") is None
    assert catalog.find("ovhcloud/gpt-oss-20b") is not None
    source_in_force = catalog.source()
    assert not source_in_force.is_refreshed
    assert str(file) in source_in_force.note
    assert "turnout refresh" in source_in_force.note


def test_an_older_copy_is_not_used(home: Path):
    packaged = store.read_packaged()
    file = cached(home)
    file.parent.mkdir(parents=True)
    file.write_bytes(pack([], {}, date="2026-01-01T00:00:00Z", origin="old", rules=packaged.rules))
    assert catalog.find("ovhcloud/gpt-oss-120b") is not None
    assert "older than the packaged ones of 2026-09-30" in catalog.source().note


def test_a_copy_of_another_version_is_not_used(home: Path):
    file = cached(home)
    file.parent.mkdir(parents=True)
    file.write_bytes(pack([], {}, date="2099-01-01T00:00:00Z", origin="new", rules=1))
    assert catalog.find("ovhcloud/gpt-oss-120b") is not None
    assert "another version of turnout" in catalog.source().note


def test_a_shrunken_source_is_refused(home: Path, source: Callable[[Change], Path]):
    def shrink(listed: dict[str, Any]) -> None:
        for provider in list(listed)[:150]:
            listed[provider]["models"] = {}

    with pytest.raises(CatalogError, match=r"the source has \d+ models where 8346 are known"):
        catalog.refresh(source(shrink))
    assert not cached(home).exists()
    assert not catalog.source().is_refreshed


@pytest.mark.parametrize("text", ["", "<html>", "[]", '{"a": 1}', '{"a": {"models": []}}'])
def test_what_is_no_api_json_is_refused(home: Path, tmp_path: Path, text: str):
    file = tmp_path / "api.json"
    file.write_text(text)
    with pytest.raises(CatalogError, match=r"no models\.dev api\.json"):
        catalog.refresh(file)
    assert not cached(home).exists()


def test_a_missing_file_and_a_broken_archive_are_named(tmp_path: Path):
    with pytest.raises(CatalogError, match=r"missing\.json cannot be read"):
        catalog.refresh(tmp_path / "missing.json")
    cut = tmp_path / "cut.json.gz"
    cut.write_bytes(gzip.compress(b"{}" * 999)[:-12])
    with pytest.raises(CatalogError, match=r"cut\.json\.gz cannot be read"):
        catalog.refresh(cut)


def test_a_row_that_cannot_be_read_is_skipped_and_told(source: Callable[[Change], Path]):
    def spoil(listed: dict[str, Any]) -> None:
        listed["ovhcloud"]["models"]["gpt-oss-20b"] = {"limit": "big"}
        listed["groq"]["npm"] = "@ai-sdk/brand-new"

    report = catalog.refresh(source(spoil))
    assert len(report.skipped) == 1
    assert report.skipped[0].startswith("ovhcloud/gpt-oss-20b: ")
    assert str(report).endswith("1 could not be read")
    groq = catalog.find_provider("groq")
    assert groq is not None
    assert groq.protocol == "openai_chat"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_nothing_half_written(
    home: Path, source: Callable[[Change], Path], monkeypatch: pytest.MonkeyPatch, failing: str
):
    catalog.refresh(source(changed))
    before = cached(home).read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(*((updates.os, "fsync") if failing == "fsync" else (Path, "replace")), fail)
        with pytest.raises(CatalogError, match=r"No space left on device.*set XDG_CACHE_HOME"):
            catalog.refresh(source(unchanged))
    assert cached(home).read_bytes() == before
    assert [file.name for file in cached(home).parent.iterdir()] == ["catalog.bin"]


def test_a_cache_that_cannot_be_made_is_named(home: Path, source: Callable[[Change], Path]):
    (home / "xdg_cache_home").write_text("a file where the folder should be")
    with pytest.raises(CatalogError, match=r"cannot be written.*set XDG_CACHE_HOME"):
        catalog.refresh(source(unchanged))


def test_without_a_home_nothing_is_written_into_the_working_directory(
    home: Path, source: Callable[[Change], Path], monkeypatch: pytest.MonkeyPatch
):
    file = source(unchanged)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "nowhere")
    with pytest.raises(CatalogError, match="no place to keep a catalog"):
        catalog.refresh(file)
    assert list((home / "work").iterdir()) == []


def test_refreshes_at_the_same_time_leave_one_whole_file(home: Path, source: Callable[[Change], Path]):
    file = source(changed)
    failures: list[Exception] = []

    def refresh() -> None:
        try:
            catalog.refresh(file)
        except CatalogError as error:
            failures.append(error)

    threads = [threading.Thread(target=refresh) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert cached(home).read_bytes().startswith(MAGIC)
    assert catalog.find("ovhcloud/brand-new") is not None
    assert [entry.name for entry in cached(home).parent.iterdir()] == ["catalog.bin"]


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes]]]:
    pages: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path)
            elsewhere = self.path.partition("?to=")[2]
            self.send_response(302 if elsewhere else 200 if body is not None else 404)
            if elsewhere:
                self.send_header("location", elsewhere)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", pages
        running.shutdown()
        thread.join()


def test_a_url_is_read(server: tuple[str, dict[str, bytes]], source: Callable[[Change], Path]):
    url, pages = server
    pages["/api.json"] = gzip.compress(source(changed).read_bytes())
    report = catalog.refresh(f"{url}/api.json")
    assert "ovhcloud/brand-new" in report.added
    assert catalog.source().origin.startswith("127.0.0.1 ")
    with pytest.raises(CatalogError, match=r"HTTP Error 404.*name another file or URL"):
        catalog.refresh(f"{url}/gone.json")


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/api.json", "HTTP://models.dev/api.json", "http://127.0.0.1.example/"]
)
def test_a_url_that_others_can_change_is_refused(url: str):
    def fetch(url: str) -> bytes:
        raise AssertionError(url)

    with pytest.raises(CatalogError, match=r"cannot be trusted.*give an https:// URL, or download it"):
        catalog.refresh(url, fetch=fetch)


def test_a_redirection_is_followed_on_this_machine_only(
    server: tuple[str, dict[str, bytes]], source: Callable[[Change], Path]
):
    url, pages = server
    pages["/api.json"] = source(changed).read_bytes()
    for elsewhere in ("http://192.0.2.1/api.json", "ftp://127.0.0.1/api.json"):
        with pytest.raises(CatalogError, match=f"{elsewhere} cannot be trusted"):
            catalog.refresh(f"{url}/?to={elsewhere}")
    assert "ovhcloud/brand-new" in catalog.refresh(f"{url}/?to={url}/api.json").added


def test_the_download_can_be_handed_in(source: Callable[[Change], Path]):
    asked: list[str] = []
    data = source(changed).read_bytes()

    def fetch(url: str) -> bytes:
        asked.append(url)
        return data

    report = catalog.refresh(fetch=fetch)
    assert asked == [report.source] == ["https://models.dev/api.json"]
    assert catalog.source().origin.startswith("models.dev ")
