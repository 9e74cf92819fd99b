"""Threads: conversations that an agent goes on with, in another process too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.memory.memory import Memory, Recalled
from turnout.memory.store import History, Store, Summary, ThreadInfo
from turnout.memory.trimming import pair_calls

if TYPE_CHECKING:
    from turnout.memory.in_memory import InMemoryStore
    from turnout.memory.postgres import PostgresStore
    from turnout.memory.sqlite import SQLiteStore

__all__ = [
    "History",
    "InMemoryStore",
    "Memory",
    "PostgresStore",
    "Recalled",
    "SQLiteStore",
    "Store",
    "Summary",
    "ThreadInfo",
    "pair_calls",
]

_STORES = {"InMemoryStore": "in_memory", "PostgresStore": "postgres", "SQLiteStore": "sqlite"}


def __getattr__(name: str) -> object:
    """Import a store when it is first asked for: each brings its database's client."""
    module = _STORES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"turnout.memory.{module}"), name)
