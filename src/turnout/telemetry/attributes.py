"""The attributes of spans and metrics, named by the GenAI semantic conventions; none of them holds a secret.

Source: https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai (spans, agent spans, metrics, and the
JSON schemas of messages), as of 2026-11.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from turnout.errors import redact_url
from turnout.messages import Media, Reasoning, Refusal, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.hooks import RequestEvent, ResponseEvent, RunEnd, RunStart, ToolStart
    from turnout.messages import Message, Part
    from turnout.usage import Usage

_PORTS = {"http": 80, "https": 443}
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_output_tokens": "max_tokens",
    "stop": "stop_sequences",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
_MEASURED = frozenset(
    (
        *("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.agent.name"),
        *("gen_ai.tool.name", "server.address", "server.port"),
    )
)
"""The attributes of a span that its measurements have as well: those with few values."""


def pick_metric(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return of the attributes of a span those that a measurement has."""
    return {name: value for name, value in facts.items() if name in _MEASURED}


def of_run(event: RunStart) -> dict[str, Any]:
    """Return what a run says of itself when it begins."""
    return _known(
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.id": event.agent_id,
            "gen_ai.agent.name": event.agent_name,
            "gen_ai.request.model": event.model,
            "gen_ai.conversation.id": event.thread,
        }
    )


def of_run_content(event: RunStart) -> dict[str, Any]:
    """Return what a run was asked."""
    facts = {"gen_ai.input.messages": write_messages(event.messages)}
    if event.instructions:
        facts["gen_ai.system_instructions"] = _write([{"type": "text", "content": event.instructions}])
    return facts


def of_run_end(event: RunEnd) -> dict[str, Any]:
    """Return what a run came to."""
    facts = _of_usage(event.usage)
    if event.finish_reason is not None:
        facts["gen_ai.response.finish_reasons"] = [event.finish_reason]
    if event.cost.total is not None:
        facts["turnout.cost_usd"] = float(event.cost.total)
    return facts


def name_operation(event: RequestEvent) -> str:
    """Return the conventions' word for what a request asks."""
    return "embeddings" if event.request.task == "embedding" else "chat"


def of_request(event: RequestEvent) -> dict[str, Any]:
    """Return what is known of a request before it is sent."""
    parts = urlsplit(event.url)
    settings = event.request.settings
    facts = {
        "gen_ai.operation.name": name_operation(event),
        "gen_ai.provider.name": event.provider,
        "gen_ai.request.model": event.model,
        "gen_ai.request.stream": event.is_stream or None,
        "gen_ai.output.type": "json" if event.request.output is not None else None,
        "server.address": parts.hostname,
        "server.port": parts.port or _PORTS.get(parts.scheme),
    }
    facts.update({f"gen_ai.request.{name}": getattr(settings, ours) for ours, name in _SETTINGS.items()})
    if event.attempt > 1:
        facts["http.request.resend_count"] = event.attempt - 1
    return _known(facts)


def of_request_content(event: RequestEvent) -> dict[str, Any]:
    """Return what a request asks, and the tools that it offers."""
    request = event.request
    facts: dict[str, Any] = {"gen_ai.input.messages": write_messages(request.messages)}
    if request.tools:
        facts["gen_ai.tool.definitions"] = _write(
            [
                {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters}
                for tool in request.tools
            ]
        )
    return facts


def of_response(event: ResponseEvent) -> dict[str, Any]:
    """Return what is known of a request that was answered, or whose stream was left."""
    facts: dict[str, Any] = {"gen_ai.response.time_to_first_chunk": event.first_chunk_s}
    if event.cost.total is not None:
        facts["turnout.cost_usd"] = float(event.cost.total)
    response = event.response
    if response is None:
        facts["turnout.stream_left"] = True
    else:
        facts["gen_ai.response.id"] = response.id
        facts["gen_ai.response.model"] = response.model
        facts["gen_ai.response.finish_reasons"] = [response.finish_reason]
        facts.update(_of_usage(response.usage))
    return _known(facts)


def of_answer(message: Message | None, finish_reason: str | None) -> dict[str, Any]:
    """Return what a model answered."""
    if message is None:
        return {}
    parts = [_write_part(part) for part in message.content]
    return {
        "gen_ai.output.messages": _write(
            [{"role": message.role, "parts": parts, "finish_reason": finish_reason or "error"}]
        )
    }


def of_tool(event: ToolStart) -> dict[str, Any]:
    """Return what is known of a tool before it is run."""
    return _known(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event.name,
            "gen_ai.tool.type": event.kind,
            "gen_ai.tool.call.id": event.call_id,
            "gen_ai.tool.description": event.description or None,
        }
    )


def of_tool_content(event: ToolStart) -> dict[str, Any]:
    """Return what a tool was called with."""
    return {"gen_ai.tool.call.arguments": _write(event.arguments)}


def write_messages(messages: Sequence[Message]) -> str:
    """Return `messages` as the JSON of ``gen_ai.input.messages``; media are told, and not their bytes."""
    return _write([{"role": each.role, "parts": [_write_part(part) for part in each.content]} for each in messages])


def _of_usage(usage: Usage) -> dict[str, Any]:
    return _known(
        {
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
            "turnout.usage.cache_write_1h_tokens": usage.cache_write_1h_tokens,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        }
    )


def _write_part(part: Part) -> dict[str, Any]:
    if isinstance(part, (Text, Refusal)):
        return {"type": "text", "content": part.text}
    if isinstance(part, Reasoning):
        return {"type": "reasoning", "content": part.text}
    if isinstance(part, ToolCall):
        return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
    if isinstance(part, ToolResult):
        return {"type": "tool_call_response", "id": part.call_id, "response": part.content}
    if isinstance(part, Media):
        kind = "uri" if part.url else "blob"
        facts = {"type": kind, "modality": type(part).__name__.lower(), "mime_type": part.media_type}
        if part.url:
            facts["uri"] = "data:" if part.url.startswith("data:") else redact_url(part.url)
        return facts
    return {"type": part.type, "name": part.name}


def _write(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
