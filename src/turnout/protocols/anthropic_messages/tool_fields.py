"""Tools and structured output as fields of the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.anthropic_messages.schema import close_schema
from turnout.protocols.json_reading import is_object, objects
from turnout.protocols.tool_schemas import fit_schema, write_parameters
from turnout.requests import merge_deep
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.requests import ModelRequest, OutputSpec, ToolSpec
    from turnout.routing.route import Route

_CHOICES = {"auto": "auto", "required": "any", "none": "none"}


def add_tools(body: dict[str, Any], request: ModelRequest, route: Route, refused: frozenset[str]) -> set[str]:
    """Write the tools of `request`, and its choice of them, into `body`; return the fields that were made of them."""
    body["tools"] = [_write_tool(tool, route) for tool in request.tools]
    choice: dict[str, Any] | None = None
    if request.tool_choice is not None:
        kind = _CHOICES.get(request.tool_choice)
        choice = {"type": "tool", "name": request.tool_choice} if kind is None else {"type": kind}
    parallel = request.settings.parallel_tool_calls
    if parallel is False or (parallel and choice is not None):
        choice = choice or {"type": "auto"}
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = not parallel
    if choice is None or "tool_choice" in refused:
        return {"tools"}
    body["tool_choice"] = choice
    return {"tools", "tool_choice"}


def _write_tool(tool: ToolSpec, route: Route) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    return {**written, "input_schema": write_parameters(tool, route)}


def find_format(output: OutputSpec, route: Route, refused: frozenset[str]) -> dict[str, Any] | None:
    """Return the schema that holds the answer to `output`; `None` where only the prompt can ask for it."""
    if output.mode != "json_schema" or "output_config" in refused:
        return None
    closed = close_schema(output.schema)
    if closed is None:
        return None
    return {"type": "json_schema", "schema": fit_schema(closed, route)}


def ask_in_prompt(request: ModelRequest, output: OutputSpec, route: Route, warnings: list[Warning]) -> ModelRequest:
    """Return `request` with its output asked for in the prompt; of JSON mode the prompt speaks already."""
    from msgspec import structs

    from turnout.adaptation.instructions import add_instruction, output_instruction

    message = f"`{route.asked}` cannot be held to this schema: the prompt asks for JSON, and the answer is checked"
    warnings.append(Warning("prompted_output", message))
    if output.mode != "json_schema":
        return request
    return structs.replace(request, messages=add_instruction(request.messages, output_instruction(output)))


def merge_tools(mine: list[dict[str, Any]], theirs: list[Any]) -> list[Any]:
    """Return the tools of the request and those of `provider_options`: fields for one of them, and the provider's own.

    ``{"name": "search", "cache_control": …}`` adds to the tool of that name; any other stands for itself.
    """
    added: dict[Any, dict[str, Any]] = {str(tool.get("name")): tool for tool in objects(theirs)}
    names = [tool["name"] for tool in mine]  # no set: a client may send a name that is a list
    merged: list[Any] = [merge_deep(tool, added.get(tool["name"], {})) for tool in mine]
    return merged + [tool for tool in theirs if not (is_object(tool) and tool.get("name") in names)]
