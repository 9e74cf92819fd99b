"""`turnout doctor`: one live call, and servers of this machine, against scripted ones."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from provider import KEY, Provider, Reply, answer, error, reply, silence
from turnout.agent.runtime import default_runtime
from turnout.cli import local_servers, main
from turnout.cli.local_servers import find_servers

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def server() -> Iterator[Provider]:
    with Provider() as server:
        yield server


def port_of(server: Provider) -> int:
    return int(server.url.split(":")[2].partition("/")[0])


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_live_call_tells_time_tokens_and_cost(provider: Provider, capsys: Captured) -> None:
    provider.script(reply(answer("OK.")))
    assert main(["doctor", "--live", "ovhcloud", "gpt-oss-120b"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("ok  live call        ovhcloud/gpt-oss-120b answered: ")
    assert "total" in shown
    body = provider.requests[0].json
    assert (body["model"], body["max_tokens"]) == ("gpt-oss-120b", 16)
    assert KEY not in shown


def test_without_a_model_the_cheapest_is_called(provider: Provider, capsys: Captured) -> None:
    provider.script(reply(answer("OK.")))
    assert main(["doctor", "--live", "OVHcloud", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "ok"
    assert provider.requests[0].json["model"] == "mistral-7b-instruct-v0.3"


def test_a_live_call_exchanges_its_key_first(
    server: Provider, provider: Provider, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    for name, value in {
        "WATSONX_AI_APIKEY": KEY, "WATSONX_AI_PROJECT_ID": "p", "WATSONX_TOKEN_URL": server.url,
        "WATSONX_BASE_URL": provider.url,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    server.script(reply({"access_token": "iam", "expires_in": 3600}), error(400, f"no {KEY}"))
    provider.script(reply(answer("OK.")))
    assert main(["doctor", "--live", "watsonx"]) == 0
    assert provider.requests[0].headers["authorization"] == "Bearer iam"
    default_runtime.cache_clear()
    assert main(["doctor", "--live", "watsonx"]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert f"AuthenticationError: no token from {server.url}" in shown
    assert "check the secret that is exchanged there" in shown
    assert KEY not in shown


def test_a_live_call_that_fails_says_the_cure(provider: Provider, capsys: Captured) -> None:
    provider.script(error(401, f"{KEY} is wrong"))
    assert main(["doctor", "--live", "ovhcloud", "ovhcloud/gpt-oss-20b"]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("!!  live call")
    told = "`ovhcloud` refused the key of `OVHCLOUD_API_KEY` in the environment: check it, or pass another one"
    assert told in " ".join(shown.split())
    assert KEY not in shown
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (["--live", "ovhcluod"], "no provider is called `ovhcluod`: did you mean", 1),
        (["gpt-oss-20b"], "name its provider with --live", 2),
        (["--live", "zzzzzzzzzzzz"], "no provider is called", 1),
    ],
)
def test_what_cannot_be_called(arguments: list[str], told: str, code: int, capsys: Captured) -> None:
    assert main(["doctor", *arguments]) == code
    assert told in " ".join(capsys.readouterr().err.split())


def test_a_provider_without_a_chat_model(capsys: Captured) -> None:
    from turnout import catalog

    catalog.register(provider={"id": "acme-empty", "base_url": "http://127.0.0.1:1/v1"})
    assert main(["doctor", "--live", "acme-empty"]) == 1
    assert "lists no chat model" in capsys.readouterr().err


def test_a_local_server_is_found_and_listed(
    server: Provider, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    server.script(reply({"object": "list", "data": [{"id": f"m{number}"} for number in range(7)]}))
    monkeypatch.setattr(local_servers, "USUAL_PORTS", {"Acme": port_of(server), "Other": free_port()})
    assert main(["doctor"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"http://127.0.0.1:{port_of(server)}/v1 (the port of Acme) serves m0, m1, m2, m3, m4, …" in shown
    assert "Other" not in shown
    assert server.requests[0].path == "/v1/models"


@pytest.mark.parametrize(
    "play", [reply(b"<html>"), reply({"data": "x"}), reply({}), error(404), reply(b"\xff"), silence()]
)
def test_what_is_no_server_of_models_is_left_out(
    play: Reply, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_servers, "_LIMIT_S", 0.3)
    server.script(play)
    (finding,) = find_servers({"Acme": port_of(server)})
    assert (finding.state, finding.subject) == ("note", "local servers")


def test_a_server_without_a_model_says_so(server: Provider) -> None:
    server.script(reply({"data": None}))
    (finding,) = find_servers({"Acme": port_of(server)})
    assert "has no model yet" in finding.text
