"""Replace the references of a JSON schema by what they refer to, for providers that do not follow them."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import unquote

from turnout.errors import InvalidToolError
from turnout.schemas.traversal import JsonSchema, map_subschemas

MAX_PARTS = 20_000
MAX_NESTING = 200
_DEFINITIONS = ("$defs", "definitions")


def inline_refs(schema: JsonSchema, *, depth: int = 3) -> JsonSchema:
    """Return `schema` with every `$ref` replaced by its definition, and without `$defs`.

    A definition that contains itself is written out `depth` times; inside of that the last one keeps only its type and
    a description that says what stands there. Raises `InvalidToolError` for a `$ref` that leads nowhere or out of the
    schema, and for a schema that would become endless (over 20,000 parts).
    """
    return _Inliner(schema, depth).inline(schema, (), 0)


def resolve_ref(root: JsonSchema, reference: str) -> Any:
    """Return what `reference` (``#`` or a JSON pointer, ``#/$defs/Name``) names. Raises `InvalidToolError`."""
    if reference != "#" and not reference.startswith("#/"):
        raise InvalidToolError(f"`$ref` {reference[:200]!r} leads out of the schema: put its definition under `$defs`")
    found: Any = root
    for step in reference.split("/")[1:]:
        key = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = cast("dict[str, Any]", found)[key]
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(cast("list[Any]", found)):
            found = cast("list[Any]", found)[int(key)]
        else:
            raise InvalidToolError(f"`$ref` {reference[:200]!r} leads nowhere: there is no {key[:100]!r}")
    return found


class _Inliner:
    def __init__(self, root: JsonSchema, depth: int) -> None:
        self.root = root
        self.depth = depth
        self.parts = 0

    def inline(self, schema: Any, open_refs: tuple[str, ...], level: int) -> Any:
        if not isinstance(schema, dict):
            return schema
        self.parts += 1
        if self.parts > MAX_PARTS or level > MAX_NESTING:
            raise InvalidToolError("the JSON schema is too large without references: make it smaller or less nested")
        plain = {key: value for key, value in cast("JsonSchema", schema).items() if key not in _DEFINITIONS}
        reference = plain.get("$ref")
        if not isinstance(reference, str):
            return map_subschemas(plain, lambda inner: self.inline(inner, open_refs, level + 1))
        del plain["$ref"]
        beside = map_subschemas(plain, lambda inner: self.inline(inner, open_refs, level + 1))
        target = resolve_ref(self.root, reference)
        if not isinstance(target, dict):
            return beside or target
        definition = cast("JsonSchema", target)
        if open_refs.count(reference) >= self.depth:
            return {**_cut(definition, reference), **beside}
        inlined = self.inline(definition, (*open_refs, reference), level + 1)
        return {**cast("JsonSchema", inlined), **beside} if isinstance(inlined, dict) else beside


def _cut(definition: JsonSchema, reference: str) -> JsonSchema:
    name = reference.rpartition("/")[2].lstrip("#") or "value"
    kind = {"type": definition["type"]} if "type" in definition else {}
    return {**kind, "description": f"Another {name}, of the same form as above."}
