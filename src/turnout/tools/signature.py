"""How a function takes arguments: read from its signature and docstring, or given as a JSON schema."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from msgspec import Struct

from turnout.context import RequestContext
from turnout.errors import InvalidToolError
from turnout.schemas.docstrings import read_docstring
from turnout.schemas.reading import TypeReader
from turnout.schemas.records import NO_DEFAULT, RecordField
from turnout.schemas.types import ArgumentsSchema, TypeSchema

_CONTEXT_NAME = re.compile(r"(?:None\|)?(?:[\w.]*\bOptional\[)?(?:\w+\.)*RequestContext\]?(?:\|None)?")


class Signature(Struct, frozen=True, kw_only=True):
    """What is known of a function: schema and conversion of its arguments, and how to call it."""

    description: str
    schema: dict[str, Any]
    convert: Callable[[Any], dict[str, Any]]
    takes_context: bool = False
    context_keyword: str | None = None
    returns_nothing: bool = False


def read_signature(function: Callable[..., Any], name: str) -> Signature:
    """Read what a model must give `function`. Raises `InvalidToolError` that names the parameter at fault."""
    plain, bound = _unwrap(function)
    parameters = [parameter for parameter in _parameters(function, name) if parameter.name not in bound]
    _refuse_generators(plain, name)
    context = _find_context(plain, parameters, name)
    documentation = read_docstring(_docstring(function, plain))
    reader = TypeReader()
    fields = [
        _read_field(plain, parameter, documentation.parameters.get(parameter.name, ""), reader, name)
        for parameter in parameters
        if parameter is not context
    ]
    arguments = ArgumentsSchema(fields)
    return Signature(
        description=documentation.text,
        schema=arguments.schema,
        convert=arguments.convert,
        takes_context=context is not None,
        context_keyword=_keyword(context),
        returns_nothing=getattr(plain, "__annotations__", {}).get("return", ...) in (None, "None"),
    )


def read_schema(function: Callable[..., Any], schema: dict[str, Any], name: str) -> Signature:
    """Read a tool whose arguments are given as a JSON schema. Raises `InvalidToolError` for one that is no object's."""
    if schema.get("type", "object") != "object":
        raise InvalidToolError(f"tool {name}: its parameters must be a JSON schema of type object")
    whole = {"type": "object", **schema}
    if "properties" not in whole and not whole.keys() & {"$ref", "anyOf", "oneOf", "allOf"}:
        whole["properties"] = {}
    plain, bound = _unwrap(function)
    _refuse_generators(plain, name)
    parameters = [parameter for parameter in _parameters(function, name) if parameter.name not in bound]
    context = _find_context(plain, parameters, name)
    try:
        checker: TypeSchema[dict[str, Any]] = TypeSchema(whole)
    except InvalidToolError as error:
        raise InvalidToolError(f"tool {name}: {error}") from None
    return Signature(
        description=read_docstring(_docstring(function, plain)).text,
        schema=whole,
        convert=checker.convert,
        takes_context=context is not None,
        context_keyword=_keyword(context),
        returns_nothing=getattr(plain, "__annotations__", {}).get("return", ...) in (None, "None"),
    )


def function_name(function: Callable[..., Any]) -> str:
    """Return the name of a function, method, partial or callable object; a lambda has none."""
    plain, _ = _unwrap(function)
    own: Any = function
    if not hasattr(function, "__name__") and not isinstance(function, partial):
        own = cast("Any", type(function))
    name = str(getattr(own, "__name__", None) or getattr(plain, "__name__", ""))
    if name == "<lambda>":
        raise InvalidToolError(
            'a lambda has no name, and its parameters no types: use def, or @tool(name="…", parameters={…})'
        )
    return name


def _unwrap(function: Any) -> tuple[Any, set[str]]:
    """Return the function with the annotations, and the names that partials have already given."""
    bound: set[str] = set()
    while True:
        if isinstance(function, partial):
            bound |= set(function.keywords)
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif not inspect.isroutine(function) and not isinstance(function, type):
            function = type(function).__call__
        else:
            return function, bound


def _docstring(function: Any, plain: Any) -> str | None:
    """Return the docstring that is meant: that of partial, int and other classes speaks of the class."""
    if isinstance(function, partial):
        return plain.__doc__
    if not inspect.isroutine(function) and not isinstance(function, type):
        return plain.__doc__ or inspect.getdoc(cast("type[Any]", type(function)))
    return function.__doc__


def _parameters(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError) as error:
        raise InvalidToolError(
            f"tool {name}: its signature cannot be read ({error}): wrap it in a typed function"
        ) from None


def _refuse_generators(plain: Any, name: str) -> None:
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise InvalidToolError(f"tool {name} yields, and a model reads one result: return a list instead")


def _find_context(plain: Any, parameters: list[inspect.Parameter], name: str) -> inspect.Parameter | None:
    """Return the parameter for the request context: the first one, or one that is given by keyword only."""
    found = [parameter for parameter in parameters if _is_context(plain, parameter)]
    if not found:
        return None
    if len(found) > 1 or (found[0] is not parameters[0] and found[0].kind is not inspect.Parameter.KEYWORD_ONLY):
        raise InvalidToolError(
            f"tool {name}: the RequestContext must be the first parameter, or the only one of its type after a `*`"
        )
    return found[0]


def _keyword(context: inspect.Parameter | None) -> str | None:
    is_keyword = context is not None and context.kind is inspect.Parameter.KEYWORD_ONLY
    return context.name if is_keyword and context is not None else None


def _is_context(plain: Any, parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    if isinstance(annotation, str):
        try:
            annotation = _resolve(plain, parameter, "")
        except InvalidToolError:  # often imported for the type checker only
            return _CONTEXT_NAME.fullmatch(re.sub(r"[\s'\"]", "", annotation)) is not None
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if hasattr(annotation, "__value__"):  # an alias made with `type`
        annotation = annotation.__value__
    return annotation is RequestContext or RequestContext in typing.get_args(annotation)


def _read_field(
    plain: Any, parameter: inspect.Parameter, description: str, reader: TypeReader, name: str
) -> RecordField:
    where = f"tool {name}: parameter `{parameter.name}`"
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
        raise InvalidToolError(
            f"tool {name}: `{stars}{parameter.name}` has no place in a JSON schema: "
            "name the parameters, or take a list or dict"
        )
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise InvalidToolError(f"{where} is positional-only, and a model gives arguments by name: remove the `/`")
    if parameter.annotation is parameter.empty:
        raise InvalidToolError(f"{where} has no type: annotate it, as in `{parameter.name}: str`")
    hint = _resolve(plain, parameter, where)
    has_default = parameter.default is not parameter.empty
    if has_default and parameter.default is None:
        hint = typing.Optional[hint]  # noqa: UP045 - the hint may be anything
    try:
        part = reader.read(hint)
    except InvalidToolError as error:
        raise InvalidToolError(f"{where}: {error}") from None
    default = parameter.default if has_default else NO_DEFAULT
    return RecordField(parameter.name, part, is_required=not has_default, default=default, description=description)


def _resolve(plain: Any, parameter: inspect.Parameter, where: str) -> Any:
    """Return the type that an annotation names, where it is a string or holds one."""
    holder = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    names = dict(getattr(plain, "__globals__", {}))
    try:
        closure: Mapping[str, Any] = inspect.getclosurevars(plain).nonlocals if inspect.isfunction(plain) else {}
        return typing.get_type_hints(holder, names, dict(closure), include_extras=True)[parameter.name]
    except NameError as error:
        raise InvalidToolError(
            f"{where} names the type {error.name!r}, which is not to be found: define it in the module, outside "
            "functions and `if TYPE_CHECKING`"
        ) from None
    except Exception as error:  # noqa: BLE001 # boundary: annotations are code
        raise InvalidToolError(f"{where}: its annotation cannot be read: {error}") from None
