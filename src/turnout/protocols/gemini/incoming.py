"""A request of a Gemini client, read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import InvalidInputError
from turnout.protocols.gemini.incoming_messages import MessageReader
from turnout.protocols.gemini.json_schema import camel_keys, to_json_schema
from turnout.protocols.gemini.settings import NAMES
from turnout.protocols.gemini.tool_fields import MODES
from turnout.protocols.json_reading import UnreadableJSONError, is_array, is_object, objects, read_json
from turnout.protocols.serving import ParsedRequest
from turnout.requests import ModelRequest, OutputSpec, ToolSpec, read_settings

if TYPE_CHECKING:
    from turnout.messages import Message

_Dict = dict[str, Any]
_CHOICES = {mode: choice for choice, mode in MODES.items()}
_SETTINGS = {field: name for name, field in NAMES.items()}
_INFORMATIVE = frozenset({"response", "responseJsonSchema", "behavior"})
"""What a declaration may say beside what a model is told of a tool; the answer of a tool is checked by nobody."""


def parse_request(body: bytes, *, model: str = "", stream: bool = False, provider: str | None = None) -> ParsedRequest:
    """Return the request in `body`; `model` and `stream` are what its URL names.

    Both spellings of the fields are read (``inlineData`` and ``inline_data``). Fields that turnout has no word for are
    kept in `provider_options`, of the request and of its parts, for `provider` or for all (``"*"``); signatures are
    among them. `Schema` objects become JSON schemas. Raises `InvalidInputError` that names the field.
    """
    try:
        value = read_json(body)
    except UnreadableJSONError:
        raise InvalidInputError("the body is no JSON: send a GenerateContentRequest") from None
    if not is_object(value):
        raise InvalidInputError("the body is no JSON object: send a GenerateContentRequest")
    fields = camel_keys(value)
    named = fields.pop("model", None)
    reader = MessageReader(provider)
    messages = [*_read_system(fields.pop("systemInstruction", None), reader), *_read_contents(fields, reader)]
    tools, other_tools = _read_tools(fields.pop("tools", None))
    choice = _read_choice(fields, has_tools=bool(tools))
    settings, output = _read_config(fields)
    tier = fields.get("serviceTier")
    if isinstance(tier, str):
        settings["service_tier"] = fields.pop("serviceTier")
    if other_tools:
        fields["tools"] = other_tools
    request = ModelRequest(
        messages=messages,
        tools=tools,
        tool_choice=choice,
        output=output,
        settings=read_settings(settings),
        stream=stream,
        provider_options={provider or "*": fields} if fields else {},
    )
    return ParsedRequest(model=model or (named if isinstance(named, str) else ""), request=request)


def _read_contents(fields: _Dict, reader: MessageReader) -> list[Message]:
    contents = fields.pop("contents", None)
    if is_object(contents):
        contents = [contents]
    if not is_array(contents) or not contents:
        raise InvalidInputError("contents is missing or empty: give a list of contents")
    return [reader.read(content, f"contents[{index}]") for index, content in enumerate(contents)]


def _read_system(instruction: object, reader: MessageReader) -> list[Message]:
    if instruction is None:
        return []
    if isinstance(instruction, str):
        instruction = {"parts": [{"text": instruction}]}
    return [reader.read(instruction, "systemInstruction", role="system")]


def _read_tools(tools: object) -> tuple[tuple[ToolSpec, ...], list[_Dict]]:
    """Return the functions, and what else the list holds (tools of the provider's own)."""
    if tools is not None and not is_array(tools):
        raise InvalidInputError(f"tools is a {type(tools).__name__}: give a list")
    specs: list[ToolSpec] = []
    others: list[_Dict] = []
    for index, tool in enumerate(objects(tools)):
        fields = camel_keys(tool)
        declared = fields.pop("functionDeclarations", None)
        for place, each in enumerate(objects(declared)):
            specs.append(_read_tool(camel_keys(each), f"tools[{index}].functionDeclarations[{place}]"))
        if fields:
            others.append(fields)
    return tuple(specs), others


def _read_tool(declared: _Dict, where: str) -> ToolSpec:
    name, description = declared.get("name"), declared.get("description") or ""
    if not isinstance(name, str) or not isinstance(description, str):
        raise InvalidInputError(f"{where}: the name or the description is no text: give both as text")
    unknown = declared.keys() - _INFORMATIVE - {"name", "description", "parameters", "parametersJsonSchema"}
    if unknown or declared.get("behavior") == "NON_BLOCKING":
        what = ", ".join(sorted(unknown)) or "behavior"
        raise InvalidInputError(f"{where}.{what}: turnout has no word for it: leave it out")
    schema, dialect = declared.get("parametersJsonSchema"), declared.get("parameters")
    if is_object(dialect) and not is_object(schema):
        schema = to_json_schema(dialect, f"{where}.parameters")
    parameters: _Dict = schema if is_object(schema) else {"type": "object", "properties": {}}
    return ToolSpec(name=name, description=description, parameters=parameters)


def _read_choice(fields: _Dict, *, has_tools: bool) -> str | None:
    """Return the tool choice, and leave in `fields` what it does not say."""
    holder = fields.pop("toolConfig", None)
    if not is_object(holder):
        return None
    rest = camel_keys(holder)
    config = rest.pop("functionCallingConfig", None)
    config = camel_keys(config) if is_object(config) else {}
    allowed, mode = config.get("allowedFunctionNames"), config.get("mode")
    choice = _CHOICES.get(mode) if isinstance(mode, str) and has_tools else None
    if choice is not None:
        del config["mode"]
    if choice == "required" and is_array(allowed) and len(allowed) == 1 and isinstance(allowed[0], str):
        choice = allowed[0]
        del config["allowedFunctionNames"]
    if config:
        rest["functionCallingConfig"] = config
    if rest:
        fields["toolConfig"] = rest
    return choice


def _read_config(fields: _Dict) -> tuple[_Dict, OutputSpec | None]:
    """Return the settings and the output that is asked for, and leave in `fields` what these do not say."""
    holder = fields.pop("generationConfig", None)
    if holder is not None and not is_object(holder):
        raise InvalidInputError(f"generationConfig is a {type(holder).__name__}: give an object")
    config = camel_keys(holder or {})
    settings = {_SETTINGS[field]: config.pop(field) for field in list(config) if field in _SETTINGS}
    for name, value in settings.items():
        if isinstance(value, float) and value.is_integer():
            settings[name] = int(value)  # numbers of this wire may come as 40.0
    output = _read_output(config)
    effort = _read_effort(config)
    if effort is not None:
        settings["reasoning_effort"] = effort
    if config:
        fields["generationConfig"] = config
    return settings, output


def _read_output(config: _Dict) -> OutputSpec | None:
    if config.get("responseMimeType") != "application/json":
        return None
    schema, dialect = config.get("responseJsonSchema"), config.get("responseSchema")
    del config["responseMimeType"]
    if is_object(schema):
        del config["responseJsonSchema"]
        return OutputSpec(schema=schema, mode="json_schema")
    if is_object(dialect):
        del config["responseSchema"]
        return OutputSpec(schema=to_json_schema(dialect, "generationConfig.responseSchema"), mode="json_schema")
    return OutputSpec(schema={"type": "object"}, mode="json_object")


def _read_effort(config: _Dict) -> str | None:
    """Return the effort that a level of thinking, or a budget of 0, stands for; other budgets stay as they are."""
    holder = config.get("thinkingConfig")
    thinking = camel_keys(holder) if is_object(holder) else {}
    level = thinking.get("thinkingLevel")
    if thinking == {"thinkingBudget": 0}:
        del config["thinkingConfig"]
        return "none"
    if isinstance(level, str) and level.lower() in ("minimal", "low", "medium", "high"):
        del thinking["thinkingLevel"]
        if thinking.get("includeThoughts") is True:
            del thinking["includeThoughts"]
        else:
            thinking["includeThoughts"] = False  # an effort asks for the thoughts as well
        config["thinkingConfig"] = thinking
        if not thinking:
            del config["thinkingConfig"]
        return level.lower()
    if thinking:
        config["thinkingConfig"] = thinking
    return None
