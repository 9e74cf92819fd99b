"""Tools and structured output as fields of the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.json_values import check_value
from turnout.protocols.tool_schemas import fit_schema, write_parameters

if TYPE_CHECKING:
    from turnout.requests import ModelRequest, ToolSpec
    from turnout.routing.route import Route

MODES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}
"""Tool choices and their modes."""


def add_tools(body: dict[str, Any], request: ModelRequest, route: Route) -> set[str]:
    """Write tools, tool choice and structured output into `body`; return which of them are there, by turnout's names.

    What the model lacks was settled before (`turnout.adaptation`): all that the request still holds is written.
    """
    written: set[str] = set()
    if request.tools:
        written.add("tools")
        body["tools"] = [{"functionDeclarations": [_write_tool(tool, route) for tool in request.tools]}]
        if request.tool_choice is not None:
            written.add("tool_choice")
            body["toolConfig"] = {"functionCallingConfig": _write_choice(request.tool_choice)}
    if request.output is not None:
        written.add("response_format")
        config = body.setdefault("generationConfig", {})
        config["responseMimeType"] = "application/json"
        if request.output.mode == "json_schema":
            config["responseJsonSchema"] = fit_schema(request.output.schema, route)
    return written


def _write_tool(tool: ToolSpec, route: Route) -> dict[str, Any]:
    check_value(tool.parameters, f"parameters of the tool `{tool.name}`")
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": write_parameters(tool, route)}


def _write_choice(choice: str) -> dict[str, Any]:
    mode = MODES.get(choice)
    return {"mode": "ANY", "allowedFunctionNames": [choice]} if mode is None else {"mode": mode}
