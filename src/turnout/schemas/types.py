"""A type as a model sees it: its JSON schema, and the way from plain JSON to its values."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast, overload

import msgspec

from turnout.errors import InvalidToolError
from turnout.schemas.json_schema import JsonSchemaPart
from turnout.schemas.reading import TypeReader
from turnout.schemas.records import RecordField, RecordPart
from turnout.schemas.walk import (
    FAILED,
    MAX_DEPTH,
    Definitions,
    SchemaMismatch,
    TypePart,
    Walk,
    find_non_finite,
    show_path,
)

T = TypeVar("T")


class TypeSchema(Generic[T]):
    """The JSON schema of a type and the conversion to it: ``TypeSchema(Person).convert({"name": "Ada"})``.

    The type is any of str, int, float, bool, None, Literal, Enum, dates, UUID, Decimal, list, set, tuple, dict,
    dataclass, TypedDict, NamedTuple, msgspec.Struct, pydantic model (where pydantic is installed), a union of them, or
    ``Annotated`` with a description or `msgspec.Meta`. Instead of a type it may be a JSON schema (a dict): then values
    stay plain JSON and are validated. Raises `InvalidToolError` for a type that has no JSON schema.
    """

    @overload
    def __init__(self, kind: type[T]) -> None: ...
    @overload
    def __init__(self, kind: Any) -> None: ...
    def __init__(self, kind: Any) -> None:
        if isinstance(kind, dict):
            part = JsonSchemaPart(cast("dict[str, Any]", kind))
            _ = part.validator
            self._part: TypePart = part
        else:
            self._part = TypeReader().read(kind)
        self.schema: dict[str, Any] = _root_schema(self._part)
        """The JSON schema (draft 2020-12), whole: what it refers to is in its `$defs`."""

    @property
    def name(self) -> str:
        """The type's name, such as ``Person``."""
        return self._part.name

    def convert(self, value: Any) -> T:
        """Return the Python value of plain JSON `value`.

        A value is taken as it is where it fits; otherwise what it clearly stands for is taken: ``"5"`` for 5, 5.0 for
        an int 5, ``"true"``, an object written as a string of JSON, null for a field that may be left out. Raises
        `SchemaMismatch` that names the place of each problem, what was expected and what came.
        """
        return convert_part(self._part, value)

    def convert_counted(self, value: Any) -> tuple[T, int]:
        """Return what `convert` returns, and how many fields of `value` are unknown to the type."""
        return convert_counted(self._part, value)


def convert_part(part: TypePart, value: Any) -> Any:
    """Return `value` converted by `part`: as it is, or else loosely. Raises `SchemaMismatch`."""
    return convert_counted(part, value)[0]


def convert_counted(part: TypePart, value: Any) -> tuple[Any, int]:
    """Return `value` converted as by `convert_part`, and how many of its fields no type knows."""
    odd = find_non_finite(value)
    if odd is not None:
        raise SchemaMismatch(f"{show_path(odd[:MAX_DEPTH])}: expected a finite number: JSON has no NaN or infinity")
    for is_strict in (True, False):
        walk = Walk(is_strict=is_strict)
        made = part.convert(value, walk, ())
        if made is not FAILED:
            return made, walk.extras
    raise walk.error()  # pyright: ignore[reportPossiblyUnboundVariable]


class ArgumentsSchema:
    """The arguments of a function as one object; what is not known is refused, since a misspelt one would be lost."""

    def __init__(self, fields: list[RecordField]) -> None:
        self._part = RecordPart("arguments", dict, is_closed=True)
        self._part.fields = fields
        definitions = Definitions()
        self.schema: dict[str, Any] = _with_definitions(self._part.object_schema(definitions), definitions)

    def convert(self, value: Any) -> dict[str, Any]:
        """Return the arguments that were given, by name, converted. Raises `SchemaMismatch`."""
        return convert_part(self._part, value)


def _root_schema(part: TypePart) -> dict[str, Any]:
    definitions = Definitions()
    schema = part.schema(definitions)
    reference = schema.get("$ref")
    seen: set[str] = set()
    while isinstance(reference, str) and len(schema) == 1 and definitions.schemas:
        if reference in seen:
            raise InvalidToolError(f"the type {part.name} is defined by itself alone: give it another case")
        seen.add(reference)
        schema = definitions.schemas[reference.removeprefix("#/$defs/")]
        reference = schema.get("$ref")
    return _with_definitions(schema, definitions)


def _with_definitions(schema: dict[str, Any], definitions: Definitions) -> dict[str, Any]:
    """Return `schema` with the definitions that it refers to, directly or through others."""
    used: dict[str, Any] = {}
    texts = [msgspec.json.encode(schema)]
    while texts:
        text = texts.pop()
        for name, definition in definitions.schemas.items():
            if name not in used and f'"#/$defs/{name}"'.encode() in text:
                used[name] = definition
                texts.append(msgspec.json.encode(definition))
    ordered = {name: definition for name, definition in definitions.schemas.items() if name in used}
    return {**schema, "$defs": ordered} if ordered else schema
