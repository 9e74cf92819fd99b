"""Our HTTP client against the embedded llama.cpp server: what it says is what a plain reading says."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from plain_reading import Answer, read_ours, read_plainly

from turnout.local import server
from turnout.local.endpoint import Endpoint
from turnout.transport.http import HTTPTransport
from turnout.transport.seam import HTTPRequest

pytestmark = pytest.mark.local_model
pytest.importorskip("xllamacpp")

MODEL = "smollm2-135m-instruct"
VARYING = {"id", "created", "timings", "system_fingerprint"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    yield server.ensure_server(MODEL)
    server.stop_servers()


def headers_for(endpoint: Endpoint) -> dict[str, str]:
    headers = {"content-type": "application/json"}
    return {**headers, "authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else headers


def settled(value: Any) -> Any:
    """Return an answer without what differs each time."""
    if isinstance(value, dict):
        return {name: settled(item) for name, item in value.items() if name not in VARYING}
    return [settled(item) for item in value] if isinstance(value, list) else value


def events_of(body: bytes) -> list[Any]:
    lines = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    assert lines[-1] == b"[DONE]"
    return [settled(json.loads(line)) for line in lines[:-1]]


def request_body(**fields: Any) -> bytes:
    messages = [{"role": "user", "content": "Say hello."}]
    return json.dumps({"messages": messages, "max_tokens": 12, "temperature": 0, "seed": 1, **fields}).encode()


async def both(endpoint: Endpoint, path: str, body: bytes, *, in_pieces: bool, method: str = "POST") -> list[Answer]:
    """Return our answer and the plain one."""
    url, headers, transport = endpoint.base_url + path, headers_for(endpoint), HTTPTransport()
    ours = await read_ours(transport, url, body, headers, method, in_pieces=in_pieces)
    await transport.aclose()
    plain = await asyncio.to_thread(read_plainly, url, body, headers, ssl.create_default_context(), method)
    assert (ours.status, ours.headers.keys()) == (plain.status, plain.headers.keys())
    return [ours, plain]


@pytest.mark.parametrize("in_pieces", [False, True])
async def test_a_whole_answer(endpoint: Endpoint, in_pieces: bool) -> None:
    ours, plain = await both(endpoint, "/chat/completions", request_body(), in_pieces=in_pieces)
    assert settled(json.loads(ours.body))["choices"] == settled(json.loads(plain.body))["choices"]


@pytest.mark.parametrize("in_pieces", [False, True])
async def test_a_stream(endpoint: Endpoint, in_pieces: bool) -> None:
    ours, plain = await both(endpoint, "/chat/completions", request_body(stream=True), in_pieces=in_pieces)
    told, expected = events_of(ours.body), events_of(plain.body)
    assert [event["choices"] for event in told] == [event["choices"] for event in expected]
    assert len(told) > 3


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/models", b""),
        ("POST", "/chat/completions", b"{"),
        ("POST", "/nowhere", b"{}"),
        ("GET", "/nowhere", b""),
    ],
)
async def test_lists_and_errors(endpoint: Endpoint, method: str, path: str, body: bytes) -> None:
    ours, plain = await both(endpoint, path, body, in_pieces=False, method=method)
    assert settled(json.loads(ours.body)) == settled(json.loads(plain.body))


async def test_a_stream_that_is_left_frees_the_server(endpoint: Endpoint) -> None:
    transport = HTTPTransport()
    for _ in range(5):
        body = request_body(stream=True, max_tokens=1000)
        url = f"{endpoint.base_url}/chat/completions"
        response = await transport.send(HTTPRequest(method="POST", url=url, headers=headers_for(endpoint), body=body))
        assert await response.receive(120)
        response.close()
    ours, _ = await both(endpoint, "/chat/completions", request_body(), in_pieces=False)
    assert ours.status == 200
    await transport.aclose()
