"""One request of an exchange: bounded, sent past any recorder, following no redirect, its refusals without a secret."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from turnout.errors import (
    APIConnectionError,
    AuthenticationError,
    RateLimitError,
    ServerError,
    TurnoutError,
    redact_url,
)
from turnout.transport.retry import parse_retry_after, read_server_time
from turnout.transport.seam import HTTPRequest
from turnout.version import USER_AGENT

if TYPE_CHECKING:
    from turnout.routing.route import Grant
    from turnout.transport.seam import HTTPResponse, Transport

_MAX_BYTES = 1024 * 1024


class TokenAnswer(NamedTuple):
    """What an exchange is answered with, and the moment of it by the server's clock."""

    facts: dict[str, Any]
    moment: float


def is_header(value: str) -> bool:
    """Whether `value` can stand in a header."""
    return value.isascii() and value.isprintable()


async def post(grant: Grant, transport: Transport, body: bytes, headers: dict[str, str]) -> TokenAnswer:
    """Send `body` to where `grant` is exchanged, and return the object that it is answered with."""
    return await ask(grant, transport, "POST", grant.url, headers, body)


async def ask(  # noqa: PLR0917 - one request
    grant: Grant, transport: Transport, method: str, url: str, headers: dict[str, str], body: bytes = b""
) -> TokenAnswer:
    """Send one request of an exchange and return the object that it is answered with."""
    given = {"user-agent": USER_AGENT, "accept": "application/json", **headers}
    request = HTTPRequest(method=method, url=url, headers=given, body=body)
    response = await find_secret_transport(transport).send(request)
    try:
        text = await read_answer(response)
    finally:
        response.close()
    if not 200 <= response.status < 300:
        raise _refuse(grant, response, url, text)
    with suppress(ValueError, RecursionError):
        answer = msgspec.json.decode(text)
        if isinstance(answer, dict):
            told = read_server_time(response.headers)  # this machine's clock may go wrong
            return TokenAnswer(cast("dict[str, Any]", answer), told if told is not None else time.time())
    raise ServerError(f"{redact_url(url)} answered with no JSON object: check that URL", url=url)


def find_secret_transport(transport: Transport) -> Transport:
    """Return the transport below a recorder: an exchange is all secrets, and belongs into no file."""
    return getattr(transport, "secret_transport", None) or transport


async def read_answer(response: HTTPResponse) -> bytes:
    """Return the body of an answer. Raises `APIConnectionError` for one of more than 1 MB."""
    body = bytearray()
    while piece := await response.receive(10.0, "total"):
        body += piece
        if len(body) > _MAX_BYTES:
            raise APIConnectionError("the answer to an exchange of tokens is over 1 MB: check its URL")
    return bytes(body)


def _refuse(grant: Grant, response: HTTPResponse, url: str, body: bytes) -> TurnoutError:
    from turnout.protocols.error_bodies import read_error_body

    status = response.status
    report = read_error_body(body, (grant.secret, grant.client_id, grant.session_token or ""))
    told = f": {report.message.rstrip('.')}" if report and report.message else ""
    message = f"no token from {redact_url(url)} (status {status}{told})"
    facts: dict[str, Any] = {"status": status, "url": url, "headers": dict(response.headers)}
    if status == 429:
        wait_s = parse_retry_after(response.headers, time.time())
        return RateLimitError(f"{message}: wait and try again", retry_after_s=wait_s, **facts)
    if status >= 500 or status == 408:
        return ServerError(f"{message}: try again later, or name a fallback model", **facts)
    if 300 <= status < 400:
        return AuthenticationError(f"{message}: it redirects, and a secret follows no redirect: mend the URL", **facts)
    if status == 404:
        cure = "check that URL, and that the account of the secret may do this"
        return AuthenticationError(f"{message}: {cure}", **facts)
    return AuthenticationError(f"{message}: check the secret that is exchanged there, and that it may do this", **facts)
