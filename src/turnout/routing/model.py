"""The `model` argument in all its forms, read at the door into a tuple of candidates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

import msgspec
from msgspec import Struct

from turnout.context import RequestContext
from turnout.errors import InvalidModelError, redact_url
from turnout.requests import ModelSettings, read_headers, read_settings, snake_keys

_FORMS = (
    'an id such as "ovhcloud/gpt-oss-120b", a config with "id" (and "url"), a list of these as fallbacks,'
    " or a function of the request context that returns one"
)


class ModelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model at a place of your own, or a catalog model with other headers or another key.

    `id` is the model's id; `url` the base URL of a server (without it, `id` is looked up as a catalog id). `provider`
    names whose model it is, so that its key and prices are used. `protocol` forces a wire format. `None` is "not
    given" everywhere. `repr` shows neither key nor headers' values.
    """

    id: str
    url: str | None = None
    api_key: str | None = None
    headers: dict[str, str] = {}
    provider: str | None = None
    protocol: str | None = None

    def __repr__(self) -> str:
        url = self.url and redact_url(self.url)
        return f"ModelConfig(id={self.id!r}, url={url!r}, provider={self.provider!r}, protocol={self.protocol!r})"


class Candidate(Struct, frozen=True, kw_only=True):
    """One entry of a fallback list: a model, and what holds for it alone.

    `max_retries`, `settings`, `headers` and `provider_options` win over those of the call and the agent, and
    `transport` (a `transport.seam.Transport`) over the one that all calls share.
    """

    model: str | ModelConfig
    max_retries: int | None = None
    settings: ModelSettings = ModelSettings()
    headers: dict[str, str] = {}
    provider_options: dict[str, dict[str, Any]] = {}
    transport: Any = None
    selection: Any = None
    """A `routing.selection.Selection` that stands here until the call, which `expand` replaces by its choices."""

    @property
    def label(self) -> str:
        """The model as its caller wrote it."""
        return self.model if isinstance(self.model, str) else self.model.id

    def __repr__(self) -> str:
        return f"Candidate({self.label!r})"


@runtime_checkable
class ModelLike(Protocol):
    """An object that stands for a model, such as a `turnout.testing.ScriptedModel`."""

    def as_candidate(self) -> Candidate:
        """Return the entry of a fallback list that it stands for."""
        ...


ModelSpec = str | ModelConfig | Candidate | ModelLike | Mapping[str, Any]
"""One model: an id, a config, an entry of a fallback list, a mapping that spells one of the latter two, or an object
that stands for a model."""

ModelArgument = (
    ModelSpec
    | Sequence[ModelSpec]
    | Callable[[RequestContext], "ModelSpec | Sequence[ModelSpec]"]
    | Callable[[RequestContext], Awaitable["ModelSpec | Sequence[ModelSpec]"]]
)
"""All that `model=` takes; a sequence is a list of fallbacks, a function is called once a run."""


def read_model(value: object) -> tuple[Candidate, ...]:
    """Read the `model` argument (any form but a function) into candidates, in the order in which they are tried.

    Raises `InvalidModelError`, which names the forms that can be read.
    """
    if isinstance(value, (list, tuple)):
        entries = [_read_candidate(item) for item in cast("Sequence[object]", value)]
        candidates = tuple([entry for entry in entries if entry is not None])
    else:
        entry = _read_candidate(value)
        candidates = () if entry is None else (entry,)
    if not candidates:
        raise InvalidModelError(f"the list of models is empty (or all are disabled): give {_FORMS}")
    return candidates


def _read_candidate(value: object) -> Candidate | None:
    """Read one entry; `None` for one that is disabled (``"enabled": False``, as Mastra spells it)."""
    if isinstance(value, Candidate):
        return value
    if isinstance(value, str):
        return Candidate(model=value.strip())
    if isinstance(value, ModelLike):
        return value.as_candidate()
    if isinstance(value, ModelConfig):
        return Candidate(model=_read_config(msgspec.structs.asdict(value)))
    if not isinstance(value, Mapping):
        what = "nothing" if value is None else f"a {type(value).__name__}"
        raise InvalidModelError(f"model= is {what}: give {_FORMS}")
    given = snake_keys(cast("Mapping[str, Any]", value))
    if "model" not in given:
        return Candidate(model=_read_config(given))
    if not given.pop("enabled", True):
        return None
    inner = given.pop("model")
    given["headers"] = read_headers(given.get("headers"))
    settings = read_settings(given.pop("settings", None) or given.pop("model_settings", None))
    base = _read_candidate(inner)
    if base is None:
        return None
    fields = {name: item for name, item in given.items() if item is not None}
    ready = {"model": base.model, "settings": settings, "transport": base.transport, "selection": base.selection}
    return _convert({**fields, "model": base.label}, Candidate, **ready)


def _read_config(given: dict[str, Any]) -> ModelConfig:
    given["provider"] = given.pop("provider_id", None) or given.get("provider")
    given["id"] = given.pop("model_id", None) or given.get("id")
    if not isinstance(given["id"], str) or not given["id"].strip():
        raise InvalidModelError('the model config has no "id": add the model\'s id, such as "ovhcloud/gpt-oss-120b"')
    given["id"] = given["id"].strip()
    given["headers"] = read_headers(given.get("headers"))
    return _convert({name: item for name, item in given.items() if item is not None}, ModelConfig)


def _convert(given: dict[str, Any], kind: type[Any], **ready: Any) -> Any:
    """Convert a mapping to a struct; `ready` replaces fields that are structs already. Errors show no value."""
    try:
        struct = msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        known = ", ".join(kind.__struct_fields__)
        raise InvalidModelError(f"the model config cannot be read: {error}: its fields are {known}") from None
    return msgspec.structs.replace(struct, **ready) if ready else struct
