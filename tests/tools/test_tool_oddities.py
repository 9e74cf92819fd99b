"""Rarer results, and what an MCP server may answer."""

from __future__ import annotations

import collections
import types
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
from turnout.messages import Image, Text
from turnout.tools import as_tool, run_tool, tool
from turnout.tools.mcp_results import read_result


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
