"""An answer as the message that a client of this wire format gets."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, Any

import msgspec

from turnout.errors import (
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)
from turnout.messages import Reasoning, ServerTool, Text, ToolCall
from turnout.protocols.anthropic_messages.outgoing import CONTAINER, fit_id
from turnout.protocols.anthropic_messages.reasons import write_stop_reason
from turnout.protocols.json_reading import is_object
from turnout.protocols.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.errors import TurnoutError
    from turnout.messages import Message, Part
    from turnout.responses import ModelResponse
    from turnout.usage import Usage

_Dict = dict[str, Any]
_OVERLOADED = 529
_ERRORS = (
    (AuthenticationError, "authentication_error"),
    (PermissionDeniedError, "permission_error"),
    (NotFoundError, "not_found_error"),
    (RateLimitError, "rate_limit_error"),
    (BadRequestError, "invalid_request_error"),
    (ConfigurationError, "invalid_request_error"),
    (APITimeoutError, "timeout_error"),
)


def render_response(response: ModelResponse, *, model: str | None = None, created: int = 0) -> bytes:
    """Return `response` as the JSON of a whole message: ``render_response(answer, model="claude-sonnet-5")``.

    `model` is the name that the client is told; `created` is there for other wire formats, this one has no time. What
    the provider wants back of its reasoning is in `signature` and `data`, and `parse_request` finds it there. Images
    that the model made, and records of tools that only other wires know, have no place in it.
    """
    del created
    body = {
        **frame(response.id, model or response.model or ""),
        "content": [block for part in response.message.content if (block := render_part(part)) is not None],
        **render_end(response),
        "usage": render_usage(response.usage),
    }
    return msgspec.json.encode(body)


def render_error(error: TurnoutError) -> bytes:
    """Return the JSON body for an answer that failed; the status is the caller's to choose."""
    return msgspec.json.encode(frame_error(error.message, _name_error(error)))


def frame(identity: str | None, model: str) -> _Dict:
    """Return the fields that every message has."""
    return {"id": identity or f"msg_{urandom(12).hex()}", "type": "message", "role": "assistant", "model": model}


def frame_error(message: str, kind: str) -> _Dict:
    """Return an error as the wire has it."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}


def render_end(response: ModelResponse) -> _Dict:
    """Return why the message ended, and its container."""
    reason = write_stop_reason(response.finish_reason, response.raw_finish_reason)
    details: _Dict | None = None
    if reason == "refusal" or response.refusal:
        reason, details = "refusal", {"type": "refusal", "category": None, "explanation": response.refusal}
    return {
        "stop_reason": reason,
        "stop_sequence": None,
        "stop_details": details,
        "container": _find_container(response.message),
    }


def render_usage(usage: Usage) -> _Dict:
    """Return the tokens as the wire has them: cached ones beside the input. It has no unknown count but 0."""
    read, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
    thoughts, long = usage.reasoning_tokens, usage.cache_write_1h_tokens
    writes = None
    if long is not None:
        writes = {"ephemeral_5m_input_tokens": max(written - long, 0), "ephemeral_1h_input_tokens": long}
    return {
        "input_tokens": max((usage.input_tokens or 0) - read - written, 0),
        "output_tokens": usage.output_tokens or 0,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": writes,
        "output_tokens_details": None if thoughts is None else {"thinking_tokens": thoughts},
        "server_tool_use": None,
        "service_tier": None,
        "inference_geo": None,
    }


def render_part(part: Part) -> _Dict | None:
    """Return a part as a block; `None` for one that has no place in an answer of this wire."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text, "citations": find_citations(part.citations) or None}
    if isinstance(part, Reasoning):
        return _render_thoughts(part)
    if isinstance(part, ToolCall):
        written = part.invalid_arguments
        arguments = part.arguments if written is None else {"INVALID_JSON": written}
        return {"type": "tool_use", "id": fit_id(part.id), "name": part.name, "input": arguments}
    return part.data if isinstance(part, ServerTool) and is_record(part) else None


def find_citations(citations: Iterable[_Dict]) -> list[_Dict]:
    """Return those of `citations` that this wire has a form for: its own."""
    return [cited for cited in citations if str(cited.get("type")).endswith("_location")]


def is_record(part: ServerTool) -> bool:
    """Whether the record of a tool is a block of this wire."""
    return str(part.data.get("type")).endswith(("_tool_use", "_tool_result", "container_upload"))


def is_own_thought(part: Reasoning) -> bool:
    """Whether the provider's record of its thoughts is a block of this wire."""
    found = part.details[0] if part.details and len(part.details) == 1 else None
    return is_object(found) and found.get("type") in ("thinking", "redacted_thinking")


def _render_thoughts(part: Reasoning) -> _Dict | None:
    if part.details and is_own_thought(part):
        return {"signature": "", **part.details[0]} if part.details[0]["type"] == "thinking" else part.details[0]
    sealed = seal(part)
    if not part.text:
        return {"type": "redacted_thinking", "data": sealed} if sealed else None
    return {"type": "thinking", "thinking": part.text, "signature": sealed or ""}


def _find_container(message: Message) -> _Dict | None:
    found = [part.data for part in message.content if isinstance(part, ServerTool) and part.name == CONTAINER]
    return found[-1] if found else None


def _name_error(error: TurnoutError) -> str:
    if isinstance(error, APIStatusError) and error.status == _OVERLOADED:
        return "overloaded_error"
    return next((name for kind, name in _ERRORS if isinstance(error, kind)), "api_error")
