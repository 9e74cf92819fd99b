"""Corrections to the source, read from `data/overrides.toml`; every row there has a source and a date.

Tables, all of them arrays:

- ``[[protocol]]``: `npm`, the package that the source names for a provider or a model, and its `protocol` here.
- ``[[provider]]``: an `id` and the fields of `Provider` that are corrected. ``new = true``: the source lacks it.
  ``forces_protocol = true``: a model's own package is ignored unless it names a URL too.
  ``names_are_wire_ids = true``: the source's `name` of a model is the provider's own spelling of its id.
  ``sends = {id = "other"}``: the ids that are sent in the place of the catalog's (`Model.sent_as`).
- ``[[model]]``: an `id` and fields of `Model`; added where the source lacks the model, **ignored where it has it**,
  so that an override never undoes a newer fact.
- ``[[pattern]]``: `match`, shell patterns of full ids in any case, and optionally `families`, and `where`, facts that
  the model must have; `set` holds the fields of `Model`. All is resolved here, when the catalog is built.

Several rows may speak of one provider, or fit one model: a later one wins, and their quirks add up.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import msgspec

from turnout.catalog.types import Model, Provider
from turnout.errors import CatalogError

_DEFAULT_PROTOCOL = "openai_chat"
_RowT = TypeVar("_RowT", Model, Provider)


class _Row(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    source: str
    date: str


class _ProtocolRow(_Row, kw_only=True, forbid_unknown_fields=True):
    npm: list[str]
    protocol: str


class _PatternRow(_Row, kw_only=True, forbid_unknown_fields=True):
    match: list[str]
    families: list[str] = []
    where: dict[str, Any] = {}
    set: dict[str, Any]


class _Tables(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    protocol: list[_ProtocolRow] = []
    provider: list[dict[str, Any]] = []
    model: list[dict[str, Any]] = []
    pattern: list[_PatternRow] = []


class Overrides:
    """The corrections of one `overrides.toml`; raises `CatalogError` where it cannot be read."""

    def __init__(self, toml: bytes) -> None:
        try:
            tables = msgspec.convert(tomllib.loads(toml.decode(), parse_float=Decimal), _Tables)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise CatalogError(f"overrides.toml cannot be read ({error}): mend that row") from error
        self.unknown_packages: set[str] = set()
        self._protocols = {npm: row.protocol for row in tables.protocol for npm in row.npm}
        self._patterns = tables.pattern
        self._models = [_noted(row) for row in tables.model]
        self._forced: set[str] = set()
        self._exact_names: set[str] = set()
        self._sends: dict[str, dict[str, str]] = {}
        self._new: list[dict[str, Any]] = []
        self._patches: dict[str, list[dict[str, Any]]] = {}
        for row in tables.provider:
            self._add_provider(_noted(row))

    def _add_provider(self, row: dict[str, Any]) -> None:
        if row.pop("forces_protocol", False):
            self._forced.add(row["id"])
        if row.pop("names_are_wire_ids", False):
            self._exact_names.add(row["id"])
        self._sends.setdefault(row["id"], {}).update(row.pop("sends", {}))
        if row.pop("new", False):
            self._new.append(row)
        else:
            self._patches.setdefault(row["id"], []).append(row)

    def protocol_of(self, npm: str) -> str:
        """Return the protocol that the package `npm` speaks (`openai_chat` for an unknown one, which is noted)."""
        if npm not in self._protocols:
            self.unknown_packages.add(npm)
        return self._protocols.get(npm, _DEFAULT_PROTOCOL)

    def forces_protocol(self, provider_id: str) -> bool:
        """Whether the provider's protocol holds for models that name another package without a URL."""
        return provider_id in self._forced

    def wire_id(self, provider_id: str, short_id: str, name: str) -> str | None:
        """Return the provider's own spelling of a model's id, where it is known to be another."""
        return name if provider_id in self._exact_names and name != short_id else None

    def sent_as(self, provider_id: str, short_id: str) -> str | None:
        """Return the id that is sent in the place of a model's, where it is another."""
        return self._sends.get(provider_id, {}).get(short_id)

    def added_providers(self) -> list[Provider]:
        """Return the providers that the source lacks."""
        return [_convert(row, Provider) for row in self._new]

    def added_models(self) -> list[Model]:
        """Return the models that the source may lack."""
        return [_convert(row, Model) for row in self._models]

    def patch_provider(self, provider: Provider) -> Provider:
        """Return `provider` with its corrections."""
        patches = self._patches.get(provider.id)
        if patches is None:
            return provider
        row: dict[str, Any] = msgspec.to_builtins(provider)
        for patch in patches:
            source, quirks = row["source"], {**row.get("quirks", {}), **patch.get("quirks", {})}
            by_protocol = _add_up(row.get("quirks_by_protocol", {}), patch.get("quirks_by_protocol", {}))
            row |= patch
            row |= {"source": f"{source}; {patch['source']}", "quirks": quirks, "quirks_by_protocol": by_protocol}
        return _convert(row, Provider)

    def patch_model(self, model: Model, provider: Provider) -> Model:
        """Return `model` with what the patterns set; its quirks are added to its provider's in its wire format."""
        row: dict[str, Any] = {}
        quirks: dict[str, Any] = {}
        for pattern in self._patterns:
            if _fits(pattern, model):
                row |= pattern.set
                quirks |= pattern.set.get("quirks", {})
        if not row:
            return model
        if quirks:
            usual = provider.quirks_in(row.get("protocol") or model.protocol or provider.protocol)
            row["quirks"] = {**msgspec.to_builtins(usual), **quirks}
        return _convert({**msgspec.to_builtins(model), **row}, Model)


def _add_up(below: dict[str, dict[str, Any]], above: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {**below.get(name, {}), **above.get(name, {})} for name in below | above}


def _fits(pattern: _PatternRow, model: Model) -> bool:
    if pattern.families and model.family not in pattern.families:
        return False
    if unknown := pattern.where.keys() - set(Model.__struct_fields__):
        raise CatalogError(f"overrides.toml: `{min(unknown)}` in `where` is no field of a model: mend that row")
    if any(getattr(model, name) != value for name, value in pattern.where.items()):
        return False
    full_id = model.id.lower()
    return any(fnmatchcase(full_id, match.lower()) for match in pattern.match)


def _noted(row: dict[str, Any]) -> dict[str, Any]:
    """Fold a row's source and date into one line; both must be there."""
    if not row.get("source") or not row.get("date"):
        raise CatalogError(f"overrides.toml: the row of {row.get('id')!r} needs a `source` and a `date`")
    row = dict(row)
    row["source"] = f"{row['source']}, {row.pop('date')}"
    return row


def _convert(row: dict[str, Any], into: type[_RowT]) -> _RowT:
    try:
        return msgspec.convert(row, into)
    except msgspec.ValidationError as error:
        raise CatalogError(f"overrides.toml: the row of {row.get('id')!r} is not valid ({error}): mend it") from error
