"""A request of a client of this wire format, read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import unquote

from turnout.protocols.bedrock_converse.incoming_messages import parse_messages, parse_system
from turnout.protocols.bedrock_converse.own import OWN
from turnout.protocols.bedrock_converse.settings import NAMES
from turnout.protocols.json_reading import as_text, is_object, read_object
from turnout.protocols.request_reading import read_body, take_list, take_object, take_text, wrong
from turnout.protocols.serving import ParsedRequest
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ReasoningEffort, ToolSpec, read_settings

if TYPE_CHECKING:
    from turnout.messages import Message

_Dict = dict[str, Any]
_EFFORTS = frozenset(get_args(ReasoningEffort)) - {"none", "minimal"}
_READ = frozenset({"messages", "system", "inferenceConfig", "toolConfig", "outputConfig", "serviceTier", "modelId"})


def parse_request(body: bytes, *, model: str = "", stream: bool = False) -> ParsedRequest:
    """Return the request in `body`; `model` (percent-encoded or not) and `stream` are what its URL names.

    Fields that turnout has no word for are in ``provider_options["bedrock_converse"]``, of the request and of its
    messages and parts, so that they go out on this wire and on no other. Blocks that only this wire has become
    `ServerTool` parts. Raises `InvalidInputError` that names the field.
    """
    value = {name: item for name, item in read_body(body).items() if item is not None}
    extra = {name: item for name, item in value.items() if name not in _READ}
    tools = _parse_tools(value, extra)
    messages: list[Message] = [
        *parse_system(take_list(value.get("system"), "system")),
        *parse_messages(take_list(value.get("messages"), "messages")),
    ]
    if not messages:
        raise wrong("messages", "is missing or empty", "give at least one message")
    request = ModelRequest(
        messages=messages,
        tools=tools,
        tool_choice=_parse_choice(value, extra, has_tools=bool(tools)),
        output=_parse_format(value, extra),
        settings=_parse_settings(value, extra),
        stream=stream,
        provider_options=OWN.keep(extra),
    )
    return ParsedRequest(model=unquote(model) or as_text(value.get("modelId")) or "", request=request)


def _parse_tools(value: _Dict, extra: _Dict) -> tuple[ToolSpec, ...]:
    """Return the client's tools; what a `ToolSpec` has no field for, and entries of other kinds, go into `extra`."""
    config = take_object(value.get("toolConfig", {}), "toolConfig")
    specs: list[ToolSpec] = []
    kept: list[Any] = []
    for index, item in enumerate(take_list(config.get("tools"), "toolConfig.tools")):
        where = f"toolConfig.tools[{index}]"
        told = take_object(item, where).get("toolSpec")
        if told is None:
            kept.append(item)
            continue
        spec = take_object(told, f"{where}.toolSpec")
        name, description = take_text(spec, "name", f"{where}.toolSpec"), as_text(spec.get("description"))
        schema = take_object(spec.get("inputSchema"), f"{where}.toolSpec.inputSchema").get("json")
        parameters: _Dict = schema if is_object(schema) else {"type": "object", "properties": {}}
        specs.append(ToolSpec(name=name, description=description or "", parameters=parameters))
        rest = {key: each for key, each in spec.items() if key not in ("name", "description", "inputSchema")}
        if rest:
            kept.append({"toolSpec": {"name": name, **rest}})
    others = {name: item for name, item in config.items() if name not in ("tools", "toolChoice")}
    if kept or others:
        extra["toolConfig"] = {**others, "tools": kept} if kept else others
    return tuple(specs)


def _parse_choice(value: _Dict, extra: _Dict, *, has_tools: bool) -> str | None:
    choice = take_object(value.get("toolConfig", {}), "toolConfig").get("toolChoice")
    if choice is None:
        return None
    named = choice.get("tool") if is_object(choice) else None
    if has_tools and is_object(named) and isinstance(named.get("name"), str):
        return named["name"]
    if has_tools and is_object(choice) and ("auto" in choice or "any" in choice):
        return "auto" if "auto" in choice else "required"
    extra["toolConfig"] = {**extra.get("toolConfig", {}), "toolChoice": choice}
    return None


def _parse_format(value: _Dict, extra: _Dict) -> OutputSpec | None:
    """Return the schema that the answer is held to; what cannot be read of `outputConfig` goes into `extra`."""
    config = take_object(value.get("outputConfig", {}), "outputConfig")
    rest = {name: item for name, item in config.items() if name not in ("textFormat", "effort")}
    told = config.get("textFormat")
    structure = told.get("structure") if is_object(told) else None
    holder = structure.get("jsonSchema") if is_object(structure) else None
    written = as_text(holder.get("schema")) if is_object(holder) else None
    schema = read_object(written) if written is not None else None
    if told is not None and schema is None:
        rest["textFormat"] = told
    effort = config.get("effort")
    if effort is not None and not (isinstance(effort, str) and effort in _EFFORTS):
        rest["effort"] = effort
    if rest:
        extra["outputConfig"] = rest
    if schema is None or not is_object(holder):
        return None
    name, description = as_text(holder.get("name")), as_text(holder.get("description"))
    return OutputSpec(schema=schema, name=name or "response", description=description or "", mode="json_schema")


def _parse_settings(value: _Dict, extra: _Dict) -> ModelSettings:
    config = dict(take_object(value.get("inferenceConfig", {}), "inferenceConfig"))
    given: _Dict = {name: config.pop(field) for name, field in NAMES.items() if field in config}
    limit = given.get("max_output_tokens")
    if isinstance(limit, float) and limit.is_integer():
        given["max_output_tokens"] = int(limit)
    if config:
        extra["inferenceConfig"] = config
    tier = value.get("serviceTier")
    if is_object(tier) and tier.keys() == {"type"} and isinstance(tier["type"], str):
        given["service_tier"] = tier["type"]
    elif tier is not None:
        extra["serviceTier"] = tier
    effort = take_object(value.get("outputConfig", {}), "outputConfig").get("effort")
    if isinstance(effort, str) and effort in _EFFORTS:
        given["reasoning_effort"] = effort
    return read_settings(given)
