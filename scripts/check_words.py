"""Find words that have no place: provider ids in code, paths of one machine, hosts of package registries.

A provider is a row of the catalog, so no string in ``src/`` outside ``catalog/data`` is a provider's id, alone or as
the first segment of a model id; docstrings, stubs, names of protocols and ``local`` are exempt. Paths and hosts are
looked for in every text file that git tracks or would track.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sources import PACKAGE, Finding, Source, add_root, docstrings, read_sources, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DATA = PACKAGE / "catalog" / "data"
ORDINARY_WORDS = {
    "above": "a place",
    "ambient": "an adjective",
    "echo": "a field of completion requests, and what a server does",
    "hyper": "a prefix",
    "infer": "a verb: take it from the data",
    "inference": "what a model does; a segment of AWS and other paths",
    "local": "the embedded model, which is turnout's own",
    "meta": "a field of many JSON bodies",
    "modal": "a kind of window",
    "nan": "not a number",
    "synthetic": "made by a program",
}
"""Ids that are words of the field or of English as well, with what else they mean."""

WORDS = [
    (
        re.compile(r"(?<![\w.~$}/-])/(?:root|work|home/[\w.-]+|Users/[\w.-]+|opt/wheels)\b"),
        "a path of one machine",
    ),
    (
        re.compile(
            r"\b(?:(?:test\.)?pypi[.]org|files[.]pythonhosted[.]org|registry[.]npmjs[.]org|registry[.]yarnpkg[.]com)"
        ),
        "the host of a package registry: pip and npm know theirs",
    ),
]
BINARY_SUFFIXES = {".gz", ".zst", ".zlib", ".png", ".gguf", ".whl", ".bin"}


def main(argv: Sequence[str] | None = None) -> int:
    """Check the tree; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_root(parser)
    parser.add_argument("--provider", action="append", help="an id to look for, instead of those of the catalog")
    options = parser.parse_args(argv)
    root = Path(options.root)
    ids = set(options.provider or read_provider_ids(root)) - set(ORDINARY_WORDS) - protocol_names(root)
    findings: list[Finding] = []
    for source in read_sources(root, PACKAGE):
        if not source.path.is_relative_to(DATA):
            findings += find_providers(source, ids)
    files = list(text_files(root))
    for path in files:
        findings += find_words(root, path)
    return report("check_words", findings, f"{len(ids)} provider ids, {len(files)} files")


def read_provider_ids(root: Path) -> set[str]:
    """Return the ids of all providers of the packaged catalog."""
    sys.path.insert(0, str(root / "src"))
    from turnout import catalog

    ids = {provider.id for provider in catalog.providers()}
    if not ids:
        sys.exit("check_words: the catalog has no providers: run scripts/build_catalog.py")
    return ids


def protocol_names(root: Path) -> set[str]:
    """Return the names of the wire formats: each is a module of ``protocols``."""
    return {path.stem for path in (root / PACKAGE / "protocols").glob("*") if not path.name.startswith("_")}


def find_providers(source: Source, ids: set[str]) -> Iterator[Finding]:
    """Yield every string of `source` that is a provider's id, or a model id that starts with one."""
    exempt = {id(text) for text in docstrings(source.tree)}
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Constant) or id(node) in exempt:
            continue
        text = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        if not isinstance(text, str) or any(character.isspace() for character in text):
            continue
        first = text.casefold().partition("/")[0]
        if first in ids:
            what = f"{text!r} names a provider: a provider is a row of the catalog, never code"
            yield Finding(source.path, node.lineno, what)


def text_files(root: Path) -> Iterator[Path]:
    """Yield the files that git tracks or would track; outside a repository, all but hidden ones."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        paths = [root / name for name in listing.stdout.decode().split("\0") if name]
    else:
        paths = [path for path in root.rglob("*") if not is_hidden(path.relative_to(root))]
    yield from (path for path in sorted(paths) if path.is_file() and path.suffix not in BINARY_SUFFIXES)


def is_hidden(path: Path) -> bool:
    """Return whether `path` lies in a hidden folder (that of the continuous integration is not) or is bytecode."""
    return any((part.startswith(".") and part != ".ci") or part == "__pycache__" for part in path.parts)


def find_words(root: Path, path: Path) -> Iterator[Finding]:
    """Yield every place of `path` with one of `WORDS`; files that are not text are skipped."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return
    for number, line in enumerate(lines, 1):
        for pattern, what in WORDS:
            if found := pattern.search(line):
                yield Finding(path.relative_to(root), number, f"{found.group()}: {what}")


if __name__ == "__main__":
    sys.exit(main())
