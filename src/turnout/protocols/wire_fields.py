"""What a wire format says of its own fields, so that a server's refusal of one is understood and obeyed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from turnout.protocols.json_reading import is_array, is_object, objects
from turnout.responses import Warning

if TYPE_CHECKING:
    from collections.abc import Iterable


class WireFields(Struct, frozen=True, kw_only=True):
    """The fields of a body that a server may refuse, each by its place: ``"tools[].strict"``, say.

    A place is names joined by dots, with ``[]`` after one that holds an array: what follows is in its elements.
    `lessons` maps a place to what is learned where it is refused: the names that `turnout.adaptation` knows (``tools``,
    ``tool_choice``, ``response_format``), whatever this wire calls them. `optional` names nested fields that can go
    alone, and are then learned by their place. `chosen` names those whose value is turnout's own choice, so that a
    refusal of the value is one of the field.
    """

    lessons: dict[str, tuple[str, ...]] = {}
    optional: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()

    def read_lessons(self, place: str) -> frozenset[str]:
        """Return what is learned where the field at `place` is refused: what the next request has to do without."""
        return frozenset(self.lessons.get(place, (place,)))


NO_FIELDS = WireFields()
"""Of a wire format that says nothing: its fields are known by their own names."""


def leave_out(body: dict[str, Any], refused: Iterable[str], warnings: list[Warning]) -> None:
    """Take the nested fields of `refused` out of `body`, each with a warning; an object that gets empty goes as well.

    Names without a dot are left to those who write these fields. Objects that `body` shares with others stay whole.
    """
    for place in sorted(refused):
        if "." in place and _remove(body, place.split(".")):
            message = f"`{place}` was left out, because the provider refuses it: the model answers without it"
            warnings.append(Warning("dropped_setting", message))


def _remove(holder: dict[str, Any], steps: list[str]) -> bool:
    """Take out what `steps` lead to; return whether there was something. What is changed is a copy."""
    step, rest = steps[0], steps[1:]
    if not rest:
        return holder.pop(step, holder) is not holder
    if step.endswith("[]"):
        return _remove_of_each(holder, step[:-2], rest)
    inner = holder.get(step)
    copy = dict(inner) if is_object(inner) else {}
    if not _remove(copy, rest):
        return False
    if copy:
        holder[step] = copy
    else:
        del holder[step]
    return True


def _remove_of_each(holder: dict[str, Any], name: str, steps: list[str]) -> bool:
    items = holder.get(name)
    copies = [dict(item) if is_object(item) else item for item in items] if is_array(items) else []
    found = [_remove(copy, steps) for copy in objects(copies)]  # of all, not just the first
    if any(found):
        holder[name] = copies
    return any(found)


def holds(body: dict[str, Any], place: str) -> bool:
    """Tell whether `body` has a field at `place`."""
    holders = [body]
    *way, last = place.split(".")
    for step in way:
        inner = [holder.get(step.removesuffix("[]")) for holder in holders]
        holders = [each for value in inner for each in objects(value if step.endswith("[]") else [value])]
    return any(last in holder for holder in holders)
