"""A request as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols import EncodedRequest
from turnout.protocols.cohere_chat.outgoing import write_messages
from turnout.protocols.cohere_chat.settings import write_settings
from turnout.protocols.json_reading import is_array
from turnout.protocols.json_values import check_value, write_body, write_headers
from turnout.protocols.setting_fields import check_stream
from turnout.protocols.tool_schemas import fit_schema, write_parameters
from turnout.protocols.wire_fields import WireFields, leave_out
from turnout.requests import merge_deep, read_options
from turnout.routing.hosts import join_path

if TYPE_CHECKING:
    from turnout.requests import ModelRequest, ToolSpec
    from turnout.responses import Warning
    from turnout.routing.route import Route

CHOICES = {"required": "REQUIRED", "none": "NONE"}
"""Tool choices and their words; there is none for ``"auto"``, which is what happens without one."""

_PATH = "/chat"
FIELDS = WireFields(
    lessons={
        "tools": ("tools",),
        "tool_choice": ("tool_choice",),
        "response_format": ("response_format",),
        "response_format.type": ("response_format",),
        "response_format.json_schema": ("response_format",),
        "response_format.schema": ("response_format",),  # its name in the API before
    },
    optional=("thinking.token_budget",),
    chosen=("response_format.type",),
)
"""What is learned where a server refuses a field: https://docs.cohere.com/reference/chat."""


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return `request` as the bytes to send, and the URL: ``{base}/chat``, the base ends in ``/v2``.

    Fields in `dropped` (the server refused them before) or in the quirks' `rejected_fields` are left out with a
    warning. `provider_options` of the route's provider (`documents`, `safety_mode`, `citation_options`) are merged in
    last, over those for every provider (``"*"``); `tools` are added to those that are there (a function of the same
    name is merged). Raises `InvalidInputError` for what the wire cannot carry.
    """
    warnings: list[Warning] = []
    refused = dropped.union(route.quirks.rejected_fields)
    body: dict[str, Any] = {
        "model": route.model,
        "messages": write_messages(request.messages, route.maker, warnings),
    }
    translated = write_settings(body, request, route, refused, warnings)
    translated |= _add_tools(body, request, route)
    if refused:
        leave_out(body, refused, warnings)
    if request.stream:
        body["stream"] = True
    options = read_options(request, route.provider)
    if options:
        where = f"provider_options[{route.provider!r}]"
        check_value(options, where)
        check_stream(options, request, where)
        body = _merge_options(body, options)
    base = route.base_url.partition("?")[0]
    return EncodedRequest(
        body=write_body(body),
        headers=write_headers(is_stream=request.stream),
        translated=frozenset(translated - options.keys()),
        fields=FIELDS,
        warnings=tuple(warnings),
        url=join_path(route.base_url, "" if base.endswith(_PATH) else _PATH),
    )


def _merge_options(body: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    merged = merge_deep(body, options)
    if "tools" in body and is_array(options.get("tools")):
        from turnout.protocols.openai_chat.tool_fields import merge_tools

        merged["tools"] = merge_tools(body["tools"], options["tools"])
    return merged


def _add_tools(body: dict[str, Any], request: ModelRequest, route: Route) -> set[str]:
    """Write tools, tool choice and structured output; return which of them are there.

    A tool that has to be called is the only one that is offered.
    """
    if request.tools:
        choice = request.tool_choice or "auto"
        tools = [tool for tool in request.tools if choice in ("auto", *CHOICES) or tool.name == choice]
        body["tools"] = [_write_tool(tool, route) for tool in tools]
        if choice != "auto":
            body["tool_choice"] = CHOICES.get(choice, "REQUIRED")
    if request.output is not None:
        held = {"json_schema": fit_schema(request.output.schema, route)} if request.output.mode == "json_schema" else {}
        body["response_format"] = {"type": "json_object", **held}
    return {"tools", "tool_choice", "response_format"} & body.keys()


def _write_tool(tool: ToolSpec, route: Route) -> dict[str, Any]:
    check_value(tool.parameters, f"parameters of the tool `{tool.name}`")
    function = {"name": tool.name, "description": tool.description, "parameters": write_parameters(tool, route)}
    return {"type": "function", "function": function}
