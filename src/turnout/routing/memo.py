"""Routes that were found before, for the calls that follow: most calls of a program go where the last one went.

The environment is read at each call all the same: a route is taken again only while every variable that it follows
from reads as it did, and the catalog is the same.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from turnout import catalog
from turnout.routing.environment import note_readings, read_variable
from turnout.routing.resolution import trace_candidate
from turnout.routing.route import SecretHeaders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.catalog.store import View
    from turnout.errors import MissingKeyError
    from turnout.requests import Task
    from turnout.routing.environment import Reading
    from turnout.routing.model import Candidate
    from turnout.routing.route import Route

_MOST_KEPT = 64


class _Kept:
    """A route, and what it follows from."""

    __slots__ = ("_candidate", "_headers", "_readings", "_route", "_view")

    def __init__(
        self, candidate: Candidate, headers: Mapping[str, str] | None, view: View, readings: list[Reading], route: Route
    ) -> None:
        self._candidate = candidate
        self._headers = dict(headers or {})
        self._view = view
        self._readings = readings
        self._route = _copy(route)

    def take(self, candidate: Candidate, headers: Mapping[str, str] | None, view: View) -> Route | None:
        """Return the route for a call of its own, or `None` where it may be another one by now."""
        if self._view is not view or self._headers != (headers or {}) or self._candidate != candidate:
            return None
        for names, found in self._readings:
            if read_variable(*names) != found:
                return None
        return _copy(self._route)


_kept: dict[tuple[str, str | None, Task], _Kept] = {}


def find_route(
    candidate: Candidate, *, api_key: str | None = None, headers: Mapping[str, str] | None = None, task: Task = "chat"
) -> tuple[Route, MissingKeyError | None]:
    """Do as `resolution.trace_candidate`, which is not asked again for what it has answered already."""
    view = catalog.current().view()
    key: tuple[str, str | None, Task] = (candidate.label, api_key, task)
    kept = _kept.get(key)
    if kept is not None and (route := kept.take(candidate, headers, view)) is not None:
        return route, None
    with note_readings() as noted:
        route, missing = trace_candidate(candidate, api_key=api_key, headers=headers, task=task)
    if missing is None and route.grant is None and candidate.selection is None and not noted.has_files:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[key] = _Kept(candidate, headers, view, noted.readings, route)
    return route, missing


def _copy(route: Route) -> Route:
    """Return a route that may be changed: what a call adds to it is not that of others."""
    new = copy.copy(route)
    new.headers = SecretHeaders(route.headers)
    new.warnings, new.steps = list(route.warnings), list(route.steps)
    return new
