"""Credentials of this machine, by botocore and google-auth: profiles, roles, metadata servers and files, played."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from provider import Exchange, Provider, Reply, error, reply, silence
from turnout import Agent
from turnout.agent.runtime import default_runtime
from turnout.call import google_credentials
from turnout.call.credentials import Credentials
from turnout.errors import APIConnectionError, APITimeoutError, AuthenticationError, ServerError, TurnoutError
from turnout.routing import resolve
from turnout.routing.route import Route
from turnout.transport.http import HTTPTransport

SECRET = "planted-secret-0004"
BEDROCK = "amazon-bedrock/amazon.nova-pro-v1:0"
VERTEX = "google-vertex/gemini-2.5-flash"


async def authorise(model: str, held: Credentials | None = None) -> Route:
    route = resolve(model)
    await (held or Credentials()).authorise(route, HTTPTransport())
    return route


def write(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogateescape"))


@pytest.fixture
def desk() -> Iterator[Provider]:
    """The server of the exchanges."""
    default_runtime.cache_clear()
    with Provider() as server:
        yield server


# -- AWS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without AWS keys; the folder of its files."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    return tmp_path


def sign(route: Route) -> dict[str, str]:
    assert route.sign is not None
    return route.sign("POST", f"{route.base_url}/model/m/converse", {}, b"{}")


async def test_a_machine_without_aws_credentials_says_so(aws: Path) -> None:
    with pytest.raises(AuthenticationError, match="this machine has no AWS credentials: set `AWS_ACCESS_KEY_ID`"):
        await authorise(BEDROCK)


async def test_keys_that_ended_are_found_anew_once(
    aws: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMAZON_BEDROCK_BASE_URL", provider.url)
    text = f"[default]\naws_access_key_id = AKIDOLD\naws_secret_access_key = {SECRET}\naws_session_token = s1\n"
    (aws / "credentials").write_text(text, "utf-8")
    ended = reply({"message": "The security token is expired"}, 403, x_amzn_errortype="ExpiredTokenException:http://x")

    async def end(exchange: Exchange) -> None:
        (aws / "credentials").write_text(text.replace("AKIDOLD", "AKIDNEW"), "utf-8")
        await ended(exchange)

    output = {"message": {"role": "assistant", "content": [{"text": "Hello."}]}}
    told = {"output": output, "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1}}
    provider.script(end, reply(told))
    default_runtime.cache_clear()
    agent = Agent(model=BEDROCK, max_retries=0)
    assert (await agent.generate("Hi")).text == "Hello."
    signed = [request.headers["authorization"] for request in provider.requests]
    assert ["AKIDOLD" in signed[0], "AKIDNEW" in signed[1]] == [True, True]
    assert provider.requests[1].headers["x-amz-security-token"] == "s1"
    provider.script(ended)
    with pytest.raises(AuthenticationError) as caught:
        await agent.generate("Hi")
    assert len(provider.requests) == 4
    assert "`amazon-bedrock` refused the signature by this machine's role" in caught.value.message
    assert SECRET not in caught.value.message


async def test_keys_of_a_container(aws: Path, desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{desk.url}/creds")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of-the-pod")
    keys = {"AccessKeyId": "AKIDPOD", "SecretAccessKey": SECRET, "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
    desk.script(reply(keys))
    held = Credentials()
    signed = sign(await authorise(BEDROCK, held))
    assert "AKIDPOD" in signed["authorization"]
    assert signed["x-amz-security-token"] == "t"
    assert desk.requests[0].headers["authorization"] == "of-the-pod"
    await authorise(BEDROCK, held)
    assert len(desk.requests) == 1


async def test_keys_of_an_instance(aws: Path, desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", desk.url.removesuffix("/v1"))
    keys = {"Code": "Success", "AccessKeyId": "AKIDROLE", "SecretAccessKey": SECRET, "Token": "t"}
    keys["Expiration"] = "2099-01-01T00:00:00Z"
    desk.script(
        reply(b"imds-token", content_type="text/plain"), reply(b"my-role", content_type="text/plain"), reply(keys)
    )
    assert "AKIDROLE" in sign(await authorise(BEDROCK))["authorization"]
    assert desk.requests[0].method == "PUT"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("[profile work]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n", "AccessDenied"),
        ("[profile work]\ncredential_process = false\n", "cannot be read"),
        ("[profile other]\n", "cannot be read"),
        ("no section\n", "cannot be read"),
        ("[profile work]\nsso_session = gone\nsso_account_id = 1\nsso_role_name = r\n", "cannot be read"),
    ],
)
async def test_a_profile_that_gives_no_keys(
    config: str, told: str, aws: Path, desk: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = f"[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = {SECRET}\n"
    (aws / "config").write_text(config + base, "utf-8")
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", desk.url)
    denied = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    desk.script(reply(denied, 403, "text/xml"))
    with pytest.raises(AuthenticationError, match=told) as caught:
        await authorise(BEDROCK)
    assert SECRET not in str(caught.value)
    assert "or `AWS_PROFILE`" in caught.value.message


# -- Google ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of Google's credentials."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "global")
    file = tmp_path / "account.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    return file


def account(pem: str, url: str, **facts: Any) -> str:
    basic = {"type": "service_account", "client_email": "a@b.example", "private_key": pem, "token_uri": url}
    return json.dumps({**basic, "project_id": "p", "private_key_id": "1", **facts})


async def test_a_thousand_calls_share_one_token_of_google(google: Path, pem: str, desk: Provider) -> None:
    write(google, account(pem, desk.url))
    desk.script(reply({"access_token": "adc", "expires_in": 3600}))
    held, transport = Credentials(), HTTPTransport()
    routes = [resolve(VERTEX) for _ in range(1000)]
    await asyncio.gather(*(held.authorise(route, transport) for route in routes))
    assert {route.headers["authorization"] for route in routes} == {"Bearer adc"}
    assert len(desk.requests) == 1


@pytest.mark.parametrize(
    ("play", "kind", "told"),
    [
        (error(400, "invalid_grant"), AuthenticationError, "gives no token"),
        (reply(b"[]"), AuthenticationError, "no credentials for Google|gives no token"),
        (reply({"access_token": 3}), ServerError, "without a token"),
        (reply({"no": "token"}), AuthenticationError, "gives no token"),
        (reply(b"x" * (1 << 21)), APIConnectionError, "over 1 MB"),
        (reply({}, 302, location="https://elsewhere.example"), AuthenticationError, "gives no token"),
    ],
)
async def test_what_google_may_answer(  # noqa: PLR0917 - the fixtures
    play: Reply, kind: type[TurnoutError], told: str, google: Path, pem: str, desk: Provider
) -> None:
    write(google, account(pem, desk.url))
    desk.script(play)
    with pytest.raises(kind, match=told) as caught:
        await authorise(VERTEX)
    assert "BEGIN" not in str(caught.value)
    assert len(desk.requests) == 1


async def test_google_that_is_down_may_be_asked_again(
    google: Path, pem: str, desk: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.auth import _exponential_backoff

    monkeypatch.setattr(_exponential_backoff, "_DEFAULT_INITIAL_INTERVAL_SECONDS", 0.0)
    write(google, account(pem, desk.url))
    desk.script(reply({"error": "internal_failure"}, 503))
    with pytest.raises(ServerError, match="try again later"):
        await authorise(VERTEX)


async def test_google_that_is_not_there(google: Path, pem: str) -> None:
    write(google, account(pem, "http://127.0.0.1:9/token"))
    with pytest.raises(APIConnectionError, match="cannot connect"):
        await authorise(VERTEX)


async def test_google_that_says_nothing(
    google: Path, pem: str, desk: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_credentials, "_ANSWER_S", 0.05)
    write(google, account(pem, desk.url))
    desk.script(silence())
    with pytest.raises(APITimeoutError, match=r"no answer from http://127\.0\.0\.1:\d+ within 0\.05 s") as caught:
        await authorise(VERTEX)
    assert caught.value.is_retryable
    assert len(desk.requests) == 1


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]", "3", "no json", "\udcff", '{"type": "authorized_user"}', '{"type": "external_account"}',
        '{"type": "service_account"}', '{"type": ["service_account"]}',
        '{"type": "service_account", "client_email": "a", "token_uri": "http://127.0.0.1:9", "private_key": "x"}',
        '{"type": "service_account", "client_email": "a", "token_uri": "http://127.0.0.1:9", "private_key": 3}',
        '{"type": "service_account", "client_email": 3, "token_uri": 4, "private_key": null}',
    ],
)  # fmt: skip
async def test_a_damaged_file_of_google_is_said(text: str, google: Path) -> None:
    write(google, text)
    with pytest.raises(AuthenticationError, match="no credentials for Google") as caught:
        await authorise(VERTEX)
    assert "GOOGLE_APPLICATION_CREDENTIALS" in caught.value.message


async def test_a_file_that_is_not_there(google: Path) -> None:
    with pytest.raises(AuthenticationError, match="no credentials for Google"):
        await authorise(VERTEX)


async def test_a_folder_names_no_kind_of_credentials_that_reads_files(
    google: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = {"type": "external_account", "credential_source": {"file": "/etc/passwd"}}
    write(google, json.dumps(kind))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    write(Path(".env"), f"GOOGLE_APPLICATION_CREDENTIALS={google}\n")
    with pytest.raises(AuthenticationError, match=r"only `\.env` names it"):
        await authorise(VERTEX)


async def test_a_machine_of_google(desk: Provider, google: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(google.parent))
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "payer")
    monkeypatch.setenv("GCE_METADATA_HOST", desk.url.removeprefix("http://").removesuffix("/v1"))
    monkeypatch.setenv("GCE_METADATA_IP", desk.url.removeprefix("http://").removesuffix("/v1"))

    async def play(exchange: Exchange) -> None:
        path = exchange.request.path
        if "/token" in path:
            play = reply({"access_token": "of-the-machine", "expires_in": 1800}, metadata_flavor="Google")
        elif "recursive" in path:
            play = reply({"email": "a@b.example", "scopes": []}, metadata_flavor="Google")
        else:
            play = reply(b"p", content_type="text/plain", metadata_flavor="Google")
        await play(exchange)

    desk.script(play)
    route = await authorise(VERTEX)
    assert route.headers["authorization"] == "Bearer of-the-machine"
    assert route.headers["x-goog-user-project"] == "payer"
