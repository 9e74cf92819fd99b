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
_MOST_KEPT = 1024


class Lessons:
    """Lessons by base URL and model; of more than a thousand the oldest go, for a user may name any model."""

    def __init__(self) -> None:
        self._lessons: dict[tuple[str, str], Lesson] = {}

    def recall(self, route: Route) -> Lesson:
        """Return what is known of the place where `route` goes."""
        return self._lessons.get((route.base_url, route.model), _NOTHING)

    def drop_field(self, route: Route, name: str) -> None:
        """Remember that the body field `name` is refused there."""
        known = self.recall(route)
        self._keep(route, Lesson(known.dropped | {name}, known.model))

    def rename_model(self, route: Route, model: str) -> None:
        """Remember that the model answers there to the id `model`."""
        self._keep(route, Lesson(self.recall(route).dropped, model))

    def _keep(self, route: Route, lesson: Lesson) -> None:
        place = (route.base_url, route.model)
        self._lessons.pop(place, None)
        self._lessons[place] = lesson
        for old in list(self._lessons)[:-_MOST_KEPT]:
            self._lessons.pop(old, None)  # another thread may have taken it
