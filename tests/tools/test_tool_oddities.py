"""Rarer results, and what an MCP server may answer."""

from __future__ import annotations

import asyncio
import collections
import functools
import threading
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from turnout.context import RequestContext
from turnout.errors import InvalidToolError
from turnout.messages import Image, Text, ToolCall
from turnout.tools import CallRunner, ToolOutcome, as_tool, find_fault, read_tools, run_call, run_tool, tool
from turnout.tools.mcp_results import read_block, read_result


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (Text("a"), "a"),
        ([Text("a"), Image(url="http://x/y.png"), 5], "a\n[image: left out, a tool result carries text only]\n5"),
        ({"p": Path("a/b")}, '{"p":"a/b"}'),
        (types.MappingProxyType({"a": 1}), '{"a":1}'),
        (collections.deque([1]), "[1]"),
    ],
)
async def test_rarer_results(value: Any, content: str) -> None:
    assert (await run_tool(tool(name="t", parameters={})(lambda: value), {})).content == content


async def test_a_plain_function_may_return_an_awaitable_and_an_exception_may_be_long() -> None:
    async def later() -> int:
        return 3

    def explode() -> None:
        raise ValueError("x" * 9000)

    assert (await run_tool(tool(name="t", parameters={})(lambda: later()), {})).content == "3"
    told = (await run_tool(tool(explode), {})).content
    assert len(told) < 4200
    assert "(9000 characters)" in told


def test_an_object_may_make_its_tool_and_an_async_approval_is_refused() -> None:
    async def approve(arguments: dict[str, Any], context: RequestContext) -> bool:
        return False

    made = tool(name="t", parameters={}, needs_approval=approve)(lambda: 1)  # type: ignore[arg-type]
    assert as_tool(types.SimpleNamespace(as_tool=lambda: made)) is made
    assert repr(made) == "Tool('t')"
    with pytest.raises(InvalidToolError, match="async"):
        made.asks_approval({}, RequestContext())


def test_blocks_of_a_server_s_answer() -> None:
    answer = CallToolResult(
        content=[
            AudioContent(data="AAAA", mime_type="audio/wav"),
            EmbeddedResource(resource=TextResourceContents(uri="file:///a", text="inside")),
            EmbeddedResource(resource=BlobResourceContents(uri="file:///b", blob="AAAA", mime_type="application/pdf")),
            ResourceLink(name="c", uri="file:///c"),
        ],
        structured_content={"n": 1},
    )
    assert read_result(answer).split("\n") == [
        "[audio (audio/wav, 3 bytes): left out, a tool result carries text only]",
        "inside",
        "[resource file:///b (application/pdf, 3 bytes): left out, a tool result carries text only]",
        "[c: file:///c]",
        '{"n":1}',
    ]
    assert read_result(CallToolResult(content=[TextContent(text="1")], structured_content={"n": 1})) == "1"


@dataclass
class Report:
    title: str
    chart: Image


@pytest.mark.parametrize(
    "value",
    [
        {"chart": Image(data=b"12345"), "n": 1}, [[Image(data=b"12345")]], Report("t", Image(data=b"12345")),
        {"a": (1, {"b": Image(data=b"12345")})}, {"text": Text("hi"), "image": [Image(data=b"12345")]},
    ],
)  # fmt: skip
async def test_media_deep_inside_a_result_are_notes_and_no_bytes(value: Any) -> None:
    outcome = await run_tool(tool(name="t", parameters={})(lambda: value), {})
    assert "[image (5 bytes): left out" in outcome.content
    assert "MTIzNDU" not in outcome.content
    assert not outcome.is_error


async def test_a_result_without_end_is_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert "no JSON" in (await run_tool(tool(name="t", parameters={})(lambda: loop), {})).content


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Plain(Exception):
    pass


async def test_exceptions_without_words_are_named() -> None:
    def mute() -> None:
        raise Mute

    def plain() -> None:
        raise Plain

    def late() -> None:
        raise TimeoutError("the other side")

    assert (await run_tool(tool(mute), {})).content == "Error: mute failed: Mute"
    assert (await run_tool(tool(plain), {})).content == "Error: plain failed: Plain"
    assert (await run_tool(tool(late, timeout_s=5), {})).content == "Error: late failed: TimeoutError: the other side"


class Clumsy:
    @property
    def __struct_fields__(self) -> tuple[str, ...]:
        raise RuntimeError("broken value")


async def test_a_result_that_breaks_while_it_is_written_is_an_error() -> None:
    assert "broken value" in (await run_tool(tool(name="t", parameters={})(lambda: Clumsy()), {})).content


async def test_a_schema_that_turns_out_wrong_at_a_value_goes_to_the_model() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#", "properties": {},
        "dependencies": {"a": {"$ref": "http://127.0.0.1:9"}},
    }  # fmt: skip
    made = tool(name="t", parameters=schema)(lambda **given: given)
    assert (await run_tool(made, {"b": 1})).content == '{"b":1}'
    broken = await run_tool(made, {"a": 1})
    assert "t cannot be called" in broken.content
    assert find_fault(ToolCall("1", "t", {"a": 1}), {"t": made}) is not None


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("is_plain", [True, False])
def test_an_interrupt_from_a_tool_ends_the_loop_and_the_other_calls(kind: type[BaseException], is_plain: bool) -> None:
    ended: list[str] = []

    def stop() -> None:
        raise kind

    async def stop_async() -> None:
        raise kind

    async def other() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("other")

    tools = read_tools([tool(stop, name="stop") if is_plain else tool(stop_async, name="stop"), other])
    calls = [ToolCall("1", "other", {}), ToolCall("2", "stop", {})]
    with pytest.raises(kind):
        asyncio.run(run_all(CallRunner(calls, lambda call: run_call(call, tools))))
    assert ended == ["other"]


async def run_all(runner: CallRunner[ToolOutcome]) -> None:
    while await runner.next_result() is not None:
        pass


async def test_an_error_of_the_runner_s_own_function_ends_the_other_calls() -> None:
    ended: list[str] = []

    async def run(call: ToolCall) -> ToolOutcome:
        if call.name == "bad":
            await asyncio.sleep(0)
            raise ValueError("bad")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(call.name)
        raise AssertionError

    with pytest.raises(ValueError, match="bad"):
        await run_all(CallRunner([ToolCall("1", "bad", {}), ToolCall("2", "a", {}), ToolCall("3", "b", {})], run))
    assert ended == ["a", "b"]


async def test_a_second_cancel_while_tools_end_is_passed_on_to_them() -> None:
    ending, ended = asyncio.Event(), list[str]()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("stubborn")

    tools = read_tools([stubborn])
    calls = [ToolCall("1", "stubborn", {}), ToolCall("2", "stubborn", {})]
    task = asyncio.create_task(run_all(CallRunner(calls, lambda call: run_call(call, tools))))
    await asyncio.sleep(0.01)
    task.cancel()
    await ending.wait()
    await asyncio.sleep(0.01)
    assert not task.done()  # it waits for the tools
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["stubborn", "stubborn"]


async def test_a_thread_that_ends_after_its_call_was_given_up_is_not_heard() -> None:
    gate, done = threading.Event(), threading.Event()

    def hang() -> None:
        gate.wait()
        done.set()

    outcome = await run_tool(tool(hang, timeout_s=0.05), {})
    gate.set()
    await asyncio.to_thread(done.wait)
    await asyncio.sleep(0.01)
    assert "timed out" in outcome.content


def test_tools_are_read_through_decorators_and_what_cannot_be_read_is_named() -> None:
    def typed(a: int) -> int:
        return a

    @functools.wraps(typed)
    def wrapped(*args: Any, **kwargs: Any) -> int:
        return typed(*args, **kwargs)

    def broken(a: "1/0") -> None: ...  # noqa: UP037

    assert tool(wrapped).spec.parameters["required"] == ["a"]
    with pytest.raises(InvalidToolError, match="cannot be read"):
        _ = tool(broken).spec
    with pytest.raises(InvalidToolError, match="signature cannot be read"):
        _ = tool(name="t")(type).spec
    with pytest.raises(InvalidToolError, match="cannot be called"):
        tool(name="t")(5)  # type: ignore[call-overload]


def test_a_block_of_a_kind_to_come_is_left_out() -> None:
    assert read_block(types.SimpleNamespace(type="hologram")) == "[hologram: left out]"
