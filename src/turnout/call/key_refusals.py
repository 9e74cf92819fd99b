"""Errors of refused keys, completed: which key it was, and where it came from. The key itself is never told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from turnout import catalog
from turnout.errors import AuthenticationError
from turnout.routing.access import say_needs
from turnout.transport.retry import read_server_time

if TYPE_CHECKING:
    from turnout.errors import APIStatusError
    from turnout.routing.route import Route

_USUAL_CURE = ": check the API key: "
_SKEW_S = 240.0
"""Signatures and tokens are refused when the clocks differ by more than five minutes (AWS, Google)."""


def name_key(error: APIStatusError, route: Route) -> None:
    """Let the message of `error`, with which a server refused a call of `route`, say which key that was.

    A refused key (401) gets its own cure in the place of the usual one; the error of a key that may not do this (403)
    keeps its cure. Where the call had no key, the variables that may hold one are named.
    """
    told = error.message
    mark = f"`{route.provider}` refused "
    if isinstance(error, AuthenticationError):
        told = told.partition(_USUAL_CURE)[0] + f": {mark}{_say_key(route)}"
    elif route.shown_by:
        told = f"{told} ({mark}{route.shown_by})"
    error.args = (told + (_say_skew(error) if route.grant is not None else ""),)


def _say_key(route: Route) -> str:
    if route.shown_by:
        return f"{route.shown_by}: check it, or pass another one as `api_key=`"
    provider = catalog.find_provider(route.provider)
    names = say_needs(provider) if provider else ""
    return f"a call without a key: {f'set {names} or ' if names else ''}pass `api_key=`"


def _say_skew(error: APIStatusError) -> str:
    """Say that the clocks differ, where they do: what is signed or granted for a time is refused then."""
    told = read_server_time(error.headers)
    ahead_s = 0.0 if told is None else time.time() - told
    if abs(ahead_s) <= _SKEW_S:
        return ""
    side = "ahead of" if ahead_s > 0 else "behind"
    return f"; this machine's clock is {abs(ahead_s) / 60:.0f} min {side} the server's: set it"
