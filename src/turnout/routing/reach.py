"""Which providers can be called from here: those with a key, and those that ask for none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.routing.access import has_grant
from turnout.routing.hosts import ENDPOINTS, base_url_variable, is_loopback

if TYPE_CHECKING:
    from collections.abc import Container

    from turnout.catalog.types import Model, Provider


def has_key(provider: Provider, variables: Container[str]) -> bool:
    """Whether a call of `provider` needs no other key than one that is set; `variables` are the names of those."""
    is_set = any(name in variables for name in provider.api_key_env)
    return provider.allows_anonymous or is_set or has_grant(provider, variables)


def is_reachable(provider: Provider, variables: Container[str]) -> bool:
    """Whether `provider` may be called though nobody named it: its key is set, or it is a host that asks for none.

    A server on this machine (the embedded model too) counts only where its key or ``<PROVIDER>_BASE_URL`` is set: it
    may not be running. `variables` are the names of the variables that are set (`environment.list_variables`).
    """
    if any(name in variables for name in provider.api_key_env) or has_grant(provider, variables):
        return True
    if not provider.allows_anonymous:
        return False
    if base_url_variable(provider.id) in variables:
        return True
    return provider.base_url is not None and not is_loopback(provider.base_url)


def is_spoken(model: Model, provider: Provider) -> bool:
    """Whether this version speaks the wire format of `model`."""
    return (model.protocol or provider.protocol) in ENDPOINTS
