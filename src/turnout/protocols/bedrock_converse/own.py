"""Fields that only this wire format has, such as ``cachePoint``: kept so that they go out on it and on no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.json_values import check_value
from turnout.requests import merge_options
from turnout.routing.route import find_provider_name

if TYPE_CHECKING:
    from turnout.requests import OptionsHolder

NAME = "bedrock_converse"
"""The key in `provider_options` for what holds on this wire whoever speaks it; clients of this wire say such things."""


def keep_own(fields: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the `provider_options` that hold `fields` for whoever speaks this wire."""
    return {NAME: fields} if fields else {}


def read_own(holder: OptionsHolder, provider: str, where: str) -> dict[str, Any]:
    """Return the fields that a request, message or part has for `provider` on this wire; the more telling key wins.

    Raises `InvalidInputError` that begins with `where` for what is no JSON.
    """
    merged = merge_options(holder, "*", NAME, find_provider_name(provider))
    if merged:
        check_value(merged, f"{where}.provider_options" if where else "provider_options")
    return merged
