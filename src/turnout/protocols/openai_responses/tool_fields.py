"""Tools and structured output as fields of the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.tool_schemas import fit_schema, write_parameters
from turnout.responses import Warning
from turnout.schemas import make_strict

if TYPE_CHECKING:
    from turnout.requests import ModelRequest, OutputSpec, ToolSpec
    from turnout.routing.route import Route

_CHOICES = frozenset({"auto", "required", "none"})


def add_tools(
    body: dict[str, Any], request: ModelRequest, route: Route, refused: frozenset[str], warnings: list[Warning]
) -> set[str]:
    """Write tools, tool choice and `text.format` into `body`; return the fields for them, and `response_format`.

    What the model lacks was settled before (`turnout.adaptation`): all that the request still holds is written, but
    for a `text` in `refused`.
    """
    fields: dict[str, Any] = {}
    if request.tools:
        fields["tools"] = [_write_tool(tool, route) for tool in request.tools]
        if request.tool_choice is not None:
            fields["tool_choice"] = _write_choice(request.tool_choice)
    if request.output is not None and "text" in refused:
        told = "`text.format` was left out, because the provider refuses it: the answer is not held to the schema"
        warnings.append(Warning("dropped_setting", told))
    elif request.output is not None:
        fields["text"] = {"format": _write_format(request.output, route)}
    body.update(fields)
    return {*fields, "response_format"} if "text" in fields else set(fields)


def _write_tool(tool: ToolSpec, route: Route) -> dict[str, Any]:
    """Return a function; `strict` is this wire's default, under which no argument could be left out."""
    written: dict[str, Any] = {"type": "function", "name": tool.name, "parameters": write_parameters(tool, route)}
    if tool.description:
        written["description"] = tool.description
    if route.quirks.takes_strict:
        written["strict"] = False
    return written


def _write_choice(choice: str) -> str | dict[str, Any]:
    return choice if choice in _CHOICES else {"type": "function", "name": choice}


def _write_format(output: OutputSpec, route: Route) -> dict[str, Any]:
    if output.mode != "json_schema":
        return {"type": "json_object"}
    held: dict[str, Any] = {"type": "json_schema", "name": output.name}
    if output.description:
        held["description"] = output.description
    strict = make_strict(output.schema) if route.quirks.takes_strict else None
    if strict is None:
        return held | {"schema": fit_schema(output.schema, route)}
    return held | {"schema": fit_schema(strict, route), "strict": True}
