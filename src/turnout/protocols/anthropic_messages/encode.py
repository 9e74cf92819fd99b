"""A request as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import InvalidInputError
from turnout.protocols import EncodedRequest
from turnout.protocols.anthropic_messages.outgoing import write_conversation
from turnout.protocols.anthropic_messages.own import OWN
from turnout.protocols.anthropic_messages.settings import find_limit, settle_thinking, write_settings
from turnout.protocols.anthropic_messages.variants import (
    API_VERSION,
    DIRECT,
    address,
    find_variant,
    place_betas,
    write_url,
)
from turnout.protocols.json_reading import is_array
from turnout.protocols.json_values import check_value, write_body
from turnout.protocols.setting_fields import check_stream
from turnout.protocols.wire_fields import WireFields, leave_out
from turnout.requests import merge_deep

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.responses import Warning
    from turnout.routing.route import Route

FIELDS = WireFields(
    lessons={
        "tools": ("tools",),
        "tool_choice": ("tool_choice",),
        "output_config": ("output_config", "response_format"),
        "output_config.format": ("response_format",),
        "output_config.format.type": ("response_format",),
        "output_format": ("response_format",),  # its name in the beta
    },
    optional=("output_config.effort", "tool_choice.disable_parallel_tool_use"),
    chosen=("output_config.format.type",),
)
"""What is learned where a server refuses a field: https://platform.claude.com/docs/en/api/messages."""


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return `request` as the bytes to send: model, `max_tokens`, messages, the settings that were given.

    Fields in `dropped` (the server refused them before) or in the quirks' `rejected_fields` are left out with a
    warning. `provider_options` are merged in last: those for every provider (``"*"``), for this wire format
    (``"anthropic_messages"``) and for the route's provider, of which ``tools`` are added to the tools of the request,
    and ``anthropic_beta`` goes where the place wants it. Raises `InvalidInputError` for what the wire cannot carry.
    """
    warnings: list[Warning] = []
    refused = dropped.union(route.quirks.rejected_fields)
    variant = find_variant(route)
    output_format: dict[str, Any] | None = None
    if request.output is not None:
        from turnout.protocols.anthropic_messages.tool_fields import ask_in_prompt, find_format

        output_format = find_format(request.output, route, refused)
        if output_format is None:
            request = ask_in_prompt(request, request.output, route, warnings)
    body, translated = _write_body(request, route, refused, warnings)
    if output_format is not None:
        body["output_config"] = {**body.get("output_config", {}), "format": output_format}
        translated |= {"output_config", "response_format"}
    if refused:
        leave_out(body, refused, warnings)
    options = OWN.read(request, route.maker)
    if options:
        body = _merge_options(body, options, request)
    settle_thinking(body, warnings)
    headers = {
        "content-type": "application/json",
        "accept": variant.stream_type if request.stream else "application/json",
        **({"anthropic-version": API_VERSION} if variant is DIRECT else {}),
    }
    betas = place_betas(body, route, variant)
    return EncodedRequest(
        body=write_body(address(body, route, variant, is_stream=request.stream)),
        headers=headers,
        joined_headers=betas,
        translated=_find_translated(translated, body, options),
        fields=FIELDS,
        warnings=tuple(warnings),
        url=write_url(route, variant, is_stream=request.stream),
    )


def _find_translated(written: set[str], body: dict[str, Any], options: dict[str, Any]) -> frozenset[str]:
    """Return the fields that were made of settings, are still there, and are not the user's own as well."""
    kept = frozenset(written & body.keys()) - options.keys()
    return kept | {"response_format"} if "response_format" in written and "output_config" in kept else kept


def _write_body(
    request: ModelRequest, route: Route, refused: frozenset[str], warnings: list[Warning]
) -> tuple[dict[str, Any], set[str]]:
    """Return the body without the fields of its place, and the fields of it that were made of settings."""
    if not request.messages:
        raise InvalidInputError("messages is empty: give at least one message, such as a string")
    told = write_conversation(request.messages, route, warnings)
    body: dict[str, Any] = {"max_tokens": find_limit(request, route)}
    if told.system is not None:
        body["system"] = told.system
    body["messages"] = told.messages
    if told.container is not None:
        body["container"] = told.container
    translated = write_settings(body, request, route, refused, warnings)
    if request.tools:
        from turnout.protocols.anthropic_messages.tool_fields import add_tools  # a plain request does not pay for it

        translated |= add_tools(body, request, route, refused)
    return body, translated


def _merge_options(body: dict[str, Any], options: dict[str, Any], request: ModelRequest) -> dict[str, Any]:
    where = "provider_options"
    check_value(options, where)
    check_stream(options, request, where)
    options = {name: value for name, value in options.items() if name != "stream"}
    tools = options.get("tools")
    if is_array(tools) and "tools" in body:
        from turnout.protocols.anthropic_messages.tool_fields import merge_tools

        options["tools"] = merge_tools(body["tools"], tools)
    return merge_deep(body, options)
