"""Nested fields of a body, by their places; and what a protocol says of its own."""

from __future__ import annotations

from typing import Any

import pytest

from turnout.errors import BadRequestError
from turnout.protocols.refusals import refused_field
from turnout.protocols.wire_fields import NO_FIELDS, WireFields, holds, leave_out

FIELDS = WireFields(
    lessons={"text.format": ("response_format",), "tools": ("tools",), "form": ("form", "response_format")},
    optional=("tools[].strict", "form.effort", "text.size"),
    chosen=("text.format",),
)


def without(body: dict[str, Any], *places: str) -> tuple[dict[str, Any], list[str]]:
    warnings: list[Any] = []
    leave_out(body, places, warnings)
    assert {warning.code for warning in warnings} <= {"dropped_setting"}
    return body, [warning.message.split("`")[1] for warning in warnings]


@pytest.mark.parametrize(
    ("body", "place", "rest"),
    [
        ({"a": {"b": 1, "c": 2}}, "a.b", {"a": {"c": 2}}),
        ({"a": {"b": 1}, "x": 1}, "a.b", {"x": 1}),
        ({"a": {"b": {"c": 0}}}, "a.b.c", {}),
        ({"a": [{"b": 1, "c": 2}, "odd", {"c": 3}]}, "a[].b", {"a": [{"c": 2}, "odd", {"c": 3}]}),
        ({"a": [{"b": {"c": 1, "d": 2}}, {"b": {"c": 1}}]}, "a[].b.c", {"a": [{"b": {"d": 2}}, {}]}),
    ],
)
def test_a_nested_field_is_taken_out_of_a_copy(body: dict[str, Any], place: str, rest: dict[str, Any]) -> None:
    shared = next(iter(body.values()))
    before = repr(shared)
    assert holds(body, place)
    assert without(body, place) == (rest, [place])
    assert not holds(body, place)
    assert repr(shared) == before


@pytest.mark.parametrize("place", ["a", "a.x", "x.b", "a.b.c", "a[].b", "c.b", "c[].x", "d[].b"])
def test_what_is_not_there_is_no_warning(place: str) -> None:
    body = {"a": {"b": 1}, "c": [{"b": 1}, "odd"], "d": "text"}
    assert without(dict(body), place) == (body, [])
    assert holds(body, place) is (place == "a")


def test_a_field_teaches_what_its_protocol_says_of_it() -> None:
    assert FIELDS.read_lessons("form") == {"form", "response_format"}
    assert FIELDS.read_lessons("form.effort") == {"form.effort"}
    assert NO_FIELDS.read_lessons("tools") == {"tools"}


BODY = b'{"tools": [{"strict": false}], "form": {"effort": "low"}, "text": {"format": {}}}'
TRANSLATED = frozenset({"tools", "form", "text", "response_format"})


def refused(message: str, param: str | None = None, body: bytes = BODY, status: int = 400) -> str | None:
    error = BadRequestError(message, param=param, status=status)
    return refused_field(error, frozenset(), TRANSLATED, FIELDS, body)


@pytest.mark.parametrize(
    ("message", "param", "place"),
    [
        ("Unknown parameter", "tools[3].strict", "tools[].strict"),
        ("Unknown parameter", "tools.3.custom.strict", "tools[].strict"),
        ("Unknown parameter", "body.tools.3.strict", "tools[].strict"),
        ("Unknown parameter", "strict", "tools[].strict"),
        ("Unknown parameter", "format", "text.format"),
        ("too long", "text.format", "text.format"),
        ("too long", "format", None),
        ("too long", "tools[0].strict", None),
        ("Unknown parameter", "tools[0].parameters.strict.x", None),
        ("Unknown parameter", "tools[0].a.b.strict", None),
        ("Unknown parameter", "[0]", None),
        ("Unknown parameter", "text.other", "text"),
        ("Unknown parameter: tools[0].strict", None, "tools[].strict"),
        ("Unknown parameter: tools[0].name", None, None),
        ("Unknown parameter: tools", None, "tools"),
        ("effort is not supported", None, "form.effort"),
        ("The format is not supported", None, None),
        ("errors: form.effort: Extra inputs are not permitted", None, "form.effort"),
        ("form.effort: use low or high", None, None),
        ("structured outputs are not supported", None, "response_format"),
        ("structured outputs are not supported with this model", None, "response_format"),
        ("structured outputs are not supported with tools", None, None),
        ("This model does not support tool calling", None, "tools"),
        ("This model does not support tool calling together with images", None, None),
        ("tool calling is not supported when thinking", None, None),
        ("unknown field: size", None, None),
    ],
)
def test_the_place_that_a_server_means(message: str, param: str | None, place: str | None) -> None:
    assert refused(message, param) == place


def test_a_body_that_holds_no_such_field_or_is_none_loses_none() -> None:
    assert refused("Unknown parameter", "tools[0].strict", b'{"tools": [{}]}') is None
    assert refused("Unknown parameter", "tools[0].strict", b"--form") is None
    assert refused("structured outputs are not supported", status=418) is None


@pytest.mark.parametrize(
    "odd", ["a", "a.", "a[0]", "a.b ", "errors: ", "tools[0].x: ", "not supported ", '"', "_.", "]["]
)
def test_a_long_message_is_read_at_once(odd: str) -> None:
    assert refused(odd * 100_000) is None
