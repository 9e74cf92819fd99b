"""The parts that types are made of: scalars, lists, tuples, mappings, unions and aliases."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import msgspec

from turnout.schemas.walk import FAILED, Definitions, Path, TypePart, Walk, show_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class AnyPart:
    """Any JSON value, as it is."""

    name = "anything"

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema that takes everything."""
        return {}

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Return `value` itself."""
        return value


class ScalarPart:
    """A type that msgspec converts: str, int, float, bool, None, dates, UUID, Decimal, Literal, Enum, their unions."""

    def __init__(self, kind: Any, name: str, choices: Sequence[Any] = ()) -> None:
        self.kind = kind
        self.name = name
        self.choices = choices
        """The values of a Literal or Enum, as JSON writes them."""

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return what msgspec says, with an Enum written out in place."""
        schema = msgspec.json.schema(self.kind)
        inner: dict[str, Any] = schema.pop("$defs", {})
        schema = _expand_enums(schema, inner)
        if self.choices:
            schema["enum"] = list(self.choices)  # msgspec sorts them; the order of the program says more
            words = {_JSON_WORDS.get(cast("Any", type(choice)), "") for choice in self.choices}
            if len(words) == 1 and "" not in words:
                schema = {"type": words.pop(), **schema}
        return schema

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Take `value` as it is, or in a lax walk what it clearly stands for."""
        try:
            return _finite(msgspec.convert(value, self.kind))
        except msgspec.ValidationError as error:
            problem = str(error)
        except (
            ValueError,
            TypeError,
            OverflowError,
            LookupError,
        ) as error:  # an Enum's `_missing_` raises what it likes
            problem = str(error)
        if not walk.is_strict:
            try:
                if isinstance(value, float) and value.is_integer():
                    return msgspec.convert(int(value), self.kind)
                return _finite(msgspec.convert(value, self.kind, strict=False))
            except (ValueError, TypeError, OverflowError, LookupError):
                pass
        return walk.fail(path, self._explain(problem, value))

    def _explain(self, problem: str, value: Any) -> str:
        came = show_value(value)
        if self.choices:
            return f"expected one of {', '.join(show_value(choice) for choice in self.choices[:50])}, got {came}"
        return f"{problem[:1].lower()}{problem[1:].partition(', got ')[0]}, got {came}"


class TextPart:
    """A type that is made of a string, such as a path."""

    def __init__(self, make: Callable[[str], Any], name: str) -> None:
        self.make = make
        self.name = name

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema of a string."""
        return {"type": "string"}

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Return the type made of a string `value`."""
        if not isinstance(value, str):
            return walk.fail(path, f"expected a string, got {show_value(value)}")
        return self.make(value)


class ListPart:
    """A list, set, frozenset or tuple of any length, all of one type."""

    def __init__(self, item: TypePart, make: Callable[[list[Any]], Any], *, is_unique: bool = False) -> None:
        self.item = item
        self.make = make
        self.is_unique = is_unique
        self.name = f"list of {item.name}"

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema of an array."""
        schema: dict[str, Any] = {"type": "array", "items": self.item.schema(definitions)}
        return {**schema, "uniqueItems": True} if self.is_unique else schema

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Convert every item; all that do not fit are told."""
        items = decoded(value, list, walk)
        if not isinstance(items, list):
            return walk.fail(path, f"expected an array, got {show_value(value)}")
        if not walk.has_room(path):
            return FAILED
        made = [self.item.convert(item, walk, (*path, index)) for index, item in enumerate(cast("list[Any]", items))]
        if any(item is FAILED for item in made):
            return FAILED
        try:
            return self.make(made)
        except TypeError as error:  # a set of what cannot be hashed
            return walk.fail(path, str(error))


class TuplePart:
    """A tuple of a fixed length, each place with its type."""

    name = "tuple"

    def __init__(self, items: Sequence[TypePart]) -> None:
        self.items = items

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema of an array whose places are typed."""
        count = len(self.items)
        places = [item.schema(definitions) for item in self.items]
        closed: dict[str, Any] = {"type": "array", "minItems": count, "maxItems": count}
        return {**closed, "prefixItems": places, "items": False} if places else closed

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Convert place by place; the length must be right."""
        items: list[Any] | None = _as_list(decoded(value, list, walk))
        if items is None or len(items) != len(self.items):
            return walk.fail(path, f"expected an array of {len(self.items)}, got {show_value(value)}")
        if not walk.has_room(path):
            return FAILED
        places = zip(self.items, items, strict=True)
        made = [part.convert(item, walk, (*path, index)) for index, (part, item) in enumerate(places)]
        return FAILED if any(item is FAILED for item in made) else tuple(made)


class MappingPart:
    """A dict of any keys; those are strings in JSON, and become the key's type."""

    def __init__(self, key: TypePart, item: TypePart) -> None:
        self.key = key
        self.item = item
        self.name = f"object of {item.name}"

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema of an object that takes any key."""
        schema: dict[str, Any] = {"type": "object", "additionalProperties": self.item.schema(definitions) or True}
        keys = self.key.schema(definitions)
        if "enum" in keys or "pattern" in keys:
            schema["propertyNames"] = keys
        return schema

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Convert keys and values."""
        items = decoded(value, dict, walk)
        if not isinstance(items, dict):
            return walk.fail(path, f"expected an object, got {show_value(value)}")
        if not walk.has_room(path):
            return FAILED
        made: dict[Any, Any] = {}
        lax = walk.fork(is_strict=False)  # a key is always a string
        for key, item in cast("dict[Any, Any]", items).items():
            place = (*path, str(key))
            converted = self.item.convert(item, walk, place)
            try:
                made[self.key.convert(key, lax, place)] = converted
            except TypeError as error:  # its type can be hashed, and what it holds cannot
                return walk.fail(place, str(error))
        walk.problems.extend(lax.problems)
        return FAILED if FAILED in made or any(item is FAILED for item in made.values()) else made


class UnionPart:
    """One of several types: the one that fits with the least left over, and of equals the first."""

    def __init__(self, members: Sequence[TypePart]) -> None:
        self.members = members
        self.name = " or ".join(member.name for member in members)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return ``anyOf`` the members."""
        return {"anyOf": [member.schema(definitions) for member in self.members]}

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Try the members as `value` stands, and in a lax walk once more."""
        if not walk.has_room(path):
            return FAILED
        tries: list[tuple[TypePart, Walk]] = []
        for is_strict in (True,) if walk.is_strict else (True, False):
            tries = [(member, walk.fork(is_strict=is_strict)) for member in self.members]
            made, left = FAILED, -1
            for member, attempt in tries:
                result = member.convert(value, attempt, path)
                if result is not FAILED and (made is FAILED or attempt.extras < left):
                    made, left = result, attempt.extras
                if left == 0:
                    break
            if made is not FAILED:
                walk.extras += left
                return made
        return self._explain(tries, value, walk, path)

    def _explain(self, tries: list[tuple[TypePart, Walk]], value: Any, walk: Walk, path: Path) -> Any:
        meant = [
            attempt for _, attempt in tries if not attempt.is_other and all(at != path for at, _ in attempt.problems)
        ]
        if len(meant) == 1:
            walk.problems.extend(meant[0].problems)
            return FAILED
        why = [
            f"as {member.name}: {text}" for member, attempt in tries for at, text in attempt.problems[:1] if at != path
        ]
        return walk.fail(path, "; ".join([f"expected {self.name}, got {show_value(value)}", *why]))


class AliasPart:
    """A named alias (``type Json = …``), which may speak of itself."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.target: TypePart = AnyPart()

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the reference to the alias."""
        reference, fresh = definitions.refer(self, self.name)
        if fresh is not None:
            definitions.schemas[fresh] = self.target.schema(definitions)
        return reference

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Convert as the type that the alias names."""
        return self.target.convert(value, walk, path) if walk.has_room(path) else FAILED


class AnnotatedPart:
    """A type with what ``Annotated`` says of it: words for the schema, and the length of a list or mapping."""

    def __init__(
        self, part: TypePart, notes: Mapping[str, Any], min_length: int | None, max_length: int | None
    ) -> None:
        self.part = part
        self.notes = notes
        self.min_length = min_length
        self.max_length = max_length
        self.name = part.name

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema of the type with the notes."""
        schema = self.part.schema(definitions)
        word = "Items" if schema.get("type") == "array" else "Properties"
        limits = {f"min{word}": self.min_length, f"max{word}": self.max_length}
        return {**schema, **{key: limit for key, limit in limits.items() if limit is not None}, **self.notes}

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Convert, and hold the length."""
        made = self.part.convert(value, walk, path)
        if made is FAILED or (self.min_length is None and self.max_length is None):
            return made
        if self.min_length is not None and len(made) < self.min_length:
            return walk.fail(path, f"expected at least {self.min_length} items, got {len(made)}")
        if self.max_length is not None and len(made) > self.max_length:
            return walk.fail(path, f"expected at most {self.max_length} items, got {len(made)}")
        return made


_JSON_WORDS = {str: "string", int: "integer", bool: "boolean", float: "number"}


def decoded(value: Any, kind: type[list[Any] | dict[str, Any]], walk: Walk) -> Any:
    """Return `value`; in a lax walk also what a string of JSON holds, where that is of `kind`.

    Models write nested objects as strings now and then, above all those that were told to call a tool in prose.
    """
    if walk.is_strict or not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value


def is_hashable(part: TypePart) -> bool:
    """Return whether what `part` makes can be a key, as far as its type tells."""
    if isinstance(part, (AliasPart, AnyPart)):
        return True
    if isinstance(part, (UnionPart, TuplePart)):
        return all(is_hashable(inner) for inner in (part.members if isinstance(part, UnionPart) else part.items))
    if isinstance(part, AnnotatedPart):
        return is_hashable(part.part)
    if isinstance(part, ListPart):
        return getattr(part.make, "__hash__", None) is not None and is_hashable(part.item)
    kind = cast("Any", getattr(part, "make", None) or getattr(part, "kind", None))
    config = getattr(kind, "__struct_config__", None)
    if isinstance(part, MappingPart) or (config is not None and config.eq and not config.frozen):
        return False
    return getattr(kind, "__hash__", None) is not None


def _finite(made: Any) -> Any:
    """Return `made`. Raises `ValueError` for a NaN or infinity, which is spelled in a string: JSON has neither."""
    if not isinstance(made, (float, Decimal)) or math.isfinite(made):
        return made
    raise ValueError("expected a finite number")


def _as_list(value: Any) -> list[Any] | None:
    return cast("list[Any]", value) if isinstance(value, list) else None


def _expand_enums(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = schema.pop("$ref", None)
    if reference is not None:
        definition = {key: item for key, item in definitions[reference.rpartition("/")[2]].items() if key != "title"}
        schema = {**definition, **schema}
    if "anyOf" in schema:
        schema["anyOf"] = [_expand_enums(member, definitions) for member in schema["anyOf"]]
    return schema
