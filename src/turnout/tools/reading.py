"""Read what is given as the tools of an agent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from turnout.errors import InvalidToolError
from turnout.tools.tool import Tool


def as_tool(value: object) -> Tool:
    """Return `value` as a tool: a `Tool`, a typed function or other callable, or an object with ``as_tool()``.

    The tool's specification is read, so that whatever is wrong with it is raised here, as `InvalidToolError`.
    """
    made = value
    if not isinstance(made, Tool) and not isinstance(made, type) and callable(getattr(made, "as_tool", None)):
        made = cast("Any", made).as_tool()
    if not isinstance(made, Tool):
        if isinstance(made, type) or not callable(made):
            shown = made.__name__ if isinstance(made, type) else f"a {type(made).__name__}"
            raise InvalidToolError(
                f"tools= holds {shown}, which is no tool: give a typed function, or one made with @tool"
            )
        made = Tool(made)
    _ = made.spec
    return made


def read_tools(values: object) -> dict[str, Tool]:
    """Return the tools by name, in the order given. Raises `InvalidToolError` for two of one name."""
    if values is None:
        return {}
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise InvalidToolError(f"tools= is a {type(cast('object', values)).__name__}: give a list of functions")
    tools: dict[str, Tool] = {}
    for value in cast("Iterable[object]", values):
        made = as_tool(value)
        if made.name in tools:
            raise InvalidToolError(f'two tools are called {made.name!r}: rename one with @tool(name="…")')
        tools[made.name] = made
    return tools
