"""The catalog as it is looked up: the packaged or refreshed archive, with the user's own rows over it."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from turnout.catalog.archive import Archive
from turnout.catalog.rows import OwnRows, model_patch, provider_patch, read_toml
from turnout.catalog.types import Model, Provider
from turnout.errors import CatalogError, ConfigurationError
from turnout.paths import cache_dir, config_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

PACKAGED = Path(__file__).with_name("data") / "catalog.bin"
OVERRIDES = PACKAGED.with_name("overrides.toml")
OWN_FILE = "turnout.toml"
_REGISTERED = "catalog.register()"

_Stamp = tuple[int, int, int, int] | None


class CatalogSource(msgspec.Struct, frozen=True, kw_only=True):
    """Which catalog is in force, and why."""

    origin: str
    """Where its rows come from, such as ``"models.dev 2026-09-30"``."""

    date: str
    """The day (packaged) or second (refreshed) of its data, ISO form, UTC."""

    path: Path
    """Its file."""

    is_refreshed: bool
    """Whether it is the user's refreshed copy; else the packaged one."""

    note: str = ""
    """Why a refreshed copy that is there is not used; empty otherwise."""

    own_files: tuple[Path, ...] = ()
    """The `turnout.toml` files whose rows are laid over it, the user's before the project's."""


def refreshed_file() -> Path:
    """Return where the refreshed catalog is kept; it need not exist."""
    return Path(_watched(_folder(cache_dir), _folder(config_dir))[0])


def _folder(find: Callable[[], Path]) -> Path:
    """Return a folder of the user; where no home is known, one that cannot be."""
    try:
        return find()
    except ConfigurationError:
        return Path(os.devnull, "turnout")


class Catalog:
    """All providers and models; every look-up sees the files as they are at that moment.

    In rising order: the packaged catalog (or the refreshed one, when it is newer and sound), the user's
    `turnout.toml`, that of the working directory, and what was registered. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registered = OwnRows()
        self._state: tuple[tuple[_Stamp, ...], View | None] = ((), None)

    def view(self) -> View:
        """Return what is in force now; files are read again only when one of them changed (three `stat` calls)."""
        files = _watched(_folder(cache_dir), _folder(config_dir))
        stamps = tuple(map(_stamp, files))
        known, view = self._state
        if view is None or stamps != known:
            present = [Path(file) if stamp else None for file, stamp in zip(files, stamps, strict=True)]
            with self._lock:
                view = self._read(present)
                self._state = (stamps, view)
        return view

    def register(
        self, provider: Provider | Mapping[str, Any] | None, models: Sequence[Model | Mapping[str, Any]]
    ) -> None:
        """Add rows for as long as the program runs; raises `CatalogError` and adds none when one is not valid."""
        rows = OwnRows(
            () if provider is None else (provider_patch(provider, _REGISTERED),),
            tuple(model_patch(model, _REGISTERED) for model in models),
        )
        known = {patch.id for patch in rows.providers} | set(self.view().provider_ids)
        for patch in rows.models:
            if patch.id.partition("/")[0] not in known:
                raise CatalogError(f"`{patch.id}` names no known provider: pass register(provider=...) with it")
        with self._lock:
            self._registered += rows
            self._state = ((), None)

    def _read(self, files: list[Path | None]) -> View:
        refreshed, *own_files = files
        own = OwnRows()
        for file in own_files:
            own += OwnRows() if file is None else read_toml(file)
        archive, source = _choose(refreshed)
        own_paths = tuple(file.absolute() for file in own_files if file is not None)
        return View(archive, own + self._registered, msgspec.structs.replace(source, own_files=own_paths))


class View:
    """One state of the catalog: an archive with the user's rows over it."""

    def __init__(self, archive: Archive, own: OwnRows, source: CatalogSource) -> None:
        self.archive = archive
        self.source = source
        self._own = own
        self._owners = {patch.id.partition("/")[0] for patch in own.models}
        self._patched = {patch.id for patch in own.providers}
        self._providers: dict[str, Provider] = {}
        self._models: dict[str, dict[str, Model]] = {}

    @property
    def provider_ids(self) -> list[str]:
        """The ids of all providers, sorted."""
        return sorted(self.archive.provider_ids | self._patched)

    def provider(self, provider_id: str) -> Provider | None:
        """Return one provider, or `None`; `provider_id` in lower case."""
        if provider_id not in self._providers:
            row = self._merged_provider(provider_id)
            if row is None:
                return None
            self._providers[provider_id] = row
        return self._providers[provider_id]

    def _merged_provider(self, provider_id: str) -> Provider | None:
        row = self.archive.provider(provider_id)
        for patch in self._own.providers:
            if patch.id == provider_id:
                row = patch.over(row or Provider(id=provider_id, name=provider_id), Provider)
        if row is None:
            return None
        if provider_id in self._owners:
            row = msgspec.structs.replace(row, model_count=len(self.models(provider_id)))
        if not set(row.api_key_env) <= set(row.env):  # a row of the user's that names its key only
            row = msgspec.structs.replace(row, env=tuple(dict.fromkeys(row.env + row.api_key_env)))
        return row

    def models(self, provider_id: str) -> dict[str, Model]:
        """Return the models of one provider by full id; `provider_id` in lower case."""
        if provider_id not in self._owners:
            return self.archive.models(provider_id)
        if provider_id not in self._models:
            rows = dict(self.archive.models(provider_id))
            for patch in self._own.models:
                if patch.id.startswith(f"{provider_id}/"):
                    rows[patch.id] = patch.over(rows.get(patch.id), Model)
            self._models[provider_id] = rows
        return self._models[provider_id]

    def every_model(self) -> Iterator[Model]:
        """Yield all models, provider by provider."""
        for provider_id in self.provider_ids:
            yield from self.models(provider_id).values()

    def every_provider(self) -> Iterator[Provider]:
        """Yield all providers by id."""
        for provider_id in self.provider_ids:
            provider = self.provider(provider_id)
            if provider is not None:
                yield provider

    def find(self, model_id: str) -> Model | None:
        """Return the model with this full id, or `None`; the provider ignores case, and so does a unique model."""
        provider, _, short_id = model_id.partition("/")
        models = self.models(provider.lower())
        wanted = f"{provider.lower()}/{short_id}"
        if wanted in models:
            return models[wanted]
        alike = [model for model in models.values() if model.id.lower() == wanted.lower()]
        return alike[0] if len(alike) == 1 else None


def read_packaged() -> Archive:
    """Return the catalog that came with turnout."""
    try:
        return Archive(PACKAGED.read_bytes())
    except (CatalogError, OSError) as error:
        raise CatalogError(f"the catalog that came with turnout cannot be read ({error}): reinstall turnout") from error


def _choose(refreshed: Path | None) -> tuple[Archive, CatalogSource]:
    """Return the refreshed catalog when it is sound and newer than the packaged one, else the packaged one."""
    packaged = read_packaged()
    note = ""
    if refreshed is not None:
        try:
            archive = Archive(refreshed.read_bytes())
            note = _reason_against(archive, packaged)
        except (CatalogError, OSError) as error:
            archive, note = packaged, f"{error}; run `turnout refresh`"
        if not note:
            return archive, _source_of(archive, refreshed, is_refreshed=True)
    source = _source_of(packaged, PACKAGED, is_refreshed=False)
    return packaged, msgspec.structs.replace(source, note=note and f"{refreshed} is not used: {note}")


def _reason_against(archive: Archive, packaged: Archive) -> str:
    if archive.date <= packaged.date:
        return f"its data of {archive.date} are older than the packaged ones of {packaged.date}: run `turnout refresh`"
    if archive.rules != packaged.rules:
        return "it was built by another version of turnout: run `turnout refresh`"
    return ""


def _source_of(archive: Archive, path: Path, *, is_refreshed: bool) -> CatalogSource:
    return CatalogSource(origin=archive.origin, date=archive.date, path=path, is_refreshed=is_refreshed)


@lru_cache(maxsize=8)
def _watched(cache: Path, config: Path) -> tuple[str, str, str]:
    return (str(cache / "catalog.bin"), str(config / OWN_FILE), OWN_FILE)


def _stamp(file: str) -> _Stamp:
    try:
        facts = os.stat(file)  # noqa: PTH116 - three of them on every look-up
    except (OSError, ValueError):
        return None
    return (facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size)
