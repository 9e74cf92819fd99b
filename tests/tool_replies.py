"""Scripted answers that call tools."""

from __future__ import annotations

import json
from typing import Any

from provider import USAGE, Reply, answer, event, events, reply, stream


def call(name: str, arguments: Any = None, identity: str = "call_1") -> dict[str, Any]:
    """Return one tool call as the wire has it; `arguments` that are a string stay as they are."""
    written = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": written}}


def calls(*wanted: dict[str, Any], text: str | None = None) -> Reply:
    """Answer with tool calls, whole."""
    return reply(answer(text, tool_calls=list(wanted), finish_reason="tool_calls"))  # type: ignore[arg-type]


def streamed_calls(*wanted: dict[str, Any], numbered: bool = True) -> Reply:
    """Answer with tool calls in a stream, the arguments in two pieces; without `numbered`, all have index 0."""
    pieces = [event({"role": "assistant", "content": None})]
    for index, each in enumerate(wanted):
        arguments = each["function"]["arguments"]
        place = index if numbered else 0
        head = {**each, "index": place, "function": {"name": each["function"]["name"], "arguments": arguments[:3]}}
        pieces.append(event({"tool_calls": [head]}))
        rest = {"index": place, "id": each["id"], "function": {"arguments": arguments[3:]}}
        pieces.append(event({"tool_calls": [rest]}))
    pieces.append(event({}, "tool_calls"))
    pieces.append(event(None, None, choices=[], usage=USAGE))
    return stream([*pieces, b"data: [DONE]\n\n"])


def told(text: str) -> Reply:
    """Answer with `text`, streamed in two words or so."""
    half = len(text) // 2
    return stream(events([text[:half], text[half:]]))
