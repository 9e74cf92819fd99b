"""What a model can take beside text, by the catalog; and which models can, where one cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from turnout import catalog
from turnout.catalog.queries import sort_models
from turnout.routing.environment import list_variables
from turnout.routing.reach import has_key, is_reachable, is_spoken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.catalog.quirks import Quirks
    from turnout.catalog.types import Model, Provider

Feature = Literal["image", "audio", "video", "pdf", "file", "tools", "json_schema", "json_object"]
"""An input kind, tools, or a mode of `response_format`."""

_WORDS: dict[Feature, str] = {
    "image": "images",
    "audio": "audio",
    "video": "video",
    "pdf": "PDF files",
    "file": "files",
    "tools": "tools",
    "json_schema": "JSON schema for its output",
    "json_object": "JSON mode for its output",
}


def say(feature: Feature) -> str:
    """Return `feature` in words."""
    return _WORDS[feature]


def lacks(feature: Feature, model: Model, quirks: Quirks) -> bool:
    """Whether the catalog says that `model` lacks `feature`; not where it does not say."""
    if feature == "tools":
        return model.supports_tools is False
    if feature in ("json_schema", "json_object"):
        return not _takes_format(feature, model, quirks, if_unknown=True)
    if feature in ("file", "pdf") and not quirks.takes_files:
        return True
    if feature == "file":
        return model.supports_attachments is False
    if model.supports_attachments is None and model.input_modalities == ("text",):
        return False  # a row of one's own that says nothing of inputs
    return feature not in model.input_modalities


def has(feature: Feature, model: Model, quirks: Quirks) -> bool:
    """Whether the catalog says that `model` has `feature`; not where it does not say."""
    if feature == "tools":
        return model.supports_tools is True
    if feature in ("json_schema", "json_object"):
        return _takes_format(feature, model, quirks, if_unknown=False)
    if feature in ("file", "pdf") and not quirks.takes_files:
        return False
    if feature == "file":
        return model.supports_attachments is True
    return feature in model.input_modalities


def _takes_format(feature: Feature, model: Model, quirks: Quirks, *, if_unknown: bool) -> bool:
    most = quirks.response_format
    if most is not None:
        return most in ("json_schema", feature)
    if feature == "json_object" and not model.supports_structured_output:
        return if_unknown  # models that hold to no schema often have the older JSON mode
    return if_unknown if model.supports_structured_output is None else model.supports_structured_output


def list_alternatives(model: Model, features: Sequence[Feature], count: int = 3) -> list[str]:
    """Return up to `count` models that have all of `features`, quoted: of the same provider first, cheapest first.

    Where it has fewer, those of providers that can be called from here follow, and then those of any other, with the
    variable that would hold the key. Retired and deprecated models, and wire formats that are not spoken, are left out.
    """
    own, variables = catalog.find_provider(model.provider), list_variables()
    found: list[str] = []
    for providers in _provider_groups(own, variables):
        rows = [row for provider in providers for row in _matching(provider, features)]
        hints = {provider.id: _key_hint(provider, variables) for provider in providers}
        found += [f"`{row.id}`{hints[row.provider]}" for row in sort_models(rows, "price")[: count - len(found)]]
        if len(found) == count:
            break
    return found


def _provider_groups(own: Provider | None, variables: set[str]) -> Iterator[list[Provider]]:
    """Yield the same provider, then those that can be called from here, then all others."""
    yield [own] if own is not None else []
    others = [provider for provider in catalog.providers() if provider != own]
    yield [provider for provider in others if is_reachable(provider, variables)]
    yield [provider for provider in others if not is_reachable(provider, variables)]


def _matching(provider: Provider, features: Sequence[Feature]) -> Iterator[Model]:
    for row in catalog.models(provider=provider.id, kind="chat", retired=False):
        if row.status == "deprecated" or "text" not in row.output_modalities or not is_spoken(row, provider):
            continue
        quirks = provider.quirks_in(row.protocol or provider.protocol, row)
        if all(has(feature, row, quirks) for feature in features):
            yield row


def _key_hint(provider: Provider, variables: set[str]) -> str:
    if not provider.api_key_env or has_key(provider, variables):
        return ""
    return f" (with `{provider.api_key_env[0]}`)"
