"""The type that an answer is to have: its schema for the model, and the reading of what the model wrote."""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar, cast, get_args, get_origin

import msgspec

from turnout.errors import InvalidInputError
from turnout.output.finding import Found, find_keys, find_values
from turnout.requests import OutputMode, OutputSpec
from turnout.schemas import SchemaMismatch, TypeSchema

_T = TypeVar("_T")
_MODES = get_args(OutputMode)
_NAME = re.compile(r"[^a-zA-Z0-9_-]+")

WRAPPED = "value"
"""The property that holds an output that is no object: every way of asking takes objects, few anything else."""


class OutputMismatch(ValueError):
    """The text is not the output asked for; the message tells a model what to mend."""


class Output(Generic[_T]):
    """A type as structured output: ``Output(Person).parse('{"name": "Ada"}')``.

    `mode` forces how the model is held to it (`turnout.requests.OutputMode`); `repairs` is how often a mismatch is sent
    back to the model. Raises `InvalidToolError` for a type that has no JSON schema, `InvalidInputError` for a mode that
    does not exist.
    """

    def __init__(self, kind: Any, *, mode: OutputMode | None = None, repairs: int = 1) -> None:
        if mode is not None and mode not in _MODES:
            raise InvalidInputError(f"output_mode={mode!r} is not known: take one of {', '.join(_MODES)}")
        self.repairs = repairs
        self._type = TypeSchema[_T](kind)
        schema = self._type.schema
        self.is_wrapped = not (schema.get("type") == "object" or ("$ref" in schema and _is_object(schema)))
        if self.is_wrapped:
            schema = _wrap(schema)
        self._keys = find_keys(kind, self._type.schema)
        self.spec = OutputSpec(schema=schema, name=_name(kind), description="", mode=mode)
        self._element: TypeSchema[Any] | None = None
        if get_origin(kind) in (list, tuple):
            inner = [item for item in get_args(kind) if item is not ...]
            self._element = TypeSchema(inner[0]) if len(inner) == 1 else None

    @property
    def has_elements(self) -> bool:
        """Whether the output is a list, whose elements can be told one by one."""
        return self._element is not None

    def parse(self, text: str) -> _T:
        """Return the output that `text` holds; fences and prose around it are passed over. Raises `OutputMismatch`."""
        return self.find(text)[0]

    def find(self, text: str) -> tuple[_T, Any]:
        """Return the output that `text` holds, and the plain JSON value that it was made of; otherwise as `parse`.

        A text that is JSON as a whole is taken at its word. Of several values in a text the one is meant that is
        wrapped as it was asked for, is not empty and has the fewest unknown fields, and of equals the last.
        """
        mismatch: OutputMismatch | None = None
        is_close = False
        best: tuple[_T, Any] | None = None
        least: tuple[bool, bool, int, bool] | None = None
        for found in find_values(text):
            try:
                made, plain, unknown = self._read(found)
            except SchemaMismatch as error:
                if mismatch is None or (self.is_wrapped and _is_wrapping(found.value) and not is_close):
                    mismatch, is_close = _mismatch(error), _is_wrapping(found.value)
                continue  # the first JSON is the likeliest to have been meant, if it is not another that is wrapped
            if found.is_whole:
                return made, plain
            rank = (self.is_wrapped and not _is_wrapping(found.value), not plain, unknown, not found.is_fenced)
            if least is None or rank <= least:
                best, least = (made, plain), rank
        if best is None:
            raise mismatch or OutputMismatch("the answer holds no JSON")
        return best

    def _read(self, found: Found) -> tuple[_T, Any, int]:
        """Return the output made of `found`, the plain value, and the count of its unknown fields."""
        plain = self.unwrap(found.value)
        try:
            made, unknown = self._type.convert_counted(plain)
        except SchemaMismatch:
            if plain is found.value or WRAPPED not in (self._keys or ()):
                raise
            plain = found.value  # its own type has a field of that name, and it is not wrapped
            made, unknown = self._type.convert_counted(plain)
        if not self.knows(plain) or (not plain and self._keys is not None and not (found.is_whole or found.is_fenced)):
            raise SchemaMismatch(f"the value: has none of the fields {', '.join(sorted(self._keys or ())[:20])}")
        return made, plain, max(unknown, self._count_unknown(plain))

    def knows(self, plain: Any) -> bool:
        """Return whether `plain` may be meant: an object with fields, none of which is known, is something else."""
        if self._keys is None or not isinstance(plain, dict) or not plain:
            return True
        return not self._keys.isdisjoint(cast("dict[str, Any]", plain))

    def _count_unknown(self, plain: Any) -> int:
        if self._keys is None or not isinstance(plain, dict):
            return 0
        return sum(key not in self._keys for key in cast("dict[str, Any]", plain))

    def unwrap(self, value: Any) -> Any:
        """Return what is in the object that the model was asked for, where the output itself is no object."""
        if not self.is_wrapped or not isinstance(value, dict):
            return value
        inner = cast("dict[str, Any]", value)
        return inner.get(WRAPPED, inner)

    def convert_element(self, value: Any) -> Any:
        """Return one element of a list, converted. Raises `OutputMismatch`."""
        try:
            return cast("TypeSchema[Any]", self._element).convert(value)
        except SchemaMismatch as error:
            raise OutputMismatch(str(error)) from error

    def repair_message(self, mismatch: OutputMismatch) -> str:
        """Return what tells the model to try again."""
        schema = msgspec.json.encode(self.spec.schema).decode()
        return (
            f"That answer cannot be used: {mismatch}. Answer again with JSON and nothing else, which fits this"
            f" schema:\n{schema}"
        )


def read_output(value: Any, mode: Any = None, repairs: int | None = None) -> Output[Any] | None:
    """Read the `output` argument: a type, a JSON schema dict, an `Output`, or None."""
    if value is None or isinstance(value, Output):
        return cast("Output[Any] | None", value)
    return Output(value, mode=mode, repairs=1 if repairs is None else repairs)


def _is_object(schema: dict[str, Any]) -> bool:
    target = schema.get("$defs", {}).get(str(schema["$ref"]).removeprefix("#/$defs/"), {})
    return target.get("type") == "object"


def _wrap(schema: dict[str, Any]) -> dict[str, Any]:
    inner = {key: value for key, value in schema.items() if key not in ("$defs", "$schema")}
    wrapped: dict[str, Any] = {
        "type": "object", "properties": {WRAPPED: inner}, "required": [WRAPPED], "additionalProperties": False,
    }  # fmt: skip
    return {**wrapped, "$defs": schema["$defs"]} if "$defs" in schema else wrapped


def _is_wrapping(value: Any) -> bool:
    return isinstance(value, dict) and WRAPPED in value


def _mismatch(error: SchemaMismatch) -> OutputMismatch:
    mismatch = OutputMismatch(str(error))
    mismatch.__cause__ = error
    return mismatch


def _name(kind: Any) -> str:
    name = cast("dict[str, Any]", kind).get("title") if isinstance(kind, dict) else getattr(kind, "__name__", None)
    return _NAME.sub("_", name)[:64] if isinstance(name, str) and get_origin(kind) is None else "response"
