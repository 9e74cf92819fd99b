"""Open a connection: name look-up, TCP, a proxy's tunnel, TLS; and say in plain words what went wrong."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from typing import TYPE_CHECKING

from turnout.errors import APIConnectionError, APITimeoutError
from turnout.transport.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from turnout.errors import TimeoutKind
    from turnout.transport.exchange import Limits
    from turnout.transport.pool import Pool
    from turnout.transport.proxy import Proxy
    from turnout.transport.target import Target

_SECOND_ADDRESS_AFTER_S = 0.25  # RFC 8305, section 5
_NEXT_STEP = "check the URL and that the server runs"


async def open_connection(  # the five say where to; the settings are named
    pool: Pool,
    key: str,
    target: Target,
    proxy: Proxy | None,
    limits: Limits,
    *,
    find_context: Callable[[], Awaitable[ssl.SSLContext]],
    limit_s: float | None,
    kind: TimeoutKind,
    address: str | None = None,
) -> Connection:
    """Return a connection that is ready for its first request, within `limit_s` seconds in all.

    `address` is where to connect in place of what the host's name resolves to; TLS checks the name all the same.

    Raises `APIConnectionError` or `APITimeoutError` of `kind`; `find_context` may raise as well. No message holds a
    credential.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limit_s):
            first = proxy or target
            connection = await _connect(
                loop, lambda: Connection(loop, pool, key, target.origin, limits), address or first.host, first.port
            )
            try:
                await _secure(connection, target, proxy, find_context)
            except BaseException:
                connection.abort()
                raise
            return connection
    except (OSError, ValueError) as error:  # SSL errors are OSErrors; ValueError: not a host name
        if isinstance(error, TimeoutError) and error.errno is None:
            cure = f"{_NEXT_STEP}, or raise `{kind}_s`"
            message = f"cannot connect to {_name(target, proxy)} within {limit_s:g} s: {cure}"
            raise APITimeoutError(message, kind=kind, limit_s=limit_s) from error
        raise _describe(error, target, proxy) from error


async def _connect(
    loop: asyncio.AbstractEventLoop, create: Callable[[], Connection], host: str, port: int
) -> Connection:
    is_address = host[-1:].isdigit() or ":" in host  # which needs no race of several
    if is_address or not isinstance(loop, asyncio.BaseEventLoop):  # (other loops, such as uvloop, know of no race)
        _, connection = await loop.create_connection(create, host, port)
    else:
        _, connection = await loop.create_connection(create, host, port, happy_eyeballs_delay=_SECOND_ADDRESS_AFTER_S)
    return connection


async def _secure(
    connection: Connection, target: Target, proxy: Proxy | None, find_context: Callable[[], Awaitable[ssl.SSLContext]]
) -> None:
    if proxy is not None:
        if proxy.is_tls:
            await connection.start_tls(await find_context(), proxy.host)
        if target.is_tls:
            await _cross_proxy(connection, target, proxy)
    if target.is_tls:
        await connection.start_tls(await find_context(), target.host)


async def _cross_proxy(connection: Connection, target: Target, proxy: Proxy) -> None:
    lines = [f"CONNECT {target.authority} HTTP/1.1", f"Host: {target.authority}"]
    lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
    status = await connection.open_tunnel(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    if 200 <= status < 300:
        return
    cure = "check the proxy's rules, or list the host in NO_PROXY"
    if status == 407:
        cure = "put user name and password into the proxy's URL (HTTPS_PROXY=http://user:password@host:port)"
    message = f"the proxy {proxy.origin} refused the way to {target.authority} with status {status}: {cure}"
    raise APIConnectionError(message, status=status)


def _name(target: Target, proxy: Proxy | None) -> str:
    return target.origin if proxy is None else f"{target.origin} through the proxy {proxy.origin}"


def _describe(error: Exception, target: Target, proxy: Proxy | None) -> APIConnectionError:
    name = _name(target, proxy)
    if isinstance(error, ssl.SSLCertVerificationError):
        cure = "set SSL_CERT_FILE to your CA bundle (a PEM file)"
        if error.verify_code in (62, 64):  # X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
            cure = f"use the host name that the certificate is for; for a private CA, {cure}"
        reason = error.verify_message.rstrip(".")
        failure = APIConnectionError(f"the TLS certificate of {name} is not valid ({reason}): {cure}")
        failure.is_retryable = False
        return failure
    if isinstance(error, ssl.SSLError):
        cure = "check that the port speaks TLS (else the URL begins with http://)"
        return APIConnectionError(f"TLS with {name} failed ({error.reason or error}): {cure}")
    return APIConnectionError(f"cannot connect to {name}: {_find_reason(error)}; {_NEXT_STEP}")


def _find_reason(error: Exception) -> str:
    """Say why a connection failed; asyncio joins the errors of several addresses into one text."""
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved ({error.strerror or error})"
    text = str(error)
    numbers = set(re.findall(r"\[Errno (\d+)\]", text))
    if len(numbers) == 1:
        return os.strerror(int(numbers.pop())).lower()
    return text or type(error).__name__
