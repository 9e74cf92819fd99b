"""The fields of dataclasses, TypedDicts, NamedTuples and Structs, with what is said of each."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

import msgspec

from turnout.errors import InvalidToolError
from turnout.schemas.docstrings import Documentation, read_docstring
from turnout.schemas.records import NO_DEFAULT, RecordField
from turnout.schemas.walk import TypePart

Read = Callable[[Any], TypePart]
_EMPTY = (list, dict, set, tuple, frozenset)
_QUALIFIERS = {"Required", "NotRequired", "ReadOnly", "Final"}


def is_record(kind: type[Any]) -> bool:
    """Return whether `kind` has named fields that become a JSON object."""
    if issubclass(kind, msgspec.Struct):
        return not kind.__struct_config__.array_like
    return _is_dataclass(kind) or _is_typed_dict(kind) or _is_named_tuple(kind)


def record_facts(kind: type) -> dict[str, Any]:
    """Return what `RecordPart` is told of `kind` beside its fields."""
    facts: dict[str, Any] = {"description": _class_documentation(kind).text}
    if issubclass(kind, msgspec.Struct):
        config = kind.__struct_config__
        facts["is_closed"] = config.forbid_unknown_fields
        if config.tag is not None and config.tag_field is not None:
            facts["tag"] = (config.tag_field, config.tag)
    return facts


def read_fields(kind: type[Any], args: tuple[Any, ...], read: Read) -> list[RecordField]:
    """Return the fields of `kind`, its type parameters replaced by `args`. Raises `InvalidToolError`."""
    hints = class_hints(kind, args)
    told = _class_documentation(kind).parameters
    if issubclass(kind, msgspec.Struct):
        found = _struct_fields(kind)
    elif _is_dataclass(kind):
        found = _dataclass_fields(kind)
    elif _is_typed_dict(kind):
        found = _typed_dict_fields(kind, hints)
    else:
        defaults: dict[str, Any] = cast("Any", kind)._field_defaults  # public in spite of its name
        found = [(name, _facts(name in defaults, defaults.get(name))) for name in cast("Any", kind)._fields]
    made: list[RecordField] = []
    for name, facts in found:
        part = _read_field(kind, name, hints.get(name, Any), read)
        facts["description"] = facts.get("description") or told.get(name, "")
        made.append(RecordField(name, part, **facts))
    return made


def class_hints(kind: type, args: tuple[Any, ...]) -> dict[str, Any]:
    """Return the annotations of `kind`, names resolved and type parameters replaced."""
    try:
        hints = typing.get_type_hints(kind, localns={kind.__name__: kind}, include_extras=True)
    except NameError as error:
        raise InvalidToolError(
            f"{kind.__name__}: an annotation names {error.name!r}, which is not to be found: define it in the module, "
            "outside functions and `if TYPE_CHECKING`"
        ) from None
    except Exception as error:  # noqa: BLE001 # boundary: annotations are code
        raise InvalidToolError(f"{kind.__name__}: its annotations cannot be read: {error}") from None
    variables = _type_arguments(kind, args)
    return {name: substitute(_unqualified(hint), variables) for name, hint in hints.items()}


def substitute(hint: Any, variables: Mapping[Any, Any]) -> Any:
    """Return `hint` with its type parameters replaced; one that is not given stands for its bound, or for anything."""
    if isinstance(hint, TypeVar):
        return variables.get(hint, hint.__bound__ if hint.__bound__ is not None else Any)
    parameters: tuple[Any, ...] = getattr(hint, "__parameters__", ())
    if not parameters or (isinstance(hint, type) and not typing.get_args(hint)):
        return hint
    return cast("Any", hint)[tuple(substitute(parameter, variables) for parameter in parameters)]


def _type_arguments(kind: type, args: tuple[Any, ...]) -> dict[Any, Any]:
    """Return what stands for each type parameter of `kind` and of the generic types that it inherits from."""
    variables = dict(zip(getattr(kind, "__parameters__", ()), args, strict=False))
    for base in getattr(kind, "__orig_bases__", ()):
        origin = typing.get_origin(base)
        if isinstance(origin, type) and origin is not Generic:
            given = tuple(substitute(arg, variables) for arg in typing.get_args(base))
            variables = {**_type_arguments(origin, given), **variables}
    return variables


def _unqualified(hint: Any) -> Any:
    while getattr(typing.get_origin(hint), "_name", getattr(typing.get_origin(hint), "__name__", "")) in _QUALIFIERS:
        hint = typing.get_args(hint)[0]
    return hint


def _read_field(kind: type, name: str, hint: Any, read: Read) -> TypePart:
    try:
        return read(hint)
    except InvalidToolError as error:
        raise InvalidToolError(f"{kind.__name__}.{name}: {error}") from None


def _facts(has_default: bool, default: Any = NO_DEFAULT, factory: Any = None) -> dict[str, Any]:
    if factory in _EMPTY:
        default = [] if factory is not dict else {}
    return {"is_required": not has_default, "default": default if has_default else NO_DEFAULT}


def _struct_fields(kind: type[msgspec.Struct]) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for field in msgspec.structs.fields(kind):
        default = NO_DEFAULT if field.default in (msgspec.NODEFAULT, msgspec.UNSET) else field.default
        facts = _facts(not field.required, default, field.default_factory)
        found.append((field.name, {**facts, "key": field.encode_name}))
    return found


def _dataclass_fields(kind: type) -> list[tuple[str, dict[str, Any]]]:
    from dataclasses import MISSING, fields

    found: list[tuple[str, dict[str, Any]]] = []
    for field in fields(cast("Any", kind)):
        if not field.init:
            continue
        has_default = field.default is not MISSING or field.default_factory is not MISSING
        default = NO_DEFAULT if field.default is MISSING else field.default
        facts = _facts(has_default, default, field.default_factory)
        found.append((field.name, {**facts, "description": str(field.metadata.get("description", ""))}))
    return found


def _typed_dict_fields(kind: Any, hints: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the keys; a qualifier in a string annotation is unknown to ``__required_keys__``."""
    qualified = typing.get_type_hints(kind, localns={kind.__name__: kind}, include_extras=True)
    found: list[tuple[str, dict[str, Any]]] = []
    for name in hints:
        required = name in kind.__required_keys__
        hint = qualified[name]
        while (origin := typing.get_origin(hint)) is not None and getattr(origin, "_name", "") in _QUALIFIERS:
            required = {"Required": True, "NotRequired": False}.get(origin._name, required)
            hint = typing.get_args(hint)[0]
        found.append((name, _facts(not required)))
    return found


def _class_documentation(kind: type) -> Documentation:
    """Return what the docstring of `kind` says, and those of its bases about fields."""
    told: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        told.update(read_docstring(_own_docstring(base)).parameters)
    return Documentation(read_docstring(_own_docstring(kind)).text, told)


def _own_docstring(kind: type) -> str | None:
    docstring = vars(kind).get("__doc__")
    is_made_up = isinstance(docstring, str) and docstring.startswith(f"{kind.__name__}(")
    is_builtin = kind.__module__ in {"builtins", "typing", "typing_extensions", "msgspec", "msgspec._core", "abc"}
    return None if is_made_up or is_builtin or not isinstance(docstring, str) else docstring


def _is_dataclass(kind: type) -> bool:
    return "dataclasses" in sys.modules and hasattr(kind, "__dataclass_fields__")


def _is_typed_dict(kind: type) -> bool:
    return hasattr(kind, "__required_keys__") and issubclass(kind, dict)


def _is_named_tuple(kind: type) -> bool:
    return hasattr(kind, "_fields") and issubclass(kind, tuple)
