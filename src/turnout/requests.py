"""What one model call asks for: messages, settings and time limits, the same for every provider."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol, TypeVar, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType

from turnout.errors import InvalidInputError
from turnout.messages import Image, Message, Text

_S = TypeVar("_S", bound=Struct)
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class ModelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """How the model should answer. `None` leaves a setting to the model.

    `temperature` 0 to 2, `top_p` 0 to 1; `max_output_tokens` counts tokens, reasoning included; `stop` is a list of
    strings that end the answer; `reasoning_effort` is one of none, minimal, low, medium, high, xhigh, max.
    `parallel_tool_calls` says whether the model may call several tools in one step; `service_tier` is the provider's
    own word (``"flex"``); `logprobs` asks for the log probability of each token, and `top_logprobs` for those of the 1
    to 20 likeliest in its place.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_output_tokens: int | None = None
    stop: list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    reasoning_effort: ReasoningEffort | None = None
    parallel_tool_calls: bool | None = None
    service_tier: str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class Timeouts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """Limits in seconds; `None` is no limit.

    `connect_s` covers name look-up, TCP, proxy and TLS; `first_chunk_s` the wait for the first chunk of a stream;
    `idle_s` the silence between two pieces of a stream (a provider's keep-alive comments count as life);
    `total_s` the whole call, retries excluded: by default 600 for a whole answer and no limit for a stream.
    """

    connect_s: float | None = 10.0
    first_chunk_s: float | None = 120.0
    idle_s: float | None = 60.0
    total_s: float | UnsetType | None = UNSET


DEFAULT_TOTAL_S = 600.0
"""The limit of a whole (not streamed) answer where none is set, in seconds."""


class ToolSpec(Struct, frozen=True, kw_only=True):
    """What a model is told of one tool: its name, what it does, and the JSON schema of its arguments (an object)."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "object", "properties": {}})


OutputMode = Literal["json_schema", "json_object", "tool", "prompt"]
"""How a model is held to a schema: by the wire format's own field, by its JSON mode and the prompt, by a tool that it
must call, or by the prompt alone."""


class OutputSpec(Struct, frozen=True, kw_only=True):
    """The JSON that a model is asked to answer with. `mode` is `None` where the model's facts are to choose it."""

    schema: dict[str, Any]
    name: str = "response"
    description: str = ""
    mode: OutputMode | None = None


Task = Literal["chat", "embedding", "image", "speech", "transcription", "rerank"]
"""What a request asks of a model, and with that which endpoint of its provider it goes to."""


class ModelRequest(Struct, frozen=True, kw_only=True):
    """One model call before it is translated to a wire format.

    `provider_options` maps a provider's id, or ``"*"`` for every provider, to fields that are merged deeply into the
    body for that provider.
    `tool_choice` is ``"auto"``, ``"required"``, ``"none"`` or the name of one of `tools`; `None` is not sent.
    """

    task: ClassVar[Task] = "chat"
    messages: list[Message]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str | None = None
    output: OutputSpec | None = None
    settings: ModelSettings = ModelSettings()
    stream: bool = False
    provider_options: dict[str, dict[str, Any]] = {}


class EmbeddingRequest(ModelRequest, frozen=True, kw_only=True):
    """Texts to be embedded: ``EmbeddingRequest(messages=[Message.user("one", "two")])``.

    `messages` is one message of the user with a `Text` for each text. `dimensions` asks for vectors of that length, of
    models that can shorten theirs.
    """

    task: ClassVar[Task] = "embedding"
    dimensions: int | None = None

    @property
    def texts(self) -> list[str]:
        """The texts, in order."""
        return [part.text for message in self.messages for part in message.content if isinstance(part, Text)]


class ImageRequest(ModelRequest, frozen=True, kw_only=True):
    """Images to be made: ``ImageRequest(messages=[Message.user("A red kite")])``.

    `messages` is one message of the user with the prompt, and with the images to be changed where there are any.
    `count` is how many images; `size` (``"1024x1024"``), `quality`, `output_format` (``"webp"``) and `background` are
    the provider's words; `mask` shows by transparency what of the first image may change.
    """

    task: ClassVar[Task] = "image"
    count: int = 1
    size: str | None = None
    quality: str | None = None
    output_format: str | None = None
    background: str | None = None
    mask: Image | None = None


class SpeechRequest(ModelRequest, frozen=True, kw_only=True):
    """A text to be spoken: ``SpeechRequest(messages=[Message.user("Hello!")], voice="alloy")``.

    `voice` is a name, or an object where the provider takes one; `speed` is 1 where it is usual; `instructions` say how
    to speak.
    """

    task: ClassVar[Task] = "speech"
    voice: str | dict[str, Any] | None = None
    output_format: str | None = None
    speed: float | None = None
    instructions: str | None = None


Timestamps = Literal["segment", "word"]
"""What of a transcription carries its times."""


class TranscriptionRequest(ModelRequest, frozen=True, kw_only=True):
    """Speech to be written down: ``TranscriptionRequest(messages=[Message.user(Audio("talk.mp3"))])``.

    `language` is that of the speech (ISO 639-1), `prompt` a text in its style or with its names, `timestamps` asks for
    the times of segments or words.
    """

    task: ClassVar[Task] = "transcription"
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    timestamps: tuple[Timestamps, ...] = ()


class RerankRequest(ModelRequest, frozen=True, kw_only=True):
    """Documents to be put in order: ``RerankRequest(messages=[Message.user("query", "one", "two")])``.

    `messages` is one message of the user: the query, then each document as a `Text`. `top` asks for the best so many.
    """

    task: ClassVar[Task] = "rerank"
    top: int | None = None


def read_settings(value: ModelSettings | Mapping[str, Any] | None) -> ModelSettings:
    """Read settings given as a `ModelSettings` or a mapping (camelCase keys are understood; None is "not given").

    Raises `InvalidInputError` for an unknown setting, naming those that exist, or a value of the wrong type or range.
    """
    if isinstance(value, ModelSettings):
        _check_numbers(value)
        return value
    if value is None:
        return _NO_SETTINGS
    given = {_ALIASES.get(name, name): setting for name, setting in _mapping(value, "settings").items()}
    if isinstance(given.get("stop"), str):
        given["stop"] = [given["stop"]]
    settings = _convert(given, ModelSettings, "settings")
    _check_numbers(settings)
    return settings


def read_timeouts(value: Timeouts | Mapping[str, Any] | None) -> Timeouts:
    """Read time limits given as a `Timeouts` or a mapping of its fields. Raises `InvalidInputError` as above."""
    limits = value if isinstance(value, Timeouts) else _convert(_mapping(value, "timeouts"), Timeouts, "timeouts")
    for name in Timeouts.__struct_fields__:
        limit = getattr(limits, name)
        if limit is not None and limit is not UNSET and not (isinstance(limit, (int, float)) and limit > 0):
            raise InvalidInputError(f"timeouts: `{name}` is {limit!r}: give seconds above 0, or None for no limit")
    return limits


def snake_keys(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return `value` with camelCase keys in snake_case: Mastra's spellings are accepted at the door, and only there."""
    snake: dict[str, Any] = {}
    for key, item in value.items():
        name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(key)).lower()
        if item is not None or name not in snake:  # of two spellings, the one that is given counts
            snake[name] = item
    return snake


def read_provider_options(value: object) -> dict[str, dict[str, Any]]:
    """Read fields for the body by provider. Raises `InvalidInputError` for anything but mappings."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(item, Mapping) for item in cast("Mapping[Any, Any]", value).values()
    ):
        raise InvalidInputError('provider_options= is no mapping of mappings: write {"ovhcloud": {"field": 1}}')
    return {str(provider).lower(): dict(fields) for provider, fields in cast("Mapping[Any, Any]", value).items()}


def read_headers(value: object) -> dict[str, str]:
    """Read extra headers given as a mapping; None as a value is "not given". Raises `InvalidInputError`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"headers= is a {type(value).__name__}: give a mapping of names to strings")
    headers = {name: item for name, item in cast("Mapping[Any, Any]", value).items() if item is not None}
    for name, item in headers.items():
        if not isinstance(name, str) or not isinstance(item, str):
            raise InvalidInputError(f"headers: {name!r} is a {type(item).__name__}: names and values are strings")
    return headers


def merge_settings(*layers: ModelSettings) -> ModelSettings:
    """Return one `ModelSettings` in which a later layer's settings win over those of an earlier one."""
    given = [layer for layer in layers if layer != _NO_SETTINGS]
    if len(given) <= 1:
        return given[0] if given else _NO_SETTINGS
    merged: dict[str, Any] = {}
    for layer in given:
        merged.update({name: value for name, value in msgspec.structs.asdict(layer).items() if value is not None})
    return ModelSettings(**merged)


def merge_deep(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `extra` merged in: objects are merged key by key, anything else is replaced."""
    merged = dict(base)
    for key, value in extra.items():
        mine = merged.get(key)
        if isinstance(mine, dict) and isinstance(value, dict):
            merged[key] = merge_deep(cast("dict[str, Any]", mine), cast("dict[str, Any]", value))
        else:
            merged[key] = value
    return merged


class OptionsHolder(Protocol):
    """A request, a message or a part: anything with `provider_options`."""

    @property
    def provider_options(self) -> dict[str, dict[str, Any]]:
        """Fields by the provider that they are for, or ``"*"`` for all."""
        ...


def merge_options(holder: OptionsHolder, *keys: str) -> dict[str, Any]:
    """Return the fields of `holder` under `keys`, merged: a later key wins. Nested ones stay those of `holder`."""
    options = holder.provider_options
    merged: dict[str, Any] = {}
    if options:
        for key in keys:
            if key in options:
                merged = merge_deep(merged, options[key])
    return merged


def read_options(holder: OptionsHolder, provider: str) -> dict[str, Any]:
    """Return the fields that `holder` has for `provider`: those for all (``"*"``), over them those for it."""
    return merge_options(holder, "*", provider)


_NO_SETTINGS = ModelSettings()
_ANY = -math.inf
_LEAST: dict[str, float] = {
    "max_output_tokens": 1, "top_logprobs": 0, "top_k": -1, "temperature": 0, "top_p": 0,
    "presence_penalty": _ANY, "frequency_penalty": _ANY, "seed": _ANY,
}  # fmt: skip
"""The least value of each number; a `top_k` of 0 or -1 means "no limit" to some servers."""

_COUNTS = frozenset(("max_output_tokens", "top_logprobs", "top_k", "seed"))
_ALIASES = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens", "stop_sequences": "stop"}


def _check_numbers(settings: ModelSettings) -> None:
    """Refuse a number that no model takes: a negative limit would also turn the budgets round."""
    for name, least in _LEAST.items():
        value = getattr(settings, name)
        if value is None:
            continue
        is_number = isinstance(value, int if name in _COUNTS else (int, float)) and not isinstance(value, bool)
        if not is_number or not _is_finite(value) or value < least:
            kind = "a whole number" if name in _COUNTS else "a number"
            limit = f" of {least:g} or more" if least != _ANY else ""
            raise InvalidInputError(f"settings: `{name}` is {value!r}: give {kind}{limit}, or None")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def _mapping(value: object, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"{what}= is a {type(value).__name__}: give a mapping of their names")
    return snake_keys(cast("Mapping[str, Any]", value))


def _convert(given: dict[str, Any], kind: type[_S], what: str) -> _S:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        known = ", ".join(kind.__struct_fields__)
        raise InvalidInputError(f"{what}: {error}: the fields are {known}") from None
