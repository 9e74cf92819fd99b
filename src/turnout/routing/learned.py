"""What servers taught the router: fields that they refuse, spellings that they want. Kept while the process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from turnout.routing.route import Route


class Lesson(Struct, frozen=True):
    """What is known of one model at one base URL: the body fields that it refuses, and its spelling of the id."""

    dropped: frozenset[str] = frozenset()
    model: str | None = None


_NOTHING = Lesson()


class Lessons:
    """Lessons by base URL and model."""

    def __init__(self) -> None:
        self._lessons: dict[tuple[str, str], Lesson] = {}

    def recall(self, route: Route) -> Lesson:
        """Return what is known of the place where `route` goes."""
        return self._lessons.get((route.base_url, route.model), _NOTHING)

    def drop_field(self, route: Route, name: str) -> None:
        """Remember that the body field `name` is refused there."""
        known = self.recall(route)
        self._lessons[route.base_url, route.model] = Lesson(known.dropped | {name}, known.model)

    def rename_model(self, route: Route, model: str) -> None:
        """Remember that the model answers there to the id `model`."""
        self._lessons[route.base_url, route.model] = Lesson(self.recall(route).dropped, model)
