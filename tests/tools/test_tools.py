"""Functions as tools: what a model is told of them, and what is refused."""

from __future__ import annotations

import functools
from typing import Annotated, Any, Literal

import msgspec
import pytest

from turnout.context import RequestContext
from turnout.errors import InvalidToolError
from turnout.tools import Tool, as_tool, read_tools, tool


def get_weather(context: RequestContext, city: str, unit: Literal["c", "f"] = "c", days: int | None = None) -> str:
    """Get the weather.

    It comes from the airport.

    Args:
        city: Name of the city.
        unit: Celsius or Fahrenheit.

    Returns:
        The weather.
    """
    return f"{city} {unit} {days} {context.user}"


def numpy_style(city: str) -> str:
    """Get the weather.

    Parameters
    ----------
    city : str
        Name of the city.
    """
    return city


def sphinx_style(city: str) -> str:
    """Get the weather.

    :param city: Name of the city.
    :returns: the weather
    """
    return city


def epydoc_style(city: str) -> str:
    """Get the weather.

    @param city: Name of the city.
    @return: the weather
    """
    return city


class Counter:
    """Counts."""

    @tool
    def add(self, number: Annotated[int, "how many"]) -> int:
        """Add."""
        return number + 1

    def __call__(self, number: Annotated[int, msgspec.Meta(ge=0)]) -> int:
        """Count on."""
        return number


def test_signature_and_docstring_make_the_specification() -> None:
    spec = as_tool(get_weather).spec
    assert spec.name == "get_weather"
    assert spec.description == "Get the weather.\n\nIt comes from the airport."
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of the city."},
            "unit": {"type": "string", "enum": ["c", "f"], "description": "Celsius or Fahrenheit.", "default": "c"},
            "days": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("function", [numpy_style, sphinx_style, epydoc_style])
def test_styles_of_docstrings(function: Any) -> None:
    spec = as_tool(function).spec
    assert spec.description == "Get the weather."
    assert spec.parameters["properties"]["city"]["description"] == "Name of the city."


def test_all_kinds_of_callables() -> None:
    counter = Counter()
    tools = read_tools([counter, counter.add, functools.partial(get_weather, unit="f")])
    assert list(tools) == ["Counter", "add", "get_weather"]
    assert tools["Counter"].spec.parameters["properties"]["number"] == {"type": "integer", "minimum": 0}
    assert tools["Counter"].description == "Count on."
    assert tools["add"](1) == counter.add(1) == 2
    assert set(tools["get_weather"].spec.parameters["properties"]) == {"city", "days"}
    assert isinstance(Counter.add, Tool)


def test_the_decorator_takes_options() -> None:
    @tool(name="w", description="d", needs_approval=lambda arguments, context: arguments["city"] == "x", timeout_s=2)
    def weather(city: str) -> str:
        return city

    assert weather("x") == "x"
    assert (weather.spec.name, weather.spec.description, weather.timeout_s) == ("w", "d", 2)
    assert weather.asks_approval({"city": "x"}, RequestContext())
    assert not weather.asks_approval({"city": "y"}, RequestContext())


def test_a_json_schema_may_stand_for_the_signature() -> None:
    made = tool(name="raw", parameters={"properties": {"a-b": {"type": "integer"}}})(lambda **arguments: arguments)
    assert made.spec.parameters["type"] == "object"
    with pytest.raises(InvalidToolError, match="type object"):
        _ = tool(name="raw", parameters={"type": "string"})(lambda **arguments: arguments).spec


def stars(*numbers: int) -> None: ...
def only(number: int, /) -> None: ...
def untyped(number) -> None: ...  # type: ignore[no-untyped-def]
def odd(number: complex) -> None: ...
def nowhere(number: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def late(number: int, context: RequestContext) -> None: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (stars, r"`\*numbers`"), (only, "`number` is positional-only"), (untyped, "`number` has no type"),
        (odd, "`number`: the type complex has no JSON schema"), (nowhere, "'Nowhere', which is not to be found"),
        (late, "must be the first"), (lambda x: x, "a lambda has no name"), (3, "holds a int"), (int, "holds int"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_tool_says_why(function: Any, words: str) -> None:
    with pytest.raises(InvalidToolError, match=words):
        as_tool(function)


@pytest.mark.parametrize("name", ["auto", "none", "required", "get weather", "", "x" * 65, "naïve", "a\n"])
def test_names_that_providers_refuse(name: str) -> None:
    with pytest.raises(InvalidToolError):
        as_tool(tool(name=name)(numpy_style))


def test_lists_of_tools() -> None:
    assert read_tools(None) == {}
    with pytest.raises(InvalidToolError, match="two tools are called 'get_weather'"):
        read_tools([get_weather, get_weather])
    with pytest.raises(InvalidToolError, match="give a list"):
        read_tools("get_weather")
    with pytest.raises(InvalidToolError, match="timeout_s"):
        tool(timeout_s=0)(get_weather)
