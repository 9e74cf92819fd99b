"""Fields that only this wire format has, such as ``cache_control``: kept so that they go out on it and on no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.requests import merge_options
from turnout.routing.route import find_provider_name

if TYPE_CHECKING:
    from turnout.requests import OptionsHolder

NAME = "anthropic_messages"
"""The key in `provider_options` for what holds on this wire whoever speaks it; clients of this wire say such things."""


def own_key(provider: str) -> str:
    """Return the key in `provider_options` for what `provider` said on this wire: it goes back to that one only."""
    return f"{NAME}@{provider}"


def keep_own(fields: dict[str, Any], provider: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the `provider_options` that hold `fields`: for `provider`, or for whoever speaks this wire."""
    return {own_key(provider) if provider else NAME: fields} if fields else {}


def read_own(holder: OptionsHolder, provider: str) -> dict[str, Any]:
    """Return the fields that a message or part has for `provider` on this wire; the more telling key wins."""
    return merge_options(holder, "*", NAME, own_key(provider), find_provider_name(provider))
