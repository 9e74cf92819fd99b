"""What this wire format puts beside a call (Google's signatures), kept so that it goes back on it and on no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.requests import merge_options
from turnout.routing.route import find_provider_name

if TYPE_CHECKING:
    from turnout.requests import OptionsHolder

NAME = "openai_chat"
"""The key in `provider_options` for what a client said on this wire, whoever answers it."""

EXTRA = "extra_content"
"""The field of a call that holds Google's thought signature: https://ai.google.dev/gemini-api/docs/thought-signatures."""


def keep_own(fields: dict[str, Any], provider: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the `provider_options` that hold `fields` for `provider`, or for whoever speaks this wire."""
    return {f"{NAME}@{provider}" if provider else NAME: fields}


def read_own(holder: OptionsHolder, provider: str) -> dict[str, Any]:
    """Return the fields that a call has for `provider` on this wire; the more telling key wins."""
    return merge_options(holder, "*", NAME, f"{NAME}@{provider}", find_provider_name(provider))
