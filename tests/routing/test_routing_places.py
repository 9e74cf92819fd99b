"""Where a URL's parts come from: deployments, partitions, profiles, credential files, and values that say too much."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from turnout import catalog
from turnout.errors import ConfigurationError, InvalidModelError, MissingKeyError
from turnout.routing import resolve
from turnout.routing.environment import read_profile, read_variable

AZURE_2024 = "https://mine.openai.azure.com/openai/deployments/{model}?api-version=2024-10-21"
REGIONS = {
    "AWS_REGION": {"names": ["AWS_DEFAULT_REGION"], "is_place": True, "profile_key": "region"},
    "AWS_DNS_SUFFIX": {
        "default": "${AWS_REGION}",
        "instead": {"cn-*": "amazonaws.com.cn", "eusc-*": "amazonaws.eu", "*": "amazonaws.com"},
    },
}
PROJECT = {
    "ACME_PROJECT": {
        "json_files": ["${ACME_FILE}", "~/.acme/${ACME_KIND}.json", "~/.acme/default.json"],
        "json_path": "project_id|quota.project",
    }
}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    yield tmp_path
    catalog.current.cache_clear()


def register(base_url: str, variables: dict[str, Any]) -> None:
    catalog.register(
        provider={"id": "acme", "base_url": base_url, "variables": variables, "api_key_env": ["ACME_API_KEY"]},
        models=[{"id": "acme/m"}],
    )


def find_url(model: str = "acme/m") -> str:
    return resolve(model, api_key="k").base_url


# -- Deployments -------------------------------------------------------------------------------------------------------


def test_deployments_of_azure_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_API_KEY", "key-of-azure")
    monkeypatch.setenv("AZURE_BASE_URL", AZURE_2024)
    route = resolve("azure/gpt-4o")
    assert route.url == (
        "https://mine.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    )
    assert (route.headers["api-key"], route.model) == ("key-of-azure", "gpt-4o")
    route = resolve("azure/my deployment/1")
    assert "/deployments/my%20deployment%2F1/chat/completions?" in route.url


def test_a_deployment_of_azure_by_a_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_API_KEY", "key-of-azure")
    monkeypatch.setenv("AZURE_RESOURCE_NAME", "mine")
    route = resolve({"url": AZURE_2024, "id": "azure/gpt-4o"})
    assert route.url.endswith("/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")
    assert route.headers["api-key"] == "key-of-azure"
    other = resolve({"url": AZURE_2024.replace("mine", "theirs"), "id": "azure/gpt-4o"})
    assert "api-key" not in other.headers
    named = resolve(
        {"url": "https://proxy.example/openai/v1?api-version=preview", "id": "azure/gpt-5", "provider": "azure"}
    )
    assert named.url == "https://proxy.example/openai/v1/chat/completions?api-version=preview"
    assert named.headers["api-key"] == "key-of-azure"


def test_entra_goes_to_deployments_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"AZURE_{name}", f"the-{name.lower()}")
    monkeypatch.setenv("AZURE_BASE_URL", AZURE_2024)
    route = resolve("azure/gpt-4o")
    assert route.grant is not None
    assert route.grant.client_id == "the-client_id"
    assert "/deployments/gpt-4o/" in route.url


@pytest.mark.parametrize(
    "value", ["mine", "mine.openai.azure.com", "https://mine.openai.azure.com", "https://mine.openai.azure.com/"]
)
def test_the_name_of_a_resource_may_be_its_whole_address(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_API_KEY", "key-of-azure")
    monkeypatch.setenv("AZURE_RESOURCE_NAME", value)
    assert resolve("azure/gpt-4o").base_url == "https://mine.openai.azure.com/openai/v1"


def test_a_model_in_the_name_of_a_host() -> None:
    url = "https://{model}.models.example/v1"
    assert resolve({"url": url, "id": "custom/llama-3"}).base_url == "https://llama-3.models.example/v1"
    for id_ in ("custom/evil.example/", "custom/a.b", "custom/a@b"):
        with pytest.raises(InvalidModelError, match="cannot stand in the host"):
            resolve({"url": url, "id": id_})


# -- Partitions and profiles -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-3", "bedrock-runtime.eu-west-3.amazonaws.com"),
        ("us-gov-west-1", "bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_each_partition_has_a_domain(region: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    register("https://bedrock-runtime.${AWS_REGION}.${AWS_DNS_SUFFIX}", REGIONS)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    assert find_url() == f"https://{host}"


def test_a_folder_may_say_the_region_and_not_the_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    register("https://bedrock-runtime.${AWS_REGION}.${AWS_DNS_SUFFIX}", REGIONS)
    monkeypatch.setenv("ACME_API_KEY", "key-of-the-environment")
    Path(".env").write_text("AWS_REGION=cn-north-1\n", "utf-8")
    assert resolve("acme/m").base_url == "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"
    Path(".env").write_text("AWS_REGION=cn-north-1\nAWS_DNS_SUFFIX=evil.example\n", "utf-8")
    with pytest.raises(ConfigurationError, match="gets nothing from the environment"):
        resolve("acme/m")


def test_a_value_without_another_in_its_place_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    register("https://${ACME_PLACE}.example", {"ACME_PLACE": {"instead": {"here": "there", "x-*": "y"}}})
    for value, place in (("here", "there"), ("x-1", "y"), ("else", "else")):
        monkeypatch.setenv("ACME_PLACE", value)
        assert find_url() == f"https://{place}.example"


def test_a_location_of_vertex_in_a_file_takes_keys_of_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(home / "account.json"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    hosts = {
        "global": "aiplatform",
        "eu": "aiplatform.eu.rep",
        "us": "aiplatform.us.rep",
        "asia-east1": "asia-east1-aiplatform",
    }
    for location, host in hosts.items():
        Path(".env").write_text(f"GOOGLE_CLOUD_LOCATION={location}\n", "utf-8")
        base_url = resolve("google-vertex/gemini-2.5-flash").base_url
        assert base_url == f"https://{host}.googleapis.com/v1/projects/p/locations/{location}"


def test_the_region_of_a_profile(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register("https://bedrock-runtime.${AWS_REGION}.${AWS_DNS_SUFFIX}", REGIONS)
    with pytest.raises(MissingKeyError, match="`AWS_REGION` or `AWS_DEFAULT_REGION`"):
        find_url()
    config = home / ".aws" / "config"
    config.parent.mkdir()
    config.write_text(
        "[default]\nregion = eu-west-1\n[profile  work]\nregion=us-east-2\n[bare]\nregion = x-1\n", "utf-8"
    )
    assert find_url() == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    for name, region in (("work", "us-east-2"), ("bare", "x-1")):
        monkeypatch.setenv("AWS_PROFILE", name)
        assert find_url() == f"https://bedrock-runtime.{region}.amazonaws.com"
    monkeypatch.setenv("AWS_PROFILE", "none")
    with pytest.raises(MissingKeyError):
        find_url()
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    assert find_url() == "https://bedrock-runtime.ap-south-1.amazonaws.com"


@pytest.mark.parametrize("text", [b"\xff", b"no section", b"[default]\nregion =\n", b"[a]\n[a]\nregion = b\n"])
def test_a_damaged_profile_says_nothing(text: bytes, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "config"
    file.write_bytes(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    assert read_profile("region") is None


def test_without_a_home_there_is_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "~nobody-of-this-name/config")
    assert read_profile("region") is None


@pytest.mark.parametrize("value", ["https://acme.example", "https://acme.example/", "https://acme.example/v2"])
def test_an_ending_that_a_value_lacks_is_added(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    register("${ACME_URL}", {"ACME_URL": {"ending": "/v2"}})
    monkeypatch.setenv("ACME_URL", value)
    assert find_url() == "https://acme.example/v2"


# -- Files of credentials ----------------------------------------------------------------------------------------------


def test_the_project_of_a_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register("https://acme.example/${ACME_PROJECT}", PROJECT)
    with pytest.raises(MissingKeyError, match="`ACME_PROJECT`"):
        find_url()
    folder = home / ".acme"
    folder.mkdir()
    (folder / "default.json").write_text('{"quota": {"project": "of-the-default"}}', "utf-8")
    assert find_url().endswith("/of-the-default")
    monkeypatch.setenv("ACME_FILE", str(home / "gone.json"))
    assert find_url().endswith("/of-the-default")
    (home / "gone.json").write_text('{"project_id": "found"}', "utf-8")
    assert find_url().endswith("/found")
    for text in ("no json", "[]", '{"project_id": 3, "quota": "x"}', "[" * 100_000, '{"project_id": " "}'):
        (home / "gone.json").write_text(text, "utf-8")
        assert find_url().endswith("/of-the-default")
    (home / "gone.json").write_text(json.dumps({"project_id": "p", "padding": "x" * (1 << 20)}), "utf-8")
    assert find_url().endswith("/of-the-default")
    monkeypatch.setenv("ACME_FILE", "~nobody-of-this-name/x.json")
    assert find_url().endswith("/of-the-default")


def test_a_variable_that_is_no_json_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("no json", "[" * 100_000, "\udcff"):
        monkeypatch.setenv("AICORE_SERVICE_KEY", text)
        with pytest.raises(ConfigurationError, match="is no JSON: set it to the whole service key"):
            resolve("sap-ai-core/gpt-5")


def test_a_variable_shows_its_name_and_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "planted")
    assert repr(read_variable("ACME_API_KEY")) == "Variable('ACME_API_KEY' from environment)"
