"""What the parts of a type share: the walk over a value, the definitions of a schema, and how a problem is told."""

from __future__ import annotations

import math
import re
from typing import Any, Protocol, cast

import msgspec

Path = tuple[str | int, ...]
"""Where in a value: names of fields and indexes of lists, from the outside in."""

FAILED: Any = object()
"""What a part returns for a value that does not fit; the walk holds why."""

_WITH_NUMBERS = (float, dict, list)
MAX_DEPTH = 100
MAX_STEPS = 200_000
MAX_SHOWN = 10


class SchemaMismatch(ValueError):
    """A value does not fit its type; the message names place, expectation and value, for a model to mend."""


class TypePart(Protocol):
    """One part of a type: it knows its JSON schema and converts plain JSON to its Python value."""

    @property
    def name(self) -> str:
        """What the part is called in an error, such as ``list of int``."""
        ...

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the JSON schema; records go to `definitions` and are referred to."""
        ...

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Return the Python value, or `FAILED` after telling `walk` why."""
        ...


class Walk:
    """One pass over a value: strict or lax, and the problems met.

    A strict pass takes a value only as it is; a lax one also converts ``"5"`` to 5 and the like. `extras` counts the
    fields that no record knows: of two types that fit, the one that leaves fewer over is meant. `is_other` says that a
    field which tells types apart (a tag, a Literal of one value) names another type than the one tried. Steps count
    over all forks, so that a value made to fit many types halfway cannot hold the program up.
    """

    __slots__ = ("_steps", "extras", "is_other", "is_strict", "problems")

    def __init__(self, *, is_strict: bool, steps: list[int] | None = None) -> None:
        self.is_strict = is_strict
        self.problems: list[tuple[Path, str]] = []
        self.extras = 0
        self.is_other = False
        self._steps = [0] if steps is None else steps

    def fork(self, *, is_strict: bool) -> Walk:
        """Return a walk for a try: its problems are its own."""
        return Walk(is_strict=is_strict, steps=self._steps)

    def fail(self, path: Path, problem: str) -> Any:
        """Note `problem` at `path` and return `FAILED`."""
        self.problems.append((path, problem))
        return FAILED

    def has_room(self, path: Path) -> bool:
        """Count a step; note a problem and return False where the value is too deep or too much work."""
        self._steps[0] += 1
        if len(path) > MAX_DEPTH:
            self.fail(path[:3], f"is nested over {MAX_DEPTH} levels deep")
            return False
        if self._steps[0] > MAX_STEPS:
            self.fail(path[:3], "takes too long to tell apart: make it smaller")
            return False
        return True

    def error(self) -> SchemaMismatch:
        """Return all problems as one error, in words that a model can act on."""
        told = list(dict.fromkeys(f"{show_path(path)}: {problem}" for path, problem in self.problems))
        more = f"; and {len(told) - MAX_SHOWN} more" if len(told) > MAX_SHOWN else ""
        return SchemaMismatch("; ".join(told[:MAX_SHOWN]) + more)


class Definitions:
    """The `$defs` of one schema: each record once, under a name of its own."""

    def __init__(self) -> None:
        self.schemas: dict[str, dict[str, Any]] = {}
        self._names: dict[int, str] = {}

    def refer(self, part: TypePart, name: str) -> tuple[dict[str, Any], str | None]:
        """Return the reference to `part`, and the name to define it under where that is still to do."""
        known = self._names.get(id(part))
        if known is not None:
            return {"$ref": f"#/$defs/{known}"}, None
        fresh = self.reserve(name)
        self._names[id(part)] = fresh
        return {"$ref": f"#/$defs/{fresh}"}, fresh

    def reserve(self, name: str) -> str:
        """Return `name` made fit for a reference, with a number where another type has it."""
        clean = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_") or "Type"
        fresh, count = clean, 1
        while fresh in self.schemas:
            count += 1
            fresh = f"{clean}_{count}"
        self.schemas[fresh] = {}
        return fresh


def find_non_finite(value: Any) -> Path | None:
    """Return the place of the first NaN or infinity in plain JSON `value`; `None` where there is none."""
    waiting: list[tuple[Path, Any]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                return path
        elif isinstance(item, dict):
            for key, inner in cast("dict[Any, Any]", item).items():
                if isinstance(inner, _WITH_NUMBERS):
                    waiting.append(((*path, str(key)), inner))  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(item, list):
            for place, inner in enumerate(cast("list[Any]", item)):
                if isinstance(inner, _WITH_NUMBERS):
                    waiting.append(((*path, place), inner))  # pyright: ignore[reportUnknownArgumentType]
    return None


def show_path(path: Path) -> str:
    """Return `path` as a model reads it: ``items[0].name`` in backquotes, or ``the value`` for the whole."""
    if not path:
        return "the value"
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return f"`{shown.removeprefix('.')}`"


def show_value(value: Any) -> str:
    """Return what came, in short: its JSON type and the beginning of its text."""
    if isinstance(value, dict):
        keys = ", ".join(f'"{key}"' for key in list(cast("dict[Any, Any]", value))[:8])
        return f"an object with {keys}" if keys else "an empty object"
    if isinstance(value, list):
        return f"an array of {len(cast('list[Any]', value))}"
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError):
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f'{text[:57]}…"'
