"""The catalog's file: a header with a checksum, a small index, and one compressed blob a provider.

::

    magic (12 bytes) | CRC-32 of all that follows (4) | length of the index (4) | index | blob | blob | ...

The index holds every provider without its models, and the length of its blob. Index and blobs are MessagePack,
compressed with zlib. One file rather than one for each provider: one open, one checksum, one atomic replacement, and
the same format for the packaged and the refreshed catalog.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import msgspec

from turnout.catalog.types import Model, Provider
from turnout.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterable, KeysView, Mapping

MAGIC = b"turnout-cat1"
_HEADER_SIZE = len(MAGIC) + 8


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    provider_id: str
    model_count: int
    blob_size: int
    provider: msgspec.Raw  # most look-ups want one of more than 200: decoded when asked for


class _Index(msgspec.Struct, frozen=True, array_like=True):
    date: str
    origin: str
    rules: int
    entries: list[_Entry]


class Archive:
    """A catalog file in memory; a provider's models are decompressed when they are first asked for.

    `date` is the day (or second) of its data in ISO form, `origin` where they came from, `rules` the checksum of the
    overrides that were applied to them. Raises `CatalogError` when the bytes are damaged or of another format.
    """

    def __init__(self, data: bytes) -> None:
        index, start = _read_index(data)
        self.date = index.date
        self.origin = index.origin
        self.rules = index.rules
        self.model_count = sum(entry.model_count for entry in index.entries)
        self._data = data
        self._entries = {entry.provider_id: entry for entry in index.entries}
        self._starts: dict[str, int] = {}
        self._loaded: dict[str, dict[str, Model]] = {}
        for entry in index.entries:
            self._starts[entry.provider_id] = start
            start += entry.blob_size

    @property
    def provider_ids(self) -> KeysView[str]:
        """The ids of all providers."""
        return self._entries.keys()

    @property
    def loaded(self) -> frozenset[str]:
        """The ids of the providers whose models have been decompressed so far."""
        return frozenset(self._loaded)

    def provider(self, provider_id: str) -> Provider | None:
        """Return the provider with exactly this id, or `None`."""
        entry = self._entries.get(provider_id)
        return None if entry is None else msgspec.msgpack.decode(entry.provider, type=Provider)

    def models(self, provider_id: str) -> dict[str, Model]:
        """Return the models of a provider by full id; empty for a provider that it does not hold."""
        if provider_id not in self._loaded:
            if provider_id not in self._entries:
                return {}
            start = self._starts[provider_id]
            blob = self._data[start : start + self._entries[provider_id].blob_size]
            rows = msgspec.msgpack.decode(zlib.decompress(blob), type=list[Model])
            self._loaded[provider_id] = {row.id: row for row in rows}
        return self._loaded[provider_id]


def pack(
    providers: Iterable[Provider], models: Mapping[str, Iterable[Model]], *, date: str, origin: str, rules: int
) -> bytes:
    """Return the file for `providers` and their `models` (by provider id); the same rows give the same bytes."""
    entries: list[_Entry] = []
    blobs: list[bytes] = []
    for provider in sorted(providers, key=lambda provider: provider.id):
        rows = sorted(models.get(provider.id, ()), key=lambda model: model.id)
        blob = zlib.compress(msgspec.msgpack.encode(rows), 9)
        counted = msgspec.structs.replace(provider, model_count=len(rows))
        entries.append(_Entry(provider.id, len(rows), len(blob), msgspec.Raw(msgspec.msgpack.encode(counted))))
        blobs.append(blob)
    index = zlib.compress(msgspec.msgpack.encode(_Index(date, origin, rules, entries)), 9)
    body = len(index).to_bytes(4, "big") + index + b"".join(blobs)
    return MAGIC + zlib.crc32(body).to_bytes(4, "big") + body


def _read_index(data: bytes) -> tuple[_Index, int]:
    if not data.startswith(MAGIC):
        raise CatalogError("it is no catalog of this version of turnout")
    view = memoryview(data)
    if zlib.crc32(view[len(MAGIC) + 4 :]) != int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "big"):
        raise CatalogError("it is damaged: its checksum does not fit")
    end = _HEADER_SIZE + int.from_bytes(data[len(MAGIC) + 4 : _HEADER_SIZE], "big")
    return msgspec.msgpack.decode(zlib.decompress(view[_HEADER_SIZE:end]), type=_Index), end
