"""Rows about access: domains of partitions, the region of a profile, the project of a file, SAP's URLs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from turnout.routing import resolve

BEDROCK = "amazon-bedrock/amazon.nova-pro-v1:0"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "key-of-bedrock")
    return tmp_path


@pytest.mark.parametrize(
    ("region", "domain"),
    [
        ("eu-west-3", "amazonaws.com"),
        ("us-gov-west-1", "amazonaws.com"),
        ("cn-northwest-1", "amazonaws.com.cn"),
        ("eusc-de-east-1", "amazonaws.eu"),
    ],
)
def test_bedrock_in_each_partition(region: str, domain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    assert resolve(BEDROCK).base_url == f"https://bedrock-runtime.{region}.{domain}"


def test_bedrock_in_the_region_of_the_profile(home: Path) -> None:
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text("[default]\nregion = eu-west-1\n", "utf-8")
    assert resolve(BEDROCK).base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"


def test_vertex_in_the_project_of_the_credentials(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "account.json"
    file.write_text(json.dumps({"type": "service_account", "project_id": "of-the-file"}), "utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "global")
    url = "https://aiplatform.googleapis.com/v1/projects/of-the-file/locations/global"
    assert resolve("google-vertex/gemini-2.5-flash").base_url == url
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "named")
    assert "/projects/named/" in resolve("google-vertex/gemini-2.5-flash").base_url


@pytest.mark.parametrize(("api", "login"), [("", ""), ("/", "/"), ("/v2", "/oauth/token")])
def test_both_spellings_of_saps_urls(api: str, login: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICORE_BASE_URL", f"https://api.sap.example{api}")
    monkeypatch.setenv("AICORE_AUTH_URL", f"https://login.sap.example{login}")
    monkeypatch.setenv("AICORE_CLIENT_ID", "c")
    monkeypatch.setenv("AICORE_CLIENT_SECRET", "s")
    route = resolve("sap-ai-core/gpt-5")
    assert route.base_url == "https://api.sap.example/v2"
    assert route.grant is not None
    assert route.grant.url == "https://login.sap.example/oauth/token"
