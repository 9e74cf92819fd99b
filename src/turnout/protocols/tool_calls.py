"""Tool calls read from what a model wrote, the same for every wire format."""

from __future__ import annotations

import re
from os import urandom

from turnout.messages import ToolCall
from turnout.protocols.json_reading import read_object


def read_call(identity: str, name: str, written: str) -> ToolCall:
    """Return the call whose arguments are the JSON text `written`; what is no object is kept as it was written."""
    if not written.strip() or written == "null":
        return ToolCall(identity, name, {})
    arguments = read_object(written)
    if arguments is None:
        return ToolCall(identity, name, {}, invalid_arguments=written)
    return ToolCall(identity, name, arguments)


def make_call_id() -> str:
    """Return an id for a call that came without one."""
    return f"call_{urandom(12).hex()}"


def claim_call_id(told: str | None, taken: set[str]) -> str:
    """Return the id of a call, and add it to those `taken` in its answer; a missing one is made up, as one twice told.

    Two calls with one id could not be answered: each would get the other's result.
    """
    identity = told if told and told not in taken else make_call_id()
    taken.add(identity)
    return identity


def is_made_call_id(identity: str) -> bool:
    """Tell whether `identity` is one that `make_call_id` made, so that the provider knows nothing of it."""
    return re.fullmatch(r"call_[0-9a-f]{24}", identity) is not None
