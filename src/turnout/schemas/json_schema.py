"""A JSON schema that a program gives in place of a type: values stay plain JSON, and are validated."""

from __future__ import annotations

import re
from contextvars import ContextVar
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import msgspec

from turnout.errors import InvalidToolError
from turnout.schemas.regexes import longest_checked
from turnout.schemas.strict import drop_nulls
from turnout.schemas.traversal import map_subschemas
from turnout.schemas.walk import FAILED, Definitions, Path, Walk, show_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.schemas.traversal import JsonSchema

_MAX_PROBLEMS = 100
"""A value may be wrong in a million places: no more of them are looked for."""

_MOST_STEPS = 100_000
_LONG_NAME = 100
_BY_NAME = frozenset(("patternProperties", "additionalProperties", "unevaluatedProperties"))


class JsonSchemaPart:
    """Plain JSON held to a schema by jsonschema (drafts 3 to 2020-12), which is loaded at the first such schema.

    The draft is that of the schema's `$schema`, 2020-12 where it names none. A `$ref` is followed inside the schema
    alone, never to a file or another host: a schema may come from a server that is not trusted. A `pattern` that only
    other languages can read (``\\p{L}``) is not checked, nor one of a text that it could try in too many ways
    (`turnout.schemas.regexes`). A check that takes over 100,000 steps is given up, and the value refused.
    """

    def __init__(self, given: JsonSchema) -> None:
        self.given = given
        self.name = str(given.get("title") or "response")

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema as it was given."""
        return self.given

    @cached_property
    def validator(self) -> Any:
        """The validator of the schema. Raises `InvalidToolError` for one that is not valid."""
        from jsonschema import Draft202012Validator, SchemaError, validators
        from referencing.exceptions import Unresolvable
        from referencing.jsonschema import EMPTY_REGISTRY

        try:
            msgspec.json.encode(self.given)  # it is sent: a default of Python's own would fail there
            schema = _drop_foreign_patterns(self.given)
            kind: Any = cast("Any", validators).validator_for(schema, default=Draft202012Validator)
            kind.check_schema(schema)
            _check_references(schema)
        except (SchemaError, Unresolvable, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise _refuse(error) from None
        bounded: Any = cast("Any", validators).extend(kind, _bound_keywords(kind.VALIDATORS))
        return bounded(schema, registry=EMPTY_REGISTRY)  # it fetches nothing

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Return `value` where it is valid; in a lax walk, without the nulls that stand for what was left out."""
        if not walk.is_strict:
            value = drop_nulls(value, self.given)
        problems = self._find_problems(value)
        for place, message in problems:
            walk.fail((*path, *place), message)
        return FAILED if problems else value

    def _find_problems(self, value: Any) -> list[tuple[Path, str]]:
        from jsonschema.exceptions import UnknownType
        from referencing.exceptions import Unresolvable

        _steps.set([0])
        try:
            errors = islice(self.validator.iter_errors(value), _MAX_PROBLEMS)
            return [(tuple(error.absolute_path), _shorten(error.message, error.instance)) for error in errors]
        except (Unresolvable, UnknownType, TypeError, ValueError, AttributeError) as error:  # old drafts check little
            raise _refuse(error) from None
        except _TooLong:
            return [((), "takes too long to check: make it smaller")]
        except RecursionError:
            return [((), "is nested too deeply for its schema, or the schema refers to itself without end")]


class _TooLong(Exception):
    """A check takes more steps than a value is worth."""


_steps: ContextVar[list[int]] = ContextVar("turnout_schema_steps")


def _bound_keywords(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checks of all keywords, made to count their steps and to keep away from what never ends."""
    return {name: _bound_keyword(name, check) for name, check in keywords.items()}


def _bound_keyword(name: str, check: Any) -> Any:
    def bounded(validator: Any, wanted: Any, value: Any, schema: Any) -> Any:
        steps = _steps.get()
        steps[0] += 1
        if steps[0] > _MOST_STEPS or (name in _BY_NAME and "patternProperties" in schema and _has_long_name(value)):
            raise _TooLong
        if name == "pattern" and isinstance(value, str) and len(value) > longest_checked(wanted):
            return None
        if name == "uniqueItems" and wanted and isinstance(value, list):
            return _check_unique(cast("list[Any]", value))
        return check(validator, wanted, value, schema)

    return bounded


def _has_long_name(value: Any) -> bool:
    return isinstance(value, dict) and any(len(name) > _LONG_NAME for name in cast("dict[str, Any]", value))


def _check_unique(items: list[Any]) -> Any:
    """Tell whether two of `items` are equal, by their spelling: compared in pairs, ten thousand take minutes."""
    from jsonschema import ValidationError

    seen: set[bytes] = set()
    for item in items:
        spelling = msgspec.json.encode(_plain_numbers(item), order="deterministic")
        if spelling in seen:
            yield ValidationError(f"{show_value(items)} has non-unique elements")
            return
        seen.add(spelling)


def _plain_numbers(value: Any) -> Any:
    """Return `value` with 1.0 written as 1: to a schema they are equal."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain_numbers(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _plain_numbers(item) for name, item in cast("dict[str, Any]", value).items()}
    return value


def _shorten(message: str, instance: Any) -> str:
    return message if len(message) <= 300 else f"{message[:200]}… (got {show_value(instance)})"


def _refuse(error: Exception) -> InvalidToolError:
    reason = " ".join(str(getattr(error, "message", error)).split())[:300]
    if hasattr(error, "ref"):
        reason = f"`$ref` to {str(cast('Any', error).ref)[:200]} leads nowhere in it: put the definition under `$defs`"
    return InvalidToolError(f"the JSON schema is not valid: {reason}")


def _check_references(schema: JsonSchema) -> None:
    """Look each `$ref` up before the first value comes. Raises `referencing.exceptions.Unresolvable`."""
    from jsonschema_specifications import REGISTRY  # pyright: ignore[reportMissingTypeStubs]
    from referencing import Resource
    from referencing.jsonschema import DRAFT202012

    root: Resource[Any] = Resource.from_contents(schema, default_specification=DRAFT202012)

    def check(inner: Any, resolver: Any) -> Any:
        if isinstance(inner, dict):
            given = cast("JsonSchema", inner)
            below = resolver.in_subresource(Resource.from_contents(given, default_specification=DRAFT202012))
            if isinstance(given.get("$ref"), str):
                below.lookup(given["$ref"])
            map_subschemas(given, lambda each: check(each, below))
        return cast("Any", inner)

    check(schema, cast("Any", REGISTRY).resolver_with_root(root))


def _drop_foreign_patterns(schema: Any) -> Any:
    """Return `schema` without the patterns that `re` cannot read (of names: not quickly); such keys take any value."""
    if not isinstance(schema, dict):
        return schema
    kept = map_subschemas(cast("JsonSchema", schema), _drop_foreign_patterns)
    if not _is_readable(kept.get("pattern")):
        del kept["pattern"]
    named = kept.get("patternProperties")
    if isinstance(named, dict):
        readable = {name: inner for name, inner in cast("dict[Any, Any]", named).items() if _is_quick(name)}
        if len(readable) < len(cast("dict[Any, Any]", named)):
            kept["patternProperties"] = readable
            kept.pop("additionalProperties", None)
            kept.pop("unevaluatedProperties", None)
    return kept


def _is_quick(pattern: Any) -> bool:
    return _is_readable(pattern) and (not isinstance(pattern, str) or longest_checked(pattern) >= _LONG_NAME)


def _is_readable(pattern: Any) -> bool:
    if not isinstance(pattern, str):  # the check of the schema tells
        return True
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True
