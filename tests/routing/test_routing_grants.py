"""Access that is more than a key: what is missing, what is installed, and what a working directory may not direct."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout import catalog
from turnout.errors import ConfigurationError, MissingKeyError
from turnout.routing import access, resolve

BEDROCK = "amazon-bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
VERTEX = "google-vertex/gemini-2.5-flash"


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let packages look as if they were not installed, or as if the package that they are in were not."""

    def find(name: str) -> object:
        if name in names:
            if "." in name:
                raise ModuleNotFoundError(name)
            return None
        return object()

    monkeypatch.setattr(access, "find_spec", find)


def test_what_aws_and_google_need_is_said() -> None:
    aws, google = catalog.find_provider("amazon-bedrock"), catalog.find_provider("google-vertex")
    assert aws is not None
    assert google is not None
    assert access.say_needs(aws) == ("`AWS_BEARER_TOKEN_BEDROCK` or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`")
    assert access.say_needs(google).endswith("`GOOGLE_APPLICATION_CREDENTIALS`")


def test_without_keys_and_botocore_the_cure_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    without(monkeypatch, "botocore")
    with pytest.raises(MissingKeyError, match=r"AWS_SECRET_ACCESS_KEY`, pass `api_key=`, or install turnout\[aws\]"):
        resolve(BEDROCK)


def test_with_botocore_the_machines_profile_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    without(monkeypatch)
    route = resolve(BEDROCK)
    assert route.grant is not None
    assert route.grant.mechanism == "aws"


def test_a_session_of_another_origin_is_not_of_these_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-environment")
    Path(".env").write_text("AWS_SESSION_TOKEN=token-of-a-file\n")
    route = resolve(BEDROCK)
    assert route.grant is not None
    assert route.grant.session_token is None
    assert "secret-of-the-environment" in route.secrets


def test_without_google_auth_the_cure_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_VERTEX_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_VERTEX_LOCATION", "europe-west1")
    without(monkeypatch, "google.auth")
    with pytest.raises(MissingKeyError, match=r"install turnout\[vertex\]"):
        resolve(VERTEX)


def test_a_working_directory_does_not_send_the_machines_roles_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    without(monkeypatch)
    Path(".env").write_text("AMAZON_BEDROCK_BASE_URL=https://elsewhere.example\n")
    with pytest.raises(ConfigurationError, match=r"AWS_ACCESS_KEY_ID"):
        resolve(BEDROCK)


def test_an_exchange_without_a_url_says_which_variable_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "key-of-acme")
    catalog.register(
        provider={
            "id": "acme", "base_url": "https://acme.example/v1", "auth": "iam_api_key",
            "api_key_env": ["ACME_API_KEY"],
        },
        models=[{"id": "acme/m"}],
    )  # fmt: skip
    with pytest.raises(ConfigurationError, match="knows no URL for that: set `ACME_TOKEN_URL`"):
        resolve("acme/m")


def test_a_directory_may_fill_its_own_url_with_its_own_variables() -> None:
    Path("turnout.toml").write_text('[providers.groq]\nbase_url = "https://${MY_HOST}.example/v1"\n')
    Path(".env").write_text("MY_HOST=mine\nGROQ_API_KEY=key-of-the-file\n")
    catalog.current.cache_clear()
    route = resolve("groq/llama-3.3-70b-versatile")
    assert route.url == "https://mine.example/v1/chat/completions"
    assert route.headers["authorization"] == "Bearer key-of-the-file"
