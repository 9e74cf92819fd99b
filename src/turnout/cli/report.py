"""What is told about an answer: the last line of `turnout chat`, and the objects that ``--json`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from turnout.errors import redact_url

if TYPE_CHECKING:
    from turnout.agent.result import Result
    from turnout.errors import TurnoutError
    from turnout.responses import Attempt


def describe_result(result: Result) -> str:
    """Return one line: the model, tokens, cost, time to the first token and in all."""
    timing, answered = result.timing, result.response.model
    facts = [result.model if answered in (None, result.model.partition("/")[2]) else f"{result.model} ({answered})"]
    if result.finish_reason != "stop":
        facts.append(f"ended by {result.finish_reason}")
    facts += [str(result.usage), "free" if result.cost.total == 0 else str(result.cost)]
    if timing.first_chunk_s is not None:
        facts.append(f"first token {timing.first_chunk_s:.2f} s")
    return " | ".join([*facts, f"total {timing.total_s:.2f} s"])


def result_object(result: Result) -> dict[str, Any]:
    """Return `result` as an object for JSON."""
    return {
        "text": result.text,
        "reasoning": result.reasoning,
        "refusal": result.refusal,
        "tool_calls": [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in result.tool_calls],
        "finish_reason": result.finish_reason,
        "model": result.model,
        "answered_model": result.response.model,
        "provider": result.provider,
        "usage": msgspec.structs.asdict(result.usage),
        "cost": msgspec.structs.asdict(result.cost),
        "timing": msgspec.structs.asdict(result.timing),
        "attempts": [_attempt_object(attempt) for attempt in result.attempts],
        "warnings": [msgspec.structs.asdict(warning) for warning in result.warnings],
        "request_id": result.request_id,
    }


def error_object(error: TurnoutError) -> dict[str, Any]:
    """Return `error` as an object for JSON, with the text that came before it."""
    return {
        "error": {
            "type": type(error).__name__,
            "message": error.message,
            "provider": error.provider,
            "model": error.model,
            "url": error.url,
            "status": error.status,
            "request_id": error.request_id,
            "is_retryable": error.is_retryable,
        },
        "text": error.text,
        "attempts": [_attempt_object(attempt) for attempt in error.attempts],
    }


def _attempt_object(attempt: Attempt) -> dict[str, Any]:
    return {
        "model": attempt.model,
        "provider": attempt.provider,
        "url": attempt.url and redact_url(attempt.url),
        "status": attempt.status,
        "error": attempt.error and {"type": type(attempt.error).__name__, "message": attempt.error.message},
        "duration_s": attempt.duration_s,
        "waited_s": attempt.waited_s,
    }
