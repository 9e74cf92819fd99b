"""The checks of `turnout doctor` of the machine: each yields findings, none of which holds a secret."""

from __future__ import annotations

import os
import platform
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from turnout import catalog
from turnout.cli.finding import Finding
from turnout.cli.key_checks import examine_keys
from turnout.errors import ConfigurationError
from turnout.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


def examine() -> Iterator[Finding]:
    """Yield the findings of every check, in the order in which they are read."""
    yield Finding("ok", "turnout", f"{__version__} on Python {platform.python_version()} ({sys.executable})")
    yield from _check_extras()
    yield from _check_folders()
    yield from _check_model_file()
    yield from _check_network()
    try:
        yield from _check_catalog()
        yield from examine_keys()
    except ConfigurationError as error:  # a file that every look-up reads is damaged
        yield Finding("broken", "configuration", error.message)


def _check_extras() -> Iterator[Finding]:
    for extra, packages in {"cli": ("typer",), "local": ("xllamacpp",)}.items():
        missing = [package for package in packages if find_spec(package) is None]
        if missing:
            cure = f'{" and ".join(missing)} not installed: pip install "turnout[{extra}]"'
            yield Finding("note", f"extra {extra}", cure)
        else:
            yield Finding("ok", f"extra {extra}", f"installed ({', '.join(packages)})")


def _check_folders() -> Iterator[Finding]:
    from turnout.paths import cache_dir

    folder = cache_dir()
    existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        yield Finding("ok", "cache", f"{folder} can be written")
    else:
        cure = "make it writable, or set `XDG_CACHE_HOME` to a folder that is"
        yield Finding("broken", "cache", f"{folder} cannot be written: {cure}")


def _check_model_file() -> Iterator[Finding]:
    from turnout.local.embedded import EMBEDDED_MODELS
    from turnout.local.model_file import model_path

    for model in EMBEDDED_MODELS:
        path = model_path(model)
        name = f"local/{model.name}"
        if not path.exists():
            size = f"{model.wheel_size_bytes / 1e6:.0f} MB"
            yield Finding("note", "embedded model", f"{name} is not fetched yet: its first use fetches {size}, once")
        elif path.stat().st_size != model.size_bytes:
            yield Finding("broken", "embedded model", f"{path} is not whole: delete it, and it is fetched anew")
        else:
            yield Finding("ok", "embedded model", f"{name} is in {path}")


def _check_network() -> Iterator[Finding]:
    from turnout.transport.proxy import parse_proxy
    from turnout.transport.tls import create_context

    for name in sorted(os.environ):
        if name.lower() in PROXY_VARIABLES and os.environ[name].strip():
            try:
                yield Finding("ok", "proxy", f"{name}: {parse_proxy(os.environ[name].strip(), name).origin}")
            except ConfigurationError as error:
                yield Finding("broken", "proxy", error.message)
        elif name.lower() == "no_proxy" and os.environ[name].strip():
            yield Finding("ok", "proxy", f"{name}: {os.environ[name].strip()}")
    try:
        trusted = create_context().cert_store_stats()["x509_ca"]
    except (ConfigurationError, OSError) as error:
        yield Finding("broken", "TLS trust", str(error))
        return
    named = [f"{name} = {os.environ[name]}" for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    origin = " and ".join(named) or "the system's own"
    yield Finding("ok", "TLS trust", f"{origin} ({trusted} authorities loaded)")


def _check_catalog() -> Iterator[Finding]:
    source = catalog.source()
    count = sum(provider.model_count for provider in catalog.providers())
    which = "refreshed" if source.is_refreshed else "packaged"
    yield Finding(
        "ok", "catalog", f"{which}, {source.origin}, {count:,} models of {len(catalog.providers())} providers"
    )
    for path in source.own_files:
        yield Finding("ok", "catalog", f"with the rows of {path}")
    if source.note:
        yield Finding("broken", "catalog", source.note)
