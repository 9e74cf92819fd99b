"""What ``Annotated`` says of a type: words for the model, and limits of the value."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

_LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")
_WORDS = ("title", "description", "examples")


class Notes(Struct):
    """`words` go into the schema as they are; `constraints` are the arguments of `msgspec.Meta`."""

    words: dict[str, Any] = {}
    constraints: dict[str, Any] = {}


def read_notes(metadata: list[Any], inner: Notes | None = None) -> Notes:
    """Read what follows the type in ``Annotated``; what an outer ``Annotated`` says wins.

    Understood are a string (the description), `msgspec.Meta`, ``Doc``, and objects that name a limit as msgspec does
    (``Ge``, ``MaxLen`` and others of annotated-types, without importing it). Anything else says nothing here.
    """
    notes = Notes(words={}, constraints={})
    for note in metadata:
        if isinstance(note, str):
            notes.words["description"] = note
        elif isinstance(note, msgspec.Meta):
            _read_attributes(note, notes)
            notes.words.update(note.extra_json_schema or {})
        elif isinstance(getattr(note, "documentation", None), str):
            notes.words["description"] = note.documentation
        elif not isinstance(note, type):
            _read_attributes(note, notes)
    if inner is not None:
        notes.words.update(inner.words)
        notes.constraints.update(inner.constraints)
    return notes


def _read_attributes(note: Any, notes: Notes) -> None:
    for names, target in ((_WORDS, notes.words), (_LIMITS, notes.constraints)):
        for name in names:
            value = getattr(note, name, None)
            if value is not None and not callable(value):
                target[name] = value
