"""Every row of the catalog resolves: URL, wire format and what authenticates, with a dummy in each variable."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from turnout import Agent, ModelConfig, catalog
from turnout.catalog.types import ModelKind
from turnout.errors import ConfigurationError, MissingKeyError, UnsupportedFeatureError
from turnout.protocols import EMBEDDING_PROTOCOLS, PROTOCOLS
from turnout.routing import resolve
from turnout.routing.capabilities import CALLS
from turnout.routing.model import Candidate
from turnout.routing.resolution import resolve_candidate, trace_candidate

KEY = "planted-key-0001"
KEY_CARRIERS = {"authorization", "x-api-key", "api-key", "x-goog-api-key"}
SERVICE_KEY = {
    "clientid": "c", "clientsecret": "s", "url": "https://uaa.example", "serviceurls": {"AI_API_URL": "https://ai.example"}
}  # fmt: skip


@pytest.fixture
def dummies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set every variable that any provider names."""
    for provider in catalog.providers():
        for name in provider.env:
            monkeypatch.setenv(name, f"dummy-{name.lower()}".replace("_", "-"))
    monkeypatch.setenv("NEON_AI_GATEWAY_BASE_URL", "https://neon.example")
    monkeypatch.setenv("AICORE_SERVICE_KEY", json.dumps(SERVICE_KEY))


def test_every_row_has_a_url_a_wire_format_and_what_authenticates(dummies: None) -> None:
    failures: list[str] = []
    count = 0
    for model in catalog.models():
        count += 1
        route, missing = trace_candidate(Candidate(model=model.id))
        is_open = not (provider := catalog.find_provider(model.provider)) or provider.allows_anonymous
        is_authentic = bool(route.grant or is_open or KEY_CARRIERS.intersection(route.headers))
        is_url = re.fullmatch(r"https?://[^\s{}$]+", route.url) is not None
        if missing or route.protocol not in PROTOCOLS or not is_authentic or not is_url:
            failures.append(f"{model.id}: {route.protocol} {route.url} {missing}")
    assert failures == []
    assert count == len(catalog.models()) > 8000


def test_every_model_for_embeddings_resolves_or_says_why(dummies: None) -> None:
    spoken = 0
    for model in catalog.models(kind="embedding"):
        try:
            route = resolve_candidate(Candidate(model=model.id), task="embedding")
        except ConfigurationError as error:
            assert "no embeddings" in error.message
        else:
            assert route.protocol in EMBEDDING_PROTOCOLS
            spoken += 1
    assert spoken > 50


@pytest.mark.parametrize(
    ("kind", "at_least", "cure"),
    [
        ("embedding", 80, "call `embed` with it"),
        ("image", 80, "call `turnout.images.generate_image` with it"),
        ("speech", 30, "call `turnout.speech.speak` with it"),
        ("transcription", 30, "call `turnout.transcription.transcribe` with it"),
        ("rerank", 10, "call `turnout.reranking.rerank` with it"),
        ("video", 50, "turnout has no call for these yet"),
    ],
)
async def test_every_model_that_is_no_chat_model_is_refused_by_generate_with_the_right_call(
    dummies: None, kind: ModelKind, at_least: int, cure: str
) -> None:
    models = catalog.models(kind=kind)
    assert len(models) > at_least
    for model in models:
        for run in (Agent(model=model.id).generate("Hi"), Agent(model=model.id).stream("Hi")):
            with pytest.raises(UnsupportedFeatureError) as caught:
                await run
            assert f"`{model.id}` is no chat model ({kind}): {cure}" in caught.value.message


def test_every_kind_is_a_chats_or_has_its_call_or_is_told_to_have_none() -> None:
    assert {model.kind for model in catalog.models()} == set(get_args(ModelKind))
    assert set(get_args(ModelKind)) - CALLS.keys() == {"video"}


@pytest.mark.parametrize(
    ("model", "url", "header", "protocol"),
    [
        ("anthropic/claude-haiku-4-5", "https://api.anthropic.com/v1/messages", "x-api-key", "anthropic_messages"),
        ("google/gemini-2.5-flash", "https://generativelanguage.googleapis.com/v1beta", "x-goog-api-key", "gemini"),
        ("openai/gpt-5", "https://api.openai.com/v1/responses", "authorization", "openai_responses"),
        ("azure/gpt-5", "https://mine.openai.azure.com/openai/v1/chat/completions", "api-key", "openai_chat"),
        (
            "azure/claude-opus-5",
            "https://mine.services.ai.azure.com/anthropic/v1/messages",
            "x-api-key",
            "anthropic_messages",
        ),
    ],
)
def test_native_wire_formats(  # noqa: PLR0917 - its parameters
    dummies: None, monkeypatch: pytest.MonkeyPatch, model: str, url: str, header: str, protocol: str
) -> None:
    monkeypatch.setenv("AZURE_RESOURCE_NAME", "mine")
    route = resolve(model)
    assert (route.url, route.protocol) == (url, protocol)
    assert header in route.headers


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("anthropic/claude-haiku-4-5", "https://api.anthropic.com/v1/chat/completions"),
        ("google/gemini-2.5-flash", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
        ("openai/gpt-5", "https://api.openai.com/v1/chat/completions"),
    ],
)
def test_chat_completions_stay_reachable(dummies: None, model: str, url: str) -> None:
    route = resolve(ModelConfig(id=model, protocol="openai_chat"))
    assert route.url == url
    assert route.headers["authorization"].startswith("Bearer ")


def test_embeddings_of_a_native_provider(dummies: None) -> None:
    route = resolve_candidate(Candidate(model="google/gemini-embedding-001"), task="embedding")
    assert route.url == "https://generativelanguage.googleapis.com/v1beta/openai/embeddings"
    assert "authorization" in route.headers


def test_a_place_of_ones_own_with_a_wire_format() -> None:
    config = ModelConfig(id="m", url="https://acme.example/v1", api_key=KEY, protocol="anthropic_messages")
    route = resolve(config)
    assert (route.url, route.headers["x-api-key"]) == ("https://acme.example/v1/messages", KEY)
    assert route.secrets == (KEY,)


@pytest.mark.parametrize("value", ["evil.example/x", "a b", "user@evil.example", "evil.example#", "x?y"])
def test_a_value_cannot_change_the_rest_of_a_url(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AZURE_API_KEY", KEY)
    monkeypatch.setenv("AZURE_RESOURCE_NAME", value)
    with pytest.raises(ConfigurationError, match="cannot be part of a host"):
        resolve("azure/gpt-5")


def test_the_variable_that_is_wrong_is_blamed_and_none_that_follows_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us east")
    with pytest.raises(ConfigurationError, match="`GOOGLE_CLOUD_LOCATION` in the environment cannot be part of a host"):
        resolve("google-vertex/gemini-2.5-flash")
    monkeypatch.setenv("GOOGLE_VERTEX_ENDPOINT", "a b")
    with pytest.raises(ConfigurationError, match="`GOOGLE_VERTEX_ENDPOINT` in the environment cannot be"):
        resolve("google-vertex/gemini-2.5-flash")


def test_a_value_in_a_path_is_quoted_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_KEY", KEY)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "a/b")
    assert "/accounts/a%2Fb/ai/v1" in resolve("cloudflare-workers-ai/m").url
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "..")
    with pytest.raises(ConfigurationError, match="cannot be part of a URL"):
        resolve("cloudflare-workers-ai/m")
    monkeypatch.setenv("NEON_AI_GATEWAY_BASE_URL", "ftp://x")
    monkeypatch.setenv("NEON_AI_GATEWAY_TOKEN", KEY)
    with pytest.raises(ConfigurationError, match="not an http or https URL"):
        resolve("neon/m")


# -- Files of the working directory (decision 0010), for all mechanisms ------------------------------------------------


@pytest.mark.parametrize(
    ("model", "dotenv", "environment"),
    [
        ("databricks/m", "DATABRICKS_HOST=evil.example", {"DATABRICKS_TOKEN": KEY}),
        ("azure/gpt-5", "AZURE_RESOURCE_NAME=theirs", {"AZURE_API_KEY": KEY}),
        (
            "azure/gpt-5",
            "AZURE_RESOURCE_NAME=theirs",
            {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": KEY},
        ),
        ("github-copilot/gpt-5.4", "GITHUB_COPILOT_TOKEN_URL=https://evil.example", {"GITHUB_TOKEN": KEY}),
        ("gitlab/duo-chat-opus-5", "GITLAB_INSTANCE_URL=https://evil.example", {"GITLAB_TOKEN": KEY}),
        ("gitlab/duo-chat-opus-5", "GITLAB_AI_GATEWAY_URL=https://evil.example", {"GITLAB_TOKEN": KEY}),
        ("watsonx/m", "WATSONX_AI_URL=https://evil.example", {"WATSONX_AI_APIKEY": KEY, "WATSONX_AI_PROJECT_ID": "p"}),
        ("sap-ai-core/gpt-5", "AICORE_BASE_URL=https://evil.example", {"AICORE_SERVICE_KEY": json.dumps(SERVICE_KEY)}),
        ("sap-ai-core/gpt-5", "AICORE_AUTH_URL=https://evil.example", {"AICORE_SERVICE_KEY": json.dumps(SERVICE_KEY)}),
        (
            "amazon-bedrock/m",
            "AMAZON_BEDROCK_BASE_URL=https://evil.example",
            {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": KEY, "AWS_REGION": "eu-west-3"},
        ),
        (
            "google-vertex/m",
            "GOOGLE_VERTEX_ENDPOINT=evil.example",
            {"GOOGLE_APPLICATION_CREDENTIALS": "x", "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "global"},
        ),
        (
            "google-vertex/m",
            "GOOGLE_VERTEX_BASE_URL=https://evil.example",
            {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "global"},
        ),
    ],
)
def test_a_file_of_the_folder_directs_no_secret_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, model: str, dotenv: str, environment: dict[str, str]
) -> None:
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    Path(".env").write_text(dotenv)
    with pytest.raises(ConfigurationError, match="gets nothing from the environment") as caught:
        resolve(model)
    assert KEY not in str(caught.value)


def test_a_region_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    Path(".env").write_text("AWS_REGION=eu-west-3")
    assert resolve("amazon-bedrock/m").base_url == "https://bedrock-runtime.eu-west-3.amazonaws.com"


def test_both_in_the_file_go_together() -> None:
    Path(".env").write_text(f"DATABRICKS_HOST=https://mine.example/\nDATABRICKS_TOKEN={KEY}\n")
    assert resolve("databricks/m").url == "https://mine.example/ai-gateway/mlflow/v1/chat/completions"


# -- What is missing is said -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "environment", "told"),
    [
        ("azure/gpt-5", {"AZURE_RESOURCE_NAME": "m"}, "`AZURE_API_KEY` or `AZURE_TENANT_ID` and `AZURE_CLIENT_ID` and"),
        (
            "azure/gpt-5",
            {"AZURE_RESOURCE_NAME": "m", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"},
            "AZURE_TENANT_ID",
        ),
        ("amazon-bedrock/m", {}, "`AWS_REGION` or `AWS_DEFAULT_REGION`"),
        ("google-vertex/gemini-2.5-flash", {"GOOGLE_CLOUD_PROJECT": "p"}, "GOOGLE_CLOUD_LOCATION"),
        ("sap-ai-core/gpt-5", {}, "AICORE"),
        ("watsonx/m", {"WATSONX_AI_APIKEY": KEY}, "WATSONX_PROJECT_ID"),
        ("gitlab/duo-chat-opus-5", {}, "`GITLAB_TOKEN`"),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, model: str, environment: dict[str, str], told: str
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_BEARER_TOKEN_BEDROCK", "GOOGLE_CLOUD_LOCATION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(MissingKeyError) as caught:
        resolve(model)
    assert told in str(caught.value)


def test_a_damaged_service_key_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICORE_SERVICE_KEY", "{not json")
    with pytest.raises(ConfigurationError, match="is no JSON"):
        resolve("sap-ai-core/gpt-5")
