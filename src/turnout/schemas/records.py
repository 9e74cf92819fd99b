"""Records: types with named fields, and the arguments of a function."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

import msgspec

from turnout.schemas.parts import ScalarPart, decoded
from turnout.schemas.walk import FAILED, MAX_SHOWN, Definitions, Path, TypePart, Walk, show_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NO_DEFAULT: Any = object()
"""Says that a field has no default that JSON can write."""


class RecordField:
    """One field: `key` in JSON, `name` in Python, its type, and what a model is told of it."""

    def __init__(
        self,
        name: str,
        part: TypePart,
        *,
        key: str | None = None,
        is_required: bool = True,
        default: Any = NO_DEFAULT,
        description: str = "",
    ) -> None:
        self.name = name
        self.key = key or name
        self.part = part
        self.is_required = is_required
        self.default = default
        self.description = description

    @property
    def tells_apart(self) -> bool:
        """Whether the field takes one value only, so that it tells this record from others."""
        return self.is_required and isinstance(self.part, ScalarPart) and len(self.part.choices) == 1

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema of the field with description and default."""
        schema = self.part.schema(definitions)
        if self.description and "description" not in schema:
            schema = {**schema, "description": self.description}
        if self.default is not NO_DEFAULT:
            with suppress(TypeError, ValueError, RecursionError):  # what JSON cannot write stays Python's affair
                schema = {**schema, "default": msgspec.to_builtins(self.default)}
        return schema


class RecordPart:
    """An object with fields: a dataclass, TypedDict, NamedTuple or Struct, or the arguments of a function.

    `fields` is filled after the record is made, because a type may speak of itself.
    """

    def __init__(
        self,
        name: str,
        make: Callable[..., Any],
        *,
        description: str = "",
        tag: tuple[str, str | int] | None = None,
        is_closed: bool = False,
    ) -> None:
        self.name = name
        self.make = make
        self.description = description
        self.tag = tag
        self.is_closed = is_closed
        self.fields: Sequence[RecordField] = ()

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the reference to the record, and define it where that is still to do."""
        reference, fresh = definitions.refer(self, self.name)
        if fresh is not None:
            definitions.schemas[fresh] = self.object_schema(definitions)
        return reference

    def object_schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema of the object itself."""
        schema: dict[str, Any] = {"description": self.description} if self.description else {}
        properties: dict[str, Any] = {}
        required = [field.key for field in self.fields if field.is_required]
        if self.tag is not None:
            word = "string" if isinstance(self.tag[1], str) else "integer"
            properties[self.tag[0]] = {"type": word, "enum": [self.tag[1]]}
            required.insert(0, self.tag[0])
        properties.update({field.key: field.schema(definitions) for field in self.fields})
        schema |= {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        return {**schema, "additionalProperties": False} if self.is_closed else schema

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Convert field by field and make the record; whatever its own checks raise is a problem of the value."""
        values = decoded(value, dict, walk)
        if not isinstance(values, dict):
            return walk.fail(path, f"expected an object, got {show_value(value)}")
        if not walk.has_room(path):
            return FAILED
        before = len(walk.problems)
        made = self._convert_fields(cast("dict[str, Any]", values), walk, path)
        if len(walk.problems) > before:
            return FAILED
        try:
            return self.make(**made)
        except Exception as error:  # noqa: BLE001 # boundary: a type's own checks may raise anything
            return walk.fail(path, str(error) or type(error).__name__)

    def _convert_fields(self, values: dict[str, Any], walk: Walk, path: Path) -> dict[str, Any]:
        self._check_keys(values, walk, path)
        if walk.is_other:
            return {}
        made: dict[str, Any] = {}
        for field in self.fields:
            if field.key not in values:
                continue
            item = values[field.key]
            attempt = walk.fork(is_strict=walk.is_strict)
            result = field.part.convert(item, attempt, (*path, field.key))
            if result is FAILED and item is None and not field.is_required and not walk.is_strict:
                continue  # models write null for what they leave out
            walk.problems.extend(attempt.problems)
            walk.extras += attempt.extras
            made[field.name] = result
        return made

    def _check_keys(self, values: dict[str, Any], walk: Walk, path: Path) -> None:
        """Note what is missing and what is unknown; tell whether another record is meant."""
        if self.tag is not None and values.get(self.tag[0], self.tag[1]) != self.tag[1]:
            walk.is_other = True
            walk.fail(
                (*path, self.tag[0]), f"expected {show_value(self.tag[1])}, got {show_value(values[self.tag[0]])}"
            )
        for field in self.fields:
            if field.tells_apart and field.key in values:
                attempt = walk.fork(is_strict=True)
                if field.part.convert(values[field.key], attempt, (*path, field.key)) is FAILED:
                    walk.is_other = True
                    walk.problems.extend(attempt.problems)
        for field in self.fields:
            if field.is_required and field.key not in values:
                walk.fail((*path, field.key), "is required and missing")
        known = [field.key for field in self.fields] + ([self.tag[0]] if self.tag else [])
        for count, key in enumerate([key for key in values if key not in known]):
            walk.extras += 1
            if self.is_closed:
                close = get_close_matches(key[:100], known, n=1) if count < MAX_SHOWN else ()
                hint = f": did you mean `{close[0]}`?" if close else ""
                walk.fail((*path, key), f"is unknown{hint} (known: {', '.join(known) or 'none'})")
