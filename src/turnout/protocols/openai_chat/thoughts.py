"""What an assistant thought, as it goes back to its provider: the record that it made, and the words where they count.

Some models refuse a conversation in which a message with tool calls has lost its thoughts:
https://api-docs.deepseek.com/guides/thinking_mode and https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.messages import Reasoning, ToolCall
from turnout.protocols.json_reading import is_object
from turnout.protocols.json_values import check_value

if TYPE_CHECKING:
    from turnout.messages import Part
    from turnout.routing.route import Route

_DETAILS = "reasoning_details"
_FOREIGN_TYPES = frozenset({"thinking", "redacted_thinking", "reasoning", "tool_plan"})
_FOREIGN_KEYS = frozenset({"thought", "thoughtSignature", "reasoningText", "redactedContent"})
"""How the other wire formats write their records; a provider may speak several, and takes each on its own alone."""


def write_thoughts(parts: list[Part], where: str, route: Route) -> dict[str, Any]:
    """Return the fields of a message that carry the thoughts among `parts` back to the provider of `route`.

    The words go back where the catalog names a field for them; beside tool calls it is there even where there are none,
    for a model that looks for it (another one made the calls, or it did not think).
    """
    written: dict[str, Any] = {}
    field = route.facts and route.facts.reasoning_field
    if field and field != _DETAILS:
        words = "".join([part.text for part in parts if isinstance(part, Reasoning) and _is_own(part, route)])
        if words or any(isinstance(part, ToolCall) for part in parts):
            check_value(words, f"{where}.{field}")
            written[field] = words
    details = [
        detail
        for part in parts
        if isinstance(part, Reasoning) and part.details is not None and part.provider == route.maker
        for detail in part.details
        if not _is_foreign(detail)
    ]
    if details:
        check_value(details, f"{where}.{_DETAILS}")
        written[_DETAILS] = details
    return written


def _is_own(part: Reasoning, route: Route) -> bool:
    return part.provider in (None, route.maker)


def _is_foreign(detail: Any) -> bool:
    return is_object(detail) and (detail.get("type") in _FOREIGN_TYPES or not _FOREIGN_KEYS.isdisjoint(detail))
