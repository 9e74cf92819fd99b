"""Refreshing the catalog: read a newer source, build, check, and replace the user's copy in one step."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from turnout.catalog.access import AccessChange, check_access, find_access_changes
from turnout.catalog.archive import Archive
from turnout.catalog.build import Rows, build_rows, rules_checksum
from turnout.catalog.download import read_source
from turnout.catalog.store import OVERRIDES, read_packaged, refreshed_file
from turnout.catalog.types import PRICE_FIELDS, Model
from turnout.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_SOURCE = "https://models.dev/api.json"
_SMALLEST_SHARE = 0.5


class PriceChange(msgspec.Struct, frozen=True, kw_only=True):
    """A price that is another than before, in USD per 1M tokens; `None` stands for unknown."""

    id: str
    """The full id of the model."""

    field: str
    """Which price: a field of `Model`."""

    before: Decimal | None
    """The price until now."""

    after: Decimal | None
    """The price from now on."""


class ProviderChange(msgspec.Struct, kw_only=True):
    """How many models of one provider changed."""

    added: int = 0
    """Models that are new."""

    removed: int = 0
    """Models that are gone."""

    repriced: int = 0
    """Models with at least one other price."""


class RefreshReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh changed against the catalog that was in force; `str()` is a line for people."""

    source: str
    """The file or URL that was read."""

    path: Path
    """The file that was written."""

    date: str
    """When, in UTC, ISO form."""

    provider_count: int
    """How many providers the catalog has now."""

    model_count: int
    """How many models the catalog has now."""

    added: tuple[str, ...]
    """Ids of models that are new."""

    removed: tuple[str, ...]
    """Ids of models that are gone."""

    price_changes: tuple[PriceChange, ...]
    """Prices that are others than before."""

    by_provider: dict[str, ProviderChange]
    """The same in numbers, for every provider with a change."""

    skipped: tuple[str, ...] = ()
    """One line for each row of the source that could not be read and was left out."""

    access_changes: tuple[AccessChange, ...] = ()
    """Where calls go elsewhere, or carry another key, than before."""

    def __str__(self) -> str:
        repriced = len({change.id for change in self.price_changes})
        left_out = f", {len(self.skipped)} could not be read" if self.skipped else ""
        return (
            f"{self.model_count} models of {self.provider_count} providers: {len(self.added)} added, "
            f"{len(self.removed)} removed, {repriced} with other prices{left_out}"
        )


def refresh(
    before: Archive,
    source: str | Path | None,
    fetch: Callable[[str], bytes] | None = None,
    *,
    accept_access_changes: bool = False,
) -> RefreshReport:
    """Build a catalog from `source`, check it, put it in the place of the user's copy, and tell it from `before`.

    Raises `CatalogError` when the source cannot be read, is less than half of `before` or changes how a packaged
    provider is reached (unless `accept_access_changes`), or the file cannot be written; nothing half-written is left,
    and what was there stays.
    """
    chosen = source if source is not None else DEFAULT_SOURCE
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    origin = f"{_origin_of(chosen)} {now[:10]}"
    overrides = OVERRIDES.read_bytes()
    rows = build_rows(read_source(chosen, fetch), overrides, label=origin)
    data = rows.pack(date=now, origin=origin, rules=rules_checksum(overrides))
    after = Archive(data)
    _check(before, after, rows)
    path = refreshed_file()
    report = _report(before, after, source=str(chosen), path=path, skipped=tuple(rows.skipped))  # reads every row
    packaged = read_packaged()
    changes = find_access_changes(before, packaged, after)
    if not accept_access_changes:
        check_access(changes, packaged, str(chosen))
    report = msgspec.structs.replace(report, access_changes=changes)
    write_atomically(path, data)
    return report


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to a new file beside `path`, read it back, and put it in the place of `path` in one step.

    Raises `CatalogError` when that fails (a full disk, a read-only folder); `path` is then as it was.
    """
    cure = "make room or set XDG_CACHE_HOME to a folder that can be written"
    if not path.is_absolute():  # no home is known: a folder called ~ would be made here
        raise CatalogError(f"{path} is no place to keep a catalog: {cure}")
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - it is open already
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Archive(Path(temporary).read_bytes())
        Path(temporary).replace(path)
    except OSError as error:
        raise CatalogError(f"{path} cannot be written ({error}): {cure}") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _origin_of(source: str | Path) -> str:
    from urllib.parse import urlsplit

    return urlsplit(str(source)).hostname or Path(source).name


def _check(before: Archive, after: Archive, rows: Rows) -> None:
    """Refuse a source that would empty the catalog; what is damaged has been refused by `Archive`."""
    counts = (
        ("models", before.model_count, after.model_count),
        ("providers", len(before.provider_ids), len(after.provider_ids)),
    )
    for what, old, new in counts:
        if new < old * _SMALLEST_SHARE:
            left_out = f" ({len(rows.skipped)} rows could not be read)" if rows.skipped else ""
            raise CatalogError(f"the source has {new} {what} where {old} are known{left_out}: name another, whole one")


def _report(before: Archive, after: Archive, *, source: str, path: Path, skipped: tuple[str, ...]) -> RefreshReport:
    added: list[str] = []
    removed: list[str] = []
    prices: list[PriceChange] = []
    by_provider: dict[str, ProviderChange] = {}
    for provider_id in sorted(before.provider_ids | after.provider_ids):
        old, new = before.models(provider_id), after.models(provider_id)
        come, gone = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
        repriced = [_price_changes(old[model_id], new[model_id]) for model_id in sorted(old.keys() & new.keys())]
        change = ProviderChange(added=len(come), removed=len(gone), repriced=sum(map(bool, repriced)))
        if change != ProviderChange():
            by_provider[provider_id] = change
        added += come
        removed += gone
        prices += [price for changes in repriced for price in changes]
    return RefreshReport(
        source=source,
        path=path,
        date=after.date,
        provider_count=len(after.provider_ids),
        model_count=after.model_count,
        added=tuple(added),
        removed=tuple(removed),
        price_changes=tuple(prices),
        by_provider=by_provider,
        skipped=skipped,
    )


def _price_changes(old: Model, new: Model) -> list[PriceChange]:
    pairs = [(field, getattr(old, field), getattr(new, field)) for field in PRICE_FIELDS]
    return [PriceChange(id=new.id, field=field, before=was, after=now) for field, was, now in pairs if was != now]
