"""`Tool`: a function with what a model is told of it, and the decorator that makes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from turnout.errors import InvalidToolError
from turnout.requests import ToolSpec

if TYPE_CHECKING:
    from turnout.context import RequestContext
    from turnout.tools.signature import Signature

P = ParamSpec("P")
R = TypeVar("R")
NeedsApproval = bool | Callable[[dict[str, Any], "RequestContext"], bool]
"""Whether a person must agree before the tool runs: always, never, or as a function of arguments and context says."""

_NAME_RULE = "1 to 64 letters a-z, digits, `_` and `-`"
_TAKEN = ("auto", "required", "none")


class Tool:
    """A function that a model may call; make one with `tool`, or give the plain function to ``Agent(tools=[…])``.

    It can still be called like the function. Name and description are read from the function where they are not given;
    `parameters` is a JSON schema in place of the signature: the function then takes the arguments by keyword, as plain
    JSON. `timeout_s` limits a run in seconds. Reading is put off until `spec` is asked for, so that a decorator costs
    nothing at import; then `InvalidToolError` names what a model cannot be told.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        needs_approval: NeedsApproval = False,
        timeout_s: float | None = None,
    ) -> None:
        if not callable(function):
            raise InvalidToolError(f"a tool is a function: a {type(function).__name__} cannot be called")
        _check_options(name, description, parameters, needs_approval)
        inner: object = function
        if isinstance(inner, Tool):  # what it says holds where nothing else is said
            name = inner._given_name if name is None else name
            description = inner._given_description if description is None else description
            parameters = inner.parameters if parameters is None else parameters
            needs_approval = needs_approval or inner.needs_approval
            timeout_s = inner.timeout_s if timeout_s is None else timeout_s
            function = inner.function
        if timeout_s is not None and not (isinstance(timeout_s, (int, float)) and timeout_s > 0):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidToolError(f"timeout_s is {timeout_s!r}: give seconds above 0, or None for no limit")
        self.function: Callable[..., Any] = function
        self.parameters = None if parameters is None else dict(parameters)
        self.needs_approval = needs_approval
        self.timeout_s = timeout_s
        self._given_name = name
        self._given_description = description
        self.__wrapped__ = function
        self.__doc__ = getattr(function, "__doc__", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself: nothing is checked or converted."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Bind to `instance`, so that a decorated method is a tool of its object."""
        if instance is None:
            return self
        bound: Any = self.function.__get__(instance, owner)  # pyright: ignore[reportFunctionMemberAccess, reportUnknownVariableType, reportUnknownMemberType, reportAttributeAccessIssue]
        return self.replace(function=bound)

    def __deepcopy__(self, memo: object) -> Tool:
        return self  # nothing in it changes

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        module, name = getattr(self.function, "__module__", None), getattr(self.function, "__qualname__", "")
        if isinstance(module, str) and _find(module, name) is self:
            return _find, (module, name)  # what decorates a function has taken its name
        return _make, (type(self), self._facts())

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"

    @cached_property
    def signature(self) -> Signature:
        """How the function takes arguments. Raises `InvalidToolError`."""
        from turnout.tools.signature import read_schema, read_signature

        if self.parameters is not None:
            return read_schema(self.function, self.parameters, self.name)
        return read_signature(self.function, self.name)

    @cached_property
    def name(self) -> str:
        """The name that the model calls it by. Raises `InvalidToolError` for one that providers refuse."""
        from turnout.tools.signature import function_name

        return check_name(self._given_name if self._given_name is not None else function_name(self.function))

    @property
    def description(self) -> str:
        """What the model is told that the tool does; empty where nothing is said."""
        return self.signature.description if self._given_description is None else self._given_description

    @cached_property
    def spec(self) -> ToolSpec:
        """What goes to the model. Raises `InvalidToolError` for a function that cannot be a tool."""
        return ToolSpec(name=self.name, description=self.description, parameters=self.signature.schema)

    def asks_approval(self, arguments: dict[str, Any], context: RequestContext) -> bool:
        """Return whether a call with `arguments` (plain JSON) needs a person's approval.

        What a `needs_approval` function raises is raised: a broken check lets nothing pass.
        """
        needs = self.needs_approval
        answer: object = needs(deepcopy(arguments), context) if callable(needs) else needs
        if hasattr(answer, "__await__"):
            getattr(answer, "close", lambda: None)()
            raise InvalidToolError(f"tool {self.name}: needs_approval is an async function: give a plain one")
        return bool(answer)

    def replace(self, **changes: Any) -> Tool:
        """Return the tool with other `function`, `name`, `description`, `needs_approval` or `timeout_s`."""
        return type(self)(**{**self._facts(), **changes})

    def _facts(self) -> dict[str, Any]:
        return {
            "function": self.function,
            "name": self._given_name,
            "description": self._given_description,
            "parameters": self.parameters,
            "needs_approval": self.needs_approval,
            "timeout_s": self.timeout_s,
        }


class TypedTool(Tool, Generic[P, R]):
    """A `Tool` that type checkers still see as the function that it was made of; `tool` returns one."""

    if TYPE_CHECKING:

        def __init__(self, function: Callable[P, R], **options: Any) -> None: ...
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
            """Call the function itself."""
            ...


@overload
def tool(function: Callable[P, R], /) -> TypedTool[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    needs_approval: NeedsApproval = False,
    timeout_s: float | None = None,
) -> Callable[[Callable[P, R]], TypedTool[P, R]]: ...
def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a tool: ``@tool`` or ``@tool(name="weather", needs_approval=True, timeout_s=10)``.

    The options are those of `Tool`. Raises `InvalidToolError` when the tool is first used.
    """
    if function is not None:
        return TypedTool(function, **options)
    return lambda decorated: TypedTool(decorated, **options)  # pyright: ignore[reportUnknownLambdaType, reportUnknownVariableType, reportUnknownArgumentType]


def _make(kind: type[Tool], facts: dict[str, Any]) -> Tool:
    return kind(**facts)


def _find(module: str, name: str) -> Any:
    """Return what a module calls `name`, such as ``Desk.answer``; `None` where it knows no such thing."""
    from importlib import import_module

    try:
        found: Any = import_module(module)
        for step in name.split("."):
            found = getattr(found, step)
    except (ImportError, AttributeError):
        return None
    return found


def _check_options(name: object, description: object, parameters: object, needs_approval: object) -> None:
    """Refuse what is of the wrong type where it is written, not where a model first needs it."""
    for word, text in (("name", name), ("description", description)):
        if text is not None and not isinstance(text, str):
            raise InvalidToolError(f"{word}= of a tool is a {type(text).__name__}: give a string")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise InvalidToolError(f"parameters= of a tool is a {type(parameters).__name__}: give a JSON schema (a dict)")
    if not isinstance(needs_approval, bool) and not callable(needs_approval):
        raise InvalidToolError(f"needs_approval= is {needs_approval!r}: give True, False, or a function")


def check_name(name: str) -> str:
    """Return `name`. Raises `InvalidToolError` where a provider would refuse it."""
    import re

    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
        raise InvalidToolError(f'{name!r} is no name for a tool: give {_NAME_RULE}, as in @tool(name="get_weather")')
    if name in _TAKEN:
        raise InvalidToolError(f"a tool cannot be called {name!r}, which is a word of tool_choice: give another name")
    return name
