"""A JSON schema that a program gives in place of a type: values stay plain JSON, and are validated."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from turnout.errors import InvalidToolError
from turnout.schemas.strict import drop_nulls
from turnout.schemas.walk import FAILED, Definitions, Path, Walk, show_value

if TYPE_CHECKING:
    from turnout.schemas.traversal import JsonSchema


class JsonSchemaPart:
    """Plain JSON held to a schema by jsonschema-rs (drafts 4 to 2020-12), which is loaded at the first value.

    A `$ref` to a file or another host is refused: a schema may come from a server that is not trusted.
    """

    def __init__(self, given: JsonSchema) -> None:
        self.given = given
        self.name = str(given.get("title") or "response")

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema as it was given."""
        return self.given

    @cached_property
    def validator(self) -> Any:
        """The compiled schema. Raises `InvalidToolError` for one that is not valid."""
        import jsonschema_rs

        try:
            return jsonschema_rs.validator_for(self.given, retriever=_refuse)
        except (ValueError, TypeError, RecursionError, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise InvalidToolError(f"the JSON schema is not valid: {reason}") from None

    def convert(self, value: Any, walk: Walk, path: Path) -> Any:
        """Return `value` where it is valid; in a lax walk, without the nulls that stand for what was left out."""
        if not walk.is_strict:
            value = drop_nulls(value, self.given)
        is_valid = True
        for error in self.validator.iter_errors(value):
            is_valid = False
            message = _shorten(error.message, error.instance)
            walk.fail((*path, *cast("list[str | int]", error.instance_path)), message)
        return value if is_valid else FAILED


def _shorten(message: str, instance: Any) -> str:
    return message if len(message) <= 300 else f"{message[:200]}… (got {show_value(instance)})"


def _refuse(uri: str) -> Any:
    raise ValueError(f"`$ref` to {uri} is not followed: put the definition into the schema, under `$defs`")
