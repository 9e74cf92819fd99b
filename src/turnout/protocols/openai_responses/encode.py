"""A request as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols import EncodedRequest
from turnout.protocols.json_reading import is_array, is_object
from turnout.protocols.json_values import check_value, write_body, write_headers
from turnout.protocols.openai_responses.input_items import write_input
from turnout.protocols.openai_responses.settings import write_settings
from turnout.protocols.setting_fields import check_stream
from turnout.protocols.wire_fields import WireFields, leave_out
from turnout.requests import merge_deep, read_options

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.responses import Warning
    from turnout.routing.route import Route

_STATEFUL = frozenset({"previous_response_id", "conversation", "background", "store"})
_ENCRYPTED = "reasoning.encrypted_content"

FIELDS = WireFields(
    lessons={
        "tools": ("tools",),
        "tool_choice": ("tool_choice",),
        "text": ("text", "response_format"),
        "text.format": ("response_format",),
        "text.format.type": ("response_format",),
        "response_format": ("response_format",),  # what servers that speak this wire over another one may call it
    },
    optional=("tools[].strict", "text.format.strict", "reasoning.effort"),
    chosen=("text.format.type",),
)
"""What is learned where a server refuses a field: https://platform.openai.com/docs/api-reference/responses/create."""


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return `request` as the bytes to send: model, input, the settings that were given, and that nothing is stored.

    `provider_options` of the route's provider are merged in last, over those for every provider (``"*"``): `tools` and
    `include` in them are added to those that are there (a function of the same name is merged), a `text.format`
    replaces the one that is there. With `previous_response_id`, `conversation`, `background` or `store` among them the
    call is stateful, and neither `store` nor encrypted reasoning is asked for. Fields in `dropped` or in the quirks'
    `rejected_fields` are left out with a warning. Raises `InvalidInputError` for what the wire cannot carry.
    """
    warnings: list[Warning] = []
    refused = dropped.union(route.quirks.rejected_fields)
    options = read_options(request, route.provider)
    instructions, items = write_input(request.messages, route, warnings)
    body: dict[str, Any] = {"model": route.model, "input": items}
    if instructions is not None:
        body["instructions"] = instructions
    added, translated = write_settings(body, request, route, refused, warnings)
    if request.tools or request.output is not None:
        from turnout.protocols.openai_responses.tool_fields import add_tools  # a plain request does not pay for it

        translated |= add_tools(body, request, route, refused, warnings)
    if request.stream:
        body["stream"] = True
    added |= _stay_stateless(body, options, route, refused, warnings)
    if refused:
        leave_out(body, refused, warnings)
    if options:
        body = _merge_options(body, options, request, route.provider)
    return EncodedRequest(
        body=write_body(body),
        headers=write_headers(is_stream=request.stream),
        added=frozenset(added - (options.keys() - {"include"})),
        translated=frozenset(translated - _own_fields(options)),
        fields=FIELDS,
        warnings=tuple(warnings),
    )


def _own_fields(options: dict[str, Any]) -> set[str]:
    """Return the fields that are the user's own: `text` only where its format is."""
    text = options.get("text")
    own = set(options)
    if is_object(text) and "format" not in text:
        own.discard("text")
    return own | {"response_format"} if "text" in own else own


def _stay_stateless(
    body: dict[str, Any], options: dict[str, Any], route: Route, refused: frozenset[str], warnings: list[Warning]
) -> set[str]:
    """Ask the provider to store nothing, and for the reasoning in a form that can go back; return the fields for it."""
    added: set[str] = set()
    if not _STATEFUL & options.keys() and "store" not in refused:
        body["store"] = False
        added.add("store")
    is_stored = bool(_STATEFUL & options.keys()) and options.get("store") is not False
    if not is_stored and _may_reason(route) and "include" not in refused:
        body.setdefault("include", []).append(_ENCRYPTED)
    if "include" in body:
        added.add("include")
    return added


def _may_reason(route: Route) -> bool:
    return route.facts is None or route.facts.supports_reasoning is not False


def _merge_options(
    body: dict[str, Any], options: dict[str, Any], request: ModelRequest, provider: str
) -> dict[str, Any]:
    where = f"provider_options[{provider!r}]"
    check_value(options, where)
    check_stream(options, request, where)
    merged = merge_deep(body, options)
    if "tools" in body and is_array(options.get("tools")):
        merged["tools"] = _merge_tools(body["tools"], options["tools"])
    if "include" in body and is_array(options.get("include")):
        merged["include"] = body["include"] + [word for word in options["include"] if word not in body["include"]]
    text = options.get("text")
    if is_object(text) and "format" in text:
        merged["text"]["format"] = text["format"]
    return merged


def _merge_tools(mine: list[dict[str, Any]], given: list[Any]) -> list[Any]:
    """Return both: what is given for a function that is there already is merged into it, anything else is added."""
    places = {tool["name"]: place for place, tool in enumerate(mine)}
    merged: list[Any] = list(mine)
    for tool in given:
        is_function = is_object(tool) and tool.get("type") == "function"
        place = places.get(str(tool.get("name"))) if is_function else None
        if place is None:
            merged.append(tool)
        else:
            merged[place] = merge_deep(merged[place], tool)
    return merged
