"""`turnout doctor` on what is set in the environment: what is complete, what is missing, what is broken, for whom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provider import KEY, Provider, reply
from turnout.cli import local_servers, main
from turnout.cli.local_servers import find_servers

Captured = pytest.CaptureFixture[str]


def look(capsys: Captured, *, code: int = 0) -> dict[str, tuple[str, str]]:
    assert main(["doctor", "--json"]) == code
    shown = capsys.readouterr().out
    assert KEY not in shown
    return {finding["subject"]: (finding["state"], finding["text"]) for finding in json.loads(shown)}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with nothing set, no home, and no server."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(local_servers, "USUAL_PORTS", {})


@pytest.mark.parametrize(
    ("variables", "provider", "state", "told"),
    [
        (
            {"AWS_ACCESS_KEY_ID": KEY}, "amazon-bedrock", "note",
            "needs `AWS_REGION` or `AWS_DEFAULT_REGION`", # and both things at once
        ),
        ({"AWS_ACCESS_KEY_ID": KEY}, "amazon-bedrock", "note", "and no API key: set `AWS_BEARER_TOKEN_BEDROCK` or"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "amazon-bedrock", "note", "calls go to https://bedrock-runtime.us-east-1"),
        (
            {"AWS_BEARER_TOKEN_BEDROCK": KEY, "AWS_REGION": "eu-west-3"}, "amazon-bedrock", "ok",
            "calls go to https://bedrock-runtime.eu-west-3.amazonaws.com",
        ),
        ({"AZURE_API_KEY": KEY, "AZURE_RESOURCE_NAME": "mine"}, "azure", "ok", "https://mine.openai.azure.com/openai/v1"),
        ({"AZURE_API_KEY": KEY, "AZURE_RESOURCE_NAME": "a b"}, "azure", "broken", "cannot be part of a host's name"),
        ({"AZURE_TENANT_ID": "t"}, "azure", "note", "`azure` needs `AZURE_RESOURCE_NAME`"),
        ({"AZURE_API_KEY": KEY}, "azure", "broken", "set it in the environment or in .env"),
        (
            {"AZURE_RESOURCE_NAME": "m", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": KEY},
            "azure", "ok", "a client's id and secret, exchanged for a token before the call",
        ),
        ({"AICORE_SERVICE_KEY": KEY}, "sap-ai-core", "broken", "is no JSON: set it to the whole service key"),
        (
            {"AICORE_SERVICE_KEY": '{"clientid": "c"}'}, "sap-ai-core", "broken",
            "needs `serviceurls.AI_API_URL` in `AICORE_SERVICE_KEY` or `AICORE_API_URL`",
        ),
        ({"AICORE_CLIENT_ID": "c"}, "sap-ai-core", "note", "needs `AICORE_SERVICE_KEY` or `AICORE_API_URL`"),
        ({"WATSONX_PROJECT_ID": "p"}, "watsonx", "note", "but no API key: set `WATSONX_AI_APIKEY`"),
        ({"WATSONX_AI_APIKEY": KEY}, "watsonx", "broken", "`watsonx` needs `WATSONX_AI_PROJECT_ID` or"),
        ({"GITHUB_TOKEN": KEY}, "github-copilot", "ok", "exchanged for a token before the call"),
        ({"GITLAB_TOKEN": KEY, "GITLAB_TOKEN_URL": "no url"}, "gitlab", "broken", "is not an http or https URL"),
        ({"CLOUDFLARE_API_TOKEN": KEY}, "cloudflare-ai-gateway", "broken", "`CLOUDFLARE_ACCOUNT_ID` and"),
        (
            {"CLOUDFLARE_ACCOUNT_ID": "x"}, "cloudflare-ai-gateway", "note",
            "and no API key: set `CLOUDFLARE_API_TOKEN`",
        ),
        (
            {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "global"}, "google-vertex", "note",
            "Application Default Credentials of this machine",
        ),
        (
            {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"},
            "google-vertex", "note",
            "needs `GOOGLE_VERTEX_LOCATION` or `GOOGLE_CLOUD_LOCATION`",
        ),
        (
            {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "eu"}
            | {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"},
            "google-vertex", "broken", "/nowhere.json is no file: mend `GOOGLE_APPLICATION_CREDENTIALS`",
        ),
    ],
)  # fmt: skip
def test_what_is_set_is_complete_or_said_to_lack_something(  # noqa: PLR0917 - the fixtures
    variables: dict[str, str],
    provider: str,
    state: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = look(capsys, code=int(state == "broken"))
    assert found[provider][0] == state, found[provider]
    assert told in found[provider][1]


def test_a_file_of_variables_that_is_much_too_large_is_not_read(capsys: Captured) -> None:
    Path(".env").write_text("A=b\n" * 400_000, "utf-8")
    found = look(capsys, code=1)
    assert "make it smaller" in found["configuration"][1]


def test_a_file_of_variables_that_is_no_text_says_so(capsys: Captured) -> None:
    Path(".env").write_bytes(b"A=\xff\n")
    found = look(capsys, code=1)
    assert any("UTF-8" in text for state, text in found.values() if state == "broken")


def test_a_local_server_cannot_write_on_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    with Provider() as server:
        port = int(server.url.split(":")[2].partition("/")[0])
        server.script(reply({"data": [{"id": "\x1b[2Jm\n!!  fake"}, {"id": "y" * 10_000}]}))
        monkeypatch.setattr(local_servers, "USUAL_PORTS", {"Acme": port})
        assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown
    assert "\n!!  fake" not in shown
    assert "y" * 101 not in shown
    assert "y" * 50 in shown


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"data": [' + b'{"id": "m"},' * 600_000, b'{"data": [{"id": 3}]}'])
def test_a_local_server_that_answers_garbage_is_left_out(body: bytes) -> None:
    with Provider() as server:
        server.script(reply(body))
        (finding,) = find_servers({"Acme": int(server.url.split(":")[2].partition("/")[0])})
    assert (finding.state, finding.subject) == ("note", "local servers")


@pytest.mark.parametrize("body", [{"error": "Unauthorized"}, {"error": {"code": 401, "message": "Invalid API Key"}}])
def test_a_local_server_with_a_key_is_told_of(body: object) -> None:
    with Provider() as server:
        server.script(reply(body, 401))
        (finding,) = find_servers({"Acme": int(server.url.split(":")[2].partition("/")[0])})
        assert (finding.state, finding.subject) == ("note", "local server")
        assert finding.text.endswith(f'(the port of Acme) asks for a key: call it with url="{server.url}" and api_key=')
        server.script(reply(b"<html>", 401))
        (finding,) = find_servers({"Acme": int(server.url.split(":")[2].partition("/")[0])})
        assert finding.subject == "local servers"


def test_a_local_server_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Provider() as server, Provider() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "")
        server.script(reply({"data": [{"id": "m"}]}))
        (finding,) = find_servers({"Acme": int(server.url.split(":")[2].partition("/")[0])})
        assert "serves m" in finding.text
        assert proxy.requests == []
        assert "authorization" not in server.requests[0].headers
