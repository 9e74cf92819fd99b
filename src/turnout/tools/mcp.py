"""MCP servers as tools, by the official SDK: ``pip install "turnout[mcp]"``.

::

    async with MCPServer(command=["python", "-m", "my_server"]) as server:
        agent = Agent(id="my-agent", name="My Agent", model="…", tools=await server.tools())
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

from turnout.errors import APIConnectionError, ConfigurationError, InvalidToolError, redact_url
from turnout.tools.execution import ToolFailure
from turnout.tools.mcp_results import read_result
from turnout.tools.tool import NeedsApproval, Tool

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Collection, Mapping, Sequence

    from turnout.tools.mcp_session import MCPSession

CONNECT_TIMEOUT_S = 30.0


class MCPServer:
    """A server of the Model Context Protocol: a command that speaks it over stdio, or a URL (streamable HTTP).

    `env` is added to the few variables that a command inherits (`PATH`, `HOME` and such; no keys); `headers` go with
    each HTTP request. `prefix` goes before the name of each tool; `include` and `exclude` are names of the server's
    tools, or a function of the name. `needs_approval` and `timeout_s` hold for each tool. The connection is made at the
    first use, or by ``async with``; leave that, or await `close`, to end it. Each event loop has a connection (and
    process) of its own. Raises `ConfigurationError` where neither
    or both of command and URL are given.
    """

    def __init__(
        self,
        *,
        command: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
        prefix: str = "",
        include: Collection[str] | Callable[[str], bool] | None = None,
        exclude: Collection[str] | Callable[[str], bool] | None = None,
        needs_approval: NeedsApproval = False,
        timeout_s: float | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        if (command is None) == (url is None) or (command is not None and (isinstance(command, str) or not command)):
            raise ConfigurationError('MCPServer takes either command=["program", "argument"] or url="http://…/mcp"')
        self.command = None if command is None else list(command)
        self.env = dict(env or {})
        self.cwd = cwd
        self.url = url
        self.headers = dict(headers or {})
        self.prefix = prefix
        self.include = include
        self.exclude = exclude
        self.needs_approval = needs_approval
        self.timeout_s = timeout_s
        self.connect_timeout_s = connect_timeout_s
        self._sessions: dict[AbstractEventLoop, MCPSession] = {}

    def __repr__(self) -> str:
        return f"MCPServer({self.label!r})"

    @property
    def label(self) -> str:
        """What the server is called in errors: its program, or its URL without secrets."""
        return self.command[0] if self.command else redact_url(self.url or "")

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connections and the server's processes, of each event loop; returns when they are gone.

        Safe to repeat.
        """
        while self._sessions:
            _, session = self._sessions.popitem()
            await session.close()

    async def tools(self) -> list[Tool]:
        """Return the server's tools. Raises `APIConnectionError` where it cannot be reached or has died."""
        found: list[Tool] = []
        cursor: str | None = None
        while True:
            session = await self._connect()
            page = await self._guard(session, session.client.list_tools(cursor=cursor))
            found.extend(self._make_tool(tool) for tool in page.tools if self._is_wanted(tool.name))
            cursor = page.next_cursor
            if not cursor:
                return found

    def _is_wanted(self, name: str) -> bool:
        if self.include is not None and not _matches(self.include, name):
            return False
        return self.exclude is None or not _matches(self.exclude, name)

    def _make_tool(self, described: Any) -> Tool:
        async def call(**arguments: Any) -> str:
            return await self._call(described.name, arguments)

        name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"{self.prefix}{described.name}")[:64]
        about = described.description or described.title or ""
        made = Tool(
            call,
            name=name,
            description=about,
            parameters=described.input_schema,
            needs_approval=self.needs_approval,
            timeout_s=self.timeout_s,
        )
        try:
            _ = made.signature
        except (
            InvalidToolError
        ):  # one odd schema must not take the other tools away: the server checks arguments itself
            from turnout.tools.signature import Signature

            made.__dict__["signature"] = Signature(
                description=about, schema={"type": "object", **described.input_schema}, convert=dict
            )
        return made

    async def _call(self, name: str, arguments: dict[str, Any]) -> str:
        session = await self._connect()
        result = await self._guard(session, session.client.call_tool(name, arguments))
        text = read_result(result)
        if result.is_error:
            raise ToolFailure(text or f"{name} failed and did not say why")
        return text

    async def _connect(self) -> MCPSession:
        """Return the session of this event loop, opened where there is none or the last one has ended."""
        import asyncio

        from turnout.tools.mcp_session import MCPSession

        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or not session.is_usable:
            for ended in [known for known in self._sessions if known.is_closed()]:
                self._sessions.pop(ended, None)
            session = self._sessions[loop] = MCPSession(self)
        try:
            await session.wait_ready()
        except BaseException:
            if self._sessions.get(loop) is session and not session.is_usable:
                del self._sessions[loop]
            raise
        return session

    async def _guard(self, session: MCPSession, answer: Any) -> Any:
        """Await an answer; a connection that is gone is dropped, so that the next use makes a new one."""
        from turnout.tools.mcp_session import is_connection_lost, protocol_error_type

        try:
            return await answer
        except protocol_error_type() as error:
            if not is_connection_lost(error):
                raise ToolFailure(f"the MCP server {self.label} refused the call: {error}") from error
            lost: Exception = error
        except Exception as error:
            if not is_connection_lost(error):
                raise
            lost = error
        await session.close()
        raise APIConnectionError(
            f"the MCP server {self.label} has ended or is not reached any more{session.last_words()}: "
            "the next call connects anew"
        ) from lost


def _matches(rule: Collection[str] | Callable[[str], bool], name: str) -> bool:
    return bool(rule(name)) if callable(rule) else name in rule
