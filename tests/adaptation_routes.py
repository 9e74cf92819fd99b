"""Routes and requests for tests of how a request is fitted to a model."""

from __future__ import annotations

from typing import Any

from turnout.catalog.quirks import Quirks
from turnout.catalog.types import Model
from turnout.messages import Message
from turnout.requests import ModelRequest, OutputSpec, ToolSpec
from turnout.routing.route import Route

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}
WEATHER = ToolSpec(
    name="get_weather",
    description="Get the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
TIME = ToolSpec(name="get_time", parameters={"type": "object", "properties": {}})


def route(*, tools: bool | None = True, output: bool | None = True, known: bool = True, **quirks: Any) -> Route:
    """Return the route of a model with these facts."""
    facts = Model(id="host/m", supports_tools=tools, supports_structured_output=output) if known else None
    return Route(
        asked="host/m", provider="host", model="m", protocol="openai_chat",
        base_url="http://h/v1", url="http://h/v1/chat/completions", facts=facts, quirks=Quirks(**quirks),
    )  # fmt: skip


def ask(*messages: Message, output: bool = False, mode: Any = None, **fields: Any) -> ModelRequest:
    """Return a request; with `output` for the schema above."""
    spec = OutputSpec(schema=SCHEMA, name="Person", mode=mode) if output or mode else None
    return ModelRequest(messages=list(messages) or [Message.user("Go")], output=spec, **fields)
