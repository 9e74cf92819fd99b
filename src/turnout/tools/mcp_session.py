"""One connection to an MCP server, held by a task of its own.

The SDK's cancel scopes must be left by the task that entered them; callers come from any task, so none of them may.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from turnout.errors import APIConnectionError, ConfigurationError

if TYPE_CHECKING:
    from turnout.tools.mcp import MCPServer

_STDERR_SHOWN = 1000
_OUTSIDE_TIMEOUT_S = 10.0


class MCPSession:
    """A session that opens as soon as it is made; `wait_ready` waits for it, `close` ends it."""

    def __init__(self, server: MCPServer) -> None:
        _load_sdk()
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[Any] = self._loop.create_future()
        self._stderr: Any = None
        if server.command:
            self._stderr = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - `_hold` closes it
        self._last_words = ""
        self._task = self._loop.create_task(self._hold(), name=f"MCP session of {server.label}")

    @property
    def is_usable(self) -> bool:
        """Whether the session lives."""
        return not self._task.done() and not self._stop.is_set()

    @property
    def client(self) -> Any:
        """The SDK's client."""
        return self._ready.result()

    def last_words(self) -> str:
        """Return the end of what the server wrote to stderr, as a clause of an error; empty where it wrote nothing."""
        return self._last_words

    async def wait_ready(self) -> None:
        """Wait until the server has answered. Raises `APIConnectionError` that says why it did not."""
        limit = self._server.connect_timeout_s
        await asyncio.wait([self._ready, self._task], timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if self._ready.done() and not self._ready.cancelled():
            return
        reason = f"no answer within {limit:g} s"
        if self._ready.done():
            await asyncio.wait([self._task])
            error = None if self._task.cancelled() else self._task.exception()
            reason = _describe(error) if error is not None else "the connection was closed"
        await self.close()
        raise APIConnectionError(
            f"the MCP server {self._server.label} cannot be reached: {reason}{self._last_words}: "
            "check its command or URL"
        )

    async def close(self) -> None:
        """End the session and wait for it, and for the server's process; from any event loop."""
        if self._loop is not asyncio.get_running_loop():
            await self._close_from_outside()
            return
        self._stop.set()
        if not self._ready.done():
            self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # seen: `wait_ready` or the failed call has told it

    async def _close_from_outside(self) -> None:
        """Have the session's own loop close it; a loop that has ended took its tasks along."""
        if not self._loop.is_running():
            with suppress(RuntimeError):  # closed
                self._loop.call_soon_threadsafe(self._stop.set)
            return
        closing = asyncio.run_coroutine_threadsafe(self.close(), self._loop)
        await asyncio.wait([asyncio.wrap_future(closing)], timeout=_OUTSIDE_TIMEOUT_S)  # it may stop meanwhile

    async def _hold(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(await self._make_client(stack))
                self._ready.set_result(client)
                await self._stop.wait()
        finally:
            self._read_stderr()
            self._ready.cancel()

    async def _make_client(self, stack: AsyncExitStack) -> Any:
        from mcp import Client, StdioServerParameters, stdio_client

        server = self._server
        if server.command:
            program, *args = server.command
            parameters = StdioServerParameters(command=program, args=args, env=server.env, cwd=server.cwd)
            return Client(stdio_client(parameters, errlog=self._stderr))
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        timeout = httpx2.Timeout(server.connect_timeout_s, read=None)  # a tool may take long: `timeout_s` limits it
        client = await stack.enter_async_context(httpx2.AsyncClient(headers=server.headers, timeout=timeout))
        return Client(streamable_http_client(server.url or "", http_client=client))

    def _read_stderr(self) -> None:
        if self._stderr is None:
            return
        with suppress(OSError, ValueError), self._stderr as file:
            file.seek(max(0, file.seek(0, 2) - _STDERR_SHOWN))
            words = file.read().strip()
            self._last_words = f" (it said: {words})" if words else ""


def is_connection_lost(error: BaseException) -> bool:
    """Return whether `error` says that the connection is gone."""
    import anyio
    import httpx2
    from mcp_types import CONNECTION_CLOSED

    if isinstance(error, protocol_error_type()):
        return getattr(error, "code", None) == CONNECTION_CLOSED or "Session terminated" in str(error)
    lost = (anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream, httpx2.TransportError)
    return isinstance(error, (*lost, ConnectionError))


def protocol_error_type() -> type[Exception]:
    """Return the SDK's own error: what the server answers in place of a result."""
    from mcp import MCPError

    return MCPError


def _load_sdk() -> None:
    try:
        import_module("mcp")
    except ImportError as error:
        raise ConfigurationError(
            'MCP servers need the official SDK, which is not installed: pip install "turnout[mcp]"'
        ) from error


def _describe(error: BaseException) -> str:
    """Return the first real error of a group in words."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    name = type(error).__name__
    return f"{name}: {error}" if str(error) else name
