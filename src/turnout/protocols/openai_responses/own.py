"""What this wire format puts beside a part (ids, phases), kept so that it goes back on this wire and on no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.requests import merge_options

if TYPE_CHECKING:
    from turnout.requests import OptionsHolder

NAME = "openai_responses"
"""The key in `provider_options` for what a client said on this wire."""


def own_key(provider: str) -> str:
    """Return the key in `provider_options` for what `provider` said on this wire: it goes back to that one only."""
    return f"{NAME}@{provider}"


def keep_own(fields: dict[str, Any], provider: str) -> dict[str, dict[str, Any]]:
    """Return the `provider_options` that hold `fields` for `provider`."""
    return {own_key(provider): fields} if fields else {}


def read_own(holder: OptionsHolder, provider: str) -> dict[str, Any]:
    """Return the fields that this wire put beside a part, as far as they may go to `provider`."""
    return merge_options(holder, NAME, own_key(provider))
