"""Read a Python type into the parts that know its schema and convert to it."""

from __future__ import annotations

import collections.abc
import enum
import re
import types
import typing
from typing import Any, Literal, TypeVar, Union, cast

import msgspec

from turnout.errors import InvalidToolError
from turnout.schemas import fields, pydantic_types
from turnout.schemas.annotations import Notes, read_notes
from turnout.schemas.parts import (
    AliasPart,
    AnnotatedPart,
    AnyPart,
    ListPart,
    MappingPart,
    ScalarPart,
    TextPart,
    TuplePart,
    UnionPart,
    is_hashable,
)
from turnout.schemas.records import RecordPart

if typing.TYPE_CHECKING:
    from turnout.schemas.walk import TypePart

CURE = (
    "use str, int, float, bool, None, Literal, Enum, list, tuple, dict, a union of them, a dataclass, TypedDict, "
    "NamedTuple, msgspec.Struct or pydantic model"
)
_LISTS: dict[Any, Any] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.deque: collections.deque,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Collection: list,
    collections.abc.Iterable: list,
    collections.abc.Set: frozenset,
    collections.abc.MutableSet: set,
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping, collections.OrderedDict)


class TypeReader:
    """Reads types; each record once, so that a type may speak of itself."""

    def __init__(self) -> None:
        self._known: dict[Any, TypePart] = {}

    def read(self, kind: Any, notes: Notes | None = None) -> TypePart:
        """Return the part for `kind`. Raises `InvalidToolError` for a type that has no JSON schema."""
        if typing.get_origin(kind) is typing.Annotated:
            inner, *metadata = typing.get_args(kind)
            if pydantic_types.speaks(metadata):
                return pydantic_types.PydanticPart(kind)
            return self._annotate(inner, read_notes(metadata, notes))
        if notes is not None:
            return self._annotate(kind, notes)
        try:
            known = self._known.get(kind)
        except TypeError:  # a type that cannot be hashed, such as a Literal of lists
            raise InvalidToolError(f"{show_type(kind)} has no JSON schema: {CURE}") from None
        return known or self._read_new(kind)

    def _read_new(self, kind: Any) -> TypePart:
        if kind is Any or kind is object:
            return AnyPart()
        if isinstance(kind, (str, typing.ForwardRef)):
            raise InvalidToolError(f"the type {show_type(kind)} is a name only: define it where it can be imported")
        if hasattr(kind, "__supertype__"):
            return self.read(kind.__supertype__)
        if isinstance(kind, TypeVar):
            return self.read(kind.__bound__ if kind.__bound__ is not None else Any)
        origin, args = typing.get_origin(kind) or kind, typing.get_args(kind)
        if type(origin).__name__ == "TypeAliasType":
            return self._read_alias(kind, origin, args)
        if pydantic_types.is_pydantic(kind):
            return self._remember(kind, pydantic_types.PydanticPart(kind))
        if origin in (Union, types.UnionType):
            return self._read_union(args)
        return self._read_container(origin, args) or self._read_record(kind, origin, args) or self._read_scalar(kind)

    def _read_alias(self, kind: Any, origin: Any, args: tuple[Any, ...]) -> TypePart:
        alias = AliasPart(origin.__name__)
        self._remember(kind, alias)
        alias.target = self.read(
            fields.substitute(origin.__value__, dict(zip(origin.__type_params__, args, strict=False)))
        )
        return alias

    def _read_union(self, args: tuple[Any, ...]) -> TypePart:
        members = [self.read(arg) for arg in args]
        if all(isinstance(member, ScalarPart) for member in members):
            try:
                kinds = tuple(cast("ScalarPart", member).kind for member in members)
                return _scalar(Union[kinds], members)  # noqa: UP007
            except TypeError:  # two of them look alike in JSON, such as str and date
                pass
        return UnionPart(members)

    def _read_container(self, origin: Any, args: tuple[Any, ...]) -> TypePart | None:
        if origin is tuple and args and args[-1] is not Ellipsis:
            return TuplePart([self.read(arg) for arg in args])
        if origin is tuple:
            return ListPart(self.read(args[0] if args else Any), tuple)
        if origin in _LISTS:
            is_set = isinstance(_LISTS[origin], type) and issubclass(_LISTS[origin], (set, frozenset))
            return ListPart(self.read(args[0] if args else Any), _LISTS[origin], is_unique=is_set)
        if origin in _MAPPINGS:
            key, item = args or (str, Any)
            keys = self.read(key)
            if not is_hashable(keys):
                raise InvalidToolError(
                    f"{show_type(key)} cannot be the key of a dict, since it cannot be hashed: take str, int, an Enum, "
                    "a tuple of these, or a frozen dataclass"
                )
            return MappingPart(keys, self.read(item))
        return None

    def _read_record(self, kind: Any, origin: Any, args: tuple[Any, ...]) -> TypePart | None:
        if not isinstance(origin, type) or not fields.is_record(origin):
            return None
        record = RecordPart(show_type(kind), origin, **fields.record_facts(origin))
        self._remember(kind, record)
        record.fields = fields.read_fields(origin, args, self.read)
        return record

    def _read_scalar(self, kind: Any) -> TypePart:
        if hasattr(kind, "__fspath__") and str(getattr(kind, "__module__", "")).startswith("pathlib"):
            return TextPart(kind, kind.__name__)
        try:
            return _scalar(kind, [])
        except (TypeError, ValueError):
            raise InvalidToolError(f"the type {show_type(kind)} has no JSON schema: {CURE}") from None

    def _annotate(self, inner: Any, notes: Notes) -> TypePart:
        if typing.get_origin(inner) is typing.Annotated:
            return self.read(inner, notes)
        part = self.read(inner)
        if isinstance(part, ScalarPart) and notes.constraints:
            try:
                return AnnotatedPart(
                    _scalar(typing.Annotated[part.kind, msgspec.Meta(**notes.constraints)], [part]),
                    notes.words,
                    None,
                    None,
                )
            except (TypeError, ValueError) as error:
                raise InvalidToolError(f"the limits of {show_type(inner)} do not suit it: {error}") from None
        lengths = {name: notes.constraints[name] for name in ("min_length", "max_length") if name in notes.constraints}
        if (not isinstance(part, (ListPart, MappingPart)) and notes.constraints) or len(lengths) != len(
            notes.constraints
        ):
            names = ", ".join(sorted(notes.constraints))
            raise InvalidToolError(f"{names}: no limit for {show_type(inner)}: put it on the type inside")
        return AnnotatedPart(part, notes.words, lengths.get("min_length"), lengths.get("max_length"))

    def _remember(self, kind: Any, part: TypePart) -> TypePart:
        self._known[kind] = part
        return part


def _scalar(kind: Any, members: list[TypePart]) -> ScalarPart:
    """Return the scalar part of `kind`. Raises TypeError where msgspec does not know it."""
    msgspec.json.schema(kind)
    if not members:
        return ScalarPart(kind, show_type(kind), _choices(kind))
    choices = members[0].choices if len(members) == 1 and isinstance(members[0], ScalarPart) else ()
    return ScalarPart(kind, " or ".join(member.name for member in members), choices)


def _choices(kind: Any) -> tuple[Any, ...]:
    if typing.get_origin(kind) is Literal:
        return typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return tuple(member.value for member in kind)
    return ()


def show_type(kind: Any) -> str:
    """Return a type's name without its modules."""
    if kind is type(None):
        return "None"
    if isinstance(kind, typing.ForwardRef):
        return repr(kind.__forward_arg__)
    if isinstance(kind, type) and not typing.get_args(kind):
        return kind.__name__
    return re.sub(r"(?:[\w<>]+\.)+", "", repr(kind))
