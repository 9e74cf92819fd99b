"""The catalog as it is looked up: the packaged or refreshed archive, with the user's own rows over it."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

import msgspec

from turnout.catalog.archive import Archive
from turnout.catalog.rows import OwnRows, model_patch, provider_patch, read_toml
from turnout.catalog.types import REDIRECTING_FIELDS, Model, Provider
from turnout.errors import CatalogError, ConfigurationError
from turnout.paths import cache_dir, config_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from turnout.catalog.rows import Patch

PACKAGED = Path(__file__).with_name("data") / "catalog.bin"
OVERRIDES = PACKAGED.with_name("overrides.toml")
OWN_FILE = "turnout.toml"
CHECK_INTERVAL_S = 1.0
"""How long a look-up trusts what it knows of the files: an edit shows within this many seconds."""

_REGISTERED = "catalog.register()"
_LONG_AGO = float("-inf")

_Stamp = tuple[int, int, int, int] | None
_RowT = TypeVar("_RowT", Model, Provider)


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
    return _folder(cache_dir) / "catalog.bin"


def _folder(find: Callable[[], Path]) -> Path:
    """Return a folder of the user; where no home is known, one that cannot be."""
    try:
        return find()
    except ConfigurationError:
        return Path(os.devnull, "turnout")


class Catalog:
    """All providers and models; a look-up sees the files as they were at most `CHECK_INTERVAL_S` ago.

    The same holds for another working directory or `XDG_CONFIG_HOME`. What is registered or refreshed in this process
    shows at once, and so does everything after ``catalog.current.cache_clear()`` (which forgets what was registered).

    In rising order: the packaged catalog (or the refreshed one, when it is newer and sound), the user's
    `turnout.toml`, that of the working directory, and what was registered. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registered = OwnRows()
        self._stamps: tuple[_Stamp, ...] = ()
        self._state: tuple[float, View | None] = (_LONG_AGO, None)  # until when the view is trusted, and the view

    def view(self) -> View:
        """Return what is in force; files are read again only when one of them changed (three `stat` calls)."""
        trusted_until, view = self._state
        if view is not None and monotonic() < trusted_until:
            return view
        with self._lock:
            return self._check()

    def expire(self) -> None:
        """Make the next look-up check the files, however recently that was done."""
        with self._lock:
            self._state = (_LONG_AGO, self._state[1])

    def _check(self) -> View:
        """Return the view of the files as they are now; the lock is held."""
        now = monotonic()
        files = (refreshed_file(), _folder(config_dir) / OWN_FILE, Path(OWN_FILE))
        stamps = tuple(map(_stamp, files))
        view = self._state[1]
        if view is None or stamps != self._stamps:
            view = self._read(files, stamps)
            self._stamps = stamps
        self._state = (now + CHECK_INTERVAL_S, view)
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
            self._state = (_LONG_AGO, None)

    def _read(self, files: Sequence[Path], stamps: Sequence[_Stamp]) -> View:
        refreshed, user, project = (file if stamp else None for file, stamp in zip(files, stamps, strict=True))
        if stamps[1] == stamps[2]:  # the working directory is the user's own folder
            project = None
        own = OwnRows() if user is None else read_toml(user, is_project=False)
        own += OwnRows() if project is None else read_toml(project, is_project=True)
        archive, source = _choose(refreshed)
        own_files = tuple(file.absolute() for file in (user, project) if file is not None)
        return View(archive, own + self._registered, msgspec.structs.replace(source, own_files=own_files))


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
        self._alike: dict[str, dict[str, Model | None]] = {}

    @property
    def provider_ids(self) -> list[str]:
        """The ids of all providers, sorted."""
        return sorted(self.archive.provider_ids | self._patched)

    def provider(self, provider_id: str) -> Provider | None:
        """Return one provider, or `None`; `provider_id` in lower case."""
        row = self._providers.get(provider_id)
        if row is None and (row := self._merged_provider(provider_id)) is not None:
            self._providers[provider_id] = row
        return row

    def _merged_provider(self, provider_id: str) -> Provider | None:
        below = self.archive.provider(provider_id)
        patches = [patch for patch in self._own.providers if patch.id == provider_id]
        if below is None and not patches:
            return None
        base = below or Provider(id=provider_id, name=provider_id)
        row = _lay_over(base, patches, Provider)
        if self._is_known_otherwise(provider_id):
            row = _marked(row, base, patches, Provider)
        if provider_id in self._owners:
            row = msgspec.structs.replace(row, model_count=len(self.models(provider_id)))
        if not set(row.api_key_env) <= set(row.env):  # a row of the user's that names its key only
            row = msgspec.structs.replace(row, env=tuple(dict.fromkeys(row.env + row.api_key_env)))
        return row

    def _is_known_otherwise(self, provider_id: str) -> bool:
        """Whether anything but the working directory's file defines the provider."""
        return provider_id in self.archive.provider_ids or any(
            patch.id == provider_id and patch.project_file is None for patch in self._own.providers
        )

    def models(self, provider_id: str) -> dict[str, Model]:
        """Return the models of one provider by full id; `provider_id` in lower case."""
        rows = self._models.get(provider_id)
        if rows is None:
            rows = self.archive.models(provider_id)
            if provider_id in self._owners:
                rows = rows | self._own_models(provider_id, rows)
            if rows:  # any text may be asked for: what is unknown is not kept
                self._models[provider_id] = rows
        return rows

    def _own_models(self, provider_id: str, below: Mapping[str, Model]) -> dict[str, Model]:
        patches: dict[str, list[Patch]] = {}
        for patch in self._own.models:
            if patch.id.partition("/")[0] == provider_id:
                patches.setdefault(patch.id, []).append(patch)
        is_marked = self._is_known_otherwise(provider_id)
        rows: dict[str, Model] = {}
        for model_id, laid in patches.items():
            base = below.get(model_id) or Model(id=model_id)
            row = _lay_over(base, laid, Model)
            rows[model_id] = _marked(row, base, laid, Model) if is_marked else row
        return rows

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
        rows = self._models.get(model_id.partition("/")[0])
        model = None if rows is None else rows.get(model_id)
        return model or self._find_alike(model_id)

    def _find_alike(self, model_id: str) -> Model | None:
        segment, _, short_id = model_id.partition("/")
        provider_id = segment.lower()
        rows = self.models(provider_id)
        wanted = f"{provider_id}/{short_id}"
        if not rows or wanted in rows:
            return rows.get(wanted)
        alike = self._alike.get(provider_id)
        if alike is None:
            alike = self._alike[provider_id] = _index_alike(rows)
        return alike.get(wanted.lower())


def _index_alike(rows: Mapping[str, Model]) -> dict[str, Model | None]:
    """Return the rows by their ids in lower case; `None` where more than one is spelled alike."""
    index: dict[str, Model | None] = {}
    for model_id, row in rows.items():
        spelling = model_id.lower()
        index[spelling] = None if spelling in index else row
    return index


def _lay_over(base: _RowT, patches: Sequence[Patch], into: type[_RowT]) -> _RowT:
    for patch in patches:
        base = patch.over(base, into)
    return base


def _marked(row: _RowT, base: _RowT, patches: Sequence[Patch], into: type[_RowT]) -> _RowT:
    """Return `row` with `redirected_by`, where calls would go elsewhere without the working directory's file."""
    file = next((patch.project_file for patch in patches if patch.project_file), None)
    if file is None:
        return row
    without = _lay_over(base, [patch for patch in patches if patch.project_file is None], into)
    fields = REDIRECTING_FIELDS.intersection(into.__struct_fields__)
    if all(getattr(row, field) == getattr(without, field) for field in fields):
        return row
    return msgspec.structs.replace(row, redirected_by=file)


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


def _stamp(file: Path) -> _Stamp:
    try:
        facts = file.stat()
    except (OSError, ValueError):
        return None
    if not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
        return None  # a pipe or a device, which would be waited for; a folder by that name is an error when it is read
    return (facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size)
