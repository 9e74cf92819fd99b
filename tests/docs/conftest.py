"""A stand-in for every server that the documentation calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provider import Exchange, Provider, answer, reply, stream
from turnout.agent.runtime import default_runtime
from turnout.routing.hosts import base_url_variable

PROVIDERS = {"ovhcloud": "OVHCLOUD_API_KEY", "mistral": "MISTRAL_API_KEY", "groq": "GROQ_API_KEY"}
"""The providers that pages call, with the variables of their keys."""


async def answer_as_asked(exchange: Exchange) -> None:
    """Answer whole or streamed, as the request wants it, in the name of the model that was asked."""
    if exchange.request.method == "CONNECT":  # a page tried to reach another host
        await exchange.head(403, content_length="0")
        return
    body = exchange.request.json
    await (stream() if body.get("stream") else reply(answer(model=body["model"])))(exchange)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """One scripted provider in the place of all; what would reach another host meets it as a proxy, and fails."""
    default_runtime.cache_clear()
    with Provider() as server:
        server.script(answer_as_asked)
        for provider, key in PROVIDERS.items():
            monkeypatch.setenv(base_url_variable(provider), server.url)
            monkeypatch.setenv(key, "sk-planted-secret-key")
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield server
    default_runtime.cache_clear()
