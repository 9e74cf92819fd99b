"""Hold the order of the house: a floor imports only itself and the floors above it; pure floors do no I/O.

Read from the syntax tree, so imports inside functions, under ``TYPE_CHECKING`` and by ``import_module("…")`` count as
well: a type that a lower floor needs belongs on a floor that it may see. The façade (``turnout/__init__.py`` and
``__main__.py``) may import anything, and nothing inside may import it.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sources import PACKAGE, Finding, Source, module_name, parse_root, read_sources, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NETWORK_MODULES = frozenset(
    ("asyncio", "http.client", "httptools", "multiprocessing", "select", "selectors", "socket", "ssl", "subprocess")
)
IO_MODULES = NETWORK_MODULES | {
    *("concurrent.futures", "fcntl", "glob", "http", "io", "logging", "os", "pathlib", "shutil", "signal"),
    *("socketserver", "sqlite3", "tempfile", "threading", "urllib.request"),
}
HARMLESS = {"os.urandom"}
"""Names of these modules that are no I/O: an id that a provider left out has to be made up."""


@dataclass(frozen=True)
class Floor:
    """One floor: its modules, those that look at the machine all the same, and what all others may not use."""

    name: str
    modules: Sequence[str]
    forbidden: frozenset[str] = frozenset()
    has_async: bool = True
    exceptions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Modules of this floor that `forbidden` does not bind, each with its reason."""


FLOORS = [
    Floor(
        "vocabulary",
        [
            "messages",
            "chunks",
            "requests",
            "responses",
            "usage",
            "context",
            "errors",
            "paths",
            "config",
            "media",
            "tokens",
            "schemas",
            "hooks",
            "version",
        ],
        forbidden=IO_MODULES,
        has_async=False,
        exceptions={
            "paths": "where the user's cache and configuration are is its whole subject",
            "config": "reads turnout.toml",
        },
    ),
    Floor("knowledge", ["catalog", "model_ids"]),
    Floor("decision", ["routing", "fallback"], forbidden=NETWORK_MODULES),
    Floor("translation", ["protocols", "adaptation"], forbidden=IO_MODULES, has_async=False),
    Floor("motion: transport", ["transport"]),
    Floor("motion: local", ["local"]),
    Floor("motion: call", ["call"]),
    Floor(
        "behaviour",
        [
            *("tools", "output", "memory", "agent", "guards", "telemetry", "testing"),
            *("tasks", "embedding", "images", "speech", "transcription", "reranking"),
        ],
    ),
    Floor("service", ["gateway", "batch", "cli"]),
]
FACADE = {"__init__", "__main__"}
LEVEL = {module: level for level, floor in enumerate(FLOORS) for module in floor.modules}


def main(argv: Sequence[str] | None = None) -> int:
    """Check the tree; return the exit code."""
    root = parse_root(__doc__, argv)
    sources = list(read_sources(root, PACKAGE))
    modules = {module_name(source.path) for source in sources}
    findings = [finding for source in sources for finding in check(source, modules)]
    return report("check_floors", findings, f"{len(sources)} files on {len(FLOORS)} floors")


def check(source: Source, modules: set[str]) -> Iterator[Finding]:
    """Yield what `source` imports or does that its floor may not; `modules` are the names of the whole package."""
    part = source.path.relative_to(PACKAGE).with_suffix("").parts[0]
    if part in FACADE:
        return
    if part not in LEVEL:
        yield Finding(source.path, 1, f"{part} stands on no floor: give it one in scripts/check_floors.py")
        return
    floor = FLOORS[LEVEL[part]]
    for line, target in imports_of(source, modules):
        if target.split(".")[0] == "turnout":
            yield from check_import(source, line, target, part)
        elif part not in floor.exceptions and is_forbidden(target, floor.forbidden):
            yield Finding(source.path, line, f"imports {target}: {floor.name} does no I/O")
    if part not in floor.exceptions and floor.forbidden >= IO_MODULES:
        yield from check_purity(source, floor)


def check_import(source: Source, line: int, target: str, part: str) -> Iterator[Finding]:
    """Yield a finding where `target`, a name inside turnout, is below the floor of `part`."""
    imported = target.split(".")[1] if "." in target else ""
    if not imported:
        yield Finding(source.path, line, "imports the façade `turnout`: import the module that defines the name")
    elif imported not in LEVEL:
        yield Finding(source.path, line, f"imports {target}, which stands on no floor")
    elif LEVEL[imported] > LEVEL[part]:
        own, other = FLOORS[LEVEL[part]].name, FLOORS[LEVEL[imported]].name
        yield Finding(source.path, line, f"{part} ({own}) imports {target} ({other}), a floor below it")


def check_purity(source: Source, floor: Floor) -> Iterator[Finding]:
    """Yield every ``open`` and every ``async`` of a floor that does no I/O."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id="open")):
                yield Finding(source.path, node.lineno, f"opens a file: {floor.name} does no I/O")
            case ast.AsyncFunctionDef() | ast.AsyncFor() | ast.AsyncWith() | ast.Await() if not floor.has_async:
                yield Finding(source.path, node.lineno, f"is async: {floor.name} is plain functions and data")
            case _:
                pass


def imports_of(source: Source, modules: set[str]) -> Iterator[tuple[int, str]]:
    """Yield line and full name of every import; what is no module of turnout is named by the module it comes from."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, alias.name
            case ast.ImportFrom(names=names):
                base = absolute_name(source, node)
                for alias in names:
                    name = f"{base}.{alias.name}"
                    is_module = name in modules or not base.startswith("turnout")
                    yield node.lineno, name if is_module else base
            case ast.Call(func=function, args=[ast.Constant(value=str() as name), *_]):
                if ast.unparse(function).rpartition(".")[2] in {"import_module", "__import__"}:
                    yield node.lineno, name if not name.startswith(".") else module_name(source.path) + name
            case _:
                pass


def absolute_name(source: Source, node: ast.ImportFrom) -> str:
    """Return the full name of the module after ``from``, relative imports resolved."""
    if not node.level:
        return node.module or ""
    package = module_name(source.path).split(".")
    if source.path.name != "__init__.py":
        package.pop()
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def is_forbidden(target: str, forbidden: frozenset[str]) -> bool:
    """Return whether `target`, or a module that it is inside of, is one of `forbidden`."""
    parts = target.split(".")
    return target not in HARMLESS and any(".".join(parts[:end]) in forbidden for end in range(1, len(parts) + 1))


if __name__ == "__main__":
    sys.exit(main())
