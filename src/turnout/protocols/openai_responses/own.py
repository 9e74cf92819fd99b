"""What this wire format puts beside a part (ids, phases), kept so that it goes back on this wire and on no other."""

from __future__ import annotations

from typing import Any, Protocol

from turnout.requests import merge_deep

NAME = "openai_responses"
"""The key in `provider_options` for what a client said on this wire."""


class _Carrier(Protocol):
    @property
    def provider_options(self) -> dict[str, dict[str, Any]]: ...


def own_key(provider: str) -> str:
    """Return the key in `provider_options` for what `provider` said on this wire: it goes back to that one only."""
    return f"{NAME}@{provider}"


def keep_own(fields: dict[str, Any], provider: str) -> dict[str, dict[str, Any]]:
    """Return the `provider_options` that hold `fields` for `provider`."""
    return {own_key(provider): fields} if fields else {}


def read_own(carrier: _Carrier, provider: str) -> dict[str, Any]:
    """Return the fields that this wire put beside a part, as far as they may go to `provider`."""
    options = carrier.provider_options
    return merge_deep(options.get(NAME, {}), options.get(own_key(provider), {})) if options else {}
