"""MCP servers that are used from several event loops, die while in use, or answer oddly."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from typing import Any

import pytest
from test_mcp import PROGRAM, is_running, start_http

from turnout.errors import APIConnectionError
from turnout.tools import Tool, read_tools, run_tool
from turnout.tools.mcp import MCPServer


async def find_pid(server: MCPServer) -> tuple[Tool, int]:
    tool = read_tools(await server.tools())["pid"]
    return tool, int((await run_tool(tool, {})).content)


def test_one_server_serves_two_loops_after_each_other() -> None:
    server = MCPServer(command=PROGRAM)

    async def use() -> int:
        return (await find_pid(server))[1]

    first = asyncio.run(use())
    assert not is_running(first)  # its loop ended, and took it along
    second = asyncio.run(use())
    assert second != first
    asyncio.run(server.close())
    assert not is_running(second)


async def test_leaving_on_one_loop_ends_what_runs_on_another() -> None:
    is_open, may_end = threading.Event(), threading.Event()
    pids: list[int] = []
    server = MCPServer(command=PROGRAM)

    async def use() -> None:
        pids.append((await find_pid(server))[1])
        is_open.set()
        await asyncio.to_thread(may_end.wait)

    thread = threading.Thread(target=asyncio.run, args=(use(),))
    thread.start()
    try:
        async with server:
            await asyncio.to_thread(is_open.wait)
            tool, pid = await find_pid(server)
            pids.append(pid)
            assert len(set(pids)) == 2
            assert int((await run_tool(tool, {})).content) == pid  # each loop keeps its own
        assert [is_running(each) for each in pids] == [False, False]
    finally:
        may_end.set()
        await asyncio.to_thread(thread.join)


def test_a_session_of_a_loop_that_stands_still_is_let_go() -> None:
    server = MCPServer(command=PROGRAM)
    loop = asyncio.new_event_loop()
    try:
        pid = loop.run_until_complete(find_pid(server))[1]
        asyncio.run(server.close())
        loop.run_until_complete(asyncio.wait(asyncio.all_tasks(loop)))
        assert not is_running(pid)
    finally:
        loop.close()


async def test_an_http_server_that_is_killed_in_the_middle_is_told_and_found_again() -> None:
    process, port = start_http()
    server = MCPServer(url=f"http://127.0.0.1:{port}/mcp")
    try:
        tools = read_tools(await server.tools())
        running = asyncio.create_task(run_tool(tools["sleep"], {"seconds": 60}))
        await asyncio.sleep(0.5)
        end(process)
        outcome = await running
        assert isinstance(outcome.error, APIConnectionError)
        assert "connects anew" in outcome.content
        gone = await run_tool(tools["add"], {"a": 1, "b": 1})
        assert isinstance(gone.error, APIConnectionError)
        assert "cannot be reached" in gone.content
        process, _ = start_http(port)
        assert (await run_tool(tools["add"], {"a": 1, "b": 1})).content == "2"
    finally:
        await server.close()
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


async def test_http_errors_of_a_server_are_told(provider: Any) -> None:
    server = MCPServer(url=f"{provider.url}/mcp")
    with pytest.raises(APIConnectionError, match="cannot be reached"):
        await server.tools()


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        server = MCPServer(url=f"http://127.0.0.1:{port}/mcp", connect_timeout_s=0.3)
        with pytest.raises(APIConnectionError, match=r"no answer within 0\.3 s"):
            await server.tools()


async def test_a_cancel_while_it_connects_leaves_no_process() -> None:
    server = MCPServer(command=PROGRAM)
    task = asyncio.create_task(server.tools())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with server:  # what was begun is used
        assert (await find_pid(server))[1] > 0
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_what_a_server_refuses_goes_to_the_model_and_the_session_stays() -> None:
    async with MCPServer(command=PROGRAM) as server:
        tool, pid = await find_pid(server)
        outcome = await run_tool(server._make_tool(described("no_such_tool")), {})
        assert outcome.is_error
        assert "no_such_tool" in outcome.content
        assert int((await run_tool(tool, {})).content) == pid


class described:  # noqa: N801 - it stands for the SDK's description of a tool
    title = None
    description = "d"

    def __init__(self, name: str, schema: dict[str, Any] | None = None) -> None:
        self.name = name
        self.input_schema = schema or {"type": "object", "properties": {}}


async def test_a_tool_with_an_odd_schema_is_kept_and_its_arguments_go_unchecked() -> None:
    async with MCPServer(command=PROGRAM) as server:
        made = server._make_tool(described("add", {"properties": {"a": {"$ref": "http://127.0.0.1:9/x"}}}))
        assert made.spec.parameters["type"] == "object"
        assert (await run_tool(made, {"a": 1, "b": 2})).content == "3"
        assert (await run_tool(made, {"a": 1})).is_error
