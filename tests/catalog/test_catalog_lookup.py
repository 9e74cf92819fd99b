"""Finding one model or provider."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from turnout import catalog
from turnout.catalog import Model, store


def test_a_model_is_found_by_its_full_id():
    model = catalog.find("ovhcloud/gpt-oss-120b")
    assert model is not None
    assert (model.id, model.provider, model.short_id) == ("ovhcloud/gpt-oss-120b", "ovhcloud", "gpt-oss-120b")


@pytest.mark.parametrize("unknown", ["", "ovhcloud", "ovhcloud/", "/gpt-oss-120b", "ovhcloud/no-such", "nobody/gpt-5"])
def test_an_unknown_id_is_none(unknown: str):
    assert catalog.find(unknown) is None


def test_a_virtual_model_is_unknown():
    assert catalog.find("ovhcloud/mistral@latest?context_size > 100000") is None


def test_only_the_first_slash_divides():
    model = catalog.find("openrouter/openai/gpt-oss-120b")
    assert model is not None
    assert (model.provider, model.short_id) == ("openrouter", "openai/gpt-oss-120b")


def test_the_provider_ignores_case():
    assert catalog.find("OVHcloud/gpt-oss-120b") is catalog.find("ovhcloud/gpt-oss-120b")
    provider = catalog.find_provider("OVHCLOUD")
    assert provider is not None
    assert provider.id == "ovhcloud"
    assert catalog.find_provider("ovh") is None


def test_the_model_ignores_case_where_only_one_is_alike():
    model = catalog.find("ovhcloud/Meta-Llama-3_3-70B-Instruct")
    assert model is not None
    assert model.id == "ovhcloud/meta-llama-3_3-70b-instruct"
    catalog.register(models=[{"id": "ovhcloud/GPT-oss-120b"}])
    exact = catalog.find("ovhcloud/GPT-oss-120b")
    assert exact is not None
    assert exact.context is None
    assert catalog.find("ovhcloud/GPT-OSS-120B") is None


def test_other_spellings_are_indexed_once_a_provider(monkeypatch: pytest.MonkeyPatch):
    indexed: list[int] = []
    index_alike = store._index_alike

    def count(rows: dict[str, Model]) -> dict[str, Model | None]:
        indexed.append(len(rows))
        return index_alike(rows)

    monkeypatch.setattr(store, "_index_alike", count)
    model = catalog.find("ovhcloud/gpt-oss-120b")
    assert indexed == []
    for _ in range(3):
        assert catalog.find("ovhcloud/GPT-OSS-120b") is model
        assert catalog.find("ovhcloud/no-such") is None
        assert catalog.find("nobody/no-such") is None
    assert indexed == [22]


def test_a_look_up_decompresses_one_provider_only():
    catalog.find("ovhcloud/gpt-oss-120b")
    catalog.find("OVHcloud/none")
    catalog.find("nobody/none")
    catalog.find_provider("openai")
    assert catalog.current().view().archive.loaded == {"ovhcloud"}


def test_importing_the_catalog_reads_no_file():
    program = (
        "import sys, os\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "import turnout.catalog\n"
        "print([name for name in opened if name.endswith(('.bin', '.toml'))])\n"
        "print([name for name in ('urllib.request', 'tomllib', 'ssl', 'asyncio', 'difflib', 'turnout.catalog.build') "
        "if name in sys.modules])\n"
    )
    sources = Path(catalog.__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(sources)}
    )
    assert run.stdout.split() == ["[]", "[]"]


def test_threads_see_the_same_rows():
    found: list[object] = []
    gate = threading.Barrier(8)

    def look() -> None:
        gate.wait()
        found.append(catalog.find("ovhcloud/gpt-oss-120b"))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(model == found[0] for model in found)
    assert found[0] is not None


def test_the_source_is_told():
    source = catalog.source()
    assert (source.origin, source.date, source.is_refreshed, source.note) == (
        "models.dev 2026-09-30",
        "2026-09-30",
        False,
        "",
    )
