"""Types of pydantic, where a program uses them: pydantic itself gives their schema and converts to them."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import Any, cast

import msgspec

from turnout.errors import InvalidToolError
from turnout.schemas.traversal import map_subschemas
from turnout.schemas.walk import FAILED, Definitions, Path, Walk, show_value

_MARKS = ("__get_pydantic_core_schema__", "__pydantic_core_schema__")


def is_pydantic(kind: Any) -> bool:
    """Return whether `kind` is a type of pydantic: a model, a dataclass of its own, or a type that it describes."""
    return "pydantic" in sys.modules and any(hasattr(kind, mark) for mark in _MARKS)


def speaks(metadata: list[Any]) -> bool:
    """Return whether one of the notes of an ``Annotated`` is pydantic's: a ``Field`` or a validator."""
    return "pydantic" in sys.modules and any(
        type(note).__module__.partition(".")[0] == "pydantic" or hasattr(note, _MARKS[0]) for note in metadata
    )


class PydanticPart:
    """A type of pydantic, read by a ``TypeAdapter``."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.name = getattr(kind, "__name__", None) or "value"

    @cached_property
    def _adapter(self) -> Any:
        from pydantic import TypeAdapter

        return TypeAdapter(self.kind)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema that pydantic makes, its definitions among the others."""
        if not isinstance(self.kind, type):
            return self._read_schema(definitions, None)
        reference, fresh = definitions.refer(self, self.name)
        if fresh is not None:
            definitions.schemas[fresh] = self._read_schema(definitions, fresh)
        return reference

    def _read_schema(self, definitions: Definitions, own_name: str | None) -> dict[str, Any]:
        """Return pydantic's schema; a model that speaks of itself is one of its own definitions, and is `own_name`."""
        schema = self._make_schema()
        inner = cast("dict[str, Any]", schema.pop("$defs", {}))
        own = str(schema.get("$ref", "")).removeprefix("#/$defs/") if own_name and len(schema) == 1 else ""
        names = {
            f"#/$defs/{name}": own_name if name == own and own_name else definitions.reserve(name) for name in inner
        }
        for name, definition in inner.items():
            definitions.schemas[names[f"#/$defs/{name}"]] = _rename(definition, names)
        return definitions.schemas[own_name] if own and own_name else _rename(schema, names)

    def _make_schema(self) -> dict[str, Any]:
        from pydantic.errors import PydanticUserError

        try:
            return self._adapter.json_schema(ref_template="#/$defs/{model}", schema_generator=_schema_generator())
        except (PydanticUserError, NameError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise InvalidToolError(f"pydantic makes no JSON schema of {self.name}: {reason}") from None

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Return what pydantic makes of `value`, read as JSON; a lax walk leaves strictness to the model."""
        from pydantic import ValidationError

        try:
            made = self._adapter.validate_json(msgspec.json.encode(value), strict=True if walk.is_strict else None)
            walk.extras += self._count_unknown(value)
            return made
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_context=False):
                came = "" if problem["type"] == "missing" else f", got {show_value(problem['input'])}"
                walk.fail((*path, *problem["loc"]), f"{problem['msg'][:1].lower()}{problem['msg'][1:]}{came}")
            return FAILED
        except Exception as error:  # noqa: BLE001 # boundary: a validator of the program may raise anything
            return walk.fail(path, str(error) or type(error).__name__)

    def _count_unknown(self, value: Any) -> int:
        """Return how many fields of `value` the model does not know; its own configuration says whether it minds."""
        fields = cast("dict[str, Any]", getattr(self.kind, "__pydantic_fields__", None) or {})
        if not fields or not isinstance(value, dict):
            return 0
        known = {*fields, *(str(field.validation_alias or field.alias) for field in fields.values())}
        return sum(key not in known for key in cast("dict[str, Any]", value))


def _schema_generator() -> Any:
    """Return a generator that leaves out the titles of fields: they repeat the names, and every token costs."""
    from pydantic.json_schema import GenerateJsonSchema

    class Untitled(GenerateJsonSchema):
        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

    return Untitled


def _rename(schema: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    def visit(part: Any) -> Any:
        if not isinstance(part, dict):
            return part
        visited = map_subschemas(cast("dict[str, Any]", part), visit)
        if visited.get("$ref") in names:
            visited["$ref"] = f"#/$defs/{names[visited['$ref']]}"
        return visited

    return visit(schema)
