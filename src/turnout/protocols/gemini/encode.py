"""A request as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols import EncodedRequest
from turnout.protocols.gemini.outgoing import write_messages
from turnout.protocols.gemini.place import write_url
from turnout.protocols.gemini.settings import write_settings
from turnout.protocols.json_reading import is_array
from turnout.protocols.json_values import check_value, write_body
from turnout.requests import merge_deep

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.responses import Warning
    from turnout.routing.route import Route


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

        add_tools(body, request, route)
    options = request.provider_options.get(route.provider, {})
    if "*" in request.provider_options:
        options = merge_deep(request.provider_options["*"], options)
    if options:
        check_value(options, f"provider_options[{route.provider!r}]")
        body = _merge_options(body, options)
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if request.stream else "application/json",
    }
    return EncodedRequest(
        body=write_body(body),
        headers=headers,
        translated=frozenset(translated),
        warnings=tuple(warnings),
        url=write_url(route, is_stream=request.stream),
    )


def _merge_options(body: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    merged = merge_deep(body, options)
    added = options.get("tools")
    if is_array(added):
        merged["tools"] = [*body.get("tools", []), *added]
    return merged
