"""The user's own rows: tables of `turnout.toml` and what is registered at run time.

A `turnout.toml` holds providers, and below each its models, with the field names of `Provider` and `Model`::

    [providers.acme]                                   # a private endpoint
    base_url = "https://llm.acme.example/v1"
    api_key_env = ["ACME_API_KEY"]

    [providers.acme.models."llama-3.3-70b"]            # its full id is acme/llama-3.3-70b
    context = 131072
    supports_tools = true
    input_price = 0.20                                 # USD per 1M tokens
    output_price = 0.60

    [providers.ovhcloud.models."gpt-oss-120b"]         # a row that exists keeps what is not named here
    input_price = 0.08

Other top-level tables are left to other parts of turnout.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from turnout.catalog.types import PRICE_FIELDS, Model, Provider
from turnout.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_RowT = TypeVar("_RowT", Model, Provider)
_COMPUTED = "redirected_by"


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that one row gives; a `is_whole` row replaces what is there, another one is laid over it."""

    id: str
    """The id of the provider or the full id of the model."""

    fields: dict[str, Any]
    """The fields that are given, `id` included."""

    is_whole: bool = False
    """Whether fields that are not given fall back to their defaults instead of to the row below."""

    project_file: str | None = None
    """The path of the working directory's `turnout.toml`, where the row comes from it; `None` for all others."""

    def over(self, base: _RowT | None, into: type[_RowT]) -> _RowT:
        """Return the row that results; `base` is the row below it, or `None`."""
        below: dict[str, Any] = {} if base is None or self.is_whole else msgspec.to_builtins(base)
        return _convert({**below, **self.fields}, into, self.fields.get("source", self.id))


class OwnRows(msgspec.Struct, frozen=True):
    """Patches in the order in which they are applied."""

    providers: tuple[Patch, ...] = ()
    """Patches of providers."""

    models: tuple[Patch, ...] = ()
    """Patches of models."""

    def __add__(self, other: OwnRows) -> OwnRows:
        return OwnRows(self.providers + other.providers, self.models + other.models)


def read_toml(path: Path, *, is_project: bool) -> OwnRows:
    """Return the rows of a `turnout.toml`; `is_project`: it is the working directory's, not the user's own.

    Raises `CatalogError` that names the file, the row and the field.
    """
    import tomllib

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{path} cannot be read: {error}; mend or remove it") from error
    for name in ("provider", "model", "models"):
        if name in tables:
            raise CatalogError(
                f'{path}: the table `{name}` is not read: write `[providers.NAME]` and `[providers.NAME.models."ID"]`'
            )
    rows = OwnRows()
    for provider_id, table in _table(tables.get("providers", {}), path, "providers").items():
        rows += _provider_rows(provider_id, _table(table, path, f"providers.{provider_id}"), path)
    return _marked(rows, str(path.absolute())) if is_project else rows


def provider_patch(row: Provider | Mapping[str, Any], source: str) -> Patch:
    """Check a provider's row and return it as a patch; its id is put in lower case."""
    fields = _fields(row, source)
    provider_id = str(fields.get("id") or "").lower()
    if not provider_id or "/" in provider_id:
        raise CatalogError(f"{source}: a provider needs an `id` without a slash, such as 'acme'")
    fields["id"] = provider_id
    return _checked(fields, Provider, source, is_whole=isinstance(row, Provider))


def model_patch(row: Model | Mapping[str, Any], source: str) -> Patch:
    """Check a model's row and return it as a patch; the provider in its id is put in lower case."""
    fields = _fields(row, source)
    provider_id, _, short_id = str(fields.get("id") or "").partition("/")
    if not provider_id or not short_id:
        raise CatalogError(
            f"{source}: a model needs a full `id`, such as 'acme/llama-3.3-70b', not {fields.get('id')!r}"
        )
    fields["id"] = f"{provider_id.lower()}/{short_id}"
    return _checked(fields, Model, source, is_whole=isinstance(row, Model))


def _provider_rows(provider_id: str, table: dict[str, Any], path: Path) -> OwnRows:
    models = _table(table.pop("models", {}), path, f"providers.{provider_id}.models")
    patches = tuple(
        model_patch({**_table(row, path, f"models.{short_id!r}"), "id": f"{provider_id}/{short_id}"}, str(path))
        for short_id, row in models.items()
    )
    return OwnRows((provider_patch({**table, "id": provider_id}, str(path)),), patches)


def _marked(rows: OwnRows, project_file: str) -> OwnRows:
    def mark(patches: tuple[Patch, ...]) -> tuple[Patch, ...]:
        return tuple(msgspec.structs.replace(patch, project_file=project_file) for patch in patches)

    return OwnRows(mark(rows.providers), mark(rows.models))


def _table(value: object, path: Path, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CatalogError(f"{path}: `{name}` must be a table, as in [providers.acme]")
    return cast("dict[str, Any]", value)


def _fields(row: Model | Provider | Mapping[str, Any], source: str) -> dict[str, Any]:
    fields = msgspec.to_builtins(row) if isinstance(row, msgspec.Struct) else dict(row)
    if len(fields) > 1 or "/" in str(fields.get("id")):  # a provider with an id alone is there for its models
        fields.setdefault("source", source)
    return fields


def _checked(fields: dict[str, Any], into: type[_RowT], source: str, *, is_whole: bool) -> Patch:
    if _COMPUTED in fields:
        raise CatalogError(f"{source}: the row of `{fields['id']}`: `{_COMPUTED}` is computed; leave it out")
    row = _convert(fields, into, source)
    for field in PRICE_FIELDS:
        price = getattr(row, field, None)
        if price is not None and (not price.is_finite() or price < 0):
            raise CatalogError(f"{source}: `{fields['id']}`: `{field}` is {price}; give USD per 1M tokens, >= 0")
    return Patch(id=fields["id"], fields=fields, is_whole=is_whole)


def _convert(fields: dict[str, Any], into: type[_RowT], source: str) -> _RowT:
    try:
        return msgspec.convert(fields, into)
    except msgspec.ValidationError as error:
        names = ", ".join(name for name in into.__struct_fields__ if name != _COMPUTED)
        raise CatalogError(
            f"{source}: the row of `{fields['id']}` is not valid: {error}. Mend that field; there are: {names}"
        ) from error
