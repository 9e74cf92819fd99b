"""From a models.dev `api.json` and `overrides.toml` to the rows of the catalog; pure, no files and no network."""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import Any

import msgspec

from turnout.catalog import archive
from turnout.catalog.api_json import (
    ListedAccess,
    ListedCost,
    ListedModel,
    ListedPrices,
    ListedProvider,
    ListedReasoningField,
    ListedReasoningOption,
)
from turnout.catalog.overrides import Overrides
from turnout.catalog.quirks import Quirks
from turnout.catalog.types import Model, ModelKind, PriceTier, Provider, ReasoningOption
from turnout.errors import CatalogError

_ARTEFACT_DIGITS = 15
"""No price is published with so many digits: 0.30000000000000004 is 0.3 after a binary float."""


class Rows(msgspec.Struct):
    """What a build made: providers and models by id, and whatever of the source could not be read."""

    providers: dict[str, Provider] = {}
    """Providers by id."""

    models: dict[str, dict[str, Model]] = {}
    """Models by full id, by provider."""

    skipped: list[str] = []
    """One line for each row of the source that could not be read."""

    unknown_packages: list[str] = []
    """Packages (`npm`) of the source that `overrides.toml` gives no protocol; `openai_chat` was assumed."""

    def pack(self, *, date: str, origin: str, rules: int) -> bytes:
        """Return the catalog file that holds these rows."""
        rows = {provider_id: list(models.values()) for provider_id, models in self.models.items()}
        return archive.pack(self.providers.values(), rows, date=date, origin=origin, rules=rules)


def build_rows(api_json: bytes, overrides_toml: bytes, *, label: str) -> Rows:
    """Turn `api_json` (models.dev's shape) into rows, with the overrides applied.

    `label` names the source in every row. A row that cannot be read is skipped and noted; a source that is no
    `api.json` at all raises `CatalogError`.
    """
    try:
        source = msgspec.json.decode(api_json, type=dict[str, ListedProvider])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"the source is no models.dev api.json ({error}): give a file or URL of that shape"
        ) from error
    overrides = Overrides(overrides_toml)
    rows = Rows()
    for provider_id, listed in source.items():
        rows.providers[provider_id] = _provider_row(provider_id, listed, overrides, label)
        rows.models[provider_id] = _model_rows(provider_id, listed, overrides, label, rows)
    rows.unknown_packages = sorted(overrides.unknown_packages)
    for provider in overrides.added_providers():
        rows.providers.setdefault(provider.id, provider)
    for model in overrides.added_models():
        if model.provider in rows.providers:
            rows.models.setdefault(model.provider, {}).setdefault(model.id, model)
    _patch(rows, overrides)
    return rows


def rules_checksum(overrides_toml: bytes) -> int:
    """Return the checksum of the overrides and of the rows' fields: a catalog built by another version has another."""
    fields = " ".join(Model.__struct_fields__ + Provider.__struct_fields__ + Quirks.__struct_fields__)
    return zlib.crc32(overrides_toml + fields.encode())


def _patch(rows: Rows, overrides: Overrides) -> None:
    for provider_id, models in rows.models.items():
        provider = rows.providers[provider_id]
        for model_id, model in models.items():
            models[model_id] = overrides.patch_model(model, provider)


def _provider_row(provider_id: str, listed: ListedProvider, overrides: Overrides, label: str) -> Provider:
    provider = Provider(
        id=provider_id,
        name=listed.name or provider_id,
        base_url=listed.api,
        env=listed.env,
        api_key_env=_key_variables(listed),
        doc=listed.doc,
        protocol=overrides.protocol_of(listed.npm),
        source=label,
    )
    return overrides.patch_provider(provider)


def _key_variables(listed: ListedProvider) -> tuple[str, ...]:
    """Guess which variables hold the key where there are several; overrides name those that this gets wrong."""
    free = tuple(name for name in listed.env if f"${{{name}}}" not in (listed.api or ""))
    keys = tuple(name for name in free if name.endswith(("KEY", "TOKEN", "PAT")))
    return keys or free


def _model_rows(
    provider_id: str, listed: ListedProvider, overrides: Overrides, label: str, rows: Rows
) -> dict[str, Model]:
    provider = rows.providers[provider_id]
    models: dict[str, Model] = {}
    for short_id, raw in listed.models.items():
        model_id = f"{provider_id}/{short_id}"
        try:
            source = msgspec.json.decode(raw, type=ListedModel)
        except msgspec.ValidationError as error:
            rows.skipped.append(f"{model_id}: {error}")
            continue
        models[model_id] = Model(
            id=model_id,
            source=label,
            wire_id=overrides.wire_id(provider_id, short_id, source.name),
            sent_as=overrides.sent_as(provider_id, short_id),
            **_facts(source),
            **_prices(source.cost),
            **_access(source.provider, provider, overrides),
        )
    return models


def _facts(source: ListedModel) -> dict[str, Any]:
    interleaved = source.interleaved
    return {
        "name": source.name,
        "kind": _kind(source),
        "context": source.limit.context or None,  # 0 stands for "has none": images and the like
        "max_input": source.limit.input or None,
        "max_output": source.limit.output or None,
        "input_modalities": source.modalities.input,
        "output_modalities": source.modalities.output,
        "supports_tools": source.tool_call,
        "supports_reasoning": source.reasoning,
        "supports_structured_output": source.structured_output,
        "supports_temperature": source.temperature,
        "supports_attachments": source.attachment,
        "reasoning_options": _reasoning_options(source.reasoning_options),
        "reasoning_field": interleaved.field if isinstance(interleaved, ListedReasoningField) else None,
        "family": source.family,
        "open_weights": source.open_weights,
        "release_date": source.release_date,
        "last_updated": source.last_updated,
        "knowledge": source.knowledge,
        "status": source.status,
    }


def _reasoning_options(options: list[ListedReasoningOption] | None) -> tuple[ReasoningOption, ...] | None:
    if options is None:
        return None
    return tuple(ReasoningOption(type=o.type, values=o.values, min=o.min, max=o.max) for o in options)


_KIND_BY_OUTPUT: dict[str, ModelKind] = {"image": "image", "video": "video", "audio": "speech"}


def _kind(source: ListedModel) -> ModelKind:
    output = source.modalities.output
    if source.tool_call:
        return "chat"
    if output and "text" not in output:
        return _KIND_BY_OUTPUT.get(output[0], "chat")
    return "transcription" if source.modalities.input == ("audio",) else "chat"


def _prices(cost: ListedCost | None) -> dict[str, Any]:
    if cost is None:
        return {}
    tiers = [(tier.tier.size, tier) for tier in cost.tiers if tier.tier.type == "context"]
    if not cost.tiers and cost.context_over_200k:
        tiers = [(200_000, cost.context_over_200k)]
    tiers.sort(key=lambda tier: tier[0])
    price_tiers = tuple(PriceTier(over_context_tokens=size, **_price_fields(tier)) for size, tier in tiers)
    return {**_price_fields(cost), "price_tiers": price_tiers}


def _price_fields(prices: ListedPrices) -> dict[str, Decimal | None]:
    return {
        "input_price": _price(prices.input),
        "output_price": _price(prices.output),
        "cache_read_price": _price(prices.cache_read),
        "cache_write_price": _price(prices.cache_write),
        "reasoning_price": _price(prices.reasoning),
        "audio_input_price": _price(prices.input_audio),
        "audio_output_price": _price(prices.output_audio),
    }


def _price(price: Decimal | None) -> Decimal | None:
    """Return `price` as it was published: what a binary float left behind is rounded away."""
    if price is None or len(price.as_tuple().digits) < _ARTEFACT_DIGITS:
        return price
    return Decimal(f"{price:.10g}").normalize()


def _access(access: ListedAccess | None, provider: Provider, overrides: Overrides) -> dict[str, Any]:
    """Return the protocol and base URL of a model where they are not its provider's."""
    if access is None or (access.api is None and overrides.forces_protocol(provider.id)):
        return {}
    if access.shape == "responses":
        protocol = "openai_responses"
    elif access.shape == "completions":
        protocol = "openai_chat"
    else:
        protocol = overrides.protocol_of(access.npm) if access.npm else provider.protocol
    return {
        "protocol": protocol if protocol != provider.protocol else None,
        "base_url": access.api if access.api != provider.base_url else None,
    }
