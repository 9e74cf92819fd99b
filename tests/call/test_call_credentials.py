"""Secrets exchanged for tokens, and signed requests: against scripted servers for both the exchange and the call."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from provider import Provider, answer, error, reply
from turnout import Agent
from turnout.agent.runtime import default_runtime, make_runtime
from turnout.call.credentials import Credentials
from turnout.errors import AuthenticationError, ServerError
from turnout.routing import resolve
from turnout.testing.recording import Recorder
from turnout.transport.http import HTTPTransport

CHAT = {"protocol": "openai_chat"}
SECRET = "planted-secret-0001"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The server of the exchanges."""
    default_runtime.cache_clear()
    with Provider() as server:
        yield server


@pytest.fixture
def copilot(desk: Provider, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    monkeypatch.setenv("GITHUB_COPILOT_TOKEN_URL", desk.url)
    monkeypatch.setenv("GITHUB_COPILOT_BASE_URL", provider.url)
    return {"id": "github-copilot/gpt-5.4"}


def token(value: str, lasts_s: float = 1800) -> Any:
    return reply({"token": value, "expires_at": time.time() + lasts_s})


async def test_a_key_is_exchanged_once_and_the_token_is_kept(
    copilot: dict[str, Any], desk: Provider, provider: Provider
) -> None:
    desk.script(token("first-token"))
    provider.script(reply(answer()), reply(answer()))
    agent = Agent(model=copilot)
    await agent.generate("Hi")
    await agent.generate("Hi")
    assert len(desk.requests) == 1
    assert desk.requests[0].headers["authorization"] == f"token {SECRET}"
    assert [request.headers["authorization"] for request in provider.requests] == ["Bearer first-token"] * 2
    assert provider.requests[0].headers["copilot-integration-id"] == "vscode-chat"


async def test_calls_at_once_share_one_exchange(copilot: dict[str, Any], desk: Provider, provider: Provider) -> None:
    desk.script(token("shared"))
    provider.script(*[reply(answer()) for _ in range(5)])
    agent = Agent(model=copilot)
    await asyncio.gather(*(agent.generate("Hi") for _ in range(5)))
    assert len(desk.requests) == 1


async def test_a_token_about_to_end_is_fetched_anew(
    copilot: dict[str, Any], desk: Provider, provider: Provider
) -> None:
    desk.script(token("short", lasts_s=5), token("long"))
    provider.script(reply(answer()), reply(answer()))
    agent = Agent(model=copilot)
    await agent.generate("Hi")
    await agent.generate("Hi")
    assert [request.headers["authorization"] for request in provider.requests] == ["Bearer short", "Bearer long"]


async def test_a_refused_token_is_fetched_anew_once(
    copilot: dict[str, Any], desk: Provider, provider: Provider
) -> None:
    desk.script(token("stale"), token("fresh"))
    provider.script(error(401, "token expired"), reply(answer()))
    result = await Agent(model=copilot).generate("Hi")
    assert result.text
    assert [request.headers["authorization"] for request in provider.requests] == ["Bearer stale", "Bearer fresh"]
    desk.script(token("again"))
    provider.script(error(401, "no"), error(401, "no stale-again"))
    with pytest.raises(AuthenticationError):
        await Agent(model=copilot).generate("Hi")
    assert len(provider.requests) == 4


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (403, AuthenticationError), (503, ServerError)]
)
async def test_a_refused_exchange_says_the_cure_and_no_secret(
    copilot: dict[str, Any], desk: Provider, status: int, kind: type[Exception]
) -> None:
    desk.script(error(status, f"the token {SECRET} is not known"))
    with pytest.raises(kind) as caught:
        await Agent(model=copilot, max_retries=0).generate("Hi")
    assert SECRET not in str(caught.value)
    assert "no token from" in str(caught.value)


async def test_an_exchange_follows_no_redirect(copilot: dict[str, Any], desk: Provider) -> None:
    desk.script(reply({}, 302, location="https://elsewhere.example/"))
    with pytest.raises(AuthenticationError, match="follows no redirect"):
        await Agent(model=copilot).generate("Hi")


async def test_a_token_in_an_error_is_redacted(copilot: dict[str, Any], desk: Provider, provider: Provider) -> None:
    desk.script(token("very-secret-token"))
    provider.script(error(400, "the token very-secret-token may not"))
    with pytest.raises(Exception, match="may not") as caught:
        await Agent(model=copilot).generate("Hi")
    assert "very-secret-token" not in str(caught.value)


async def test_an_exchange_is_on_no_tape(
    copilot: dict[str, Any], desk: Provider, provider: Provider, tmp_path: Any
) -> None:
    desk.script(token("taped-token"))
    provider.script(reply(answer()))
    tape = tmp_path / "calls.jsonl"
    await Agent(model=copilot, transport=Recorder(tape)).generate("Hi")
    text = tape.read_text()
    assert "taped-token" not in text
    assert SECRET not in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("body", [b"no json", b"[]", b"{}", b'{"token": 3}', b'{"token": "a\\nb"}'])
async def test_an_answer_without_a_token_is_an_error(copilot: dict[str, Any], desk: Provider, body: bytes) -> None:
    desk.script(reply(body))
    with pytest.raises(ServerError):
        await Agent(model=copilot, max_retries=0).generate("Hi")


async def authorise(model: Any) -> Any:
    route = resolve(model)
    await Credentials().authorise(route, HTTPTransport())
    return route


async def test_an_iam_key(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATSONX_AI_APIKEY", SECRET)
    monkeypatch.setenv("WATSONX_AI_PROJECT_ID", "p1")
    monkeypatch.setenv("WATSONX_TOKEN_URL", desk.url)
    desk.script(reply({"access_token": "iam", "expires_in": 3600}))
    route = await authorise("watsonx/ibm/granite-4-h-small")
    form = parse_qs(desk.requests[0].body.decode())
    assert form == {"grant_type": ["urn:ibm:params:oauth:grant-type:apikey"], "apikey": [SECRET]}
    assert route.headers["authorization"] == "Bearer iam"
    assert route.body_fields == {"project_id": "p1"}
    assert route.base_url == "https://us-south.ml.cloud.ibm.com/ml/v1?version=2025-02-06"


async def test_direct_access_brings_headers_of_its_own(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_TOKEN", SECRET)
    monkeypatch.setenv("GITLAB_TOKEN_URL", desk.url)
    given = {"X-Gitlab-Realm": "saas", "x-api-key": "no", "Host": "evil", "bad": "a\r\nb", "n": 3}
    desk.script(reply({"token": "gate", "headers": given}))
    route = await authorise("gitlab/duo-chat-sonnet-4-5")
    assert desk.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert route.headers == {"x-gitlab-realm": "saas", "authorization": "Bearer gate"}
    assert (route.model, route.protocol) == ("claude-sonnet-4-5-20250929", "anthropic_messages")
    assert route.base_url == "https://cloud.gitlab.com/ai/v1/proxy/anthropic/v1"


async def test_a_client_of_entra(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_RESOURCE_NAME", "mine")
    for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"AZURE_{name}", f"the-{name.lower()}")
    grant = resolve("azure/gpt-5").grant
    assert grant is not None
    assert grant.url == "https://login.microsoftonline.com/the-tenant_id/oauth2/v2.0/token"
    assert "the-client_secret" not in repr(grant)
    monkeypatch.setenv("AZURE_TOKEN_URL", desk.url)
    desk.script(reply({"access_token": "entra", "expires_in": "3599"}))
    route = await authorise("azure/gpt-5")
    form = parse_qs(desk.requests[0].body.decode())
    assert form["scope"] == ["https://cognitiveservices.azure.com/.default"]
    assert route.headers["authorization"] == "Bearer entra"
    monkeypatch.setenv("AZURE_API_KEY", SECRET)
    assert resolve("azure/gpt-5").headers["api-key"] == SECRET


def service_key(desk: Provider) -> str:
    return json.dumps(
        {"clientid": "c", "clientsecret": SECRET, "url": desk.url, "serviceurls": {"AI_API_URL": desk.url}}
    )


async def test_a_service_key_finds_its_deployment(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICORE_SERVICE_KEY", service_key(desk))
    place = f"{desk.url}/v2/inference/deployments/d1"
    elsewhere = {"deploymentUrl": "https://elsewhere.example/d0"}
    desk.script(
        reply({"access_token": "sap", "expires_in": 100}),
        reply({"resources": [elsewhere, {"deploymentUrl": place}]}),
    )
    route = await authorise("sap-ai-core/gpt-5")
    assert desk.requests[0].path.endswith("/oauth/token")
    assert desk.requests[1].path.endswith("/v2/lm/deployments?scenarioId=orchestration&status=RUNNING")
    assert desk.requests[1].headers["ai-resource-group"] == "default"
    assert desk.requests[1].headers["authorization"] == "Bearer sap"
    assert route.base_url == place
    monkeypatch.setenv("AICORE_DEPLOYMENT_ID", "d7")
    assert resolve("sap-ai-core/gpt-5").base_url == f"{desk.url}/v2/inference/deployments/d7"


async def test_no_running_deployment_is_said(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICORE_SERVICE_KEY", service_key(desk))
    desk.script(reply({"access_token": "sap"}), reply({"resources": []}))
    with pytest.raises(AuthenticationError, match="no running deployment"):
        await authorise("sap-ai-core/gpt-5")


async def test_aws_keys_sign_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    route = await authorise("amazon-bedrock/amazon.nova-pro-v1:0")
    assert route.base_url == "https://bedrock-runtime.eu-west-3.amazonaws.com"
    assert route.sign is not None
    signed = route.sign("POST", f"{route.base_url}/model/m/converse", {"content-type": "application/json"}, b"{}")
    assert "/eu-west-3/bedrock/aws4_request" in signed["authorization"]
    assert signed["x-amz-security-token"] == "session-1"
    assert SECRET not in repr(route.grant)
    assert {SECRET, "session-1"} <= set(route.secrets)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bearer-1")
    route = await authorise("amazon-bedrock/amazon.nova-pro-v1:0")
    assert (route.sign, route.headers["authorization"]) == (None, "Bearer bearer-1")


async def test_a_profile_is_read_by_botocore(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    file.write_text(f"[work]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    route = await authorise("amazon-bedrock/amazon.nova-pro-v1:0")
    assert route.sign is not None
    assert "AKIDPROFILE" in route.sign("POST", route.base_url, {}, b"")["authorization"]
    assert SECRET in route.secrets
    monkeypatch.setenv("AWS_PROFILE", "other")
    with pytest.raises(AuthenticationError, match="cannot be read"):
        await authorise("amazon-bedrock/amazon.nova-pro-v1:0")


def service_account(desk: Provider, path: Any) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    facts = {"type": "service_account", "client_email": "a@b.example", "private_key": pem, "token_uri": desk.url}
    path.write_text(json.dumps({**facts, "project_id": "p", "private_key_id": "1"}))


async def test_a_service_account_of_google(desk: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    file = tmp_path / "account.json"
    service_account(desk, file)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "global")
    desk.script(reply({"access_token": "adc", "expires_in": 3600}))
    route = await authorise("google-vertex/gemini-2.5-flash")
    assert route.headers["authorization"] == "Bearer adc"
    assert route.base_url == "https://aiplatform.googleapis.com/v1/projects/p/locations/global"
    assert b"assertion=" in desk.requests[0].body
    desk.script(error(400, "invalid_grant"))
    with pytest.raises(AuthenticationError, match="gives no token"):
        await authorise("google-vertex/gemini-2.5-flash")
    file.write_text("{}")
    with pytest.raises(AuthenticationError, match="no credentials for Google"):
        await authorise("google-vertex/gemini-2.5-flash")


async def test_a_replayed_call_needs_no_exchange(copilot: dict[str, Any], desk: Provider) -> None:
    route = resolve(copilot)
    transport = HTTPTransport()
    transport.is_offline = True  # pyright: ignore[reportAttributeAccessIssue]
    await Credentials().authorise(route, transport)
    assert desk.requests == []


async def test_the_answer_may_name_another_host_of_the_catalogs(
    desk: Provider, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    monkeypatch.setenv("GITHUB_COPILOT_TOKEN_URL", desk.url)
    for named, there in (
        (provider.url, provider.url),
        ("https://evil.example", "https://api.githubcopilot.com"),
    ):
        desk.script(reply({"token": "t", "endpoints": {"api": named}}))
        assert (await authorise("github-copilot/gpt-5.4")).base_url == there


def test_a_runtime_makes_its_credentials_once() -> None:
    runtime = make_runtime(HTTPTransport())
    assert runtime.credentials is runtime.credentials
