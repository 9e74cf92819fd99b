"""What the check scripts share: Python files read and parsed, findings printed as ``path:line: what``."""

from __future__ import annotations

import argparse
import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PACKAGE = Path("src/turnout")


@dataclass(frozen=True)
class Source:
    """One Python file: `path` relative to the root, its lines and its syntax tree."""

    path: Path
    lines: list[str]
    tree: ast.Module


@dataclass(frozen=True, order=True)
class Finding:
    """One departure from a rule, at a place."""

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path.as_posix()}:{self.line}: {self.what}"


def read_sources(root: Path, folder: Path) -> Iterator[Source]:
    """Yield every ``.py`` file under `folder` of `root`, sorted; stubs (``.pyi``) are generated and not read."""
    for path in sorted((root / folder).rglob("*.py")):
        relative = path.relative_to(root)
        if any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
            continue
        text = path.read_text(encoding="utf-8")
        yield Source(relative, text.splitlines(), ast.parse(text, filename=str(relative)))


def module_name(path: Path) -> str:
    """Return the dotted name of a file below ``src`` (``src/turnout/agent/__init__.py`` is ``turnout.agent``)."""
    parts = list(path.relative_to("src").with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the docstrings of `tree`: of modules, classes and functions, and those below an assignment."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str()) as text):
                yield text
            case _:
                pass


def report(name: str, findings: Iterable[Finding], summary: str) -> int:
    """Print `findings`, sorted, and a closing line; return the exit code."""
    found = sorted(set(findings))
    for finding in found:
        print(finding)
    print(f"{name}: {len(found)} findings; {summary}" if found else f"{name}: clean; {summary}")
    return 1 if found else 0


def parse_root(description: str | None, argv: Sequence[str] | None) -> Path:
    """Read the only argument of most checks: the root of the tree to look at (default: this project)."""
    parser = argparse.ArgumentParser(description=description)
    add_root(parser)
    return Path(parser.parse_args(argv).root)


def add_root(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the option ``--root``."""
    parser.add_argument(
        "--root", type=Path, default=Path(sys.argv[0]).resolve().parent.parent, help="the tree to check"
    )
