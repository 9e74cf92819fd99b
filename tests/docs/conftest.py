"""A stand-in for every server that the documentation calls."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from vendor_answers import VARIABLES, answer_as_vendor

from provider import Exchange, Provider, Reply, answer, event, events, reply, stream
from tool_replies import call, calls, streamed_calls
from turnout.agent.runtime import default_runtime
from turnout.routing.hosts import base_url_variable

PROVIDERS = {
    "ovhcloud": "OVHCLOUD_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "groq": "GROQ_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}
"""The providers that pages call, with the variables of their keys."""

WORDS = {"name": "Ada Lovelace", "city": "Paris", "to": "ada@example.com", "text": "Hello!"}
NUMBERS = {"age": 36}
"""What stands in arguments and structured output, by the name of the field."""


FILES = {"cat.png": b"\x89PNG\r\n\x1a\n", "report.pdf": b"%PDF-1.7\n"}
"""The beginnings of the files that pages name, in the working directory."""


async def answer_as_asked(exchange: Exchange) -> None:
    """Answer as the request wants it: whole or streamed, with vectors, tool calls, JSON of a schema, or a text.

    Each tool that is offered is called once with arguments that fit its schema; after that the answer is what the
    tools returned.
    """
    if exchange.request.method == "CONNECT":  # a page tried to reach another host
        await exchange.head(403, content_length="0")
        return
    if (task := TASKS.get(exchange.request.path.removeprefix("/v1"))) is not None:
        await task(exchange)
        return
    if await answer_as_vendor(exchange):
        return
    body = exchange.request.json
    if "audio" in body:
        await stream(SPOKEN)(exchange)
        return
    await (_embed(body) if "input" in body else _chat(body))(exchange)


def _chat(body: dict[str, Any]) -> Reply:
    is_stream, last = body.get("stream"), body["messages"][-1]
    if body.get("tools") and last["role"] == "user":
        wanted = [_call(tool["function"], f"call_{n}") for n, tool in enumerate(body["tools"], 1)]
        return streamed_calls(*wanted) if is_stream else calls(*wanted)
    text = None
    if body.get("response_format", {}).get("type") == "json_schema":
        schema = body["response_format"]["json_schema"]["schema"]
        text = json.dumps(_fill(schema, schema.get("$defs", {})))
    elif last["role"] == "tool":
        results = takewhile(lambda message: message["role"] == "tool", reversed(body["messages"]))
        text = " ".join(reversed([message["content"] for message in results]))
    if is_stream:
        return stream() if text is None else stream(events([text[at : at + 8] for at in range(0, len(text), 8)]))
    return reply(answer(model=body["model"], **({} if text is None else {"text": text})))


def _call(function: dict[str, Any], identity: str) -> dict[str, Any]:
    return call(function["name"], _fill(function.get("parameters", {}), {}), identity)


def _fill(schema: dict[str, Any], definitions: dict[str, Any], name: str = "") -> Any:
    """Return a value that fits `schema`: of a list two, of a choice the first, of what may be left out all."""
    if "$ref" in schema:
        return _fill(definitions[schema["$ref"].rpartition("/")[2]], definitions, name)
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if choices:
        return choices[0]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _fill(schema[several][0], definitions, name)
    kind = schema.get("type", "object")
    match kind if isinstance(kind, str) else kind[0]:
        case "object":
            return {key: _fill(inner, definitions, key) for key, inner in schema.get("properties", {}).items()}
        case "array":
            return [_fill(schema.get("items", {}), definitions, name)] * 2
        case "integer" | "number":
            return NUMBERS.get(name, 2)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return WORDS.get(name, "a text")


def _embed(body: dict[str, Any]) -> Reply:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"index": index, "embedding": [1.0, len(text) / 100, *[0.5] * 1022]} for index, text in enumerate(texts)]
    tokens = 4 * len(texts)
    return reply({"data": data, "model": body["model"], "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})


PICTURE = {
    "data": [{"b64_json": b64encode(FILES["cat.png"]).decode()}],
    "usage": {"input_tokens": 9, "output_tokens": 1000, "total_tokens": 1009},
}
SPOKEN = [
    event({"role": "assistant", "audio": {"id": "audio_1"}}),
    event({"audio": {"transcript": "All aboard!"}}),
    *[event({"audio": {"data": b64encode(bytes(12000)).decode()}})] * 4,
    event({"audio": {"expires_at": 4102444800}}, "stop"),
    b"data: [DONE]\n\n",
]
HEARD = {
    "text": "All aboard!",
    "duration": 1.5,
    "segments": [{"id": 0, "start": 0.0, "end": 1.5, "text": "All aboard!"}],
}
RANKING = {"results": [{"index": 2, "relevance_score": 0.9}, {"index": 1, "relevance_score": 0.8}]}
TASKS = {
    "/images/generations": reply(PICTURE),
    "/images/edits": reply(PICTURE),
    "/audio/speech": reply(b"RIFF0000WAVE", content_type="audio/wav"),
    "/audio/transcriptions": reply(HEARD),
    "/rerank": reply(RANKING),
}
"""What the endpoints that are no chats answer, by their path."""


@pytest.fixture
def vendors(world: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The same server as vendors with APIs of their own, for the page about these."""
    for vendor, variables in VARIABLES.items():
        monkeypatch.setenv(base_url_variable(vendor), world.url)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
    return world


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
        for name, head in FILES.items():
            Path(name).write_bytes(head)
        yield server
    default_runtime.cache_clear()
