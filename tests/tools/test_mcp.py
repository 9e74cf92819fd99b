"""MCP servers as tools: real servers, over stdio and over HTTP on the loopback interface."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from turnout.errors import APIConnectionError, ConfigurationError
from turnout.tools import read_tools, run_tool
from turnout.tools.mcp import MCPServer

PROGRAM = [sys.executable, str(Path(__file__).with_name("mcp_program.py"))]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def start_http(port: int = 0) -> tuple[subprocess.Popen[bytes], int]:
    """Start the program over HTTP and return it with its port, once it listens."""
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    process = subprocess.Popen([*PROGRAM, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    return process, port


@pytest.fixture
def url() -> Iterator[str]:
    process, port = start_http()
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


async def test_a_command_s_tools_run_and_its_process_ends() -> None:
    async with MCPServer(command=PROGRAM, env={"GREETING": "hello"}) as server:
        tools = read_tools(await server.tools())
        assert tools["add"].description == "Add two numbers."
        assert tools["add"].spec.parameters["required"] == ["a", "b"]
        assert (await run_tool(tools["add"], {"a": 2, "b": 3})).content == "5"
        wrong = await run_tool(tools["add"], {"a": "x", "b": 3})
        assert wrong.is_error
        assert "`a`" in wrong.content
        failed = await run_tool(tools["explode"], {})
        assert failed.is_error
        assert "no such thing" in failed.content
        assert "left out" in (await run_tool(tools["show"], {})).content
        assert (await run_tool(tools["environment"], {"name": "GREETING"})).content == "hello"
        pid = int((await run_tool(tools["pid"], {})).content)
        assert is_running(pid)
    assert not is_running(pid)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_keys_of_the_environment_do_not_reach_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_API_KEY", "sk-secret")
    async with MCPServer(command=PROGRAM) as server:
        tools = read_tools(await server.tools())
        assert (await run_tool(tools["environment"], {"name": "SECRET_API_KEY"})).content == "unset"


async def test_a_server_that_dies_is_told_and_started_again() -> None:
    server = MCPServer(command=PROGRAM, include=["die", "add"], prefix="calc_")
    try:
        tools = read_tools(await server.tools())
        assert sorted(tools) == ["calc_add", "calc_die"]
        outcome = await run_tool(tools["calc_die"], {})
        assert outcome.is_error
        assert isinstance(outcome.error, APIConnectionError)
        assert "dying now" in outcome.content
        assert (await run_tool(tools["calc_add"], {"a": 1, "b": 1})).content == "2"
    finally:
        await server.close()


async def test_http_runs_calls_from_several_tasks(url: str) -> None:
    async with MCPServer(url=url, exclude=lambda name: name == "die") as server:
        tools = read_tools(await server.tools())
        assert "die" not in tools
        outcomes = await asyncio.gather(*(run_tool(tools["add"], {"a": n, "b": 1}) for n in range(8)))
        assert [outcome.content for outcome in outcomes] == [str(n + 1) for n in range(8)]


async def test_a_timeout_of_a_tool_leaves_the_session_usable() -> None:
    async with MCPServer(command=PROGRAM, timeout_s=0.2) as server:
        tools = read_tools(await server.tools())
        assert "timed out after 0.2 s" in (await run_tool(tools["sleep"], {"seconds": 1})).content
        assert (await run_tool(tools["add"].replace(timeout_s=30), {"a": 1, "b": 1})).content == "2"


async def test_servers_that_cannot_be_reached_say_why() -> None:
    with pytest.raises(APIConnectionError, match="no-such-program"):
        await MCPServer(command=["no-such-program"]).tools()
    with pytest.raises(APIConnectionError, match="cannot be reached.*it said.*broken"):
        await MCPServer(command=[sys.executable, "-c", "import sys; sys.exit('broken')"]).tools()
    with pytest.raises(APIConnectionError, match="cannot be reached"):
        await MCPServer(url="http://user:secret@127.0.0.1:9/mcp").tools()


async def test_a_missing_extra_names_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(ConfigurationError, match=r"pip install \"turnout\[mcp\]\""):
        await MCPServer(command=PROGRAM).tools()


def test_a_server_is_a_command_or_a_url() -> None:
    for wrong in ({}, {"command": ["a"], "url": "http://x"}, {"command": "python server.py"}, {"command": []}):
        with pytest.raises(ConfigurationError, match="either command"):
            MCPServer(**wrong)  # type: ignore[arg-type]
    assert "secret" not in repr(MCPServer(url="http://user:secret@host/mcp?key=secret"))
