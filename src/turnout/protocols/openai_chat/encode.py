"""A request as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols import EncodedRequest
from turnout.protocols.json_reading import is_array
from turnout.protocols.json_values import check_value, write_body, write_headers
from turnout.protocols.openai_chat.outgoing import write_messages
from turnout.protocols.openai_chat.settings import write_settings
from turnout.protocols.setting_fields import check_stream
from turnout.protocols.wire_fields import WireFields, leave_out
from turnout.requests import merge_deep, read_options
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route

_THOUGHTS = "messages[].reasoning_content"
FIELDS = WireFields(
    lessons={
        "tools": ("tools",),
        "tool_choice": ("tool_choice",),
        "response_format": ("response_format",),
        "response_format.type": ("response_format",),
        "response_format.json_schema": ("response_format",),
        "reasoning_content": (_THOUGHTS,),
        _THOUGHTS: (_THOUGHTS,),
    },
    optional=("response_format.json_schema.strict", "tools[].function.strict", "tools[].strict"),
    chosen=("response_format.type",),
)
"""What is learned where a server refuses a field: https://platform.openai.com/docs/api-reference/chat/create."""


_NONE: frozenset[str] = frozenset()


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return `request` as the bytes to send: model, messages, the settings that were given, and nothing else.

    Fields in `dropped` (the server refused them before) or in the quirks' `rejected_fields` are left out with a
    warning; a limit on tokens is then sent under its other name. `provider_options` of the route's provider are merged
    in last, over those for every provider (``"*"``): `tools` are added to those that are there (a function of the same
    name is merged), `response_format` replaces the one that is there. Raises `InvalidInputError` for what the wire
    cannot carry.
    """
    warnings: list[Warning] = []
    refused = dropped.union(route.quirks.rejected_fields)
    body: dict[str, Any] = {"model": route.model, "messages": write_messages(request.messages, route, warnings)}
    added, translated = write_settings(body, request, route, refused, warnings)
    if request.tools or request.output is not None:
        from turnout.protocols.openai_chat.tool_fields import add_tools  # a plain request does not pay for it

        translated |= add_tools(body, request, route)
    if request.stream:
        body["stream"] = True
        if "stream_options" not in refused:
            body["stream_options"] = {"include_usage": True}
            added.add("stream_options")
        elif "stream_options" in dropped:
            warnings.append(_dropped("stream_options", "usage and cost may be unknown"))
    if route.facts is not None and route.facts.reasoning_field == "reasoning_content":
        translated.add(_THOUGHTS)
    if refused:
        leave_out(body, refused, warnings)
    options = read_options(request, route.provider)
    if options:
        body = _merge_options(body, options, request, route.provider)
    encoded = write_body(body)
    return EncodedRequest(
        body=encoded,
        headers=write_headers(is_stream=request.stream),
        added=frozenset(added - options.keys()),
        translated=frozenset(translated - options.keys()) if translated else _NONE,
        fields=FIELDS,
        warnings=tuple(warnings),
    )


def _merge_options(
    body: dict[str, Any], options: dict[str, Any], request: ModelRequest, provider: str
) -> dict[str, Any]:
    where = f"provider_options[{provider!r}]"
    check_value(options, where)
    check_stream(options, request, where)
    merged = merge_deep(body, options)
    if "tools" in body and is_array(options.get("tools")):
        from turnout.protocols.openai_chat.tool_fields import merge_tools

        merged["tools"] = merge_tools(body["tools"], options["tools"])
    if "response_format" in options:
        merged["response_format"] = options["response_format"]
    return merged


def _dropped(name: str, consequence: str) -> Warning:
    return Warning("dropped_setting", f"`{name}` was left out, because the provider refuses it: {consequence}")
