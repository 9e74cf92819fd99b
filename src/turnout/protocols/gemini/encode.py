"""A request as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols import EncodedRequest
from turnout.protocols.gemini.outgoing import write_messages
from turnout.protocols.gemini.place import write_url
from turnout.protocols.gemini.settings import write_settings
from turnout.protocols.json_reading import is_array, is_object
from turnout.protocols.json_values import check_value, write_body, write_headers
from turnout.protocols.wire_fields import WireFields, leave_out
from turnout.requests import merge_deep, read_options

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.responses import Warning
    from turnout.routing.route import Route

FIELDS = WireFields(
    lessons={
        "tools": ("tools",),
        "tools[].functionDeclarations": ("tools",),
        "toolConfig": ("tool_choice",),
        "toolConfig.functionCallingConfig": ("tool_choice",),
        "generationConfig.responseMimeType": ("response_format",),
        "generationConfig.responseJsonSchema": ("response_format",),
        "generationConfig.responseSchema": ("response_format",),
        "generationConfig.thinkingConfig": ("thinkingConfig",),
    },
    optional=(
        "generationConfig.thinkingConfig.includeThoughts",
        "generationConfig.thinkingConfig.thinkingLevel",
        "generationConfig.thinkingConfig.thinkingBudget",
    ),
    chosen=("generationConfig.responseMimeType",),
)
"""What is learned where a server refuses a field: https://ai.google.dev/api/generate-content."""


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return `request` as the bytes to send, and the URL, which names the model.

    Fields in `dropped` (the server refused them before) or in the quirks' `rejected_fields` are left out with a
    warning. `provider_options` of the route's provider are merged in last, over those for every provider (``"*"``);
    its `tools` (``[{"googleSearch": {}}]``) are added to those of the request. Raises `InvalidInputError` for what the
    wire cannot carry.
    """
    warnings: list[Warning] = []
    refused = dropped.union(route.quirks.rejected_fields)
    body = write_messages(request.messages, route, warnings)
    translated = write_settings(body, request, route, refused, warnings)
    if request.tools or request.output is not None:
        from turnout.protocols.gemini.tool_fields import add_tools  # a plain request does not pay for it

        translated |= add_tools(body, request, route)
    if refused:
        leave_out(body, refused, warnings)
    options = read_options(request, route.provider)
    if options:
        check_value(options, f"provider_options[{route.provider!r}]")
        body = _merge_options(body, options)
    return EncodedRequest(
        body=write_body(body),
        headers=write_headers(is_stream=request.stream),
        translated=_find_translated(translated, options),
        fields=FIELDS,
        warnings=tuple(warnings),
        url=write_url(route, is_stream=request.stream),
    )


def _find_translated(written: set[str], options: dict[str, Any]) -> frozenset[str]:
    """Return what was made of settings and is not the user's own as well."""
    config = options.get("generationConfig")
    own = {*options, *(config if is_object(config) else ())}
    if "responseMimeType" in own or "responseJsonSchema" in own or "responseSchema" in own:
        own.add("response_format")
    if "toolConfig" in own:
        own.add("tool_choice")
    return frozenset(written - own)


def _merge_options(body: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    merged = merge_deep(body, options)
    added = options.get("tools")
    if is_array(added):
        merged["tools"] = [*body.get("tools", []), *added]
    return merged
