"""Tools and structured output as fields of the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.json_reading import is_object
from turnout.protocols.tool_schemas import fit_schema, write_parameters
from turnout.requests import merge_deep
from turnout.schemas import make_strict

if TYPE_CHECKING:
    from turnout.requests import ModelRequest, OutputSpec, ToolSpec
    from turnout.routing.route import Route

_CHOICES = frozenset({"auto", "required", "none"})


def add_tools(body: dict[str, Any], request: ModelRequest, route: Route) -> set[str]:
    """Write tools, tool choice and `response_format` into `body`; return the fields that were made of them.

    What the model lacks was settled before (`turnout.adaptation`): all that the request still holds is written.
    """
    fields: dict[str, Any] = {}
    if request.tools:
        fields["tools"] = [_write_tool(tool, route) for tool in request.tools]
        if request.tool_choice is not None:
            fields["tool_choice"] = _write_choice(request.tool_choice)
    if request.output is not None:
        fields["response_format"] = _write_format(request.output, route)
    body.update(fields)
    return set(fields)


def _write_tool(tool: ToolSpec, route: Route) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": write_parameters(tool, route)}
    return {"type": "function", "function": function}


def _write_choice(choice: str) -> str | dict[str, Any]:
    return choice if choice in _CHOICES else {"type": "function", "function": {"name": choice}}


def _write_format(output: OutputSpec, route: Route) -> dict[str, Any]:
    if output.mode != "json_schema":
        return {"type": "json_object"}
    held: dict[str, Any] = {"name": output.name}
    if output.description:
        held["description"] = output.description
    strict = make_strict(output.schema) if route.quirks.takes_strict else None
    if strict is None:
        held["schema"] = fit_schema(output.schema, route)
    else:
        held |= {"schema": fit_schema(strict, route), "strict": True}
    return {"type": "json_schema", "json_schema": held}


def merge_tools(mine: list[dict[str, Any]], given: list[Any]) -> list[Any]:
    """Return both: what is given for a function that is there already is merged into it, anything else is added."""
    places = {tool["function"]["name"]: place for place, tool in enumerate(mine)}
    merged: list[Any] = list(mine)
    for tool in given:
        function = tool.get("function") if is_object(tool) else None
        place = places.get(str(function.get("name"))) if is_object(function) else None
        if place is None:
            merged.append(tool)
        else:
            merged[place] = merge_deep(merged[place], tool)
    return merged
