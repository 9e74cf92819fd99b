"""Make a JSON schema fit the strict mode of OpenAI and those who follow it, and take the nulls out of the answer.

Source of the rules: https://developers.openai.com/api/docs/guides/structured-outputs, "Supported schemas" (as of
2026-08; the sizes were raised in 2025-07): every object is closed and requires all its fields, an optional field is
nullable, the root is an object and no ``anyOf``, and these keywords and formats alone are listed. Whether the root is
a level of nesting is not said there: here it is the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from turnout.errors import InvalidToolError
from turnout.schemas.refs import resolve_ref

if TYPE_CHECKING:
    from turnout.schemas.traversal import JsonSchema

MAX_PROPERTIES = 5000
MAX_LEVELS = 10
MAX_NAME_CHARACTERS = 120_000
"""Of the names of fields and definitions, and the values of enum and const, together."""
MAX_CHOICES = 1000
MANY_CHOICES = 250
MAX_CHARACTERS_OF_MANY = 15_000
"""Of the strings of one enum that has over `MANY_CHOICES`."""
_KEPT = frozenset(
    (
        *("type", "enum", "const", "anyOf", "$ref", "properties", "required", "items", "description", "title"),
        *(
            "pattern",
            "multipleOf",
            "maximum",
            "exclusiveMaximum",
            "minimum",
            "exclusiveMinimum",
            "minItems",
            "maxItems",
        ),
    )
)
_TOLD = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "uniqueItems": "no item twice",
    "default": "default: {}",
    "minProperties": "at least {} fields",
    "maxProperties": "at most {} fields",
}
_REFUSED = (
    *("allOf", "not", "if", "then", "else", "patternProperties", "dependentSchemas", "dependentRequired", "contains"),
    "unevaluatedProperties",
)
_FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"),
)


class _NotStrict(Exception):
    """A part of the schema that strict mode has no word for."""


def make_strict(schema: JsonSchema) -> JsonSchema | None:
    """Return `schema` as strict mode takes it, or `None` where it cannot be (`strict_obstacle` says why).

    Objects are closed, all fields required, those that were optional nullable: give what comes back to `drop_nulls`
    (`TypeSchema.convert` does so by itself). Limits that strict mode does not know are told in the description. A
    schema cannot be strict where it has an object of free keys, a part of any type, a root that is no object, or a
    keyword that combines schemas.
    """
    try:
        return _make_strict(schema)
    except _NotStrict:
        return None


def strict_obstacle(schema: JsonSchema) -> str | None:
    """Return what keeps `schema` from being strict, such as ``the root is not an object``; `None` for nothing."""
    try:
        _make_strict(schema)
    except _NotStrict as error:
        return str(error)
    return None


def _make_strict(schema: JsonSchema) -> JsonSchema:
    strict = _Strict(schema)
    try:
        root = resolve_ref(schema, schema["$ref"]) if isinstance(schema.get("$ref"), str) else schema
        made = strict.visit(root, "the root", 0)
        if made.get("type") != "object" or "anyOf" in made:
            raise _NotStrict("the root is not an object")
        definitions = {name: strict.visit(strict.definition(name), name, 1) for name in strict.wanted()}
    except InvalidToolError as error:
        raise _NotStrict(error.message) from None
    except RecursionError:
        raise _NotStrict("it is nested too deeply") from None
    except (TypeError, AttributeError, KeyError, ValueError):  # a client may send anything as a schema
        raise _NotStrict("it is no JSON schema") from None
    strict.check_size()
    return {**made, "$defs": definitions} if definitions else made


def drop_nulls(value: Any, schema: JsonSchema) -> Any:
    """Return `value` without the nulls that strict mode wrote for fields that `schema`, as it was before, has optional.

    A null that the field itself takes (``int | None``) stays.
    """
    return _drop(value, schema, schema, 0)


class _Strict:
    def __init__(self, root: JsonSchema) -> None:
        self.root = root
        self.properties = 0
        self.choices = 0
        self.characters = 0
        self.names: dict[str, str] = {}
        """The name in the new `$defs` of each reference met."""
        self._done = 0

    def wanted(self) -> Any:
        """Yield the new names, those included that turn up meanwhile."""
        while self._done < len(self.names):
            self._done += 1
            yield list(self.names.values())[self._done - 1]

    def definition(self, name: str) -> Any:
        """Return the definition of a new name."""
        return resolve_ref(self.root, next(reference for reference, own in self.names.items() if own == name))

    def check_size(self) -> None:
        """Raise `_NotStrict` for a schema that is too large."""
        if self.properties > MAX_PROPERTIES:
            raise _NotStrict(f"it has over {MAX_PROPERTIES} fields")
        if self.choices > MAX_CHOICES:
            raise _NotStrict(f"its enums have over {MAX_CHOICES} values")
        if self.characters + sum(map(len, self.names.values())) > MAX_NAME_CHARACTERS:
            raise _NotStrict(f"its names and enum values have over {MAX_NAME_CHARACTERS} characters")

    def visit(self, schema: Any, place: str, level: int) -> JsonSchema:
        if not isinstance(schema, dict) or not any(
            key in schema for key in ("type", "enum", "const", "anyOf", "oneOf", "$ref", "properties", "allOf")
        ):
            raise _NotStrict(f"{place} takes any value")
        given = _unwrap(cast("JsonSchema", schema))
        refused = next((keyword for keyword in _REFUSED if given.get(keyword) not in (None, False)), None)
        if refused:
            raise _NotStrict(f"{place} uses `{refused}`")
        made = {keyword: value for keyword, value in given.items() if keyword in _KEPT}
        if given.get("format") in _FORMATS:
            made["format"] = given["format"]
        if isinstance(given.get("$ref"), str):
            return self._refer(given, made)
        if "anyOf" in made:
            made["anyOf"] = [self.visit(member, place, level) for member in cast("list[Any]", made["anyOf"])]
        if "const" in made:
            made["enum"] = [made.pop("const")]
        if "enum" in made:
            self._count_choices(made["enum"], place)
            made.setdefault("type", _types_of(made["enum"]))
        self._visit_inside(given, made, place, level)
        return _tell(given, made)

    def _visit_inside(self, given: JsonSchema, made: JsonSchema, place: str, level: int) -> None:
        kinds = _as_list(made.get("type"))
        if level >= MAX_LEVELS and ("object" in kinds or "array" in kinds or "properties" in made):
            raise _NotStrict(f"{place} is nested over {MAX_LEVELS} levels deep")
        if "object" in kinds or "properties" in made:
            self._close(given, made, place, level)
        if "array" in kinds and "prefixItems" in given:
            places = [self.visit(item, place, level + 1) for item in given["prefixItems"]]
            made["items"] = places[0] if all(item == places[0] for item in places) else {"anyOf": places}
        elif "array" in kinds:
            made["items"] = self.visit(given.get("items"), f"an item of {place}", level + 1)

    def _count_choices(self, values: list[Any], place: str) -> None:
        characters = sum(len(value) for value in values if isinstance(value, str))
        self.choices += len(values)
        self.characters += characters
        if len(values) > MANY_CHOICES and characters > MAX_CHARACTERS_OF_MANY:
            raise _NotStrict(f"the values of {place} have over {MAX_CHARACTERS_OF_MANY} characters")

    def _close(self, given: JsonSchema, made: JsonSchema, place: str, level: int) -> None:
        properties = cast("dict[str, Any]", given.get("properties") or {})
        if given.get("additionalProperties", not properties and "properties" not in given) is not False and (
            "additionalProperties" in given or "properties" not in given
        ):
            raise _NotStrict(f"{place} takes any keys")
        self.properties += len(properties)
        self.characters += sum(map(len, properties))
        required = cast("list[str]", given.get("required") or [])
        made["properties"] = {
            name: self._field(inner, f"`{name}`", level + 1, is_required=name in required)
            for name, inner in properties.items()
        }
        made["required"] = list(properties)
        made["additionalProperties"] = False

    def _field(self, schema: Any, place: str, level: int, *, is_required: bool) -> JsonSchema:
        made = self.visit(schema, place, level)
        return made if is_required or accepts_null(schema, self.root) else _nullable(made)

    def _refer(self, given: JsonSchema, made: JsonSchema) -> JsonSchema:
        """Return the reference; what stood beside it moves outside, for strict mode has nothing beside a `$ref`."""
        reference = cast("str", given["$ref"])
        if reference not in self.names:
            resolve_ref(self.root, reference)
            name = reference.rpartition("/")[2] or "root"
            while name in self.names.values():
                name += "_"
            self.names[reference] = name.replace("#", "root")
        bare = {"$ref": f"#/$defs/{self.names[reference]}"}
        text = {key: made[key] for key in ("title", "description") if key in made}
        return _tell(given, {"anyOf": [bare], **text}) if len(given) > 1 else bare


def accepts_null(schema: Any, root: JsonSchema, level: int = 0) -> bool:
    """Return whether null is a value of `schema`."""
    if not isinstance(schema, dict) or level > 20:
        return schema is True
    given = cast("JsonSchema", schema)
    if isinstance(given.get("$ref"), str):
        return accepts_null(_follow(root, given["$ref"]), root, level + 1)
    if "enum" in given:
        return None in given["enum"]
    if "const" in given:
        return given["const"] is None
    if "type" in given:
        return "null" in _as_list(given["type"])
    members: list[Any] = [*given.get("anyOf", []), *given.get("oneOf", [])]
    if members:
        return any(accepts_null(member, root, level + 1) for member in members)
    return all(accepts_null(member, root, level + 1) for member in given.get("allOf", []))


def _nullable(schema: JsonSchema) -> JsonSchema:
    if "anyOf" in schema and "enum" not in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "$ref" in schema or "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    made = {**schema, "type": [*_as_list(schema["type"]), "null"]}
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    return made


def _unwrap(schema: JsonSchema) -> JsonSchema:
    """Return `schema` with an ``allOf`` of one lifted out and ``oneOf`` called ``anyOf``."""
    members = schema.get("allOf")
    if isinstance(members, list) and len(cast("list[Any]", members)) == 1 and isinstance(members[0], dict):
        schema = {**members[0], **{key: value for key, value in schema.items() if key != "allOf"}}
    if "oneOf" in schema and "anyOf" not in schema:
        schema = {("anyOf" if key == "oneOf" else key): value for key, value in schema.items()}
    return schema


def _tell(given: JsonSchema, made: JsonSchema) -> JsonSchema:
    """Return `made` with the limits that strict mode does not know told in its description."""
    import msgspec

    told = [
        words.format(msgspec.json.encode(given[keyword]).decode())
        for keyword, words in _TOLD.items()
        if keyword in given and given[keyword] is not False
    ]
    if "prefixItems" in given and "anyOf" in made.get("items", {}):
        told.append("the items in the order of their types")
    if isinstance(given.get("format"), str) and given["format"] not in _FORMATS:
        told.append(f"format: {given['format']}")
    if isinstance(given.get("contentEncoding"), str):
        told.append(f"encoded as {given['contentEncoding']}")
    if not told:
        return made
    text = str(made.get("description", ""))
    return {**made, "description": f"{text} ({'; '.join(told)})".strip()}


def _types_of(values: list[Any]) -> Any:
    words = [_json_type(value) for value in values]
    unique = list(dict.fromkeys(words))
    return unique[0] if len(unique) == 1 else unique


def _json_type(value: Any) -> str:
    names: dict[Any, str] = {
        str: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
        list: "array",
        dict: "object",
    }
    return names.get(type(value), "null")


def _as_list(kind: Any) -> list[str]:
    return cast("list[str]", kind) if isinstance(kind, list) else [kind] if isinstance(kind, str) else []


def _drop(value: Any, schema: Any, root: JsonSchema, level: int) -> Any:
    if not isinstance(schema, dict) or not isinstance(value, (dict, list)) or level > 100:
        return cast("Any", value)
    found = _meant(cast("Any", value), cast("JsonSchema", schema), root)
    if isinstance(value, list):
        items = cast("list[Any]", value)
        places: list[Any] = found.get("prefixItems", [])
        rest = found.get("items")
        return [
            _drop(item, places[index] if index < len(places) else rest, root, level + 1)
            for index, item in enumerate(items)
        ]
    return _drop_fields(cast("dict[str, Any]", value), found, root, level)


def _drop_fields(value: dict[str, Any], schema: JsonSchema, root: JsonSchema, level: int) -> dict[str, Any]:
    properties = cast("dict[str, Any]", schema.get("properties") or {})
    required = cast("list[str]", schema.get("required") or [])
    kept: dict[str, Any] = {}
    for name, item in value.items():
        inner = properties.get(name, schema.get("additionalProperties"))
        if item is None and name in properties and name not in required and not accepts_null(inner, root):
            continue
        kept[name] = _drop(item, inner, root, level + 1)
    return kept


def _meant(value: Any, schema: JsonSchema, root: JsonSchema, level: int = 0) -> JsonSchema:
    """Return the schema that `value` follows: references resolved, and of several the first whose shape it has."""
    while isinstance(schema.get("$ref"), str) and level < 20:
        target = _follow(root, schema["$ref"])
        schema, level = cast("JsonSchema", target) if isinstance(target, dict) else {}, level + 1
    schema = _unwrap(schema)
    members = cast("list[Any]", schema.get("anyOf") or [])
    if level >= 20 or not members:
        return schema
    resolved = [
        _meant(value, cast("JsonSchema", member), root, level + 1) for member in members if isinstance(member, dict)
    ]
    return next((member for member in resolved if _has_shape(value, member, root)), schema)


def _follow(root: JsonSchema, reference: str) -> Any:
    """Return what `reference` names; an anchor or another document, which only the validator finds, says nothing."""
    try:
        return resolve_ref(root, reference)
    except InvalidToolError:
        return {}


def _has_shape(value: Any, schema: JsonSchema, root: JsonSchema) -> bool:
    kinds = _as_list(schema.get("type"))
    if kinds and _json_type(value) not in kinds:
        return False
    if not isinstance(value, dict):
        return True
    fields = cast("dict[str, Any]", value)
    properties = cast("dict[str, Any]", schema.get("properties") or {})
    required = cast("list[str]", schema.get("required") or [])
    if any(name not in fields for name in required):
        return False
    if properties and any(name not in properties for name in fields) and not schema.get("additionalProperties"):
        return False
    return all(_may_be(fields[name], inner) for name, inner in properties.items() if name in fields)


def _may_be(value: Any, schema: Any) -> bool:
    if not isinstance(schema, dict):
        return True
    given = cast("JsonSchema", schema)
    choices = given.get("enum", [given["const"]] if "const" in given else None)
    return choices is None or value is None or value in choices
