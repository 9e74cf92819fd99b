"""Did-you-mean for providers and models."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.catalog.store import View
    from turnout.catalog.types import Model

_CUTOFF = 0.6
_PROVIDERS_TRIED = 3
_SHORTEST_PREFIX = 3


def suggest(view: View, text: str, n: int) -> list[str]:
    """Return up to `n` ids that look like `text`, best first: of models when it holds a slash, else of providers.

    A provider is suggested for a model where its own is unknown and no model is alike. A bare model name gives the
    full ids under which it is found. Retired models are left out.
    """
    provider, slash, short_id = text.lower().partition("/")
    ids = view.provider_ids
    if provider in ids:
        return _models_like(view, provider, short_id, n) if slash else [provider]
    alike = _providers_like(provider, ids)
    if not slash:
        return (_named_exactly(view, provider) or alike)[:n]
    models = [model for candidate in alike[:_PROVIDERS_TRIED] for model in _models_like(view, candidate, short_id, n)]
    return (models or alike)[:n]


def _providers_like(text: str, ids: list[str]) -> list[str]:
    begun = [known for known in ids if len(text) >= _SHORTEST_PREFIX and known.startswith(text)]
    return list(dict.fromkeys(get_close_matches(text, ids, _PROVIDERS_TRIED, _CUTOFF) + begun))


def _models_like(view: View, provider_id: str, short_id: str, n: int) -> list[str]:
    ids = {model.short_id.lower(): model.id for model in view.models(provider_id).values() if not model.is_retired}
    return [ids[match] for match in get_close_matches(short_id, ids, n, _CUTOFF)]


def _named_exactly(view: View, name: str) -> list[str]:
    """Return the models that are called `name`, at the providers with the shortest ids first."""
    found = [model.id for model in view.every_model() if _is_called(model, name)]
    return sorted(found, key=lambda model_id: (len(model_id), model_id))


def _is_called(model: Model, name: str) -> bool:
    return not model.is_retired and model.short_id.lower().rpartition("/")[2] == name
