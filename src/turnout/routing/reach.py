"""Which providers can be called from here: those with a key, and those that ask for none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.routing.environment import read_variable
from turnout.routing.hosts import ENDPOINTS, base_url_variable, is_loopback

if TYPE_CHECKING:
    from turnout.catalog.types import Model, Provider


def is_reachable(provider: Provider) -> bool:
    """Whether a call of `provider` would be sent: its key is set, or it is a hosted one that answers without.

    A server on this machine (the embedded model too) counts only where its key or ``<PROVIDER>_BASE_URL`` is set: it
    may not be running, and nobody has asked for it. The environment and `.env` are read at each call.
    """
    if read_variable(*provider.api_key_env, base_url_variable(provider.id)) is not None:
        return read_variable(*provider.api_key_env) is not None or provider.allows_anonymous
    return provider.allows_anonymous and provider.base_url is not None and not is_loopback(provider.base_url)


def is_spoken(model: Model, provider: Provider) -> bool:
    """Whether this version speaks the wire format of `model`."""
    return (model.protocol or provider.protocol) in ENDPOINTS
