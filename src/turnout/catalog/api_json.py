"""The shape of the source, https://models.dev/api.json; a key that is missing is unknown, and others are not read."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class ListedPrices(msgspec.Struct):
    """Prices in USD per 1M tokens."""

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None


class ListedTierBound(msgspec.Struct):
    """What a tier depends on; `size` is in tokens."""

    size: int
    type: str = "context"


class ListedTier(ListedPrices, kw_only=True):
    """The prices over a bound."""

    tier: ListedTierBound


class ListedCost(ListedPrices):
    """The prices of a model, with those for longer inputs."""

    tiers: list[ListedTier] = []
    context_over_200k: ListedPrices | None = None


class ListedLimit(msgspec.Struct):
    """Limits in tokens; 0 stands for "has none"."""

    context: int = 0
    input: int = 0
    output: int = 0


class ListedModalities(msgspec.Struct):
    """What goes in and comes out."""

    input: tuple[str, ...] = ("text",)
    output: tuple[str, ...] = ("text",)


class ListedAccess(msgspec.Struct):
    """Where one model is spoken to in another way than its provider: package, base URL, API."""

    npm: str | None = None
    api: str | None = None
    shape: str | None = None


class ListedReasoningField(msgspec.Struct):
    """The message field that carries reasoning."""

    field: str | None = None


class ListedReasoningOption(msgspec.Struct):
    """One way to steer reasoning."""

    type: str
    values: tuple[str | None, ...] = ()
    min: int | None = None
    max: int | None = None


class ListedModel(msgspec.Struct):
    """One model."""

    name: str = ""
    family: str | None = None
    attachment: bool | None = None
    reasoning: bool | None = None
    tool_call: bool | None = None
    structured_output: bool | None = None
    temperature: bool | None = None
    knowledge: str | None = None
    release_date: str | None = None
    last_updated: str | None = None
    modalities: ListedModalities = msgspec.field(default_factory=ListedModalities)
    open_weights: bool | None = None
    limit: ListedLimit = msgspec.field(default_factory=ListedLimit)
    cost: ListedCost | None = None
    status: str | None = None
    interleaved: bool | ListedReasoningField | None = None
    reasoning_options: list[ListedReasoningOption] | None = None
    provider: ListedAccess | None = None


class ListedProvider(msgspec.Struct):
    """One provider; its models are decoded one by one, so that a bad one spoils no other."""

    models: dict[str, msgspec.Raw]
    name: str = ""
    npm: str = ""
    api: str | None = None
    env: tuple[str, ...] = ()
    doc: str | None = None
