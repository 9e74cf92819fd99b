"""The type that an answer is to have: its schema for the model, and the reading of what the model wrote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, get_args, get_origin

import msgspec

from turnout.errors import InvalidInputError
from turnout.requests import OutputMode, OutputSpec
from turnout.schemas import SchemaMismatch, TypeSchema

if TYPE_CHECKING:
    from collections.abc import Iterator

_T = TypeVar("_T")
_MODES = get_args(OutputMode)
_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_FENCE = re.compile(r"```[a-zA-Z]*+[ \t]*+\n?+(.*?)```", re.DOTALL)
_BEGIN = re.compile(r"[{\[]")
_MOST_PLACES = 64
"""How many braces and brackets of a text are tried as the beginning of its JSON."""

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
        """Return the output that `text` holds, and the plain JSON value that it was made of; otherwise as `parse`."""
        mismatch = OutputMismatch("the answer holds no JSON")
        for value in _find_values(text):
            plain = self.unwrap(value)
            try:
                return self._type.convert(plain), plain
            except SchemaMismatch as error:
                if not mismatch.__cause__:  # the first JSON is the likeliest to have been meant
                    mismatch = OutputMismatch(str(error))
                    mismatch.__cause__ = error
        raise mismatch

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


def _name(kind: Any) -> str:
    name = cast("dict[str, Any]", kind).get("title") if isinstance(kind, dict) else getattr(kind, "__name__", None)
    return _NAME.sub("_", name)[:64] if isinstance(name, str) and get_origin(kind) is None else "response"


def _find_values(text: str) -> Iterator[Any]:
    """Yield the JSON values of `text`: the whole of it, what stands in fences, what its braces and brackets hold."""
    for candidate in (text, *(match[1] for match in _FENCE.finditer(text))):
        value = _read(candidate)
        if value is not _UNREADABLE:
            yield value
    import json

    end, decoder = 0, json.JSONDecoder(strict=False)
    for _ in range(_MOST_PLACES):
        begun = _BEGIN.search(text, end)
        if begun is None:
            return
        try:
            value, end = decoder.raw_decode(text, begun.start())
        except json.JSONDecodeError as error:
            end = max(error.pos, begun.end())  # what was read of it is a piece of something broken, and no answer
        except (ValueError, RecursionError):
            end = begun.end()
        else:
            yield value


def _read(text: str) -> Any:
    try:
        return msgspec.json.decode(text.strip().encode())
    except (ValueError, RecursionError):
        return _UNREADABLE


_UNREADABLE = object()
