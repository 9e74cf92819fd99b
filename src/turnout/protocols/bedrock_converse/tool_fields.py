"""Tools and structured output as fields of the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from turnout.protocols.anthropic_messages.schema import close_schema
from turnout.protocols.bedrock_converse.errors import FORCED_CHOICE
from turnout.protocols.json_reading import is_object, objects
from turnout.protocols.json_values import check_value
from turnout.protocols.tool_schemas import fit_schema, write_parameters
from turnout.requests import merge_deep
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.requests import ModelRequest, OutputSpec, ToolSpec
    from turnout.routing.route import Route

_CHOICES: dict[str, dict[str, Any]] = {"auto": {"auto": {}}, "required": {"any": {}}}


def add_tools(body: dict[str, Any], request: ModelRequest, route: Route, warnings: list[Warning]) -> set[str]:
    """Write `toolConfig` into `body`; return the name of what may go once the server refuses it.

    The wire has no way to forbid tools but to leave them out, and does not let them be left out where the conversation
    holds calls: then they are told all the same, those of the request, or else the names that were called.
    """
    called = find_called(body["messages"])
    tools = request.tools if request.tool_choice != "none" or called else ()
    written: list[dict[str, Any]] = [_write_tool(tool, route) for tool in tools]
    if not tools:
        written = [{"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}} for name in called]
    if not written:
        return set()
    config: dict[str, Any] = {"tools": written}
    body["toolConfig"] = config
    choice = request.tool_choice
    if choice == "none":
        told = '`tool_choice` "none" was left out: this wire cannot say it where the conversation holds calls'
        warnings.append(Warning("dropped_setting", f"{told}, and the model may call a tool"))
    if choice in (None, "none") or not tools:
        return set()
    config["toolChoice"] = _CHOICES.get(choice) or {"tool": {"name": choice}}
    return set() if choice == "auto" else {FORCED_CHOICE}


def find_called(messages: list[dict[str, Any]]) -> list[str]:
    """Return the names of the client's tools that the conversation calls, each once."""
    blocks = [block.get("toolUse") for message in messages for block in objects(message["content"])]
    calls = [call for call in blocks if is_object(call) and call.get("type") != "server_tool_use"]
    return list(dict.fromkeys([call["name"] for call in calls if isinstance(call.get("name"), str)]))


def _write_tool(tool: ToolSpec, route: Route) -> dict[str, Any]:
    check_value(tool.parameters, f"parameters of the tool `{tool.name}`")
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["inputSchema"] = {"json": write_parameters(tool, route)}
    return {"toolSpec": written}


def find_format(output: OutputSpec, route: Route, refused: frozenset[str]) -> dict[str, Any] | None:
    """Return the `textFormat` that holds the answer to `output`; `None` where only the prompt can ask for it."""
    if output.mode != "json_schema" or "outputConfig" in refused:
        return None
    check_value(output.schema, "the schema of the output")
    closed = close_schema(output.schema)
    if closed is None:
        return None
    schema = fit_schema(closed, route)
    held: dict[str, Any] = {"name": output.name, "schema": msgspec.json.encode(schema).decode()}
    if output.description:
        held["description"] = output.description
    return {"type": "json_schema", "structure": {"jsonSchema": held}}


def merge_tools(mine: list[dict[str, Any]], theirs: list[Any]) -> list[Any]:
    """Return the tools of the request and those of `provider_options`.

    ``{"toolSpec": {"name": "search", "strict": True}}`` adds to the tool of that name; any other entry stands for
    itself: a `cachePoint`, a `systemTool`.
    """
    names = {tool["toolSpec"]["name"]: place for place, tool in enumerate(mine)}
    merged: list[Any] = list(mine)
    for tool in theirs:
        spec = tool.get("toolSpec") if is_object(tool) else None
        place = names.get(spec.get("name", "")) if is_object(spec) and "inputSchema" not in spec else None
        if place is None:
            merged.append(tool)
        else:
            merged[place] = merge_deep(merged[place], tool)
    return merged
