"""How a request is put to a model that may lack tools, or a way to hold it to a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from turnout.adaptation.instructions import (
    add_instruction,
    answered_tools,
    call_instruction,
    emulation_schema,
    output_instruction,
    spell_calls,
    spell_reports,
    tool_instructions,
    uses_tools,
)
from turnout.adaptation.rewriter import Rewriter
from turnout.requests import ModelRequest, OutputSpec, ToolSpec
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.requests import OutputMode
    from turnout.routing.route import Route

OUTPUT_TOOL = "final_answer"
"""The name of the tool that a model is made to call with its structured output."""


class Adapted(Struct, frozen=True, kw_only=True):
    """A request as the model can take it. `is_output_pending`: its structured output has to be asked for in a step of
    its own, without tools, as the provider refuses both in one request."""

    request: ModelRequest
    rewriter: Rewriter | None = None
    warnings: tuple[Warning, ...] = ()
    is_output_pending: bool = False


def adapt(request: ModelRequest, route: Route, refused: frozenset[str] = frozenset()) -> Adapted:
    """Return `request` as the model of `route` can take it; the server is known to refuse the fields in `refused`.

    A request with neither tools nor output, before or now, comes back as it is.
    """
    if not request.tools and request.output is None and not uses_tools(request.messages):
        return Adapted(request=request)
    refused = refused.union(route.quirks.rejected_fields)
    if lacks_tools(route, refused):
        tools = _offer_tools(request, route)
        if tools:
            return _emulate_tools(request, tools, route, refused)
        request = structs.replace(request, messages=spell_reports(request.messages), tools=(), tool_choice=None)
    if request.output is None:
        return _choose_tool(request, route, refused)
    return _ask_for_output(request, route, refused)


def lacks_tools(route: Route, refused: frozenset[str] = frozenset()) -> bool:
    """Tell whether the model of `route` takes no tools, as far as is known."""
    return "tools" in refused or (route.facts is not None and route.facts.supports_tools is False)


def output_mode(route: Route, refused: frozenset[str] = frozenset()) -> OutputMode:
    """Return how the model of `route` is best held to a schema; see `OutputMode`.

    By the wire's own field where the catalog says that the model holds to it, or where nothing is known of the model
    at all; else by JSON mode where the provider is known to have it; else by a tool; else by the prompt.
    """
    facts, taken = route.facts, route.quirks.response_format
    if taken is None and (facts is None or facts.supports_structured_output):
        taken = "json_schema"
    if taken in ("json_schema", "json_object") and "response_format" not in refused:
        return taken
    if facts is not None and facts.supports_tools and _takes_choice(route, refused) and "tools" not in refused:
        return "tool"
    return "prompt"


def _takes_choice(route: Route, refused: frozenset[str]) -> bool:
    return route.quirks.takes_forced_tools and "tool_choice" not in refused


def _choose_tool(request: ModelRequest, route: Route, refused: frozenset[str]) -> Adapted:
    """Return `request` with a tool choice that the server takes; the prompt asks where it takes none."""
    choice = request.tool_choice
    if not request.tools or choice in (None, "auto"):
        is_refused = choice is not None and "tool_choice" in refused
        return Adapted(request=structs.replace(request, tool_choice=None) if is_refused else request)
    if choice == "none":
        return Adapted(request=request if "tool_choice" not in refused else structs.replace(request, tools=()))
    if _takes_choice(route, refused):
        return Adapted(request=request)
    asked = structs.replace(
        request,
        tool_choice=None if "tool_choice" in refused else "auto",
        messages=add_instruction(request.messages, call_instruction(choice)),
    )
    message = f"`{route.asked}` cannot be made to call a tool: the prompt asks it to"
    return Adapted(request=asked, warnings=(Warning("prompted_tool_choice", message),))


def _ask_for_output(request: ModelRequest, route: Route, refused: frozenset[str]) -> Adapted:
    assert request.output is not None  # noqa: S101 - for the type checker
    mode = request.output.mode
    if mode is None or (lacks_tools(route, refused) if mode == "tool" else "response_format" in refused):
        mode = output_mode(route, refused)
    if mode in ("json_schema", "json_object") and request.tools and not route.quirks.takes_tools_with_output:
        without = _choose_tool(structs.replace(request, output=None), route, refused)
        return structs.replace(without, is_output_pending=True)
    if mode == "tool":
        return _force_output_tool(request, request.output, route, refused)
    warnings: tuple[Warning, ...] = ()
    messages = request.messages
    if mode == "json_schema":
        output = structs.replace(request.output, mode=mode)
    else:
        messages = add_instruction(messages, output_instruction(request.output))
        output = structs.replace(request.output, mode=mode) if mode == "json_object" else None
    if mode == "prompt":
        message = f"`{route.asked}` cannot be held to a schema: the prompt asks for JSON, and the answer is checked"
        warnings = (Warning("prompted_output", message),)
    chosen = _choose_tool(structs.replace(request, messages=messages, output=output), route, refused)
    return structs.replace(chosen, warnings=warnings + chosen.warnings)


def _force_output_tool(request: ModelRequest, output: OutputSpec, route: Route, refused: frozenset[str]) -> Adapted:
    from turnout.adaptation.output_tool import OutputToolRewriter

    own = () if request.tool_choice == "none" else request.tools
    if own and request.tool_choice not in (None, "auto"):  # one of them has to be called before the output is given
        without = _choose_tool(structs.replace(request, output=None), route, refused)
        return structs.replace(without, is_output_pending=True)
    name = OUTPUT_TOOL
    while any(tool.name == name for tool in own):
        name += "_"
    description = output.description or "Give the final answer by calling this tool."
    tool = ToolSpec(name=name, description=description, parameters=output.schema)
    choice = "required" if own else name
    asked = structs.replace(request, tools=(*own, tool), tool_choice=choice, output=None)
    return structs.replace(_choose_tool(asked, route, refused), rewriter=OutputToolRewriter(name))


def _offer_tools(request: ModelRequest, route: Route) -> tuple[ToolSpec, ...]:
    """Return the tools that a model without tools of its own is told of."""
    choice = request.tool_choice or "auto"
    if choice == "none":
        return ()
    if choice not in ("auto", "required"):
        return tuple(tool for tool in request.tools if tool.name == choice)
    if route.quirks.offers_tools_once:
        answered = answered_tools(request.messages)
        return tuple(tool for tool in request.tools if tool.name not in answered)
    return request.tools


def _emulate_tools(
    request: ModelRequest, tools: tuple[ToolSpec, ...], route: Route, refused: frozenset[str]
) -> Adapted:
    from turnout.adaptation.emulation import EmulationRewriter

    is_forced = request.tool_choice not in (None, "auto")
    answer = request.output and request.output.schema
    mode = output_mode(route, refused)
    is_held = mode in ("json_schema", "json_object")
    instructions = tool_instructions(tools, request.output, is_forced=is_forced, is_json_only=is_held)
    output: OutputSpec | None = None
    if is_held:
        schema = emulation_schema(tools, answer, is_forced=is_forced)
        output = OutputSpec(schema=schema, name="reply", mode=mode)
    asked = structs.replace(
        request,
        messages=add_instruction(spell_calls(request.messages), instructions),
        tools=(),
        tool_choice=None,
        output=output,
    )
    how = "constrained JSON" if mode == "json_schema" else "the prompt"
    warning = Warning("emulated_tools", f"`{route.asked}` has no tools of its own: they work through {how}")
    names = frozenset(tool.name for tool in tools)
    return Adapted(request=asked, rewriter=EmulationRewriter(names), warnings=(warning,))
