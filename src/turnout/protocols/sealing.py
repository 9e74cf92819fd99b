"""What a provider wants back with the next turn, sealed in text that any client carries along.

A client that speaks one wire format cannot hold the reasoning of another: a gateway gives it the provider's record as
opaque text, and reads it when it comes back. It is not encrypted, and holds nothing that the provider did not send.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
from msgspec import Struct

from turnout.messages import Reasoning

_MARK = "turnout.1."


class _Sealed(Struct, frozen=True, array_like=True):
    provider: str | None
    details: list[Any]


def seal(reasoning: Reasoning) -> str | None:
    """Return the provider's record of `reasoning` as text of letters, digits and ``._-=``; `None` where it has none."""
    if not reasoning.details:
        return None
    return _MARK + urlsafe_b64encode(msgspec.json.encode(_Sealed(reasoning.provider, reasoning.details))).decode()


def unseal(text: str, sealed: str) -> Reasoning | None:
    """Return the reasoning with this `text` and the record that `seal` made `sealed` of; `None` for any other text."""
    if not sealed.startswith(_MARK):
        return None
    try:
        found = msgspec.json.decode(urlsafe_b64decode(sealed[len(_MARK) :].encode()), type=_Sealed)
    except (ValueError, RecursionError):
        return None
    return Reasoning(text, found.details, found.provider)
