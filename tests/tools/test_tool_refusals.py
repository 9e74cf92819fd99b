"""What a tool is made of is checked where it is written; the request context in all its spellings; odd tools."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Optional

import pytest

from turnout.context import RequestContext
from turnout.errors import InvalidToolError
from turnout.messages import ToolCall
from turnout.tools import CallRunner, Tool, as_tool, read_tools, run_call, run_tool, tool

Alias = RequestContext
Maybe = Optional[RequestContext]  # noqa: UP045 - one of the spellings


@tool
def decorated(x: int) -> int:
    """Add one."""
    return x + 1


class Desk:
    @tool
    def answer(self, x: int) -> int:
        return x


def plain(x: int) -> int:
    return x


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": 5}, "name= of a tool is a int: give a string"),
        ({"description": 5}, "description= of a tool is a int"),
        ({"parameters": "x"}, "parameters= of a tool is a str: give a JSON schema"),
        ({"parameters": 5}, "parameters= of a tool is a int"),
        ({"needs_approval": "no"}, "needs_approval= is 'no': give True, False, or a function"),
        ({"needs_approval": None}, "needs_approval= is None"),
        ({"parameters": {"properties": {"x": {"default": object()}}}}, "the JSON schema is not valid"),
    ],
)
def test_options_of_the_wrong_type_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidToolError, match=problem):
        _ = tool(**options)(plain).spec


def by_name(c: RequestContext, x: int = 1) -> str:
    return f"{type(c).__name__} {c.user} {x}"


def keyword_only(*, x: int = 1, c: RequestContext) -> str:
    return by_name(c, x)


def optional(c: Optional[RequestContext] = None, x: int = 1) -> str:  # noqa: UP045 - one of the spellings
    return by_name(c or RequestContext(), x)


def aliased(c: Alias, x: int = 1) -> str:
    return by_name(c, x)


def maybe(c: Maybe, x: int = 1) -> str:
    return by_name(c or RequestContext(), x)


def noted(c: Annotated[RequestContext, "who asks"], x: int = 1) -> str:
    return by_name(c, x)


def hidden(c: Optional["turnout.RequestContext"], x: int = 1) -> str:  # type: ignore[name-defined]  # noqa: F821, UP037, UP045
    return by_name(c, x)  # type: ignore[arg-type]


def twice(c: RequestContext | None, y: RequestContext | None = None) -> str:
    return ""


def positional(c: RequestContext, /, x: int = 1) -> str:
    return by_name(c, x)


SPELLINGS: list[Any] = [by_name, keyword_only, optional, aliased, maybe, noted, hidden, positional]


@pytest.mark.parametrize("function", SPELLINGS)
async def test_the_context_is_found_however_it_is_written(function: Any) -> None:
    made = as_tool(function)
    assert list(made.spec.parameters["properties"]) == ["x"]
    assert (await run_tool(made, {"x": 5}, RequestContext(user="ada"))).content == "RequestContext ada 5"
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    outcome = await run_tool(tool(parameters=schema)(function), {"x": 6}, RequestContext(user="ada"))
    assert outcome.content == "RequestContext ada 6"


def test_a_context_elsewhere_or_twice_is_refused() -> None:
    def late(x: int, c: RequestContext) -> None: ...

    for function in (late, twice):
        with pytest.raises(InvalidToolError, match=r"must be the first parameter, or the only one of its type after"):
            as_tool(function)


async def test_a_tool_that_cancels_itself_fails_alone() -> None:
    async def cancels() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)
        return "not reached"

    def cancels_later() -> Any:
        return cancels()

    tools = read_tools([cancels, cancels_later, decorated])
    calls = [ToolCall("1", "cancels", {}), ToolCall("2", "cancels_later", {}), ToolCall("3", "decorated", {"x": 1})]
    runner = CallRunner(calls, lambda call: run_call(call, tools))
    first, second, third = [await runner.next_result() for _ in calls]
    assert first is not None
    assert first.content == "Error: cancels was cancelled from inside"
    assert second is not None
    assert second.is_error
    assert third is not None
    assert third.content == "2"


async def test_a_caller_who_gives_up_still_cancels_the_tool() -> None:
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(run_tool(as_tool(waits), {}))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


def yields(x: int) -> Iterator[int]:
    yield x


async def yields_later(x: int) -> AsyncIterator[int]:
    yield x


@pytest.mark.parametrize("function", [yields, yields_later])
@pytest.mark.parametrize("options", [{}, {"parameters": {}}])
def test_a_generator_is_no_tool(function: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidToolError, match="yields, and a model reads one result: return a list"):
        as_tool(tool(**options)(function))


def test_a_tool_of_a_tool_keeps_what_was_said() -> None:
    inner = tool(name="n", description="d", needs_approval=True, timeout_s=3)(plain)
    outer = tool(inner)
    assert (outer.name, outer.description, outer.needs_approval, outer.timeout_s) == ("n", "d", True, 3)
    assert tool(tool(plain)).name == "plain"
    assert tool(name="other")(inner).name == "other"
    assert outer(5) == 5


def test_a_check_of_approval_changes_no_arguments() -> None:
    def check(arguments: dict[str, Any], context: RequestContext) -> bool:
        arguments["d"]["x"] = 99
        return True

    arguments = {"d": {"x": 1}}
    assert tool(needs_approval=check)(plain).asks_approval(arguments, RequestContext())
    assert arguments == {"d": {"x": 1}}


def test_tools_are_copied_and_pickled() -> None:
    _ = decorated.spec
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert copy.deepcopy([decorated])[0] is decorated
    twin = pickle.loads(pickle.dumps(Tool(plain, name="n", timeout_s=2)))
    assert (twin.name, twin.timeout_s, twin(3)) == ("n", 2, 3)
    assert pickle.loads(pickle.dumps(Desk.answer)) is Desk.answer
