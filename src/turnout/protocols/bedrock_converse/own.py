"""Fields that only this wire format has, such as ``cachePoint``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.json_values import check_value
from turnout.protocols.own_fields import OwnFields

if TYPE_CHECKING:
    from turnout.requests import OptionsHolder

OWN = OwnFields("bedrock_converse")


def read_own(holder: OptionsHolder, provider: str, where: str) -> dict[str, Any]:
    """Return the fields that a request, message or part has for `provider` on this wire.

    Raises `InvalidInputError` that begins with `where` for what is no JSON.
    """
    merged = OWN.read(holder, provider)
    if merged:
        check_value(merged, f"{where}.provider_options" if where else "provider_options")
    return merged
