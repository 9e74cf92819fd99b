"""A request as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from turnout.errors import InvalidModelError
from turnout.protocols import EncodedRequest
from turnout.protocols.bedrock_converse.errors import FORCED_CHOICE
from turnout.protocols.bedrock_converse.outgoing import write_conversation
from turnout.protocols.bedrock_converse.own import read_own
from turnout.protocols.bedrock_converse.settings import write_settings
from turnout.protocols.bedrock_converse.thinking import settle_thinking
from turnout.protocols.json_reading import is_array, is_object, objects
from turnout.protocols.json_values import write_body
from turnout.protocols.setting_fields import check_stream
from turnout.protocols.wire_fields import WireFields, leave_out
from turnout.requests import merge_deep
from turnout.routing.hosts import join_path

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.responses import Warning
    from turnout.routing.route import Route

_MORE = "additionalModelRequestFields"
_THINKING = frozenset({"thinking", "reasoningConfig", "reasoning_config", "reasoning_effort", "output_config"})

FIELDS = WireFields(
    lessons={
        "toolConfig": ("tools",),
        "toolConfig.tools": ("tools",),
        "toolConfig.toolChoice": (FORCED_CHOICE,),
        "outputConfig": ("outputConfig", "response_format"),
        "outputConfig.textFormat": ("response_format",),
    },
    optional=("outputConfig.effort", *(f"{_MORE}.{name}" for name in sorted(_THINKING))),
)
"""What is learned where a model refuses a field:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html."""


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return `request` as the bytes to send, and the URL, which names the model.

    Fields in `dropped` (the server refused them before) or in the quirks' `rejected_fields` are left out with a
    warning. `provider_options` are merged in last: those for every provider (``"*"``), for this wire format
    (``"bedrock_converse"``) and for the route's provider; ``toolConfig.tools`` in them are added to the tools of the
    request. Raises `InvalidInputError` for what the wire cannot carry.
    """
    warnings: list[Warning] = []
    refused = dropped.union(route.quirks.rejected_fields)
    options = read_own(request, route.provider, "")
    text_format: dict[str, Any] | None = None
    if request.output is not None:
        from turnout.protocols.anthropic_messages.tool_fields import ask_in_prompt
        from turnout.protocols.bedrock_converse.tool_fields import find_format

        text_format = find_format(request.output, route, refused)
        if text_format is None:
            request = ask_in_prompt(request, request.output, route, warnings)
    body = write_conversation(request.messages, route, warnings)
    has_own = _has_own_thinking(options)
    translated = write_settings(body, request, route, refused, warnings, has_own_thinking=has_own)
    added = _add_tools(body, request, route, warnings)
    if text_format is not None:
        body["outputConfig"] = {**body.get("outputConfig", {}), "textFormat": text_format}
        translated |= {"outputConfig", "response_format"}
    if request.tools:
        translated.add("tools")
    if refused:
        leave_out(body, refused, warnings)
    if options:
        body = _merge_options(body, options, request)
    settle_thinking(body, warnings)
    return EncodedRequest(
        body=write_body(body),
        headers={
            "content-type": "application/json",
            "accept": "application/vnd.amazon.eventstream" if request.stream else "application/json",
        },
        added=frozenset(added),
        translated=frozenset(translated - _own_fields(options)),
        fields=FIELDS,
        warnings=tuple(warnings),
        url=write_url(route, is_stream=request.stream),
    )


def _own_fields(options: dict[str, Any]) -> set[str]:
    """Return the fields that are the user's own, and what they are for."""
    meant = {"toolConfig": "tools", "outputConfig": "response_format"}
    return {*options, *(meant[name] for name in meant.keys() & options.keys())}


def write_url(route: Route, *, is_stream: bool) -> str:
    """Return ``{base}/model/{model}/converse``; the model may be an ARN, which is encoded whole.

    Raises `InvalidModelError` for an id that leads out of its place.
    """
    if route.model in ("", ".", ".."):
        raise InvalidModelError(f"the model id {route.model!r} cannot be part of a URL: name a model")
    method = "converse-stream" if is_stream else "converse"
    return join_path(route.base_url, f"/model/{quote(route.model, safe='')}/{method}")


def _has_own_thinking(options: dict[str, Any]) -> bool:
    """Whether `provider_options` say themselves how the model is to think."""
    more, config = options.get(_MORE), options.get("outputConfig")
    return (is_object(more) and not _THINKING.isdisjoint(more)) or (is_object(config) and "effort" in config)


def _add_tools(body: dict[str, Any], request: ModelRequest, route: Route, warnings: list[Warning]) -> set[str]:
    """Write the tools; a plain request does not pay for it."""
    blocks = [block for message in body["messages"] for block in objects(message["content"])]
    if not request.tools and not any("toolUse" in block for block in blocks):
        return set()
    from turnout.protocols.bedrock_converse.tool_fields import add_tools

    return add_tools(body, request, route, warnings)


def _merge_options(body: dict[str, Any], options: dict[str, Any], request: ModelRequest) -> dict[str, Any]:
    check_stream(options, request, "provider_options")
    merged = merge_deep(body, {name: value for name, value in options.items() if name != "stream"})
    config = options.get("toolConfig")
    if "toolConfig" in body and is_object(config) and is_array(config.get("tools")):
        from turnout.protocols.bedrock_converse.tool_fields import merge_tools

        merged["toolConfig"]["tools"] = merge_tools(body["toolConfig"]["tools"], config["tools"])
    return merged
