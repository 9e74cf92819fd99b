"""Hold the code to its sizes: files, functions, nesting, imports, parameters; docstrings, broad excepts, module names.

A function's lines are counted from ``def`` to its end without its docstring: words of use cost nothing. Imports are
the distinct modules that a file names, wherever in it, ``__future__`` excepted (the façade may name them all).
Parameters are the positional ones; keyword-only settings are free. Nesting counts blocks inside a function (``if for
while try with match def class``); an ``elif`` is as deep as its ``if``. A broad ``except`` must raise in its body, or
say why it is a boundary on its own line: ``# boundary: a tool may raise anything``. Tests and scripts are held to
length and nesting only.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sources import PACKAGE, Finding, Source, parse_root, read_sources, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
MAX_TEST_FUNCTION_LINES = 80
MAX_NESTING = 4
MAX_IMPORTS = 20
MAX_PARAMETERS = 8
FACADE = PACKAGE / "__init__.py"
"""It names all public modules, and imports none of them before it is asked."""

FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers"}
UNDOCUMENTED_DECORATORS = {"overload", "override", "setter", "deleter"}
"""Their docstring is elsewhere: on the implementation, the base class, the getter."""

BROAD = {"Exception", "BaseException"}
BOUNDARY = re.compile(r"#.*\bboundary: *\S")
BLOCKS = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Match),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Sizes:
    """What the summary says: the lines of each file and function of the package."""

    files: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    functions: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def describe(self) -> str:
        """Return medians and extremes in one line."""
        if not self.files or not self.functions:
            return f"{len(self.files)} files"
        (file_lines, file), (function_lines, function) = max(self.files), max(self.functions)
        return (
            f"{len(self.files)} files, median {statistics.median(n for n, _ in self.files):.0f} lines, "
            f"largest {file} ({file_lines}); {len(self.functions)} functions, "
            f"median {statistics.median(n for n, _ in self.functions):.0f}, longest {function} ({function_lines})"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Check the tree; return the exit code."""
    root = parse_root(__doc__, argv)
    sizes = Sizes()
    findings: list[Finding] = []
    for source in read_sources(root, PACKAGE):
        findings += check_lengths(source, MAX_FUNCTION_LINES, sizes)
        findings += check_design(source)
    for folder, limit in (("tests", MAX_TEST_FUNCTION_LINES), ("scripts", MAX_FUNCTION_LINES)):
        for source in read_sources(root, Path(folder)):
            findings += check_lengths(source, limit, Sizes())
    return report("check_shape", findings, sizes.describe())


def check_lengths(source: Source, function_limit: int, sizes: Sizes) -> Iterator[Finding]:
    """Yield what is too long or too deep in `source`, and note its sizes."""
    lines = len(source.lines)
    sizes.files.append((lines, source.path.as_posix()))
    if lines > MAX_FILE_LINES:
        yield Finding(source.path, 1, f"{lines} lines; a file has {MAX_FILE_LINES} at most")
    for function in functions_of(source.tree):
        length = count_lines(function)
        sizes.functions.append((length, f"{source.path.as_posix()}:{function.lineno} {function.name}"))
        if length > function_limit:
            yield Finding(source.path, function.lineno, f"{function.name}: {length} lines, at most {function_limit}")
        depth, line = deepest(function)
        if depth > MAX_NESTING:
            yield Finding(source.path, line, f"{function.name}: {depth} blocks deep, at most {MAX_NESTING}")


def check_design(source: Source) -> Iterator[Finding]:
    """Yield what only the package is held to: its names, imports, parameters, docstrings and excepts."""
    for part in source.path.with_suffix("").parts:
        if part in FORBIDDEN_NAMES:
            yield Finding(source.path, 1, f"a module named {part} says nothing: name it after what it holds")
    modules = imported_modules(source.tree)
    if len(modules) > MAX_IMPORTS and source.path != FACADE:
        yield Finding(source.path, 1, f"imports {len(modules)} modules, at most {MAX_IMPORTS}")
    for function in functions_of(source.tree):
        count = count_parameters(function)
        if count > MAX_PARAMETERS:
            what = f"{function.name}: {count} parameters, at most {MAX_PARAMETERS} (keyword-only ones are free)"
            yield Finding(source.path, function.lineno, what)
    for line, name in undocumented(source):
        yield Finding(source.path, line, f"{name} has no docstring")
    yield from check_excepts(source)


def functions_of(tree: ast.AST) -> Iterator[Function]:
    """Yield every function and method of `tree`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def count_lines(function: Function) -> int:
    """Return the lines of `function` from ``def`` to its end, without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None and len(function.body) > 1:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def deepest(node: ast.AST, depth: int = 0) -> tuple[int, int]:
    """Return how many blocks deep `node` goes below itself at most, and the line of the first that deep."""
    found = (depth, getattr(node, "lineno", 0))
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(child, ast.If) and isinstance(node, ast.If) and node.orelse == [child]
        opens = isinstance(child, BLOCKS) and not is_elif
        found = max(found, deepest(child, depth + opens), key=lambda place: place[0])
    return found


def imported_modules(tree: ast.AST) -> set[str]:
    """Return the names of the modules that `tree` imports, ``__future__`` excepted."""
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add("." * node.level + (node.module or ""))
    return modules - {"__future__"}


def count_parameters(function: Function) -> int:
    """Return the number of positional parameters of `function`, ``self`` and ``cls`` left out."""
    positional = [*function.args.posonlyargs, *function.args.args]
    return len(positional) - (positional[0].arg in {"self", "cls"} if positional else 0)


def undocumented(source: Source) -> Iterator[tuple[int, str]]:
    """Yield line and name of every public module, class, function and method without a docstring."""
    if any(part.startswith("_") and not part.startswith("__") for part in source.path.with_suffix("").parts):
        return
    if ast.get_docstring(source.tree) is None:
        yield 1, "the module"
    yield from undocumented_in(source.tree, "")


def undocumented_in(scope: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of what lacks a docstring inside `scope`; functions inside functions are private."""
    for node in definitions(scope.body):
        if node.name.startswith("_") or decorator_names(node) & UNDOCUMENTED_DECORATORS:
            continue
        if ast.get_docstring(node) is None:
            yield node.lineno, prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from undocumented_in(node, f"{prefix}{node.name}.")


def definitions(body: Sequence[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """Yield the classes and functions of `body`, those under an ``if`` or ``try`` included."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node
        elif isinstance(node, ast.If | ast.Try):
            yield from definitions([*node.body, *node.orelse])


def decorator_names(node: Function | ast.ClassDef) -> set[str]:
    """Return the last names of the decorators of `node` (``x.setter`` is ``setter``)."""
    return {ast.unparse(decorator).partition("(")[0].rpartition(".")[2] for decorator in node.decorator_list}


def check_excepts(source: Source) -> Iterator[Finding]:
    """Yield every broad ``except`` and ``suppress`` that neither raises nor names its boundary."""
    for node in ast.walk(source.tree):
        match node:
            case ast.ExceptHandler() if is_broad(node.type) and not raises(node.body):
                what = "broad except: raise in it, or name the boundary (`# boundary: why`)"
            case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress")) if any(
                is_broad(argument) for argument in node.args
            ):
                what = "broad suppress: name the exceptions, or the boundary (`# boundary: why`)"
            case _:
                continue
        if not BOUNDARY.search(source.lines[node.lineno - 1]):
            yield Finding(source.path, node.lineno, what)


def is_broad(kind: ast.expr | None) -> bool:
    """Return whether ``except kind`` catches everything."""
    if kind is None:
        return True
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(ast.unparse(name).rpartition(".")[2] in BROAD for name in names)


def raises(body: Sequence[ast.stmt]) -> bool:
    """Return whether `body` raises, functions inside it left out."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Raise):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))
    return False


if __name__ == "__main__":
    sys.exit(main())
