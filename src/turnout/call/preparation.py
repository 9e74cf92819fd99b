"""What a request goes through before it is encoded for a route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.adaptation import Adapted, adapt

if TYPE_CHECKING:
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route


def prepare(request: ModelRequest, route: Route, refused: frozenset[str]) -> Adapted:
    """Return `request` as the model of `route` can take it."""
    if request.task != "chat":
        return Adapted(request=request)
    return adapt(request, route, refused)
