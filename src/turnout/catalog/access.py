"""Where a newer catalog would send calls elsewhere, or with another key, than the one in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from turnout.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.catalog.archive import Archive
    from turnout.catalog.types import Provider

Access: TypeAlias = str | tuple[str, ...] | None
"""A URL, a protocol, or names of variables or headers; `None` where it is not known."""


class AccessChange(msgspec.Struct, frozen=True, kw_only=True):
    """One fact about how a provider is reached that is another than before; `str()` is a line for people."""

    provider: str
    """The id of the provider."""

    field: str
    """Which fact: `base_url`, `api_key_env`, `env`, `headers` (their names), `protocol`, or another field that says
    where calls go or what they carry (as JSON)."""

    before: Access
    """The fact until now."""

    after: Access
    """The fact from now on."""

    model: str | None = None
    """The full id of the model that has a `base_url` of its own; `None`: it is all of the provider's models."""

    def __str__(self) -> str:
        return f"{self.model or self.provider}: {self.field} {_shown(self.before)} -> {_shown(self.after)}"


def find_access_changes(before: Archive, packaged: Archive, after: Archive) -> tuple[AccessChange, ...]:
    """Return what changes for the providers that `after` and `before` list.

    A provider that `before` lacks is held against `packaged`: nobody gets round this by leaving it out once. A
    model's own URL counts where its provider had no such URL so far.
    """
    changes: list[AccessChange] = []
    for provider_id in sorted(after.provider_ids):
        below = before if provider_id in before.provider_ids else packaged
        old, new = below.provider(provider_id), after.provider(provider_id)
        if old is None or new is None:
            continue
        was, now = _facts(old), _facts(new)
        changes += [
            AccessChange(provider=provider_id, field=field, before=was[field], after=now[field])
            for field in was
            if was[field] != now[field]
        ]
        changes += _model_changes(below, after, old)
    return tuple(changes)


def check_access(changes: Sequence[AccessChange], packaged: Archive, source: str) -> None:
    """Raise a `CatalogError` that lists the changes of providers that the packaged catalog lists, if there are any."""
    refused = [str(change) for change in changes if change.provider in packaged.provider_ids]
    if refused:
        raise CatalogError(
            f"{source} is not taken, because it changes where calls go or which keys they carry: check every change"
            " with its provider, then run `turnout refresh --accept-access-changes` or pass"
            f" accept_access_changes=True. {'; '.join(refused)}"
        )


def _facts(provider: Provider) -> dict[str, Access]:
    return {
        "base_url": provider.base_url,
        "api_key_env": provider.api_key_env,
        "env": tuple(sorted(provider.env)),
        "headers": tuple(sorted(provider.headers)),
        "protocol": provider.protocol,
        "auth": provider.auth,
        "token": _json(provider.token),
        "variables": _json(provider.variables),
        "base_urls": _json(provider.base_urls),
        "body_fields": _json(provider.body_fields),
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _model_changes(below: Archive, after: Archive, old: Provider) -> Iterator[AccessChange]:
    known = below.models(old.id)
    urls = {None, old.base_url, *(model.base_url for model in known.values())}
    for model_id, model in after.models(old.id).items():
        if model.base_url not in urls:
            was = known[model_id].base_url if model_id in known else None
            yield AccessChange(
                provider=old.id, field="base_url", before=was or old.base_url, after=model.base_url, model=model_id
            )


def _shown(value: Access) -> str:
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else ", ".join(value) or "none"
