"""What a model reads of a tool's result."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Set
from typing import Any, cast

import msgspec

from turnout.messages import Media, Text

_MAX_LEVELS = 50
DONE = "done"
"""What a model reads when a function annotated ``-> None`` has run; any other None is ``null``."""


def render_result(value: Any, *, returns_nothing: bool = False) -> str:
    """Return `value` as text: a str as it is, anything else as JSON.

    Pydantic models, dataclasses, numpy values and arrays, sets, dates, Decimal and bytes (base64) become JSON. Images
    and other media, which a result cannot carry, are replaced by a note. Raises `TypeError` for what is no JSON.
    """
    if isinstance(value, str):
        return make_writable(value)
    if value is None:
        return DONE if returns_nothing else "null"
    if _is_agent_result(value):
        return value.text if value.object is None else render_result(value.object)
    if isinstance(value, (Text, Media)):
        return _describe_part(value)
    if isinstance(value, (list, tuple)) and any(isinstance(item, (Text, Media)) for item in cast("list[Any]", value)):
        return "\n".join(_describe_part(item) for item in cast("list[Any]", value))
    kind = type(cast("object", value)).__name__
    try:
        return msgspec.json.encode(_without_media(value), enc_hook=_encode).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise TypeError(f"returned a {kind} that is no JSON ({error}): return str, dict or list") from None


def note_media(kind: str, media_type: str | None, size: int | None) -> str:
    """Return the note that stands for media in a result."""
    facts = ", ".join(filter(None, [media_type, f"{size} bytes" if size is not None else None]))
    return f"[{kind}{f' ({facts})' if facts else ''}: left out, a tool result carries text only]"


def make_writable(text: str) -> str:
    """Return `text` with what UTF-8 cannot write (half a surrogate pair) replaced by ``?``."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _is_agent_result(value: Any) -> bool:
    """Return whether `value` is what another agent answered: the model is to read the answer, not its usage."""
    module = sys.modules.get("turnout.agent.result")
    return module is not None and isinstance(value, module.Result)


def _describe_part(part: Any) -> str:
    if isinstance(part, Media):
        size = len(part.data) if part.data is not None else None
        return note_media(type(part).__name__.lower(), part.media_type, size)
    return make_writable(part.text) if isinstance(part, Text) else render_result(part)


def _without_media(value: Any, level: int = 0) -> Any:
    """Return `value` with the media inside replaced by notes (their bytes would be text of millions of tokens)."""
    if isinstance(value, (Text, Media)):
        return _describe_part(value)
    if level > _MAX_LEVELS or isinstance(value, (str, int, float, type)) or value is None:
        return value
    inside = _parts_of(value)
    changed = {key: _without_media(part, level + 1) for key, part in inside.items()}
    if all(changed[key] is part for key, part in inside.items()):
        return value
    return list(changed.values()) if isinstance(value, (list, tuple)) else changed


def _parts_of(value: Any) -> dict[Any, Any]:
    """Return what is inside a mapping, list, tuple, dataclass or Struct, by key, place or field."""
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value)
    if isinstance(value, (list, tuple)):
        return dict(enumerate(cast("list[Any]", value)))
    fields = getattr(value, "__struct_fields__", None) or getattr(value, "__dataclass_fields__", None) or ()
    return {name: getattr(value, name) for name in fields if hasattr(value, name)}


def _encode(value: Any) -> Any:
    """Return what JSON can write in place of `value`; found by what it can do, so that nothing is imported."""
    if isinstance(value, BaseException):
        raise TypeError("an exception: raise it")
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    listed = getattr(value, "tolist", None)  # numpy: both arrays and scalars
    if callable(listed):
        return listed()
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    if isinstance(value, (Set, range)) or type(value).__name__ in {"deque", "dict_keys", "dict_values", "dict_items"}:
        return list(cast("Any", value))
    if hasattr(value, "__fspath__"):
        return str(value)
    raise TypeError(f"it holds a {type(value).__name__}")
