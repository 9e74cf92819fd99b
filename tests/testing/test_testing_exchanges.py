"""Recordings of calls whose key is exchanged for a token: what is recorded needs neither network nor key again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from provider import Provider, answer, reply
from turnout import Agent
from turnout.agent.runtime import default_runtime
from turnout.errors import MissingKeyError
from turnout.testing import RecordingError, cassette

SECRET = "planted-secret-0002"
COPILOT = "github-copilot/gpt-5.4"
SAP = "sap-ai-core/gpt-5"


def read(tape: Path) -> str:
    return tape.read_text("utf-8")


@pytest.fixture
def desk() -> Iterator[Provider]:
    """The server of the exchanges."""
    default_runtime.cache_clear()
    with Provider() as server:
        yield server


@pytest.fixture
def tape(desk: Provider, provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    monkeypatch.setenv("GITHUB_COPILOT_TOKEN_URL", desk.url)
    monkeypatch.setenv("GITHUB_COPILOT_BASE_URL", provider.url)
    return tmp_path / "calls.jsonl"


@pytest.mark.parametrize("mode", ["auto", "replay"])
async def test_what_is_recorded_needs_neither_exchange_nor_key(
    mode: str, tape: Path, desk: Provider, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.script(reply({"token": "t-1"}))
    provider.script(reply(answer("Once.")))
    await Agent(model=COPILOT, transport=cassette(tape)).generate("Hi")
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.setenv("GITHUB_COPILOT_TOKEN_URL", "http://127.0.0.1:9/nobody")
    transport = cassette(tape, mode="auto" if mode == "auto" else "replay")
    result = await Agent(model=COPILOT, transport=transport).generate("Hi")
    assert result.text == "Once."
    assert (len(desk.requests), len(provider.requests)) == (1, 1)
    new = Agent(model=COPILOT, transport=transport, max_retries=0)
    with pytest.raises(MissingKeyError if mode == "auto" else RecordingError):
        await new.generate("Something else")


async def test_what_is_new_is_exchanged_and_recorded(tape: Path, desk: Provider, provider: Provider) -> None:
    desk.script(reply({"token": "t-1"}), reply({"token": "t-2"}))
    provider.script(reply(answer("Once.")), reply(answer("Twice.")))
    await Agent(model=COPILOT, transport=cassette(tape)).generate("Hi")
    again = Agent(model=COPILOT, transport=cassette(tape))
    assert (await again.generate("Hi")).text == "Once."
    assert (await again.generate("Ho")).text == "Twice."
    assert provider.requests[1].headers["authorization"] == "Bearer t-2"
    assert len(read(tape).splitlines()) == 2


async def test_a_call_that_its_token_sent_elsewhere_is_found(
    desk: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = {"clientid": "c", "clientsecret": SECRET, "url": desk.url, "serviceurls": {"AI_API_URL": desk.url}}
    monkeypatch.setenv("AICORE_SERVICE_KEY", json.dumps(key))
    whole = {"request_id": "r", "final_result": answer("From a deployment.")}
    desk.script(
        reply({"access_token": "sap"}),
        reply({"resources": [{"deploymentUrl": f"{desk.url}/v2/inference/deployments/d1"}]}),
        reply(whole),
    )
    tape = tmp_path / "sap.jsonl"
    agent = Agent(model=SAP, transport=cassette(tape), max_retries=0)
    assert (await agent.generate("Hi")).text == "From a deployment."
    assert "/deployments/d1/" in read(tape)
    for mode in ("auto", "replay"):
        replayed = Agent(model=SAP, transport=cassette(tape, mode=mode))
        assert (await replayed.generate("Hi")).text == "From a deployment."
    assert len(desk.requests) == 3
