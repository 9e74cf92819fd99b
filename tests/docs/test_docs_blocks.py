"""Every Python block of the documentation runs as it is written."""

from __future__ import annotations

import ast
import asyncio
import inspect
import types
from collections.abc import Iterable
from pathlib import Path

import pytest
from pages import DOCS, PROVIDER_PAGES, ROOT, WRITTEN, Block, name_of, read_blocks

from provider import Provider

SAMPLES = [DOCS / "providers" / f"{provider}.md" for provider in ("ovhcloud", "mistral", "groq")]
"""Generated pages are alike: these run, all others compile."""


def python_blocks(path: Path) -> list[Block]:
    return [block for block in read_blocks(path) if block.language == "python"]


def compile_block(block: Block) -> types.CodeType:
    """Compile a block at its own line, so that a traceback names the page; `await` may stand at top level."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    source = "\n" * block.line + block.text
    return compile(source, name_of(block.path), "exec", flags=flags, dont_inherit=True)


def run_blocks(blocks: Iterable[Block]) -> dict[str, object]:
    """Run blocks one after another in one namespace; those with `await` in one event loop, others in none."""
    namespace: dict[str, object] = {"__name__": "__page__"}
    with asyncio.Runner() as runner:
        for block in blocks:
            code = compile_block(block)
            if code.co_flags & inspect.CO_COROUTINE:
                runner.run(types.FunctionType(code, namespace)())
            else:
                exec(code, namespace)
    return namespace


def pages_with(paths: list[Path], *, is_local: bool) -> list[Path]:
    return [path for path in paths if any(block.is_local is is_local for block in python_blocks(path))]


@pytest.mark.parametrize("path", pages_with([*WRITTEN, *SAMPLES], is_local=False), ids=name_of)
def test_every_python_block_runs_against_the_scripted_provider(path: Path, world: Provider) -> None:
    run_blocks(block for block in python_blocks(path) if not block.is_local)

    assert [request.path for request in world.requests if request.method != "POST"] == []
    assert {request.path for request in world.requests} <= {"/v1/chat/completions"}


@pytest.mark.local_model
@pytest.mark.parametrize("path", pages_with(WRITTEN, is_local=True), ids=name_of)
def test_every_block_on_local_models_runs_for_real(path: Path) -> None:
    run_blocks(block for block in python_blocks(path) if block.is_local)


def test_every_python_block_of_the_provider_pages_compiles() -> None:
    for path in PROVIDER_PAGES:
        for block in python_blocks(path):
            compile_block(block)


def test_the_readme_calls_a_model_in_every_form(world: Provider) -> None:
    run_blocks(block for block in python_blocks(ROOT / "README.md") if not block.is_local)

    bodies = [request.json for request in world.requests]
    assert any(body.get("stream") is True for body in bodies)
    assert any("stream" not in body for body in bodies)
    assert any(request.headers.get("x-custom-header") == "value" for request in world.requests)
    assert {body["model"] for body in bodies} >= {"gpt-oss-120b", "qwen3-coder-30b-a3b-instruct"}
