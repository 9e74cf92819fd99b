"""Did-you-mean for providers and models."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.catalog.store import View

_CUTOFF = 0.6
_PROVIDERS_TRIED = 3
_SHORTEST_PREFIX = 3


def suggest(view: View, text: str, n: int) -> list[str]:
    """Return up to `n` ids that look like `text`, best first: of models when it holds a slash, else of providers.

    A bare model name that no provider resembles gives the full ids under which it is found.
    """
    provider, slash, short_id = text.lower().partition("/")
    ids = view.provider_ids
    begun = [known for known in ids if len(provider) >= _SHORTEST_PREFIX and known.startswith(provider)]
    providers = list(dict.fromkeys(get_close_matches(provider, ids, _PROVIDERS_TRIED, _CUTOFF) + begun))
    if slash:
        known = [provider] if provider in ids else providers
        return [
            match for candidate in known[:_PROVIDERS_TRIED] for match in _models_like(view, candidate, short_id, n)
        ][:n] or known[:n]
    if provider in ids:
        return [provider]
    return _named_exactly(view, provider)[:n] or providers[:n]


def _models_like(view: View, provider_id: str, short_id: str, n: int) -> list[str]:
    ids = {model.short_id.lower(): model.id for model in view.models(provider_id).values() if not model.is_retired}
    return [ids[match] for match in get_close_matches(short_id, ids, n, _CUTOFF)]


def _named_exactly(view: View, name: str) -> list[str]:
    """Return the models that are called `name`, at the providers with the shortest ids first."""
    found = [model.id for model in view.every_model() if model.short_id.lower().rpartition("/")[2] == name]
    return sorted(found, key=lambda model_id: (len(model_id), model_id))
