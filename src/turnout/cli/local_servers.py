"""Servers of models on this machine: looked for on the ports that they usually take, and asked for their models."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec

from turnout.cli.finding import Finding
from turnout.errors import CallError
from turnout.transport.seam import HTTPRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.transport.seam import Transport

USUAL_PORTS = {"Ollama": 11434, "LM Studio": 1234, "llama.cpp": 8080, "vLLM": 8000}
"""Where each server listens unless it is told otherwise, by their documentation of 2026-11."""

_LIMIT_S = 1.0
_MAX_BYTES = 4 * 1024 * 1024
_MOST_SHOWN = 5
_MOST_CHARS = 100


class _Listed(msgspec.Struct):
    id: str


class _Refusal(msgspec.Struct):
    error: str | dict[str, object]


class _Listing(msgspec.Struct):
    data: list[_Listed] | None


class _KeyWantedError(Exception):
    """What is there may be a server of models; it answers to its key only."""


def find_servers(ports: Mapping[str, int] | None = None) -> list[Finding]:
    """Return what the doctor says of the servers found on `ports` of the loopback interface, by the usual name.

    All are asked at once for ``/v1/models``, without a key, for a second at most. What is no server of models is left
    out.
    """
    wanted = USUAL_PORTS if ports is None else ports
    found = [finding for finding in asyncio.run(_ask_all(wanted)) if finding is not None]
    if found:
        return found
    places = ", ".join(f"{name} ({port})" for name, port in wanted.items())
    return [Finding("note", "local servers", f"none on the usual ports: {places}")]


async def _ask_all(ports: Mapping[str, int]) -> list[Finding | None]:
    from turnout.transport.http import HTTPTransport

    transport = HTTPTransport()
    return await asyncio.gather(*(_ask(name, port, transport) for name, port in ports.items()))


async def _ask(name: str, port: int, transport: Transport) -> Finding | None:
    base_url = f"http://127.0.0.1:{port}/v1"
    try:
        async with asyncio.timeout(_LIMIT_S):
            models = await _list_models(base_url, transport)
    except (CallError, TimeoutError):
        return None
    except _KeyWantedError:
        how = f'asks for a key: call it with url="{base_url}" and api_key='
        return Finding("note", "local server", f"{base_url} (the port of {name}) {how}")
    if models is None:
        return None
    shown = ", ".join(_shorten(model) for model in models[:_MOST_SHOWN]) + (", …" if len(models) > _MOST_SHOWN else "")
    serves = f"serves {shown}" if models else "has no model yet"
    return Finding("ok", "local server", f'{base_url} (the port of {name}) {serves}: call it with url="{base_url}"')


def _shorten(text: str) -> str:
    """Return the beginning of a text that somebody else wrote."""
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}…"


async def _list_models(base_url: str, transport: Transport) -> list[str] | None:
    """Return the ids that a server lists; `None` where it is no server of models.

    Raises `_KeyWantedError` for a refusal in the JSON that servers of models refuse with.
    """
    request = HTTPRequest(
        method="GET",
        url=f"{base_url}/models",
        headers={"accept": "application/json"},
        connect_s=_LIMIT_S,
        deadline=time.monotonic() + _LIMIT_S,
    )
    response = await transport.send(request)
    body = bytearray()
    try:
        while len(body) < _MAX_BYTES and (piece := await response.receive(_LIMIT_S)):
            body += piece
    finally:
        response.close()
    try:
        if response.status == 401 and msgspec.json.decode(body, type=_Refusal):
            raise _KeyWantedError
        listing = msgspec.json.decode(body, type=_Listing) if response.status == 200 else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return listing and [model.id for model in listing.data or []]
